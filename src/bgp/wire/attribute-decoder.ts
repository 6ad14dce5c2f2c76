import { decodeAsPath, isConfederation } from './as-path.ts';
import { AttributeFlag, AttributeType } from './constants.ts';
import type {
  Aggregator,
  LargeCommunity,
  Origin,
  PathAttributes,
  PathSegment,
  UnknownAttribute,
  WireContext,
} from './message.ts';
import { nlriAt, readMpReach } from './multiprotocol.ts';
import { ipv4At, uint16At, uint32At, uint64At } from './octets.ts';
import type { UpdateFault } from './update-fault.ts';

/** The attributes of one UPDATE while they are read. */
export interface AttributeDraft {
  readonly attributes: MutableAttributes;
  /** What an old speaker carries along for the new ones (RFC 6793 §3). */
  as4Path: readonly PathSegment[] | undefined;
  as4Aggregator: Aggregator | undefined;
}
export type MutableAttributes = { -readonly [K in Exclude<keyof PathAttributes, 'unknown'>]: PathAttributes[K] } & {
  unknown: UnknownAttribute[] | undefined;
};

const { optional, transitive } = AttributeFlag;
const WELL_KNOWN = transitive;
const OPTIONAL = optional;
const OPTIONAL_TRANSITIVE = optional | transitive;

/** What the Optional and Transitive flags of each attribute are (IANA "BGP Path Attributes"); others we have never heard of. */
const FLAGS: ReadonlyMap<number, number> = new Map([
  [AttributeType.origin, WELL_KNOWN],
  [AttributeType.asPath, WELL_KNOWN],
  [AttributeType.nextHop, WELL_KNOWN],
  [AttributeType.med, OPTIONAL],
  [AttributeType.localPref, WELL_KNOWN],
  [AttributeType.atomicAggregate, WELL_KNOWN],
  [AttributeType.aggregator, OPTIONAL_TRANSITIVE],
  [AttributeType.communities, OPTIONAL_TRANSITIVE],
  [AttributeType.originatorId, OPTIONAL],
  [AttributeType.clusterList, OPTIONAL],
  [AttributeType.mpReach, OPTIONAL],
  [AttributeType.mpUnreach, OPTIONAL],
  [AttributeType.extendedCommunities, OPTIONAL_TRANSITIVE],
  [AttributeType.as4Path, OPTIONAL_TRANSITIVE],
  [AttributeType.as4Aggregator, OPTIONAL_TRANSITIVE],
  [AttributeType.largeCommunities, OPTIONAL_TRANSITIVE],
  [22, OPTIONAL_TRANSITIVE], // PMSI_TUNNEL, RFC 6514
  [23, OPTIONAL_TRANSITIVE], // Tunnel Encapsulation, RFC 9012
  [24, OPTIONAL], // Traffic Engineering, RFC 5543
  [25, OPTIONAL_TRANSITIVE], // IPv6 Address Specific Extended Community, RFC 5701
  [26, OPTIONAL], // AIGP, RFC 7311
  [27, OPTIONAL_TRANSITIVE], // PE Distinguisher Labels, RFC 6514
  [29, OPTIONAL], // BGP-LS, RFC 9552
  [33, OPTIONAL], // BGPsec_Path, RFC 8205
  [35, OPTIONAL_TRANSITIVE], // Only to Customer, RFC 9234
  [36, OPTIONAL_TRANSITIVE], // D-PATH, RFC 9815
  [37, OPTIONAL_TRANSITIVE], // SFP, RFC 9015
  [38, OPTIONAL_TRANSITIVE], // BFD Discriminator, RFC 9026
  [40, OPTIONAL_TRANSITIVE], // BGP Prefix-SID, RFC 8669
  [128, OPTIONAL_TRANSITIVE], // ATTR_SET, RFC 6368
]);

/**
 * Reads one attribute into the draft; its value lies between `at` and `end`. What is returned is wrong with it, and then the
 * draft is as it was (but for prefixes with an unusable next hop, which must be known to be withdrawn).
 */
