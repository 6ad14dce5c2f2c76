import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runPromptly } from '../../src/network/thread.ts';

test('a thread gets the shortest time slice, without any privilege', () => {
  expect(runPromptly()).toBeUndefined();
  const facts = readFileSync('/proc/thread-self/sched', 'utf8');
  // Kernels before 6.12 have one slice for everybody, and do not tell it.
  const slice = /^se\.slice\s*:\s*(\d+)$/m.exec(facts)?.[1];
  expect([undefined, '100000']).toContain(slice);
});
