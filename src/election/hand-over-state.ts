import type { Milliseconds } from '../base/clock.ts';

/** Why a holder that could serve on wants another one to. */
export type HandOverReason =
  | 'stopping'
  | 'not-eligible'
  | 'leaving'
  | 'not-ready'
  | 'better-interface'
  | 'move'
  | 'stale-view'
  | 'rebalance';

/** At the holder. */
export interface OutgoingHandOver {
  readonly why: HandOverReason;
  /** The one taker that will do; undefined: the first in rank. */
  readonly named: string | undefined;
  /** Those that declined or said nothing. */
  readonly tried: Set<string>;
  /** For whom it waits to be offered, until the taker has room. */
  next: string | undefined;
  offer: { readonly to: string; readonly until: Milliseconds } | undefined;
  /** Nobody took it: tried again then. */
  retryAt: Milliseconds | undefined;
  /** So often nobody took it. */
  failures: number;
}

/** At a taker that must first look whether it may. */
export interface Taking {
  readonly from: string;
  readonly term: number;
  readonly weak: boolean;
  readonly until: Milliseconds;
}