export function readAttribute(
  draft: AttributeDraft,
  flags: number,
  type: number,
  bytes: Uint8Array,
  at: number,
  end: number,
  context: WireContext,
): UpdateFault | undefined {
  if (isUnwelcome(type, context)) return 'unwelcome';
  const expected = FLAGS.get(type);
  if (expected === undefined) {
    if ((flags & optional) === 0) return 'unrecognized';
  } else if ((flags & OPTIONAL_TRANSITIVE) !== expected) return 'flags';
  // RFC 7606 §7.5, behind the flags: it is well-known.
  if (type === AttributeType.localPref && context.peerType === 'external') return 'unwelcome';

  const { attributes } = draft;
  const length = end - at;
  switch (type) {
    case AttributeType.origin:
      if (length !== 1) return 'length';
      attributes.origin = ORIGINS[bytes[at]!];
      return attributes.origin === undefined ? 'value' : undefined;
    case AttributeType.asPath:
      attributes.asPath = decodeAsPath(bytes, at, end, context.as4);
      if (attributes.asPath !== undefined && isPathOf(attributes.asPath, context)) return undefined;
      attributes.asPath = undefined;
      return 'value';
    case AttributeType.nextHop:
      if (length !== 4) return 'length';
      attributes.nextHop = ipv4At(bytes, at);
      return undefined;
    case AttributeType.med:
      if (length !== 4) return 'length';
      attributes.med = uint32At(bytes, at);
      return undefined;
    case AttributeType.localPref:
      if (length !== 4) return 'length';
      attributes.localPref = uint32At(bytes, at);
      return undefined;
    case AttributeType.atomicAggregate:
      if (length !== 0) return 'length';
      attributes.atomicAggregate = true;
      return undefined;
    case AttributeType.aggregator:
      if (length !== (context.as4 ? 8 : 6)) return 'length';
      attributes.aggregator = aggregatorAt(bytes, at, context.as4);
      return attributes.aggregator === undefined ? 'value' : undefined;
    case AttributeType.communities:
      if (!isWhole(length, 4)) return 'length';
      attributes.communities = listOf(bytes, at, end, 4, uint32At);
      return undefined;
    case AttributeType.originatorId:
      if (length !== 4) return 'length';
      attributes.originatorId = uint32At(bytes, at);
      return undefined;
    case AttributeType.clusterList:
      if (!isWhole(length, 4)) return 'length';
      attributes.clusterList = listOf(bytes, at, end, 4, uint32At);
      return undefined;
    case AttributeType.mpReach:
      return readMpReach(attributes, bytes, at, end, context);
    case AttributeType.mpUnreach:
      if (length < 3) return 'length';
      attributes.mpUnreach = nlriAt(bytes, at, at + 3, end, context);
      return attributes.mpUnreach === undefined ? 'value' : undefined;
    case AttributeType.extendedCommunities:
      if (!isWhole(length, 8)) return 'length';
      attributes.extendedCommunities = listOf(bytes, at, end, 8, uint64At);
      return undefined;
    case AttributeType.as4Path:
      return readAs4Path(draft, bytes, at, end);
    case AttributeType.as4Aggregator:
      if (length !== 8) return 'length';
      draft.as4Aggregator = aggregatorAt(bytes, at, true);
      return draft.as4Aggregator === undefined ? 'value' : undefined;
    case AttributeType.largeCommunities:
      if (!isWhole(length, 12)) return 'length';
      attributes.largeCommunities = listOf(bytes, at, end, 12, largeCommunityAt);
      return undefined;
    default:
      attributes.unknown ??= [];
      attributes.unknown.push({ type, flags, value: bytes.subarray(at, end) });
      return undefined;
  }
}

const ORIGINS: readonly Origin[] = ['igp', 'egp', 'incomplete'];

/** RFC 7606 §7.9 and §7.10, whatever the flags are; RFC 6793 §4.1. */
function isUnwelcome(type: number, { peerType, as4 }: WireContext): boolean {
  switch (type) {
    case AttributeType.originatorId:
    case AttributeType.clusterList:
      return peerType === 'external';
    case AttributeType.as4Path:
    case AttributeType.as4Aggregator:
      return as4;
    default:
      return false;
  }
}

/** RFC 5065 §5: confederation segments stay inside, and a peer of another member AS begins the path with one. */
function isPathOf(segments: readonly PathSegment[], { peerType }: WireContext): boolean {
  if (peerType === 'external') return !segments.some(isConfederation);
  return peerType !== 'confederation' || segments[0]?.kind === 'confed-sequence';
}

/** RFC 7606 §7.8, §7.10, §7.14, RFC 8092 §6: a multiple of its unit, and not empty. */
const isWhole = (length: number, unit: number): boolean => length > 0 && length % unit === 0;

function listOf<T>(
  bytes: Uint8Array,
  start: number,
  end: number,
  unit: number,
  read: (bytes: Uint8Array, at: number) => T,
): readonly T[] {
  const list: T[] = [];
  for (let at = start; at < end; at += unit) list.push(read(bytes, at));
  return list;
}

function largeCommunityAt(bytes: Uint8Array, at: number): LargeCommunity {
  return { global: uint32At(bytes, at), local1: uint32At(bytes, at + 4), local2: uint32At(bytes, at + 8) };
}

/** RFC 7607 §2: the AS number 0 is malformed. */
function aggregatorAt(bytes: Uint8Array, at: number, as4: boolean): Aggregator | undefined {
  const asn = as4 ? uint32At(bytes, at) : uint16At(bytes, at);
  return asn === 0 ? undefined : { asn, address: ipv4At(bytes, at + (as4 ? 4 : 2)) };
}

/** RFC 6793 §6: at least one AS number; confederation segments are left out. */
function readAs4Path(draft: AttributeDraft, bytes: Uint8Array, at: number, end: number): UpdateFault | undefined {
  if (end - at < 6) return 'length';
  const path = decodeAsPath(bytes, at, end, true);
  if (path === undefined) return 'value';
  draft.as4Path = path.filter((segment) => !isConfederation(segment));
  return undefined;
}
