import { afterEach, describe, expect, it, vi } from 'vitest';
import { ms, systemClock } from '../../src/base/clock.ts';

describe('a timer of the system', () => {
  afterEach(() => void vi.restoreAllMocks());

  it.each([
    [-10.28, 0],
    [0, 0],
    [1.5, 1.5],
  ])('after %f ms: Node is asked for %f, since it warns of what is negative', (after, asked) => {
    const made = vi.spyOn(globalThis, 'setTimeout');
    const timer = systemClock.startTimer('soon', ms(after), () => {});
    timer.stop();
    expect(made.mock.calls[0]![1]).toBe(asked);
  });
});
