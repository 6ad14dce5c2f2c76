import { ByteWriter } from '../base/byte-writer.ts';
import { type IpFamily, ipAddressToBytes } from '../base/ip-address.ts';
import type { EncodedAttributes } from './packing.ts';
import type { NextHop, RouteAttributes } from './route.ts';
import type { BgpRole } from './session-config.ts';
import { twoOctets } from './wire/as-path.ts';
import { writeAttributes } from './wire/attribute-encoder.ts';
import { Afi, MAX_EXTENDED_MESSAGE, MAX_MESSAGE, Safi } from './wire/constants.ts';
import type { LargeCommunity, PathAttributes, UnknownAttribute } from './wire/message.ts';

/** What an established session says about how its UPDATEs are to look. */
export interface OutboundSession {
  /** The AS that we are to this router: `localASN` where it is given. */
  readonly localAsn: number;
  readonly peerType: 'internal' | 'external';
  /** Our part in the relationship (RFC 9234). */
  readonly role: BgpRole | undefined;
  readonly as4: boolean;
  /** RFC 8654: UPDATEs up to 65,535 octets. */
  readonly extendedMessage: boolean;
  /** Agreed families with the next hop that we give for them (nextHopFor); without one nothing is announced. */
  readonly families: readonly { readonly family: IpFamily; readonly nextHop: NextHop | undefined }[];
  readonly enhancedRouteRefresh: boolean;
}

/** How the routes of one family are said to one router. */
export interface FamilyOutlet {
  /** Withdrawn in MP_UNREACH_NLRI. */
  readonly multiprotocol: boolean;
  readonly maximumMessageSize: number;
  /** Undefined: there is no next hop to give. */
  encode(attributes: RouteAttributes): EncodedAttributes | undefined;
}

/**
 * What is said of a route, without its next hop in MP_REACH_NLRI and its prefixes.
 *
 * - AS_PATH: to external peers our AS, once; to internal ones empty (RFC 4271 §5.1.2). With `localASN` that one alone, as
 *   MetalLB's `local-as ... no-prepend replace-as` has it: the router never hears of `myASN`.
 * - ORIGIN is IGP, as MetalLB's is: the route begins here.
 * - LOCAL_PREF: to internal peers always (§5.1.5), to external ones never.
 * - Only to Customer (RFC 9234 §5): where our role says that a route must not go up again, our AS.
 */
export function pathAttributes(
  { localPref, communities, linkBandwidth: weight }: RouteAttributes,
  session: OutboundSession,
): PathAttributes {
  const internal = session.peerType === 'internal';
  const standard = communities.flatMap((one) => (one.kind === 'standard' ? [one.value] : []));
  const large = communities.flatMap((one): LargeCommunity[] => (one.kind === 'large' ? [one] : []));
  return {
    origin: 'igp',
    asPath: internal ? [] : [{ kind: 'sequence', asns: [session.localAsn] }],
    localPref: internal ? (localPref ?? 100) : undefined,
    communities: standard.length > 0 ? standard : undefined,
    extendedCommunities: weight === undefined ? undefined : [linkBandwidthCommunity(weight, session)],
    largeCommunities: large.length > 0 ? large : undefined,
    unknown: onlyToCustomer(session),
  };
}

/** Two-octet AS specific, link bandwidth (RFC 10005 §2); with the bit of RFC 4360 §2 not transitive. */
const LINK_BANDWIDTH = 0x0004;
const NON_TRANSITIVE = 0x4000;

/**
 * RFC 10005: our AS, and octets a second as a float, of which routers take the proportions only, so a weight does as well. Not
 * transitive to internal peers, where it has always been so and every router knows it; transitive to external ones, since
 * what is not need not be taken across the border of an AS (RFC 4360 §6).
 */
function linkBandwidthCommunity(weight: number, { localAsn, peerType }: OutboundSession): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint16(0, peerType === 'internal' ? LINK_BANDWIDTH | NON_TRANSITIVE : LINK_BANDWIDTH);
  view.setUint16(2, twoOctets(localAsn));
  view.setFloat32(4, weight);
  return view.getBigUint64(0);
}

/** IANA "BGP Path Attributes": Only to Customer (RFC 9234 §5), optional and transitive. */
const ONLY_TO_CUSTOMER = { type: 35, flags: 0xc0 };

function onlyToCustomer({ role, peerType, localAsn }: OutboundSession): readonly UnknownAttribute[] | undefined {
  if (peerType !== 'external' || (role !== 'provider' && role !== 'peer' && role !== 'rs-server')) return undefined;
  const value = new Uint8Array(4);
  new DataView(value.buffer).setUint32(0, localAsn);
  return [{ ...ONLY_TO_CUSTOMER, value }];
}

export const maximumMessageSizeOf = ({ extendedMessage }: OutboundSession): number =>
  extendedMessage ? MAX_EXTENDED_MESSAGE : MAX_MESSAGE;

export function outletFor(family: IpFamily, nextHop: NextHop | undefined, session: OutboundSession): FamilyOutlet {
  const first = nextHop?.[0];
  const multiprotocol = family === 'ipv6' || first?.family === 'ipv6';
  const reach = multiprotocol && nextHop !== undefined ? reachHead(family, nextHop) : undefined;
  return {
    multiprotocol,
    maximumMessageSize: maximumMessageSizeOf(session),
    encode(attributes) {
      if (first === undefined) return undefined;
      const values = pathAttributes(attributes, session);
      const others = new ByteWriter();
      writeAttributes(others, multiprotocol ? values : { ...values, nextHop: first }, session);
      return { reach, others: others.finish() };
    },
  };
}

/** MP_REACH_NLRI up to the prefixes: family, next hop, a reserved octet (RFC 4760 §3). */
function reachHead(family: IpFamily, nextHop: NextHop): Uint8Array {
  const octets = nextHop.map(ipAddressToBytes);
  const length = octets.reduce((sum, one) => sum + one.length, 0);
  const writer = new ByteWriter(32).uint16(Afi[family]).uint8(Safi.unicast).uint8(length);
  for (const one of octets) writer.bytes(one);
  return writer.uint8(0).finish();
}
