import { type Milliseconds, ms } from '../base/clock.ts';
import { echoDeadline, echoIntervalOf } from './echo-state.ts';
import type { SessionEffect, SessionEvent, SessionTimer } from './events.ts';
import { detectionTimeOf } from './negotiation.ts';
import type { Draft, Session } from './session.ts';
import type { BfdSessionConfig } from './session-config.ts';
import { jittered, transmitIntervalOf } from './timing.ts';
import { isSilenced, mayStart } from './transmission.ts';

/**
 * The timers that follow from what changed between two values of a session. All times count from what happened last
 * (sent, received), so that a change of an interval takes effect at once (RFC 5880 §6.8.3).
 */
export function moveTimers(
  before: Session,
  draft: Draft,
  config: BfdSessionConfig,
  event: SessionEvent,
  effects: SessionEffect[],
): void {
  const fired = event.kind === 'timer-fired' ? event.timer : undefined;
  moveTransmit(before, draft, config, event.now, fired, effects);
  draft.detectionDue = detectionDueOf(draft);
  moveDeadline('detection', before.detectionDue, draft.detectionDue, fired, effects);
  if (before.echo.phase !== 'off' || draft.echo.phase !== 'off')
    moveEcho(before, draft, config, event.now, fired, effects);
}

function moveTransmit(
  before: Session,
  draft: Draft,
  config: BfdSessionConfig,
  now: Milliseconds,
  fired: SessionTimer | undefined,
  effects: SessionEffect[],
): void {
  const { intervals, remote } = draft;
  const periodic = mayStart(draft, config) && !isSilenced(draft);
  const interval = periodic ? transmitIntervalOf(intervals.transmitMinTxUs, remote.minRxUs) : undefined;
  draft.transmitInterval = interval;
  if (interval === undefined) {
    if (before.transmitInterval !== undefined) effects.push({ kind: 'stop-timer', timer: 'transmit' });
    return;
  }
  if (interval === before.transmitInterval && draft.lastSent === before.lastSent && fired !== 'transmit') return;
  const { earliest, latest } = jittered(draft.lastSent ?? now, interval, config.timing.detectMultiplier);
  effects.push({ kind: 'start-timer', timer: 'transmit', earliest, latest });
}

function detectionDueOf(draft: Session): Milliseconds | undefined {
  if (draft.lastReceived === undefined) return undefined;
  return draft.grace ? draft.detectionDue : ms(draft.lastReceived + detectionTimeOf(draft));
}

function moveEcho(
  before: Session,
  draft: Draft,
  { timing }: BfdSessionConfig,
  now: Milliseconds,
  fired: SessionTimer | undefined,
  effects: SessionEffect[],
): void {
  moveDeadline('echo-detection', echoDeadline(before, timing), echoDeadline(draft, timing), fired, effects);
  if (draft.echo.phase === 'off') effects.push({ kind: 'stop-timer', timer: 'echo-transmit' });
  else if (before.echo.phase === 'off')
    effects.push({ kind: 'start-timer', timer: 'echo-transmit', earliest: now, latest: now });
  else if (fired === 'echo-transmit') {
    const range = jittered(now, echoIntervalOf(draft, timing), timing.detectMultiplier);
    effects.push({ kind: 'start-timer', timer: 'echo-transmit', ...range });
  }
}

function moveDeadline(
  timer: SessionTimer,
  before: Milliseconds | undefined,
  due: Milliseconds | undefined,
  fired: SessionTimer | undefined,
  effects: SessionEffect[],
): void {
  if (due === before && fired !== timer) return;
  if (due !== undefined) effects.push({ kind: 'start-timer', timer, earliest: due, latest: due });
  else if (fired !== timer) effects.push({ kind: 'stop-timer', timer });
}
