import { expect, test } from 'vitest';
import type { Problem } from '../../src/base/problem.ts';
import { problemEvents } from '../../src/controller/problem-events.ts';

const problem = (object: string | undefined): Problem => ({
  severity: 'error',
  file: 'ConfigMap clarion-system/clarion',
  line: 5,
  column: 9,
  code: 'pool-overlap',
  message: '10.0.0.0/8 overlaps.',
  ...(object === undefined ? {} : { object }),
});

test('a problem of the configuration is an Event at the ConfigMap, with its line', () => {
  expect(problemEvents([problem('ConfigMap clarion-system/clarion')])).toEqual([
    {
      regarding: { kind: 'ConfigMap', namespace: 'clarion-system', name: 'clarion' },
      type: 'Warning',
      reason: 'ConfigurationProblem',
      message: 'ConfigMap clarion-system/clarion:5:9: pool-overlap: 10.0.0.0/8 overlaps.',
    },
  ]);
});

test('one of a Node is at the Node, which has no namespace', () => {
  expect(problemEvents([problem('Node a')])[0]?.regarding).toEqual({ kind: 'Node', namespace: '', name: 'a' });
});

test('none where the conditions tell, where there is no object, and of what we do not know', () => {
  expect(problemEvents([problem('Service shop/web'), problem(undefined), problem('Pod a/b')])).toEqual([]);
});

test('nonsense by the thousand is a bounded number of Events', () => {
  expect(problemEvents(Array.from({ length: 5000 }, (_, i) => problem(`Node n${i}`))).length).toBe(10);
});
