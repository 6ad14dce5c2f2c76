import { internetChecksum } from '../../base/checksum.ts';
import { type IpAddress, ipAddress, ipAddressToBytes } from '../../base/ip-address.ts';
import type { MacAddress } from '../../base/mac-address.ts';
import { macAddressFromBytes } from '../../base/mac-address.ts';
import { ETHERNET_HEADER, EtherType, IPV6_HEADER, NEXT_HEADER_ICMPV6 } from './constants.ts';
import { type EthernetMalformed, type EthernetOther, type Refusal, refuseEthernet } from './ethernet.ts';

/**
 * As much of IPv6 as neighbor discovery needs: the fixed header directly before ICMPv6.
 * Messages behind extension headers are not for us: no neighbour sends them, and RFC 6980 forbids the fragmented ones.
 * Standards: RFC 8200, RFC 4291 (addresses), RFC 2464 (over Ethernet).
 */
export type Ipv6Other = EthernetOther | 'other-next-header';
export type Ipv6Malformed = EthernetMalformed | 'truncated-ipv6' | 'ip-version' | 'multicast-source';

export const Ipv6Offset = {
  version: ETHERNET_HEADER,
  payloadLength: ETHERNET_HEADER + 4,
  nextHeader: ETHERNET_HEADER + 6,
  hopLimit: ETHERNET_HEADER + 7,
  source: ETHERNET_HEADER + 8,
  destination: ETHERNET_HEADER + 24,
  payload: ETHERNET_HEADER + IPV6_HEADER,
} as const;

const TRUNCATED = { kind: 'malformed', reason: 'truncated-ipv6' } as const;
const VERSION = { kind: 'malformed', reason: 'ip-version' } as const;
const MULTICAST_SOURCE = { kind: 'malformed', reason: 'multicast-source' } as const;
const OTHER_NEXT_HEADER = { kind: 'other', reason: 'other-next-header' } as const;

/** Undefined: a whole IPv6 packet that carries ICMPv6. */
export function refuseIpv6(frame: Uint8Array): Refusal<Ipv6Other, Ipv6Malformed> | undefined {
  const refused = refuseEthernet(frame, EtherType.ipv6);
  if (refused !== undefined) return refused;
  if (frame.length < Ipv6Offset.payload) return TRUNCATED;
  if (frame[Ipv6Offset.version]! >> 4 !== 6) return VERSION;
  if (frame[Ipv6Offset.nextHeader] !== NEXT_HEADER_ICMPV6) return OTHER_NEXT_HEADER;
  if (Ipv6Offset.payload + ipv6PayloadLength(frame) > frame.length) return TRUNCATED;
  // RFC 4291 §2.7: a multicast address is never a source.
  return frame[Ipv6Offset.source] === 0xff ? MULTICAST_SOURCE : undefined;
}

export const ipv6PayloadLength = (frame: Uint8Array): number =>
  (frame[Ipv6Offset.payloadLength]! << 8) | frame[Ipv6Offset.payloadLength + 1]!;

/**
 * The ICMPv6 checksum over pseudo-header and message (RFC 8200 §8.1, RFC 4443 §2.3) of a frame that has both whole.
 * Zero for a received message whose checksum is right; for one with zeros in that field, the value to put there.
 */
export function icmpv6Checksum(frame: Uint8Array): number {
  const length = ipv6PayloadLength(frame);
  const pseudo = Uint8Array.of(0, 0, length >> 8, length & 255, 0, 0, 0, NEXT_HEADER_ICMPV6);
  return internetChecksum([frame.subarray(Ipv6Offset.source, Ipv6Offset.payload + length), pseudo]);
}

export const UNSPECIFIED_IPV6: IpAddress = ipAddress('ipv6', 0n);
/** ff02::1, RFC 4291 §2.7.1. */
export const ALL_NODES: IpAddress = ipAddress('ipv6', (0xff02n << 112n) | 1n);
const SOLICITED_NODE_PREFIX = (0xff02n << 112n) | (1n << 32n) | 0xff000000n;

/** RFC 4291 §2.7.1: ff02::1:ff00:0/104 and the last 24 bits of the address. */
export const solicitedNodeGroup = (address: IpAddress): IpAddress =>
  ipAddress('ipv6', SOLICITED_NODE_PREFIX | (address.value & 0xffffffn));

/** RFC 2464 §7: 33:33 and the last 32 bits of the group. */
export function multicastMac(group: IpAddress): MacAddress {
  const bytes = ipAddressToBytes(group);
  return macAddressFromBytes(Uint8Array.of(0x33, 0x33, bytes[12]!, bytes[13]!, bytes[14]!, bytes[15]!));
}

export function isZeroAt(bytes: Uint8Array, at: number, count: number): boolean {
  for (let i = at; i < at + count; i++) if (bytes[i] !== 0) return false;
  return true;
}

const SOLICITED_NODE_BYTES = ipAddressToBytes(ipAddress('ipv6', SOLICITED_NODE_PREFIX));
export function isSolicitedNodeAt(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < 13; i++) if (bytes[at + i] !== SOLICITED_NODE_BYTES[i]) return false;
  return true;
}
