import { type Milliseconds, ms } from '../base/clock.ts';
import { unreachable } from '../base/errors.ts';
import { echoDeadline, echoIntervalOf, nextEcho } from './echo-state.ts';
import type { SessionEffect, SessionEvent } from './events.ts';
import {
  afterFinal,
  afterPlain,
  agreedReceiveInterval,
  detectionTimeOf,
  renegotiated,
  withoutPoll,
} from './negotiation.ts';
import { type Draft, type Session, UNKNOWN_REMOTE } from './session.ts';
import type { BfdSessionConfig } from './session-config.ts';
import { moveTimers } from './timers.ts';
import { type Occasion, saysSame, send } from './transmission.ts';
import { Diagnostic, type SessionState } from './wire/constants.ts';
import type { ControlPacket } from './wire/control-packet.ts';

/**
 * One BFD session: asynchronous mode, the echo function beside it, and a neighbour in demand mode is put up with. `step` is told
 * what happened and when, and says what is to be done. What changes is decided first (state, echo, intervals, in this order),
 * then what has to be told to the neighbour, then which timers move.
 * Missing on purpose: demand mode of our own, and multipoint.
 * Standards: RFC 5880 (§6.2 states, §6.5 poll sequences, §6.8 procedures), RFC 5881, RFC 5882 §3.2, RFC 5883.
 */
export interface Step {
  readonly session: Session;
  readonly effects: readonly SessionEffect[];
}

/** RFC 5880 §6.2 and §6.8.6: what becomes of us (rows) when the neighbour says it is in that state (columns). */
export const NEXT_STATE: Readonly<Record<SessionState, Readonly<Record<SessionState, SessionState>>>> = {
  'admin-down': { 'admin-down': 'admin-down', down: 'admin-down', init: 'admin-down', up: 'admin-down' },
  down: { 'admin-down': 'down', down: 'init', init: 'up', up: 'down' },
  init: { 'admin-down': 'down', down: 'init', init: 'up', up: 'up' },
  up: { 'admin-down': 'down', down: 'down', init: 'up', up: 'up' },
};

/** Total: never throws, for no order of events. */
export function step(session: Session, event: SessionEvent, config: BfdSessionConfig): Step {
  const draft: Draft = { ...session };
  const occasion = take(draft, event, config);
  draft.echo = nextEcho(draft, config);
  draft.intervals = renegotiated(draft, config.timing);
  const effects: SessionEffect[] = [];
  if (draft.state !== session.state) effects.push({ kind: 'state-changed', from: session.state });
  const idle = event.kind === 'received' && occasion === 'none' && saysSame(session, draft);
  if (!idle) send(draft, config, event.now, occasion, effects);
  if (event.kind === 'timer-fired' && event.timer === 'echo-transmit' && draft.echo.phase !== 'off')
    effects.push({ kind: 'transmit-echo' });
  moveTimers(session, draft, config, event, effects);
  if (agreesElse(session, draft)) effects.push({ kind: 'agreed' });
  return { session: draft, effects };
}

/** The event itself; returns whether it is an occasion to send. */
function take(draft: Draft, event: SessionEvent, config: BfdSessionConfig): Occasion {
  switch (event.kind) {
    case 'started':
    case 'configured':
      enable(draft, !config.adminDown);
      return event.kind === 'started' ? 'due' : 'none';
    case 'received':
      return receive(draft, event.packet, event.now) ? 'final' : 'none';
    case 'timer-fired':
      if (event.timer === 'detection') expire(draft, event.now, event.stalled);
      if (event.timer === 'echo-detection') expireEcho(draft, config, event.now, event.stalled);
      return event.timer === 'transmit' && draft.transmitInterval !== undefined ? 'due' : 'none';
    case 'echo-offered':
      draft.echo = { ...draft.echo, offered: event.offered };
      return 'none';
    case 'echo-possible':
      draft.echo = { ...draft.echo, possible: event.possible };
      return 'none';
    case 'echo-returned':
      if (draft.echo.phase !== 'off') draft.echo = { ...draft.echo, phase: 'proven', lastReturned: event.now };
      return 'none';
    default:
      return unreachable(event);
  }
}

/** RFC 5880 §6.8.16. */
function enable(draft: Draft, enabled: boolean): void {
  if (enabled === (draft.state !== 'admin-down')) return;
  draft.state = enabled ? 'down' : 'admin-down';
  draft.diagnostic = enabled ? Diagnostic.none : Diagnostic.administrativelyDown;
}

/** RFC 5880 §6.8.6 from "Set bfd.RemoteDiscr" on. True: it is to be answered with a Final. */
function receive(draft: Draft, packet: ControlPacket, now: Milliseconds): boolean {
  draft.remote = {
    discriminator: packet.myDiscriminator,
    state: packet.state,
    diagnostic: packet.diagnostic,
    demand: packet.demand,
    minRxUs: packet.requiredMinRxUs,
    desiredMinTxUs: packet.desiredMinTxUs,
    minEchoRxUs: packet.requiredMinEchoRxUs,
    detectMultiplier: packet.detectMultiplier,
  };
  draft.lastReceived = now;
  draft.grace = false;
  draft.intervals = packet.final ? afterFinal(draft.intervals) : afterPlain(draft.intervals);
  if (draft.state === 'admin-down') return false;
  const next = NEXT_STATE[draft.state][packet.state];
  if (next !== draft.state) {
    draft.state = next;
    if (next === 'down') draft.diagnostic = Diagnostic.neighbourSignaledDown;
    // §4.1: until it is up again, it tells why the session failed.
    if (next === 'up') draft.diagnostic = Diagnostic.none;
  }
  return packet.poll;
}

/**
 * RFC 5880 §6.8.4: nothing was received for the detection time; in every state the neighbour is unknown from now on (§6.8.1,
 * §6.8.18). Where we did not run when it was due, all that came meanwhile has been read by now; but a machine that stood still
 * received nothing, so the neighbour gets one interval more.
 */
function expire(draft: Draft, now: Milliseconds, stalled: Milliseconds): void {
  if (draft.detectionDue === undefined || now < draft.detectionDue) return;
  const interval = agreedReceiveInterval(draft);
  if (stalled > interval && !draft.grace) {
    draft.grace = true;
    draft.detectionDue = ms(now + interval);
    return;
  }
  draft.grace = false;
  draft.lastReceived = undefined;
  draft.remote = { ...UNKNOWN_REMOTE, state: draft.remote.state, diagnostic: draft.remote.diagnostic };
  draft.intervals = withoutPoll(draft.intervals);
  if (draft.state === 'init' || draft.state === 'up') fail(draft, Diagnostic.detectionTimeExpired);
}

/** RFC 5880 §6.8.5; after a stall as above. */
function expireEcho(draft: Draft, config: BfdSessionConfig, now: Milliseconds, stalled: Milliseconds): void {
  const due = echoDeadline(draft, config.timing);
  if (due === undefined || now < due) return;
  const interval = echoIntervalOf(draft, config.timing);
  if (stalled <= interval) fail(draft, Diagnostic.echoFailed);
  else draft.echo = { ...draft.echo, lastReturned: ms(now - (config.timing.detectMultiplier - 1) * interval) };
}

function fail(draft: Draft, diagnostic: number): void {
  draft.state = 'down';
  draft.diagnostic = diagnostic;
}

const agreesElse = (before: Session, after: Session): boolean =>
  before.transmitInterval !== after.transmitInterval ||
  detectionTimeOf(before) !== detectionTimeOf(after) ||
  (before.echo.phase === 'proven') !== (after.echo.phase === 'proven');
