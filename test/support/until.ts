import { type Milliseconds, ms, systemClock } from '../../src/base/clock.ts';

/** Waits, in real time, until something is so; for tests with real programs. What it found last is in the message. */
export async function until(
  what: string,
  limit: Milliseconds,
  holds: () => Promise<boolean> | boolean,
  found?: () => Promise<unknown>,
): Promise<void> {
  const end = systemClock.now() + limit;
  while (!(await holds())) {
    if (systemClock.now() > end) {
      const seen = found === undefined ? '' : `: ${JSON.stringify(await found(), undefined, 1)}`;
      throw new Error(`not within ${limit / 1000} s: ${what}${seen}`);
    }
    await new Promise<void>((resolve) => void systemClock.startTimer('poll', ms(20), resolve));
  }
}
