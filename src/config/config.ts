import type { Milliseconds } from '../base/clock.ts';
import type { IpAddress } from '../base/ip-address.ts';
import type { IpRange } from '../base/ip-range.ts';
import type { LabelSelector, Labels } from '../base/label-selector.ts';

/**
 * The configuration as values, every default filled in and every reference resolved. Elements that were bad are not in it.
 * Field names are MetalLB's wherever MetalLB has the field (IPAddressPool, L2Advertisement, BGPAdvertisement, BGPPeer v1beta2, BFDProfile).
 */
export interface Config {
  readonly pools: readonly Pool[];
  /** With neither advertisement list in the text, one implied advertisement named "default" that selects everything. */
  readonly l2Advertisements: readonly L2Advertisement[];
  readonly bgpAdvertisements: readonly BgpAdvertisement[];
  readonly peers: readonly Peer[];
  readonly bfdProfiles: readonly BfdProfile[];
  readonly layer2: Layer2Settings;
  readonly membership: MembershipSettings;
  readonly election: ElectionSettings;
  readonly bgp: BgpSettings;
}

export interface Pool {
  readonly name: string;
  readonly labels: Labels;
  /** In the order written; never overlapping, neither within the pool nor between pools. */
  readonly ranges: readonly IpRange[];
  readonly autoAssign: boolean;
  /** Skip IPv4 addresses that end in .0 or .255. */
  readonly avoidBuggyIPs: boolean;
  readonly serviceAllocation: ServiceAllocation | undefined;
  readonly reserved: readonly Reservation[];
  /** A freed address rests this long before it is given to another Service. */
  readonly reuseAfter: Milliseconds;
  /** Gone from the configuration while addresses of it were in use: those are kept and announced, nothing new is given. */
  readonly retired: boolean;
}

export interface ServiceAllocation {
  /** 1 is the highest; 0 (not given) the lowest. */
  readonly priority: number;
  readonly namespaces: readonly string[];
  readonly namespaceSelectors: readonly LabelSelector[];
  readonly serviceSelectors: readonly LabelSelector[];
}

export interface Reservation {
  readonly range: IpRange;
  /** "namespace/name" of the Service that alone may have it; undefined: nobody. */
  readonly service: string | undefined;
}

interface Advertisement {
  /** As written, else "l2-1", "bgp-1", ... by position. */
  readonly name: string;
  /** Both lists empty: every pool. Else a pool named in the first or matched by the second. Names of bad pools may be among them. */
  readonly ipAddressPools: readonly string[];
  readonly ipAddressPoolSelectors: readonly LabelSelector[];
  /** Empty: every node; else OR. */
  readonly nodeSelectors: readonly LabelSelector[];
  /** Empty: every Service; else OR. */
  readonly serviceSelectors: readonly LabelSelector[];
}

export interface L2Advertisement extends Advertisement {
  /** Exact names; empty: chosen by subnet. */
  readonly interfaces: readonly string[];
  readonly preferredNodeSelectors: readonly PreferredNode[];
}

export interface PreferredNode {
  /** 1 to 100; summed over all that match, over all advertisements of the address. */
  readonly weight: number;
  readonly preference: LabelSelector;
}

export interface BgpAdvertisement extends Advertisement {
  readonly aggregationLength: number;
  readonly aggregationLengthV6: number;
  /** Sent to internal peers only. Undefined: not given (100 on the wire). */
  readonly localPref: number | undefined;
  readonly communities: readonly Community[];
  /** Names of peers, bad ones included; empty: all. */
  readonly peers: readonly string[];
}

export type Community =
  /** RFC 1997, 32 bits. */
  | { readonly kind: 'standard'; readonly value: number }
  /** RFC 8092, three times 32 bits. */
  | { readonly kind: 'large'; readonly global: number; readonly local1: number; readonly local2: number };

export interface Peer {
  readonly name: string;
  readonly myASN: number;
  /** A number, or what a dynamic peer must be in relation to us. */
  readonly peerASN: number | 'internal' | 'external';
  readonly localASN: number | undefined;
  /** An address, or the interface of an unnumbered peer. */
  readonly remote:
    | { readonly kind: 'address'; readonly address: IpAddress }
    | { readonly kind: 'interface'; readonly interface: string };
  readonly peerPort: number;
  readonly sourceAddress: IpAddress | undefined;
  readonly routerID: IpAddress | undefined;
  readonly holdTime: Milliseconds;
  readonly keepaliveTime: Milliseconds;
  readonly connectTime: Milliseconds | undefined;
  /** Plain passwords (current, then next for a rotation), or the Secret that has them. */
  readonly passwords: readonly string[];
  readonly passwordSecret: { readonly namespace: string | undefined; readonly name: string } | undefined;
  readonly ebgpMultiHop: boolean;
  readonly ttlSecurity: boolean;
  /** May name a profile that is bad: then the session runs without BFD. */
  readonly bfdProfile: string | undefined;
  readonly enableGracefulRestart: boolean;
  readonly vrf: string | undefined;
  readonly nodeSelectors: readonly LabelSelector[];
  readonly passive: boolean;
  /** RFC 9234. */
  readonly role: 'provider' | 'rs-server' | 'rs-client' | 'customer' | 'peer' | undefined;
}

export interface BfdProfile {
  readonly name: string;
  readonly receiveInterval: Milliseconds;
  readonly transmitInterval: Milliseconds;
  readonly detectMultiplier: number;
  readonly echoInterval: Milliseconds;
  readonly echoMode: boolean;
  readonly passiveMode: boolean;
  readonly minimumTtl: number;
  readonly authentication: BfdAuthentication | undefined;
}

export interface BfdAuthentication {
  readonly type: 'simple-password' | 'keyed-sha1' | 'meticulous-keyed-sha1';
  readonly keyId: number;
  readonly key: string | undefined;
  readonly keySecret: { readonly namespace: string | undefined; readonly name: string } | undefined;
}

export interface Layer2Settings {
  readonly gratuitous: {
    /** Bursts at a claim, the first at once. */
    readonly rounds: number;
    readonly interval: Milliseconds;
    /** 0: never. */
    readonly refresh: Milliseconds;
    /** Of gratuitous frames, for the whole node. */
    readonly ratePerSecond: number;
  };
  readonly conflictProbe: { readonly count: number; readonly wait: Milliseconds };
}

export interface MembershipSettings {
  readonly profile: 'default' | 'fast';
  readonly port: number;
  readonly settleTime: Milliseconds;
}

export interface ElectionSettings {
  /** Moves a minute; undefined: off. */
  readonly rebalancePerMinute: number | undefined;
}

export interface BgpSettings {
  readonly restartTime: Milliseconds;
  readonly drainWait: Milliseconds;
  readonly weightedEcmp: boolean;
}
