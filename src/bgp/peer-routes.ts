import type { AddressVerdict } from '../announcement/verdict.ts';
import type { Milliseconds } from '../base/clock.ts';
import type { Config } from '../config/config.ts';
import type { RouteChange } from './driver.ts';
import type { Route } from './route.ts';

export interface PeerRoutesInput {
  /** As `announcementJudge` gives them: sorted, and what did not change is the same object. */
  readonly verdicts: readonly AddressVerdict[];
  readonly config: Config;
  readonly now: Milliseconds;
}

/** What each peer of this node is to hear, out of the verdicts; remembers what it said, and since when it withdraws in a drain. */
export declare class PeerRoutes {
  constructor(node: string);
  /** By name of the peer: what is different since the last call. */
  update(input: PeerRoutesInput): ReadonlyMap<string, RouteChange>;
  /** When `update` has to be called again though nothing changed: a drained route's time is over. */
  nextDue(): Milliseconds | undefined;
  /** All that the peer is to hear now, for one that comes anew. */
  routesFor(peer: string): readonly Route[];
}
