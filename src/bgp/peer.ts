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

const MAX_HOP_LIMIT = 255;

/** What the reach of a peer means for its packets: TTL or hop limit of what is sent, and the least that is taken. */
export function hopLimits({ reach }: PeerTransport): {
  readonly hopLimit: number;
  readonly minimumHopLimit: number | undefined;
} {
  if (reach.kind === 'gtsm') return { hopLimit: MAX_HOP_LIMIT, minimumHopLimit: MAX_HOP_LIMIT + 1 - reach.hops };
  return { hopLimit: reach.kind === 'direct' ? 1 : reach.ttl, minimumHopLimit: undefined };
}

/** Whether a connection for the one would do for the other; passwords can be changed while there is one. */
export function sameConnection(a: BgpPeer, b: BgpPeer): boolean {
  const facts = ({ transport: { passwords: _passwords, ...rest } }: BgpPeer): string => textOf(rest);
  return facts(a) === facts(b);
}

export const samePeer = (a: BgpPeer, b: BgpPeer): boolean => a === b || textOf(a) === textOf(b);

const textOf = (value: object): string =>
  JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? part.toString() : part));
