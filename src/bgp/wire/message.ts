import type { IpAddress } from '../../base/ip-address.ts';

/*
 * BGP messages as values. What a field could contradict is not stored: lengths and header AS numbers come from the rest
 * (`asnOf`), and prefixes stay the bytes that they are on the wire until somebody wants to see them (nlri.ts).
 */

/** What the two ends agreed on, as far as it changes how bytes are read and written. Of one direction. */
export interface WireContext {
  /** Both ends know AS numbers of four octets (RFC 6793). */
  readonly as4: boolean;
  /** Prefixes of the family carry a path identifier (RFC 7911). */
  readonly addPath: { readonly ipv4: boolean; readonly ipv6: boolean };
  /** Messages up to 65,535 octets (RFC 8654). */
  readonly extendedMessage: boolean;
  /** IPv4 prefixes may have IPv6 next hops (RFC 8950). */
  readonly extendedNextHop: boolean;
  readonly peerType: PeerType;
}
/** `confederation`: another member AS of the same confederation (RFC 5065). */
export type PeerType = 'internal' | 'external' | 'confederation';

export type Message = Open | Update | Notification | Keepalive | RouteRefresh;

export interface Family {
  readonly afi: number;
  readonly safi: number;
}
export const IPV4_UNICAST: Family = { afi: 1, safi: 1 };
export const IPV6_UNICAST: Family = { afi: 2, safi: 1 };

/** RFC 4271 §4.2. */
export interface Open {
  readonly kind: 'open';
  /** The header's AS field, two octets: AS_TRANS where the AS number needs four. */
  readonly as2: number;
  /** Seconds; 0: no keepalives. */
  readonly holdTime: number;
  /** BGP identifier, 32 bits (RFC 6286). */
  readonly routerId: number;
  /** In the order of the message. */
  readonly capabilities: readonly Capability[];
}

export type Capability =
  | { readonly kind: 'multiprotocol'; readonly family: Family }
  | { readonly kind: 'route-refresh' }
  | { readonly kind: 'extended-next-hop'; readonly families: readonly NextHopFamily[] }
  | { readonly kind: 'extended-message' }
  /** A value of constants.ts Role, or one that we do not know. */
  | { readonly kind: 'role'; readonly role: number }
  | GracefulRestartCapability
  | { readonly kind: 'as4'; readonly asn: number }
  | { readonly kind: 'add-path'; readonly families: readonly AddPathFamily[] }
  | { readonly kind: 'enhanced-route-refresh' }
  | { readonly kind: 'fqdn'; readonly hostName: string; readonly domainName: string }
  | { readonly kind: 'unknown'; readonly code: number; readonly value: Uint8Array };

/** RFC 4724 §3. */
export interface GracefulRestartCapability {
  readonly kind: 'graceful-restart';
  readonly restarting: boolean;
  /** The N bit: a NOTIFICATION does not end the graceful restart (RFC 8538 §2). */
  readonly notification: boolean;
  /** Seconds, 0 to 4095. */
  readonly restartTime: number;
  readonly families: readonly { readonly family: Family; readonly forwarding: boolean }[];
}
/** RFC 8950 §4: prefixes of that family may have next hops of that AFI. */
export interface NextHopFamily {
  readonly family: Family;
  readonly nextHopAfi: number;
}
/** RFC 7911 §4: what the sender is able to do. */
export interface AddPathFamily {
  readonly family: Family;
  readonly receive: boolean;
  readonly send: boolean;
}

/**
 * RFC 4271 §4.3. As it is to be acted upon: what RFC 7606 discards is gone, and with treat-as-withdraw every prefix is among
 * the withdrawn ones.
 */
export interface Update {
  readonly kind: 'update';
  readonly withdrawn: Nlri;
  readonly attributes: PathAttributes;
  readonly announced: Nlri;
}

/** Prefixes of one family as they are on the wire, checked (nlri.ts reads and writes them). Of other families any bytes. */
export interface Nlri {
  readonly family: Family;
  /** Each prefix has a path identifier before it (RFC 7911 §3). */
  readonly addPath: boolean;
  readonly bytes: Uint8Array;
}

