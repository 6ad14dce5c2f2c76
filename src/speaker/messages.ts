import type { Milliseconds } from '../base/clock.ts';
import type { IpAddress } from '../base/ip-address.ts';
import type { LogLevel } from '../base/logger.ts';
import type { BfdSessionConfig } from '../bfd/session-config.ts';
import type { BfdSessionReport } from '../bfd/session-report.ts';
import type { Layer2Settings } from '../config/config.ts';
import type { ElectionAddress } from '../election/address.ts';
import type { HandOverReason } from '../election/hand-over-state.ts';
import type { Layer2Counters } from '../layer2/driver.ts';
import type { Layer2AddressReport } from '../layer2/table.ts';
import type { MembershipCounters } from '../membership/driver.ts';
import type { GroupKey } from '../membership/keys.ts';
import type { Member, Seed, TransportAddress } from '../membership/member.ts';

/**
 * All that crosses between the control thread and the wire thread. Control tells who *may* announce, wire decides who
 * does and does it. Only differences travel: a table of 10,000 addresses is told once. Nobody waits for an answer.
 */
export type ToWire =
  | { readonly kind: 'layer2-settings'; readonly settings: Layer2Settings }
  /** Once, before everything else but the settings of layer 2: the wire thread takes part from now on. */
  | { readonly kind: 'join'; readonly join: Join }
  /** Whenever a Node comes, goes, or changes its addresses. */
  | { readonly kind: 'nodes'; readonly nodes: readonly Seed[] }
  | { readonly kind: 'rebalance'; readonly perMinute: number | undefined }
  | { readonly kind: 'keys'; readonly keys: readonly GroupKey[] }
  /** After `join`, when the configuration changes. The profile counts from now on; another port takes a restart, and is logged. */
  | { readonly kind: 'membership'; readonly profile: Join['profile']; readonly port: number }
  /**
   * For how long what control sees of the cluster may be outdated; 0: it is live, which needs no telling at the start. Each
   * second while it is not, and once when it is again: by it another node may ask for what this one should not hold any more.
   */
  | { readonly kind: 'api-view'; readonly age: Milliseconds }
  /** The whole list each time. */
  | { readonly kind: 'bfd'; readonly sessions: readonly BfdSessionConfig[] }
  | { readonly kind: 'addresses'; readonly set: readonly WireAddress[]; readonly remove: readonly IpAddress[] }
  /** Answered by `pong` with the same number: the wire thread is alive. */
  | { readonly kind: 'ping'; readonly number: number }
  /** Hand over what can be handed over, say goodbye, be silent. Answered by `stopped`. */
  | { readonly kind: 'stop' };

export interface WireAddress extends ElectionAddress {
  /** healthCheckNodePort of the Services with externalTrafficPolicy Local: all must say yes before this node takes over. */
  readonly healthCheckPorts: readonly number[];
  /** By this node, before it was started anew: that counts as a claim that is known, so nobody is asked who has it. */
  readonly announcedBefore?: true;
}

export type FromWire =
  | { readonly kind: 'started' }
  /** The thread cannot do its work (no privilege, no addon); it has ended itself. */
  | { readonly kind: 'failed'; readonly message: string }
  /** Addresses whose state changed, and those no longer ours to speak for. */
  | { readonly kind: 'report'; readonly changed: readonly WireAddressReport[]; readonly removed: readonly IpAddress[] }
  | {
      readonly kind: 'members';
      readonly members: readonly Member[];
      /** Another speaker that came first has this node's name: this one holds nothing, and should report nothing. */
      readonly nameTaken: boolean;
      /** Node names that two speakers have (this node's own, too), with the addresses of the one that came later. */
      readonly namesakes: readonly Namesake[];
    }
  /** Sessions whose state changed. */
  | { readonly kind: 'bfd'; readonly changed: readonly BfdSessionReport[] }
  | { readonly kind: 'pong'; readonly number: number; readonly counters: WireCounters }
  | { readonly kind: 'stopped' };

export interface Namesake {
  readonly node: string;
  readonly addresses: readonly TransportAddress[];
}

export interface WireCounters {
  readonly layer2: Layer2Counters;
  /** Undefined where this node is the only one. */
  readonly membership: MembershipCounters | undefined;
  readonly bfd: readonly BfdSessionReport[];
}

export interface WireAddressReport {
  readonly address: IpAddress;
  /** Undefined: nobody, as far as this node knows. */
  readonly holder: string | undefined;
  readonly term: number | undefined;
  /** When this node learned of the holder, ISO 8601. */
  readonly since: string | undefined;
  readonly handingOver: HandOverReason | undefined;
  /** Only where this node holds it, or would (nothing to serve yet). */
  readonly layer2: Layer2AddressReport['state'] | undefined;
}

/** What the wire thread is told at birth. */
export interface WireOptions {
  readonly node: string;
  readonly version: string;
  /** The command line's --interface; empty: all. */
  readonly interfaces: readonly string[];
  readonly observe: boolean;
  readonly logLevel: LogLevel;
}

/** What the wire thread needs to take part. A change of port or settle time takes a restart. */
export interface Join {
  readonly profile: 'default' | 'fast';
  readonly port: number;
  readonly settleTime: Milliseconds;
  /** Undefined: there is no other node, so no membership. */
  readonly keys: readonly GroupKey[] | undefined;
  readonly nodes: readonly Seed[];
}
