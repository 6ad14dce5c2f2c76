import { ms } from '../base/clock.ts';
import type { IpAddress } from '../base/ip-address.ts';
import type { MacAddress } from '../base/mac-address.ts';
import type { Layer2Settings } from '../config/config.ts';

/** What this node is to do at layer 2, address by address: the whole truth each time, compared with the last one by the driver. */
export interface Layer2Entry {
  readonly address: IpAddress;
  /**
   * `prepare`: it would be ours but there is nothing to serve yet, so look for a conflict while waiting.
   * `hold`: answer for it (after the conflict probe, if none was done since it was assigned).
   */
  readonly state: 'prepare' | 'hold';
  /**
   * Look for a conflict before it is announced for the first time. False at a failover or hand-over: the address was in use
   * already, and every millisecond counts.
   */
  readonly probe: boolean;
  /** Named by the configuration; empty: chosen by subnet. */
  readonly interfaces: readonly string[];
}

/** What became of an entry, for status, conditions and metrics. */
export interface Layer2AddressReport {
  readonly address: IpAddress;
  readonly state:
    | { readonly kind: 'probing' }
    /** Probed, silent, waiting for something to serve. */
    | { readonly kind: 'prepared' }
    /** `guessed`: no subnet covers the address and nothing was named, so all physical interfaces were taken. */
    | { readonly kind: 'announced'; readonly interfaces: readonly string[]; readonly guessed?: true }
    /** `named`: where it was looked for, when it was not by subnet. */
    | { readonly kind: 'no-interface'; readonly named?: readonly string[] }
    /** Another machine answers: before we announced (silent, tried again), or while we do (defended). */
    | { readonly kind: 'conflict'; readonly mac: MacAddress; readonly interface: string; readonly defending: boolean };
}

/** Until the first `apply`, when there is nothing to send anyway. */
export const NO_SETTINGS: Layer2Settings = {
  gratuitous: { rounds: 0, interval: ms(0), refresh: ms(0), ratePerSecond: 0 },
  conflictProbe: { count: 0, wait: ms(0) },
};