/** An attribute that is not there has no key, or is undefined. */
export interface PathAttributes {
  readonly origin?: Origin | undefined;
  /** With four-octet numbers, whatever was on the wire (RFC 6793 §4.2.3). */
  readonly asPath?: readonly PathSegment[] | undefined;
  /** Of the prefixes in `announced`: IPv4. */
  readonly nextHop?: IpAddress | undefined;
  readonly med?: number | undefined;
  readonly localPref?: number | undefined;
  readonly atomicAggregate?: true | undefined;
  readonly aggregator?: Aggregator | undefined;
  /** RFC 1997, 32 bits each. */
  readonly communities?: readonly number[] | undefined;
  /** RFC 4456: a BGP identifier and cluster identifiers, 32 bits each. */
  readonly originatorId?: number | undefined;
  readonly clusterList?: readonly number[] | undefined;
  readonly mpReach?: MpReach | undefined;
  readonly mpUnreach?: Nlri | undefined;
  /** RFC 4360, 64 bits each. */
  readonly extendedCommunities?: readonly bigint[] | undefined;
  readonly largeCommunities?: readonly LargeCommunity[] | undefined;
  /** Optional ones that we do not use. */
  readonly unknown?: readonly UnknownAttribute[] | undefined;
}

export type Origin = 'igp' | 'egp' | 'incomplete';
export interface PathSegment {
  readonly kind: 'sequence' | 'set' | 'confed-sequence' | 'confed-set';
  readonly asns: readonly number[];
}
export interface Aggregator {
  readonly asn: number;
  readonly address: IpAddress;
}
/** RFC 8092. */
export interface LargeCommunity {
  readonly global: number;
  readonly local1: number;
  readonly local2: number;
}
/** RFC 4760 §3. */
export interface MpReach {
  /** One, or a global and a link-local one (RFC 2545 §3). Empty where a family that we do not know has something else. */
  readonly nextHops: readonly IpAddress[];
  /** Then these are its bytes. */
  readonly otherNextHop?: Uint8Array | undefined;
  readonly nlri: Nlri;
}
export interface UnknownAttribute {
  readonly type: number;
  /** As they were on the wire. */
  readonly flags: number;
  readonly value: Uint8Array;
}

/** RFC 4271 §4.5 (notification.ts: names, shutdown communication, hard reset). */
export interface Notification {
  readonly kind: 'notification';
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
}

export interface Keepalive {
  readonly kind: 'keepalive';
}

/** RFC 2918 §3, RFC 7313 §3.2. */
export interface RouteRefresh {
  readonly kind: 'route-refresh';
  readonly family: Family;
  /** A value of constants.ts RefreshSubtype. */
  readonly subtype: number;
  /** What RFC 5291 puts behind it, not read. */
  readonly orf?: Uint8Array | undefined;
}

/** What is to be done about a message in error (RFC 7606 §2; `ignore`: it is as if the message, or that part, was not there). */
export type Handling = 'reset' | 'treat-as-withdraw' | 'attribute-discard' | 'ignore';

/** What is wrong with a message. */
export interface MessageError {
  readonly handling: Handling;
  /** With `reset` what the NOTIFICATION says; otherwise what it would have said before RFC 7606, without data. */
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
  /** The type of the path attribute that is in error. */
  readonly attribute?: number | undefined;
  /** For the log: what is wrong, and which rule says so. */
  readonly message: string;
}

/**
 * What decodeMessage gives. With `ok` the message counts, also where there is an error (its handling is then none of `reset`);
 * without, the session ends with the NOTIFICATION of the error, and `read` is what could be read, for a person to look at.
 */
export type DecodedMessage =
  | { readonly ok: true; readonly message: Message; readonly error?: MessageError | undefined }
  | { readonly ok: false; readonly error: MessageError; readonly read: PartialMessage };

export type PartialMessage =
  | { readonly kind: undefined }
  | Keepalive
  | ({ readonly kind: 'open'; readonly version?: number | undefined } & Parts<Open>)
  | ({ readonly kind: 'update' } & Parts<Update>)
  | ({ readonly kind: 'notification' } & Parts<Notification>)
  | ({ readonly kind: 'route-refresh' } & Parts<RouteRefresh>);
type Parts<T> = { readonly [K in Exclude<keyof T, 'kind'>]?: T[K] | undefined };
