import { expect, test } from 'vitest';
import { anySelectorMatches, type LabelOperator, selectorMatches } from '../../src/base/label-selector.ts';

const labels = { tier: 'edge', zone: 'a' };
const expression = (key: string, operator: LabelOperator, values: string[] = []): boolean =>
  selectorMatches({ matchLabels: {}, matchExpressions: [{ key, operator, values }] }, labels);

test('an empty selector matches everything, an empty list of selectors nothing', () => {
  expect(selectorMatches({ matchLabels: {}, matchExpressions: [] }, {})).toBe(true);
  expect(anySelectorMatches([], labels)).toBe(false);
});

test('matchLabels and expressions must all hold', () => {
  const both = (zone: string) => ({
    matchLabels: { tier: 'edge' },
    matchExpressions: [{ key: 'zone', operator: 'In' as const, values: [zone] }],
  });
  expect(selectorMatches(both('a'), labels)).toBe(true);
  expect(selectorMatches(both('b'), labels)).toBe(false);
});

test.each([
  ['zone', 'In', ['a', 'b'], true],
  ['zone', 'In', ['b'], false],
  ['none', 'In', ['a'], false],
  ['zone', 'NotIn', ['a'], false],
  ['zone', 'NotIn', ['b'], true],
  ['none', 'NotIn', ['a'], true],
  ['zone', 'Exists', [], true],
  ['none', 'Exists', [], false],
  ['zone', 'DoesNotExist', [], false],
  ['none', 'DoesNotExist', [], true],
  ['constructor', 'Exists', [], false],
] as const)('%s %s %j is %s', (key, operator, values, holds) => {
  expect(expression(key, operator, [...values])).toBe(holds);
});
