import type { IpFamily } from '../base/ip-address.ts';
import type { RouteProblem } from './adj-rib-out.ts';
import type { LivenessState } from './liveness.ts';

/** RFC 4271 §8.2.2; of two connections at once, that of the one that is further. */
export type SessionState = 'idle' | 'connect' | 'active' | 'open-sent' | 'open-confirm' | 'established';

/** What status, metrics and the log know of one session; plain values, so that it can cross threads and become JSON. */
export interface SessionReport {
  readonly name: string;
  /** "192.0.2.1", "fe80::1%eth0"; for an unnumbered peer that was not found yet the interface. */
  readonly remote: string;
  /** Of the connection, once there is one. */
  readonly local: string | undefined;
  readonly state: SessionState;
  /** Wall time of the last change of `state` (milliseconds since 1970); of an established session, since when it is up. */
  readonly since: number;
  readonly localAsn: number;
  /** What the router said; before, what it is to be, unless that is open (dynamic ASN). */
  readonly peerAsn: number | undefined;
  readonly peerRouterId: string | undefined;
  /** Why the last session or attempt ended, or why there is none, in words for an operator. Kept while the session is up. */
  readonly lastError: string | undefined;
  /** Wall time of it. */
  readonly lastErrorAt: number | undefined;
  readonly lastNotificationSent: NotificationReport | undefined;
  readonly lastNotificationReceived: NotificationReport | undefined;
  /** When the next attempt is made at the latest, where it waits for that (wall time). */
  readonly nextAttempt: number | undefined;
  /** Undefined unless established. */
  readonly negotiated: NegotiatedReport | undefined;
  /** Of each family: those of the session, else those that are offered. */
  readonly families: readonly FamilyReport[];
  /** Routes that the router is not told, though the session is up. */
  readonly problems: readonly RouteProblem[];
  readonly messages: { readonly sent: MessageCounts; readonly received: MessageCounts };
  /** Times that an established session was lost. */
  readonly flaps: number;
  /** Undefined: none is configured. `unwatched`: not before the session was up once. */
  readonly bfd: LivenessState | 'unwatched' | undefined;
  /** A passive peer: the address and port that is listened at, or why that is not possible. */
  readonly listener: { readonly at: string; readonly error: string | undefined } | undefined;
}

export interface NotificationReport {
  readonly code: number;
  readonly subcode: number;
  /** "cease/administrative-shutdown". */
  readonly name: string;
  /** RFC 9003. */
  readonly communication: string | undefined;
  readonly at: number;
}

export interface NegotiatedReport {
  /** Milliseconds; 0: no hold timer, nor keepalives. */
  readonly holdTime: number;
  readonly keepaliveTime: number;
  readonly peerType: 'internal' | 'external';
  readonly as4: boolean;
  readonly extendedMessage: boolean;
  readonly extendedNextHop: boolean;
  readonly routeRefresh: boolean;
  readonly enhancedRouteRefresh: boolean;
  /** What the router told of itself; undefined: it does not know graceful restart. */
  readonly gracefulRestart:
    | {
        readonly restarting: boolean;
        readonly notification: boolean;
        /** Milliseconds. */
        readonly restartTime: number;
        readonly families: readonly { readonly family: IpFamily; readonly forwarding: boolean }[];
      }
    | undefined;
  /** RFC 9234, the router's. */
  readonly role: string | undefined;
  /** FQDN capability. */
  readonly hostName: string | undefined;
  /** IANA's names (or "capability 99") of all that the router offered. */
  readonly capabilities: readonly string[];
}

export interface FamilyReport {
  readonly family: IpFamily;
  /** Prefixes that the router has from us now. */
  readonly sent: number;
  /** That still have to be announced or withdrawn: the router reads slowly, or the session is not up. */
  readonly pending: number;
  /** Routes that the router announced to us since the session is up, all of them dropped: we take none. */
  readonly receivedAndDropped: number;
}

export interface MessageCounts {
  readonly open: number;
  readonly update: number;
  readonly notification: number;
  readonly keepalive: number;
  readonly routeRefresh: number;
  readonly octets: number;
}
