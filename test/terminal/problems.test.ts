import { describe, expect, it } from 'vitest';
import type { Problem } from '../../src/base/problem.ts';
import { countProblems, formatProblems } from '../../src/terminal/problems.ts';
import { plainStyle, styleFor } from '../../src/terminal/table.ts';

const problem = (more: Partial<Problem> = {}): Problem => ({
  severity: 'error',
  file: 'edge.yaml',
  line: 14,
  column: 17,
  code: 'pool-overlap',
  message: 'this overlaps that',
  ...more,
});

describe('formatProblems', () => {
  it.each([
    ['one line', {}, 'edge.yaml:14:17: pool-overlap: this overlaps that\n'],
    [
      'what follows is indented',
      { message: 'first\nsecond\nthird' },
      'edge.yaml:14:17: pool-overlap: first\n  second\n  third\n',
    ],
    [
      'the object is named',
      { object: 'Service shop/web' },
      'edge.yaml:14:17: pool-overlap: Service shop/web: this overlaps that\n',
    ],
  ])('%s', (_title, more, text) => {
    expect(formatProblems([problem(more)], plainStyle)).toBe(text);
  });

  it('says the same with colour', () => {
    const colour = styleFor({ isTTY: true }, {});
    const text = formatProblems([problem(), problem({ severity: 'warning' })], colour);
    expect(text).not.toBe(formatProblems([problem(), problem()], plainStyle));
    expect(text).toContain('pool-overlap');
  });
});

describe('countProblems', () => {
  it.each([
    [0, 0, undefined],
    [1, 0, '1 problem'],
    [2, 0, '2 problems'],
    [0, 1, '1 warning'],
    [2, 3, '2 problems and 3 warnings'],
  ])('%i errors, %i warnings', (errors, warnings, text) => {
    const list = [
      ...Array.from({ length: errors }, () => problem()),
      ...Array.from({ length: warnings }, () => problem({ severity: 'warning' })),
    ];
    expect(countProblems(list)).toBe(text);
  });
});
