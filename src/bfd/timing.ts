import { type Milliseconds, ms } from '../base/clock.ts';

/**
 * How often, and for how long. On the wire intervals are microseconds (names that end in Us), everywhere else milliseconds.
 * Standards: RFC 5880 §6.8.2 to §6.8.4, §6.8.7, §6.8.9.
 */

/** RFC 5880 §6.8.3: the least that a session which is not up may ask for, and that one which relies on echo should. */
export const SLOW_US = 1_000_000;
/** The field has 32 bits. */
const LARGEST_US = 0xffff_ffff;

export interface TimeRange {
  readonly earliest: Milliseconds;
  readonly latest: Milliseconds;
}

export const toUs = (interval: Milliseconds): number => Math.min(LARGEST_US, Math.round(interval * 1000));
export const fromUs = (intervalUs: number): Milliseconds => ms(intervalUs / 1000);

/** RFC 5880 §6.8.7: the slower one decides. Undefined: the neighbour wants no periodic packets. */
export const transmitIntervalOf = (desiredMinTxUs: number, remoteMinRxUs: number): Milliseconds | undefined =>
  remoteMinRxUs === 0 ? undefined : fromUs(Math.max(desiredMinTxUs, remoteMinRxUs));

/** RFC 5880 §6.8.7: 75 to 100 percent of the interval, but never more than 90 where one lost packet is a failure. */
export const jittered = (since: Milliseconds, interval: Milliseconds, detectMultiplier: number): TimeRange => ({
  earliest: ms(since + 0.75 * interval),
  latest: ms(since + (detectMultiplier === 1 ? 0.9 : 1) * interval),
});

/** RFC 5880 §6.8.4, asynchronous mode: how often the neighbour has agreed to send. */
export const receiveIntervalOf = (requiredMinRxUs: number, remoteDesiredMinTxUs: number): Milliseconds =>
  fromUs(Math.max(requiredMinRxUs, remoteDesiredMinTxUs));
