import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { NeighbourNetwork, StreamNetwork } from '../network/ports.ts';
import type { Liveness } from './liveness.ts';
import type { BgpPeer } from './peer.ts';
import type { Route } from './route.ts';
import type { SessionReport } from './session-report.ts';

export interface BgpOptions {
  readonly streams: StreamNetwork;
  /** For unnumbered peers. */
  readonly neighbours: NeighbourNetwork;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly liveness: Liveness;
  /** Sessions whose state, last error or BFD changed; not for every counter. */
  readonly onReport: (changed: readonly SessionReport[]) => void;
}

/**
 * `for-good`: everything is withdrawn, then Cease/Administrative Shutdown. `keep-routes`: the routers that know graceful restart
 * keep our routes until we are back (behaviour: BFD AdminDown first; with the N bit agreed Cease/Administrative Reset, without
 * it the connection is closed without a word); the others hear the same as with `for-good`.
 */
export type StopKind = 'for-good' | 'keep-routes';

/** What is different in the routes for one peer. */
export interface RouteChange {
  readonly set: readonly Route[];
  /** Prefixes that are not announced any more, by their key (route.ts). */
  readonly remove: readonly Route['prefix'][];
}

/** The sessions of this node. */
export declare class Bgp {
  constructor(options: BgpOptions);
  /** The whole list each time: compared by name, and only sessions whose negotiated facts change are reset. */
  setPeers(peers: readonly BgpPeer[]): void;
  /**
   * The whole truth, by name of the peer; a peer that is missing has no routes. Only differences are sent. May be called before
   * setPeers knows the peer, whose first UPDATE waits for it (and so does its End-of-RIB). Lists may be shared between peers.
   */
  setRoutes(routes: ReadonlyMap<string, readonly Route[]>): void;
  /** The same in small: costs what changes, not what there is. */
  changeRoutes(changes: ReadonlyMap<string, RouteChange>): void;
  /** Sorted by name; as of now, counters included. */
  reports(): readonly SessionReport[];
  /** `hard`: Cease/Administrative Reset, and a new session. `soft`: everything is announced again. False: there is no such peer. */
  reset(peer: string, kind: 'hard' | 'soft'): boolean;
  /** Resolves when every router was told and every connection is closed, at most some seconds later. `communication`: RFC 9003. */
  stop(kind: StopKind, communication?: string): Promise<void>;
}
