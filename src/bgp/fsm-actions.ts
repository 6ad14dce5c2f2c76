import { type Milliseconds, ms, seconds } from '../base/clock.ts';
import {
  type Ending,
  type Fsm,
  type FsmConfig,
  type FsmEffect,
  type FsmEvent,
  isConnected,
  type Spread,
  TIMERS,
} from './fsm-events.ts';
import type { Negotiated } from './negotiation.ts';
import { CeaseError, ErrorCode, FsmError, MessageType, OpenError } from './wire/constants.ts';
import type { MessageError, Notification } from './wire/message.ts';
import { cease, notification, notificationOf } from './wire/notification.ts';

/** What the states of fsm.ts have in common: the ways to Idle, to the next state, and the timers. */
export interface Step {
  readonly fsm: Fsm;
  readonly effects: readonly FsmEffect[];
}

/** RFC 4271 §8.2.2 suggests four minutes to wait for an OPEN. */
const LARGE_HOLD_TIME = seconds(240);
/** RFC 9687 §6: the greater of eight minutes and twice the hold time. */
const SEND_HOLD_TIME = seconds(480);

export const SEND_KEEPALIVE: FsmEffect = { kind: 'send', message: { kind: 'keepalive' } };

export const stay = (fsm: Fsm): Step => ({ fsm, effects: [] });

/** The only way to Idle: everything is released there. `failures` is added to the counter; undefined: it becomes zero. */
export function toIdle(
  fsm: Fsm,
  ending: Ending,
  failures: number | undefined,
  how: 'flush' | 'abort' = ending.kind === 'tcp-failed' ? 'abort' : 'flush',
): Step {
  const effects: FsmEffect[] = [];
  const exists = isConnected(fsm) || fsm.state === 'connect';
  const unheard = ending.kind === 'notification-sent' && !isConnected(fsm);
  if (exists) effects.push({ kind: 'ended', ending: unheard ? { kind: 'stopped-silently' } : ending });
  for (const timer of TIMERS) effects.push(stopTimer(timer));
  if (ending.kind === 'notification-sent' && !unheard) effects.push({ kind: 'send', message: ending.notification });
  if (exists) effects.push({ kind: 'close', how });
  const connectRetryCounter = failures === undefined ? 0 : fsm.connectRetryCounter + failures;
  return { fsm: { state: 'idle', connectRetryCounter, delayingOpen: false, negotiated: undefined }, effects };
}

export const fail = (fsm: Fsm, notification: Notification, message: string | undefined): Step =>
  toIdle(fsm, sent(notification, message), 1);

export const refuse = (fsm: Fsm, error: MessageError): Step => fail(fsm, notificationOf(error), error.message);

export const stop = (fsm: Fsm, notification: Notification | undefined): Step =>
  toIdle(fsm, notification === undefined ? { kind: 'stopped-silently' } : sent(notification), undefined);

/** Of two connections one is kept: no failure. */
export const loseCollision = (fsm: Fsm): Step => toIdle(fsm, sent(cease(CeaseError.connectionCollision)), 0);

export const told = (fsm: Fsm, notification: Notification): Step =>
  toIdle(
    fsm,
    { kind: 'notification-received', notification },
    fsm.state === 'established' || isFailure(notification) ? 1 : 0,
  );

/**
 * None in the making of a session: event 24, a collision, and a peer that waits after a failure itself: if both counted
 * that, they would wait for each other for ever.
 */
const isFailure = ({ code, subcode }: Notification): boolean =>
  !(code === ErrorCode.open && subcode === OpenError.unsupportedVersion) &&
  !(
    code === ErrorCode.cease &&
    (subcode === CeaseError.connectionCollision || subcode === CeaseError.connectionRejected)
  );

