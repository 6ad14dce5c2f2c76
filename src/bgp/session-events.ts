import type { Milliseconds } from '../base/clock.ts';
import type { IpFamily } from '../base/ip-address.ts';
import type { Negotiated } from './negotiation.ts';
import type { SessionConfig } from './session-config.ts';
import type { SessionEnd } from './session-error.ts';
import type { SessionState } from './session-report.ts';
import type { Message, MessageError } from './wire/message.ts';

/** A TCP connection, or the attempt at one. The session names those that it asks for, the driver those that it accepts. */
export type ConnectionId = `out ${number}` | `in ${number}`;

/** Opaque to the driver; shown in test failures. */
export type SessionTimer = string & { readonly __brand: 'bgp session timer' };

/**
 * What the driver tells the session (session.ts). Events of a connection that the session closed are ignored, so late ones
 * do no harm. In `start`, `restarting`: this process takes up what an earlier one left with graceful restart (RFC 4724
 * §4.1); `forwarding`: the data path of the announced addresses has not been interrupted since then.
 */
export type SessionEvent = { readonly now: Milliseconds } & (
  | { readonly kind: 'start'; readonly restarting: boolean; readonly forwarding: boolean }
  /**
   * Stays idle until the next start. `for-good`: after the driver has sent its withdrawals. `keep-routes`: a peer that
   * agreed to graceful restart keeps our routes; one that did not is told `for-good`. `deconfigured`: the peer is gone from
   * the configuration.
   */
  | { readonly kind: 'stop'; readonly how: StopKind; readonly communication?: string | undefined }
  /**
   * By an operator. `hard`: Cease/Administrative Reset and a new session at once; `soft`: every family is announced again.
   */
  | { readonly kind: 'reset'; readonly how: 'hard' | 'soft'; readonly communication?: string | undefined }
  /**
   * Another configuration. The session is reset (Cease/Other Configuration Change) only when facts differ that the OPENs
   * carry, or when the driver says that the connection must be another one.
   */
  | { readonly kind: 'configured'; readonly config: SessionConfig; readonly reconnect: boolean }
  /** The connection that the effect `connect` asked for is there; `failed`: it cannot be. */
  | { readonly kind: 'connected'; readonly connection: ConnectionId }
  | { readonly kind: 'connect-failed'; readonly connection: ConnectionId; readonly message: string }
  /** The peer connected to us: its address is that of this session's peer. */
  | { readonly kind: 'accepted'; readonly connection: ConnectionId }
  /** The peer's end is closed, or the connection broke. */
  | { readonly kind: 'closed'; readonly connection: ConnectionId; readonly message: string }
  | { readonly kind: 'received'; readonly connection: ConnectionId; readonly message: Message }
  /**
   * Bytes that are no message, or one whose error demands a reset. Milder errors: the message as it is then, by `received`.
   */
  | { readonly kind: 'malformed'; readonly connection: ConnectionId; readonly error: MessageError }
  /**
   * The socket took something of what was sent, KEEPALIVEs and UPDATEs alike; once in a while is enough, as long as it is
   * within the send hold time (eight minutes).
   */
  | { readonly kind: 'written'; readonly connection: ConnectionId }
  | { readonly kind: 'timer-fired'; readonly timer: SessionTimer }
  /** BFD: it was up and is down now (not: it is not up yet, nor AdminDown). `message`: what BFD gives as the reason. */
  | { readonly kind: 'liveness-lost'; readonly message: string }
);

export type StopKind = 'for-good' | 'keep-routes' | 'deconfigured';

/** What the driver is to do, in this order. */
export type SessionEffect =
  /** Answered by `connected` or `connect-failed`, unless it is closed before. */
  | { readonly kind: 'connect'; readonly connection: ConnectionId }
  /**
   * Nothing of this connection matters any more, and no event of it is needed. `flush`: what was sent last (a NOTIFICATION)
   * is delivered if the peer reads it within some seconds, then FIN; what else waits to be sent may be dropped. `abort`: at
   * once, unsent bytes are dropped. An attempt is given up.
   */
  | { readonly kind: 'close'; readonly connection: ConnectionId; readonly how: 'flush' | 'abort' }
  /** After a NOTIFICATION comes nothing but `close`. */
  | { readonly kind: 'send'; readonly connection: ConnectionId; readonly message: Message }
  /** Replaces the timer of that name; drawn uniformly between the two (jitter). */
  | {
      readonly kind: 'start-timer';
      readonly timer: SessionTimer;
      readonly atLeast: Milliseconds;
      readonly atMost: Milliseconds;
    }
  | { readonly kind: 'stop-timer'; readonly timer: SessionTimer }
  | { readonly kind: 'state-changed'; readonly state: SessionState }
  /** From now on UPDATEs may be written to this connection: all routes, then End-of-RIB of each family. */
  | { readonly kind: 'session-up'; readonly connection: ConnectionId; readonly negotiated: Negotiated }
  /**
   * Comes before the connection's NOTIFICATION and `close`. `peerKeepsRoutes`: by graceful restart, until its restart time
   * is over.
   */
  | {
      readonly kind: 'session-down';
      readonly connection: ConnectionId;
      readonly end: SessionEnd;
      readonly peerKeepsRoutes: boolean;
    }
  /** An attempt that never was a session came to its end. */
  | { readonly kind: 'attempt-failed'; readonly connection: ConnectionId; readonly end: SessionEnd }
  /** Announce this family again: the peer asks for it, or the operator. */
  | { readonly kind: 'refresh'; readonly family: IpFamily }
  | { readonly kind: 'end-of-rib'; readonly family: IpFamily };
