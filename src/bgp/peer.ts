import type { IpAddress } from '../base/ip-address.ts';
import type { BfdProfile } from '../config/config.ts';
import type { SessionConfig } from './session-config.ts';

/** One router that we are to have a session with, all resolved: what the driver is given. Compared by value. */
export interface BgpPeer {
  readonly session: SessionConfig;
  readonly transport: PeerTransport;
  /** Undefined: no BFD beside it. */
  readonly bfd: BfdProfile | undefined;
}

/** How the TCP connection comes about. A change of anything but the passwords means another connection. */
export interface PeerTransport {
  /** An unnumbered peer is whatever router is found on the interface (RFC 4861 router advertisements, neighbour table). */
  readonly remote:
    | { readonly kind: 'address'; readonly address: IpAddress }
    | { readonly kind: 'interface'; readonly interface: string };
  /** The router's port; for a passive peer the port that we listen at. */
  readonly port: number;
  readonly source: IpAddress | undefined;
  /** SO_BINDTODEVICE: a VRF or an interface. */
  readonly device: string | undefined;
  /** TCP-MD5 (RFC 2385): the one in force, then perhaps the next one of a rotation. Empty: none. */
  readonly passwords: readonly string[];
  /**
   * `direct`: sent with TTL 1, the neighbour on the link. `multihop`: sent with `ttl`. `gtsm` (RFC 5082): sent with 255, and
   * nothing accepted that came over more than `hops` hops (1: the neighbour on the link).
   */
  readonly reach:
    | { readonly kind: 'direct' }
    | { readonly kind: 'multihop'; readonly ttl: number }
    | { readonly kind: 'gtsm'; readonly hops: number };
}
