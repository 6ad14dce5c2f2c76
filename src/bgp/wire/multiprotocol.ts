import type { IpAddress } from '../../base/ip-address.ts';
import type { MutableAttributes } from './attribute-decoder.ts';
import { Afi } from './constants.ts';
import type { MpReach, Nlri, WireContext } from './message.ts';
import { arePrefixes, familyOf, ipFamilyOf } from './nlri.ts';
import { ipv4At, ipv6At, uint16At } from './octets.ts';
import type { UpdateFault } from './update-fault.ts';

/** RFC 4760 §3, RFC 2545 §3, RFC 8950 §3. */
export function readMpReach(
  attributes: MutableAttributes,
  bytes: Uint8Array,
  at: number,
  end: number,
  context: WireContext,
): UpdateFault | undefined {
  if (end - at < 5) return 'length';
  const nextHopAt = at + 4;
  const nextHopEnd = nextHopAt + bytes[at + 3]!;
  // One reserved octet is between the next hop and the prefixes.
  if (nextHopEnd + 1 > end) return 'length';
  const family = ipFamilyOf(familyOf(uint16At(bytes, at), bytes[at + 2]!));
  const nextHops = nextHopsAt(bytes, nextHopAt, nextHopEnd);
  if (family !== undefined && !mayBeNextHop(nextHops, bytes[at + 1]!, context)) return 'length';
  const nlri = nlriAt(bytes, at, nextHopEnd + 1, end, context);
  if (nlri === undefined) return 'value';
  const mpReach: MpReach = { nextHops: nextHops ?? [], nlri };
  attributes.mpReach =
    nextHops === undefined ? { ...mpReach, otherNextHop: bytes.subarray(nextHopAt, nextHopEnd) } : mpReach;
  return family === undefined || nextHops!.some(isUsableUnicast) ? undefined : 'next-hop';
}

/** Undefined: of a length that no IPv4 or IPv6 next hop has. */
function nextHopsAt(bytes: Uint8Array, at: number, end: number): readonly IpAddress[] | undefined {
  switch (end - at) {
    case 4:
      return [ipv4At(bytes, at)];
    case 16:
      return [ipv6At(bytes, at)];
    case 32:
      return [ipv6At(bytes, at), ipv6At(bytes, at + 16)];
    default:
      return undefined;
  }
}

function mayBeNextHop(
  nextHops: readonly IpAddress[] | undefined,
  afi: number,
  { extendedNextHop }: WireContext,
): boolean {
  if (nextHops === undefined) return false;
  const isIpv6 = nextHops[0]!.family === 'ipv6';
  return afi === Afi.ipv4 ? !isIpv6 || extendedNextHop : isIpv6;
}

/** AFI and SAFI are at `at`. Undefined: not prefixes of that family. */
export function nlriAt(
  bytes: Uint8Array,
  at: number,
  start: number,
  end: number,
  context: WireContext,
): Nlri | undefined {
  const family = familyOf(uint16At(bytes, at), bytes[at + 2]!);
  const ip = ipFamilyOf(family);
  const addPath = ip !== undefined && context.addPath[ip];
  if (ip !== undefined && !arePrefixes(bytes, start, end, ip, addPath)) return undefined;
  return { family, addPath, bytes: bytes.subarray(start, end) };
}

/** Not 0/8, loopback, multicast or reserved; not ::, ::1 or multicast. */
export function isUsableUnicast({ family, value }: IpAddress): boolean {
  if (family === 'ipv6') return value > 1n && value >> 120n !== 0xffn;
  const first = Number(value >> 24n);
  return first > 0 && first !== 127 && first < 224;
}
