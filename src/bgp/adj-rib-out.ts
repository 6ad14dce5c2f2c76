import type { IpFamily } from '../base/ip-address.ts';
import type { Prefix } from '../base/prefix.ts';
import type { PrefixIndex } from './prefix-index.ts';
import type { NextHop, Route } from './route.ts';

/** What an established session says about how its UPDATEs are to look. */
export interface OutboundSession {
  /** The AS that we are to this router: `localASN` where it is given. */
  readonly localAsn: number;
  readonly peerType: 'internal' | 'external';
  readonly as4: boolean;
  /** 4096, or 65535 where agreed (RFC 8654). */
  readonly maximumMessageSize: number;
  /** Agreed families with the next hop that we give for them (nextHopFor); without one nothing is announced. */
  readonly families: readonly { readonly family: IpFamily; readonly nextHop: NextHop | undefined }[];
  readonly enhancedRouteRefresh: boolean;
}

/** Why routes are not told to a router that is there. */
export interface RouteProblem {
  readonly kind: 'family-not-agreed' | 'no-next-hop' | 'attributes-too-large';
  readonly family: IpFamily;
  readonly routes: number;
}

export interface RibCounts {
  /** Prefixes that are to be announced. */
  readonly wanted: number;
  /** Prefixes that the router was told of (and that were taken by the socket). */
  readonly told: number;
  /** Still to be announced or withdrawn. */
  readonly pending: number;
}

/**
 * What one router has been told, what it should be told, and the difference as UPDATEs. Lives as long as the peer is
 * configured, over all its sessions.
 */
export declare class AdjRibOut {
  /** `prefixes`: one for all peers of a process, so that they share the memory. */
  constructor(prefixes: PrefixIndex);
  /** The whole truth. */
  want(routes: readonly Route[]): void;
  /** Differences. */
  change(set: readonly Route[], remove: readonly Prefix[]): void;
  /** A session is up: the router knows nothing, and gets everything, and End-of-RIB for each family. */
  established(session: OutboundSession): void;
  /** It is down: whatever the router still has is between it and graceful restart. */
  closed(): void;
  /** The router asks for a family again (RFC 2918, RFC 7313), or an operator does. Before End-of-RIB it is remembered. */
  refresh(family: IpFamily): void;
  /** Whether take would give anything. */
  readonly pending: boolean;
  /** Whole messages, at most `maxBytes` together but at least one; what is taken counts as told. Empty: nothing to say. */
  take(maxBytes: number): readonly Uint8Array[];
  counts(family: IpFamily): RibCounts;
  problems(): readonly RouteProblem[];
  /** The peer is gone from the configuration. */
  close(): void;
}
