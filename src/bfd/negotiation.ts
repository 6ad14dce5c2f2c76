import { type Milliseconds, ms } from '../base/clock.ts';
import type { Session } from './session.ts';
import type { BfdTiming } from './session-config.ts';
import { receiveIntervalOf, SLOW_US, toUs } from './timing.ts';

/**
 * What we ask for, what is in force, and the poll sequence that makes the one of the other: a slower transmission and a
 * shorter detection time wait until the neighbour has said that it knows (RFC 5880 §6.8.3).
 */
export interface OurIntervals {
  /** As our packets say: bfd.DesiredMinTxInterval and bfd.RequiredMinRxInterval. */
  readonly desiredMinTxUs: number;
  readonly requiredMinRxUs: number;
  /** In force. */
  readonly transmitMinTxUs: number;
  readonly detectionMinRxUs: number;
  /**
   * `settling`: the Final is here; but a second one may be under way, so the next sequence waits for a packet without
   * Final (the last of the three ways of RFC 5880 §6.8.3 to tell whose Final it is).
   */
  readonly poll: 'none' | 'active' | 'settling';
}

/** Of a session that is not up. */
export function slowIntervals(timing: BfdTiming): OurIntervals {
  const desiredMinTxUs = Math.max(SLOW_US, toUs(timing.transmitInterval));
  const requiredMinRxUs = toUs(timing.receiveInterval);
  return {
    desiredMinTxUs,
    requiredMinRxUs,
    transmitMinTxUs: desiredMinTxUs,
    detectionMinRxUs: requiredMinRxUs,
    poll: 'none',
  };
}

/** What state, echo function and configuration ask for, begun. The same object where nothing changes. */
export function renegotiated({ state, remote, echo, intervals }: Session, timing: BfdTiming): OurIntervals {
  const up = state === 'up';
  const desiredMinTxUs = Math.max(up ? 0 : SLOW_US, toUs(timing.transmitInterval));
  const requiredMinRxUs = Math.max(echo.phase === 'proven' ? SLOW_US : 0, toUs(timing.receiveInterval));
  const changed = desiredMinTxUs !== intervals.desiredMinTxUs || requiredMinRxUs !== intervals.requiredMinRxUs;
  if (!up) {
    const inForce = { transmitMinTxUs: desiredMinTxUs, detectionMinRxUs: requiredMinRxUs };
    if (!changed && sameInForce(intervals, inForce)) return intervals;
    // Who is not known cannot be asked, and learns all with the first packet.
    const asked = changed && remote.discriminator !== 0;
    return { desiredMinTxUs, requiredMinRxUs, ...inForce, poll: asked ? 'active' : intervals.poll };
  }
  if (!changed || intervals.poll !== 'none') return intervals;
  return {
    desiredMinTxUs,
    requiredMinRxUs,
    transmitMinTxUs: Math.min(desiredMinTxUs, intervals.transmitMinTxUs),
    detectionMinRxUs: Math.max(requiredMinRxUs, intervals.detectionMinRxUs),
    poll: 'active',
  };
}

const sameInForce = (
  a: Pick<OurIntervals, 'transmitMinTxUs' | 'detectionMinRxUs'>,
  b: Pick<OurIntervals, 'transmitMinTxUs' | 'detectionMinRxUs'>,
): boolean => a.transmitMinTxUs === b.transmitMinTxUs && a.detectionMinRxUs === b.detectionMinRxUs;

/** The neighbour knows what we asked for (RFC 5880 §6.5): now it is in force. */
export const afterFinal = (intervals: OurIntervals): OurIntervals =>
  intervals.poll !== 'active'
    ? intervals
    : {
        ...intervals,
        transmitMinTxUs: intervals.desiredMinTxUs,
        detectionMinRxUs: intervals.requiredMinRxUs,
        poll: 'settling',
      };

/** A packet without Final. */
export const afterPlain = (intervals: OurIntervals): OurIntervals =>
  intervals.poll === 'settling' ? { ...intervals, poll: 'none' } : intervals;

/** The neighbour is not known any more: there is nobody to ask. */
export const withoutPoll = (intervals: OurIntervals): OurIntervals => ({ ...afterFinal(intervals), poll: 'none' });

/** At least so often the neighbour sends, jitter aside. */
export const agreedReceiveInterval = ({ intervals, remote }: Session): Milliseconds =>
  receiveIntervalOf(intervals.detectionMinRxUs, remote.desiredMinTxUs);

/** RFC 5880 §6.8.4, asynchronous mode. 0: nobody is known who would send. */
export const detectionTimeOf = (session: Session): Milliseconds =>
  ms(session.remote.detectMultiplier * agreedReceiveInterval(session));
