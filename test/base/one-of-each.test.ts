import { expect, test } from 'vitest';
import { OneOfEach } from '../../src/base/one-of-each.ts';

test('what says the same becomes one object, and nothing is kept of too many different ones', () => {
  const states = new OneOfEach<{ readonly kind: string; readonly on?: readonly string[] }>();
  const first = states.of({ kind: 'announced', on: ['eth0'] });
  expect(states.of({ kind: 'announced', on: ['eth0'] })).toBe(first);
  expect(states.of({ kind: 'announced', on: ['eth1'] })).not.toBe(first);
  for (let i = 0; i < 2000; i++) states.of({ kind: `state ${i}` });
  const late = { kind: 'late' };
  expect(states.of(late)).toBe(late);
  expect(states.of({ kind: 'late' })).not.toBe(late);
});
