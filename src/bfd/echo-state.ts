import { type Milliseconds, ms } from '../base/clock.ts';
import type { Session } from './session.ts';
import type { BfdSessionConfig, BfdTiming } from './session-config.ts';
import { fromUs, toUs } from './timing.ts';

/**
 * The echo function as we use it (RFC 5880 §6.4, §6.8.9). A router may offer it and yet not send our packets back (forwarding
 * off, a filter against spoofed sources); so it is relied upon, and control packets are asked to be rare, only after the first
 * has come back.
 */
export interface EchoState {
  /** This node would send the neighbour's packets back. */
  readonly offered: boolean;
  /** The neighbour's link-layer address is known, so they can be sent. */
  readonly possible: boolean;
  readonly phase: 'off' | 'unproven' | 'proven';
  readonly lastReturned: Milliseconds | undefined;
}

export const NO_ECHO: EchoState = { offered: false, possible: false, phase: 'off', lastReturned: undefined };

/** RFC 5880 §6.8.9: only while up, and only while the neighbour offers it; RFC 5883 §3: never over several hops. */
export function nextEcho({ state, remote, echo }: Session, { timing, multihop }: BfdSessionConfig): EchoState {
  const wanted = timing.echoMode && !multihop && echo.possible && state === 'up' && remote.minEchoRxUs > 0;
  if (wanted === (echo.phase !== 'off')) return echo;
  return { ...echo, phase: wanted ? 'unproven' : 'off', lastReturned: undefined };
}

/** RFC 5880 §6.8.9: not more often than the neighbour can take. */
export const echoIntervalOf = ({ remote }: Session, timing: BfdTiming): Milliseconds =>
  fromUs(Math.max(toUs(timing.echoInterval), remote.minEchoRxUs));

/** Undefined: nothing is demanded of them yet. */
export const echoDeadline = (session: Session, timing: BfdTiming): Milliseconds | undefined =>
  session.echo.phase !== 'proven' || session.echo.lastReturned === undefined
    ? undefined
    : ms(session.echo.lastReturned + timing.detectMultiplier * echoIntervalOf(session, timing));
