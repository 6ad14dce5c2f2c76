import type { Milliseconds } from '../base/clock.ts';
import type { Negotiated } from './negotiation.ts';
import type { SessionState } from './session-report.ts';
import type { Message, MessageError, Notification, Open } from './wire/message.ts';

/** What happens to one connection, and what follows: the words of fsm.ts. */
export interface FsmConfig {
  readonly passive: boolean;
  readonly connectTime: Milliseconds;
  readonly delayOpenTime: Milliseconds | undefined;
  /** What is sent as soon as there is a connection. */
  readonly open: Open;
}

export interface Fsm {
  readonly state: SessionState;
  readonly connectRetryCounter: number;
  /** The connection is there, and the DelayOpenTimer runs: only in Connect and Active. */
  readonly delayingOpen: boolean;
  /** In OpenConfirm and Established. */
  readonly negotiated: Negotiated | undefined;
}

export const IDLE: Fsm = { state: 'idle', connectRetryCounter: 0, delayingOpen: false, negotiated: undefined };

/** Whether there is a TCP connection: somebody to tell. */
export const isConnected = ({ state, delayingOpen }: Fsm): boolean =>
  delayingOpen || state === 'open-sent' || state === 'open-confirm' || state === 'established';

export const TIMERS = ['connect-retry', 'delay-open', 'hold', 'keepalive', 'send-hold'] as const;
export type FsmTimer = (typeof TIMERS)[number];

/** The numbers are those of RFC 4271 §8.1. */
export type FsmEvent =
  /** 1, 3; `passive`: 4, 5; `damped`: 6, 7, after event 13. `connectAfter`: the first wait, in place of ConnectRetryTime. */
  | {
      readonly kind: 'start';
      readonly passive: boolean;
      readonly damped: boolean;
      readonly connectAfter?: Spread | undefined;
    }
  /** 2; without a NOTIFICATION where the peer is to think that we died (RFC 4724 §4). */
  | { readonly kind: 'manual-stop'; readonly notification: Notification | undefined }
  /** 8. */
  | { readonly kind: 'automatic-stop'; readonly notification: Notification; readonly message: string }
  /** 9. */
  | { readonly kind: 'connect-retry-timer-expired' }
  /** 10. */
  | { readonly kind: 'hold-timer-expired' }
  /** 11. */
  | { readonly kind: 'keepalive-timer-expired' }
  /** 12. */
  | { readonly kind: 'delay-open-timer-expired' }
  /** 16 (ours), 17 (the peer's). */
  | { readonly kind: 'tcp-connected' }
  /** 18; `message`: what the system said. */
  | { readonly kind: 'tcp-failed'; readonly message: string }
  /** 19, and 20 where the DelayOpenTimer runs: checked, agreed upon, and no collision lost. */
  | { readonly kind: 'open'; readonly negotiated: Negotiated }
  /** 21. */
  | { readonly kind: 'header-error'; readonly error: MessageError }
  /** 22. */
  | { readonly kind: 'open-error'; readonly error: MessageError }
  /** 23. */
  | { readonly kind: 'open-collision-dump' }
  /** 24 (2/1), 25. */
  | { readonly kind: 'notification'; readonly notification: Notification }
  /** 26. */
  | { readonly kind: 'keepalive' }
  /** 27. */
  | { readonly kind: 'update' }
  /** 28. */
  | { readonly kind: 'update-error'; readonly error: MessageError }
  /** 29 (RFC 9687 §4.2). */
  | { readonly kind: 'send-hold-timer-expired' }
  /** RFC 2918 §4, RFC 7313 §5. */
  | { readonly kind: 'route-refresh' }
  | { readonly kind: 'route-refresh-error'; readonly error: MessageError }
  /** The socket took something. */
  | { readonly kind: 'written' };

/** Somewhere between, drawn by whoever starts the timer (RFC 4271 §10: jitter). */
export interface Spread {
  readonly atLeast: Milliseconds;
  readonly atMost: Milliseconds;
}

export type FsmEffect =
  | { readonly kind: 'connect' }
  | { readonly kind: 'close'; readonly how: 'flush' | 'abort' }
  | { readonly kind: 'send'; readonly message: Message }
  /** Replaces the one that runs. */
  | ({ readonly kind: 'start-timer'; readonly timer: FsmTimer } & Spread)
  | { readonly kind: 'stop-timer'; readonly timer: FsmTimer }
  /** The connection is lost or given up; comes before NOTIFICATION and `close`. */
  | { readonly kind: 'ended'; readonly ending: Ending };

/** Why a connection came to its end. */
export type Ending =
  | { readonly kind: 'notification-sent'; readonly notification: Notification; readonly message: string | undefined }
  | { readonly kind: 'notification-received'; readonly notification: Notification }
  | { readonly kind: 'tcp-failed'; readonly message: string }
  /** Nobody accepted or refused the connection within ConnectRetryTime. */
  | { readonly kind: 'no-answer' }
  | { readonly kind: 'stopped-silently' };
