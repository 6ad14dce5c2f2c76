import { type Milliseconds, ms, seconds } from '../base/clock.ts';

/**
 * DampPeerOscillations (RFC 4271 §8.1.1): how long to stay idle after the n-th failure in a row. One failure costs nothing,
 * so that a router that restarts is back at once; a session that keeps failing waits twice as long each time, up to a
 * minute. While a session is idle its peer's connections are refused, so the wait is short where the peer may be right.
 */

const FIRST = seconds(1);
const LIMIT = seconds(60);
/** An established session that lasts so long is no oscillation: it starts from zero. */
const STABLE_AFTER = seconds(300);

/** `failures`: the ConnectRetryCounter. Undefined: no wait. */
export function idleHoldTime(failures: number): Milliseconds | undefined {
  if (failures <= 1) return undefined;
  return ms(Math.min(LIMIT, FIRST * 2 ** Math.min(failures - 2, 30)));
}

export const wasStable = (upFor: Milliseconds): boolean => upFor >= STABLE_AFTER;
