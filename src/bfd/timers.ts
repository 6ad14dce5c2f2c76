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
): SessionEffect[] {
  const fired = event.kind === 'timer-fired' ? event.timer : undefined;
  return [
    ...moveTransmit(before, draft, config, event.now, fired),
    ...moveDeadline('detection', before.detectionDue, detectionDueOf(draft), fired, (due) => {
      draft.detectionDue = due;
    }),
    ...moveEcho(before, draft, config, event.now, fired),
  ];
}

function moveTransmit(
  before: Session,
  draft: Draft,
  config: BfdSessionConfig,
  now: Milliseconds,
  fired: SessionTimer | undefined,
): SessionEffect[] {
  const { intervals, remote } = draft;
  const { detectMultiplier } = config.timing;
  const periodic = mayStart(draft, config) && !isSilenced(draft);
  const interval = periodic ? transmitIntervalOf(intervals.transmitMinTxUs, remote.minRxUs) : undefined;
  draft.transmitInterval = interval;
  if (interval === undefined)
    return before.transmitInterval === undefined ? [] : [{ kind: 'stop-timer', timer: 'transmit' }];
  if (interval === before.transmitInterval && draft.lastSent === before.lastSent && fired !== 'transmit') return [];
  return [{ kind: 'start-timer', timer: 'transmit', ...jittered(draft.lastSent ?? now, interval, detectMultiplier) }];
}

const detectionDueOf = (draft: Session): Milliseconds | undefined => {
  if (draft.lastReceived === undefined) return undefined;
  return draft.grace ? draft.detectionDue : ms(draft.lastReceived + detectionTimeOf(draft));
};

function moveEcho(
  before: Session,
  draft: Draft,
  config: BfdSessionConfig,
  now: Milliseconds,
  fired: SessionTimer | undefined,
): SessionEffect[] {
  const { timing } = config;
  const deadline = moveDeadline('echo-detection', echoDeadline(before, timing), echoDeadline(draft, timing), fired);
  if (draft.echo.phase === 'off')
    return before.echo.phase === 'off' ? deadline : [{ kind: 'stop-timer', timer: 'echo-transmit' }, ...deadline];
  if (before.echo.phase === 'off')
    return [{ kind: 'start-timer', timer: 'echo-transmit', earliest: now, latest: now }, ...deadline];
  if (fired !== 'echo-transmit') return deadline;
  const range = jittered(now, echoIntervalOf(draft, timing), timing.detectMultiplier);
  return [{ kind: 'start-timer', timer: 'echo-transmit', ...range }, ...deadline];
}

function moveDeadline(
  timer: SessionTimer,
  before: Milliseconds | undefined,
  due: Milliseconds | undefined,
  fired: SessionTimer | undefined,
  keep: (due: Milliseconds | undefined) => void = () => {},
): SessionEffect[] {
  keep(due);
  if (due === before && fired !== timer) return [];
  if (due === undefined) return fired === timer ? [] : [{ kind: 'stop-timer', timer }];
  return [{ kind: 'start-timer', timer, earliest: due, latest: due }];
}