/** RFC 6608 §4: the subcode says in which state, the data which type of message. */
export function unexpected(fsm: Fsm, event: FsmEvent): Step {
  const unknown = notification(ErrorCode.fsm, FsmError.unspecified);
  const [type, name] = MESSAGES[event.kind] ?? [];
  if (type === undefined) return fail(fsm, unknown, undefined);
  const subcode = FSM_SUBCODE[fsm.state] ?? FsmError.unspecified;
  const told = subcode === FsmError.unspecified ? unknown : notification(ErrorCode.fsm, subcode, Uint8Array.of(type));
  return fail(fsm, told, `the router sent ${name ?? ''} where it does not belong (in ${fsm.state})`);
}
const FSM_SUBCODE: Readonly<Partial<Record<Fsm['state'], number>>> = {
  'open-sent': FsmError.inOpenSent,
  'open-confirm': FsmError.inOpenConfirm,
  established: FsmError.inEstablished,
};
const MESSAGES: Readonly<Partial<Record<FsmEvent['kind'], readonly [number, string]>>> = {
  open: [MessageType.open, 'an OPEN'],
  'open-error': [MessageType.open, 'an OPEN'],
  update: [MessageType.update, 'an UPDATE'],
  'update-error': [MessageType.update, 'an UPDATE'],
  keepalive: [MessageType.keepalive, 'a KEEPALIVE'],
  'route-refresh': [MessageType.routeRefresh, 'a ROUTE-REFRESH'],
  'route-refresh-error': [MessageType.routeRefresh, 'a ROUTE-REFRESH'],
};

export function sendOpen(fsm: Fsm, config: FsmConfig): Step {
  return {
    fsm: { ...fsm, state: 'open-sent', delayingOpen: false },
    effects: [
      stopTimer('connect-retry'),
      stopTimer('delay-open'),
      { kind: 'send', message: config.open },
      startTimer('hold', exactly(LARGE_HOLD_TIME)),
    ],
  };
}

export function confirm(fsm: Fsm, negotiated: Negotiated, before: readonly FsmEffect[]): Step {
  return {
    fsm: { ...fsm, state: 'open-confirm', delayingOpen: false, negotiated },
    effects: [
      stopTimer('connect-retry'),
      stopTimer('delay-open'),
      ...before,
      SEND_KEEPALIVE,
      // Without a hold time too: the KEEPALIVE that confirms our OPEN has to come some time.
      ...(negotiated.holdTime === 0 ? [startTimer('hold', exactly(LARGE_HOLD_TIME))] : startHold(negotiated)),
      ...startKeepalive(negotiated),
    ],
  };
}

/** The connection is lost, the peer may come again, and so may we. */
export function listenAgain(fsm: Fsm, ending: Ending, config: FsmConfig): Step {
  return {
    fsm: { ...fsm, state: 'active', delayingOpen: false },
    effects: [...drop(ending, 'abort'), stopTimer('delay-open'), stopTimer('hold'), ...startConnectRetry(config)],
  };
}

export const drop = (ending: Ending, how: 'flush' | 'abort'): FsmEffect[] => [
  { kind: 'ended', ending },
  { kind: 'close', how },
];

export const sent = (notification: Notification, message?: string): Ending => ({
  kind: 'notification-sent',
  notification,
  message,
});
export const stopTimer = (timer: (typeof TIMERS)[number]): FsmEffect => ({ kind: 'stop-timer', timer });
export const startTimer = (timer: (typeof TIMERS)[number], spread: Spread): FsmEffect => ({
  kind: 'start-timer',
  timer,
  ...spread,
});
export const exactly = (time: Milliseconds): Spread => ({ atLeast: time, atMost: time });
/** RFC 4271 §10: a factor between 0.75 and 1. */
const jittered = (time: Milliseconds): Spread => ({ atLeast: ms(time * 0.75), atMost: time });

export const startConnectRetry = (config: FsmConfig, spread: Spread = jittered(config.connectTime)): FsmEffect[] =>
  config.passive ? [] : [startTimer('connect-retry', spread)];

/** RFC 4271 §4.2: with a hold time of zero neither timer runs; RFC 9687 §4.3: nor does the third. */
export function startHold(negotiated: Negotiated | undefined): FsmEffect[] {
  const time = negotiated?.holdTime ?? 0;
  return time === 0 ? [] : [startTimer('hold', exactly(ms(time)))];
}
export function startKeepalive(negotiated: Negotiated | undefined): FsmEffect[] {
  const time = negotiated?.keepaliveTime ?? 0;
  return time === 0 ? [] : [startTimer('keepalive', jittered(ms(time)))];
}
export function startSendHold(negotiated: Negotiated | undefined): FsmEffect[] {
  const time = negotiated?.holdTime ?? 0;
  return time === 0 ? [] : [startTimer('send-hold', exactly(ms(Math.max(SEND_HOLD_TIME, 2 * time))))];
}
