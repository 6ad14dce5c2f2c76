import type { Notification } from './wire/message.ts';

/** Why a session, or an attempt at one, came to its end. */
export interface SessionEnd {
  readonly kind:
    | 'notification-sent'
    | 'notification-received'
    /** Without a NOTIFICATION from either side. */
    | 'connection-lost'
    | 'connect-failed'
    /** We closed without a word, so that the peer keeps our routes. */
    | 'closed-silently'
    /** Of two connections the other one was kept (RFC 4271 §6.8): no error. */
    | 'collision';
  readonly notification: Notification | undefined;
  /** One or two sentences for an operator: what happened, the likely cause, what to do. */
  readonly message: string;
}
