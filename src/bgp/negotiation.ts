import type { Milliseconds } from '../base/clock.ts';
import type { IpAddress, IpFamily } from '../base/ip-address.ts';
import type { BgpRole } from './session-config.ts';

/** What two OPENs agreed on: the facts of a session for as long as it is up. */
export interface Negotiated {
  readonly localAsn: number;
  readonly peerAsn: number;
  readonly peerRouterId: IpAddress;
  readonly peerType: 'internal' | 'external';
  /** Unicast families that both offered, IPv4 first; never empty. */
  readonly families: readonly IpFamily[];
  /** The smaller one of both; 0: neither hold timer nor KEEPALIVEs. */
  readonly holdTime: Milliseconds;
  /** Before jitter; 0 where the hold time is. */
  readonly keepaliveTime: Milliseconds;
  /** RFC 6793: AS_PATH carries four octets. */
  readonly as4: boolean;
  /** RFC 8654, offered by both: each may send 65,535 octets. */
  readonly extendedMessage: boolean;
  /** RFC 8950, offered by both for IPv4 unicast. */
  readonly extendedNextHop: boolean;
  readonly routeRefresh: boolean;
  /** RFC 7313. */
  readonly enhancedRouteRefresh: boolean;
  /** Both know graceful restart (RFC 4724): what the peer said. Undefined: no routes survive a session. */
  readonly gracefulRestart: PeerGracefulRestart | undefined;
  /** The peer's (RFC 9234). */
  readonly peerRole: BgpRole | undefined;
  readonly peerHostName: string | undefined;
}

export interface PeerGracefulRestart {
  /** It restarted: it does not wait for our End-of-RIB. */
  readonly restarting: boolean;
  /** The N bit (RFC 8538), and we set it too: a NOTIFICATION does not end the restart unless it is a hard reset. */
  readonly notification: boolean;
  readonly restartTime: Milliseconds;
  /** Families whose routes it can keep, and whether it kept forwarding through its own last restart. */
  readonly families: readonly { readonly family: IpFamily; readonly forwarding: boolean }[];
}
