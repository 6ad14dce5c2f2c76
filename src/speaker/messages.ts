import type { Candidate } from '../announcement/verdict.ts';
import type { IpAddress } from '../base/ip-address.ts';
import type { LogLevel } from '../base/logger.ts';
import type { Layer2Settings } from '../config/config.ts';
import type { Layer2Counters } from '../layer2/driver.ts';
import type { Layer2AddressReport } from '../layer2/table.ts';

/**
 * All that crosses between the control thread and the wire thread. Control tells who *may* announce, wire decides who
 * does and does it. Only differences travel: a table of 10,000 addresses is told once. Nobody waits for an answer.
 */
export type ToWire =
  | { readonly kind: 'layer2-settings'; readonly settings: Layer2Settings }
  | { readonly kind: 'addresses'; readonly set: readonly WireAddress[]; readonly remove: readonly IpAddress[] }
  /** Answered by `pong` with the same number: the wire thread is alive. */
  | { readonly kind: 'ping'; readonly number: number }
  | { readonly kind: 'stop' };

export interface WireAddress {
  readonly address: IpAddress;
  /** False: there is nothing to serve yet, so the would-be holder only looks for a conflict. */
  readonly serving: boolean;
  /** Of this node, named by the configuration; empty: chosen by subnet. */
  readonly interfaces: readonly string[];
  /** Every node that may hold the address, this one perhaps among them. */
  readonly candidates: readonly Candidate[];
}

export type FromWire =
  | { readonly kind: 'started' }
  /** The thread cannot do its work (no privilege, no addon); it has ended itself. */
  | { readonly kind: 'failed'; readonly message: string }
  /** Addresses whose state changed, and those no longer ours to speak for. */
  | { readonly kind: 'report'; readonly changed: readonly WireAddressReport[]; readonly removed: readonly IpAddress[] }
  | { readonly kind: 'pong'; readonly number: number; readonly layer2: Layer2Counters }
  | { readonly kind: 'stopped' };

export interface WireAddressReport {
  readonly address: IpAddress;
  readonly holder: string | undefined;
  /** Only where this node is the holder. */
  readonly layer2: Layer2AddressReport['state'] | undefined;
}

/** What the wire thread is told at birth. */
export interface WireOptions {
  readonly node: string;
  /** The command line's --interface; empty: all. */
  readonly interfaces: readonly string[];
  readonly observe: boolean;
  readonly logLevel: LogLevel;
}
