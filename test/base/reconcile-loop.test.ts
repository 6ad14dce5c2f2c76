import { expect, test } from 'vitest';
import { backoffDelay } from '../../src/base/backoff.ts';
import { ms } from '../../src/base/clock.ts';
import { ReconcileLoop } from '../../src/base/reconcile-loop.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const turn = (): Promise<void> => Promise.resolve();

test('marks of one turn are one pass, run at once', async () => {
  const clock = new VirtualClock();
  let passes = 0;
  const loop = new ReconcileLoop(
    'test',
    clock,
    () => passes++,
    () => {},
  );
  loop.mark();
  loop.mark();
  expect(passes).toBe(0);
  await turn();
  expect(passes).toBe(1);
});

test('a mark during the pass or its rest is not lost', async () => {
  const clock = new VirtualClock();
  let passes = 0;
  const loop = new ReconcileLoop(
    'test',
    clock,
    () => {
      passes++;
      clock.advance(40);
      if (passes === 1) loop.mark();
    },
    () => {},
  );
  loop.mark();
  await turn();
  clock.advance(39);
  await turn();
  expect(passes).toBe(1);
  clock.advance(1);
  await turn();
  expect(passes).toBe(2);
});

test('a pass that throws is told, and the next change tries again', async () => {
  const clock = new VirtualClock();
  const told: unknown[] = [];
  const loop = new ReconcileLoop(
    'test',
    clock,
    () => {
      throw new Error('bug');
    },
    (thrown) => told.push(thrown),
  );
  loop.mark();
  await turn();
  clock.advance(1);
  loop.mark();
  await turn();
  expect(told).toHaveLength(2);
});

test('a stopped loop runs no pass and leaves no timer', async () => {
  const clock = new VirtualClock();
  let passes = 0;
  const loop = new ReconcileLoop(
    'test',
    clock,
    () => passes++,
    () => {},
  );
  loop.mark();
  loop.stop();
  await turn();
  expect(passes).toBe(0);
  expect(clock.pending()).toEqual([]);
});

test('backoff doubles up to its limit, with jitter in the upper half', () => {
  const range = { first: ms(100), limit: ms(1000) };
  const random = seededRandom(1);
  [100, 200, 400, 800, 1000, 1000].forEach((ceiling, attempt) => {
    const delay = backoffDelay(range, attempt, random);
    expect(delay).toBeGreaterThanOrEqual(ceiling / 2);
    expect(delay).toBeLessThanOrEqual(ceiling);
  });
});

test('a loop that takes a breath runs after it, once for all marks of that time', async () => {
  const clock = new VirtualClock();
  let passes = 0;
  const loop = new ReconcileLoop(
    'test',
    clock,
    () => passes++,
    () => {},
    { breath: ms(2) },
  );
  loop.mark();
  await turn();
  clock.advance(1);
  loop.mark();
  expect(passes).toBe(0);
  clock.advance(1);
  expect(passes).toBe(1);
  clock.advance(10);
  loop.mark();
  loop.stop();
  clock.advance(10);
  expect(passes).toBe(1);
});

test('a loop rests at least as long as it is told after each pass', async () => {
  const clock = new VirtualClock();
  let [passes, rest] = [0, 200];
  const pass = (): void => void passes++;
  const loop = new ReconcileLoop('test', clock, pass, () => {}, { rest: () => ms(rest) });
  loop.mark();
  await turn();
  loop.mark();
  clock.advance(199);
  await turn();
  expect(passes).toBe(1);
  rest = 0;
  clock.advance(1);
  await turn();
  expect(passes).toBe(2);
  loop.stop();
});
