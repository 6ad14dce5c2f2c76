import { describe, expect, it } from 'vitest';
import {
  formatOutcomes,
  PROMISES,
  type PromiseKey,
  type PromiseOutcome,
  Promises,
} from '../../src/lab/demo/promises.ts';
import { plainStyle } from '../../src/terminal/table.ts';

function outcome(key: PromiseKey, ...values: readonly number[]): PromiseOutcome {
  const promises = new Promises(PROMISES);
  for (const value of values) promises.measured(key, value);
  return promises.outcomes().find((entry) => entry.key === key)!;
}

describe('Promises', () => {
  it.each([
    { what: 'not measured', key: 'assigned', values: [], measured: null, kept: false },
    { what: 'on the bound', key: 'assigned', values: [50], measured: 50, kept: true },
    { what: 'just above it', key: 'assigned', values: [50.2], measured: 50.2, kept: false },
    { what: 'the median of several', key: 'assigned', values: [400, 3, 5.04], measured: 5, kept: true },
    { what: 'a count as promised', key: 'lost', values: [0], measured: 0, kept: true },
    { what: 'one too many in one of several', key: 'lost', values: [0, 1, 0], measured: 1, kept: false },
    { what: 'one too many', key: 'lost', values: [1], measured: 1, kept: false },
  ] as const)('$what: kept $kept', ({ key, values, measured, kept }) => {
    expect(outcome(key, ...values)).toMatchObject({ measured, kept });
  });

  it('the table tells a broken promise in words, not only in colour', () => {
    const promises = new Promises(PROMISES);
    promises.measured('lost', 2);
    promises.measured('moved', 0);
    const lines = formatOutcomes(promises.outcomes(), plainStyle).split('\n');
    expect(lines.find((line) => line.includes('requests lost'))).toMatch(/ 0 +2 {2}BROKEN$/);
    expect(lines.find((line) => line.includes('moved'))).toMatch(/ 0 +0 {2}kept$/);
    expect(lines.find((line) => line.includes('last answer'))).toMatch(/<= 50 ms {2}not seen {2}BROKEN$/);
  });
});
