import { expect, test } from 'vitest';
import { type LogFields, silentLogger } from '../../src/base/logger.ts';
import type { Problem } from '../../src/base/problem.ts';
import { problemLog } from '../../src/controller/problem-log.ts';

const problem = (line: number, severity: Problem['severity'] = 'error'): Problem => ({
  severity,
  file: 'edge.yaml',
  line,
  column: 1,
  code: 'pool-overlap',
  message: 'overlaps',
});

test('a problem is told once while it lasts, and when it is over', () => {
  const told: [string, LogFields][] = [];
  const note =
    (level: string) =>
    (_message: string, fields: LogFields = {}) =>
      told.push([level, fields]);
  const tell = problemLog({ ...silentLogger, error: note('error'), warn: note('warn'), info: note('info') });
  tell([problem(1)]);
  tell([problem(1)]);
  tell([problem(1), problem(2, 'warning')]);
  expect(told.map(([level, { line }]) => [level, line])).toEqual([
    ['error', 1],
    ['warn', 2],
  ]);
  tell([problem(2, 'warning')]);
  expect(told.at(-1)).toEqual(['info', { count: 1, left: 1 }]);
});

test('a folder of nonsense is a bounded number of lines', () => {
  let lines = 0;
  const count = (): void => {
    lines++;
  };
  problemLog({ ...silentLogger, error: count, warn: count })(Array.from({ length: 5000 }, (_, i) => problem(i)));
  expect(lines).toBe(51);
});
