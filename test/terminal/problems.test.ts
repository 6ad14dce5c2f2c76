import { describe, expect, it } from 'vitest';
import type { Problem } from '../../src/base/problem.ts';
import { countProblems, formatProblem } from '../../src/terminal/problems.ts';

const problem = (more: Partial<Problem> = {}): Problem => ({
  severity: 'error',
  file: 'edge.yaml',
  line: 14,
  column: 17,
  code: 'pool-overlap',
  message: 'this overlaps that',
  ...more,
});

describe('formatProblem', () => {
  it.each([
    ['one line', {}, 'edge.yaml:14:17: pool-overlap: this overlaps that\n'],
    ['what follows is indented', { message: 'first\nsecond' }, 'edge.yaml:14:17: pool-overlap: first\n  second\n'],
  ])('%s', (_title, more, text) => {
    expect(formatProblem(problem(more))).toBe(text);
  });

  it('names the object, and starts with the place that editors jump to', () => {
    const text = formatProblem(problem({ object: 'Service shop/web', severity: 'warning' }));
    expect(text).toMatch(/^edge\.yaml:14:17: .*pool-overlap: .*Service shop\/web.*\n$/);
  });
});

describe('countProblems', () => {
  it.each([
    [0, 0, 1, 'No problems in 1 file.\n'],
    [1, 0, 1, '1 problem in 1 file.\n'],
    [2, 0, 3, '2 problems in 3 files.\n'],
    [0, 1, 1, '1 warning in 1 file.\n'],
    [2, 3, 1, '2 problems and 3 warnings in 1 file.\n'],
  ])('%i errors, %i warnings in %i', (errors, warnings, files, text) => {
    const list = [
      ...Array.from({ length: errors }, () => problem()),
      ...Array.from({ length: warnings }, () => problem({ severity: 'warning' })),
    ];
    expect(countProblems(list, files)).toBe(text);
  });
});
