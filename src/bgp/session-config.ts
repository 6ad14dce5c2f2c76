import type { Milliseconds } from '../base/clock.ts';
import type { IpAddress, IpFamily } from '../base/ip-address.ts';

/** RFC 9234 §4.1: what we are to the peer. */
export type BgpRole = 'provider' | 'rs-server' | 'rs-client' | 'customer' | 'peer';

/** What the rules of one session need to know, all of it resolved. How the connection comes about is the driver's. */
export interface SessionConfig {
  readonly name: string;
  readonly myAsn: number;
  /** The AS that this peer sees in place of `myAsn`. */
  readonly localAsn: number | undefined;
  /** A number, or what the peer must be in relation to us. */
  readonly peerAsn: number | 'internal' | 'external';
  /** IPv4 in form, never 0.0.0.0 (RFC 6286). */
  readonly routerId: IpAddress;
  /** At least one; unicast. */
  readonly families: readonly IpFamily[];
  /** Offered; 0 or at least 3 s (RFC 4271 §4.2). 0: no hold timer. */
  readonly holdTime: Milliseconds;
  /** At most that; shorter where the negotiated hold time demands it. */
  readonly keepaliveTime: Milliseconds;
  /** ConnectRetryTime: an attempt is given up and made anew after so long. */
  readonly connectTime: Milliseconds;
  /** Never connects; waits for the peer. */
  readonly passive: boolean;
  /** DelayOpenTime; undefined: DelayOpen is off. */
  readonly delayOpenTime: Milliseconds | undefined;
  /** Undefined: the capability is not offered. */
  readonly gracefulRestart: { readonly restartTime: Milliseconds } | undefined;
  readonly role: BgpRole | undefined;
  /** Offer IPv4 routes with IPv6 next hops (RFC 8950): over IPv6 transport, unnumbered above all. */
  readonly extendedNextHop: boolean;
  /** For the FQDN capability; undefined: not offered. */
  readonly hostName: string | undefined;
}

/** The AS number that this peer sees. */
export const localAsnOf = ({ localAsn, myAsn }: SessionConfig): number => localAsn ?? myAsn;
