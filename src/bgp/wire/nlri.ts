import { type IpFamily, ipAddress, ipAddressToBytes } from '../../base/ip-address.ts';
import { type Prefix, prefixOf } from '../../base/prefix.ts';
import { Afi, Safi } from './constants.ts';
import { type Family, IPV4_UNICAST, IPV6_UNICAST, type Nlri, type WireContext } from './message.ts';
import { ipv6At, uint32At } from './octets.ts';

/**
 * Prefixes on the wire: the length in bits, then as many octets as it needs (RFC 4271 §4.3), with ADD-PATH four octets of
 * path identifier before it (RFC 7911 §3). Somebody else's prefixes are checked, counted and dropped, so they stay octets.
 */
export interface PathPrefix {
  readonly prefix: Prefix;
  readonly pathId?: number | undefined;
}

const NOTHING = new Uint8Array(0);
const NO_IPV4: Nlri = { family: IPV4_UNICAST, addPath: false, bytes: NOTHING };
const NO_IPV4_PATHS: Nlri = { ...NO_IPV4, addPath: true };
const PATH_ID = 4;

export const noPrefixes = ({ addPath }: Pick<WireContext, 'addPath'>): Nlri => (addPath.ipv4 ? NO_IPV4_PATHS : NO_IPV4);

export const familyOf = (afi: number, safi: number): Family =>
  safi !== Safi.unicast
    ? { afi, safi }
    : afi === Afi.ipv4
      ? IPV4_UNICAST
      : afi === Afi.ipv6
        ? IPV6_UNICAST
        : { afi, safi };

/** Undefined: a family whose prefixes we do not read. */
export const ipFamilyOf = ({ afi, safi }: Family): IpFamily | undefined =>
  safi !== Safi.unicast ? undefined : afi === Afi.ipv4 ? 'ipv4' : afi === Afi.ipv6 ? 'ipv6' : undefined;

export const unicastOf = (family: IpFamily): Family => (family === 'ipv4' ? IPV4_UNICAST : IPV6_UNICAST);

/** RFC 7606 §5.3: none is longer than its family allows, and the last one ends where the field does. */
export function arePrefixes(
  bytes: Uint8Array,
  start: number,
  end: number,
  family: IpFamily,
  addPath: boolean,
): boolean {
  const longest = family === 'ipv4' ? 32 : 128;
  let at = start;
  while (at < end) {
    if (addPath) at += PATH_ID;
    if (at >= end) return false;
    const bits = bytes[at]!;
    if (bits > longest) return false;
    at += 1 + ((bits + 7) >>> 3);
  }
  return at === end;
}

/** How many prefixes; 0 for a family that we do not read. */
export function countPrefixes({ family, addPath, bytes }: Nlri): number {
  if (ipFamilyOf(family) === undefined) return 0;
  const extra = addPath ? PATH_ID : 0;
  let count = 0;
  for (let at = extra; at < bytes.length; at += extra + 1 + ((bytes[at]! + 7) >>> 3)) count++;
  return count;
}

/** Bits behind the prefix's length are of no meaning and cleared. Empty for a family that we do not read. */
export function prefixesOf({ family, addPath, bytes }: Nlri): readonly PathPrefix[] {
  const ip = ipFamilyOf(family);
  if (ip === undefined) return [];
  const prefixes: PathPrefix[] = [];
  const padded = new Uint8Array(16);
  for (let at = 0; at < bytes.length; ) {
    const pathId = addPath ? uint32At(bytes, at) : undefined;
    if (addPath) at += PATH_ID;
    const bits = bytes[at++]!;
    const octets = (bits + 7) >>> 3;
    padded.fill(0).set(bytes.subarray(at, at + octets));
    at += octets;
    const address = ip === 'ipv4' ? ipAddress('ipv4', BigInt(uint32At(padded, 0))) : ipv6At(padded, 0);
    const prefix = prefixOf(address, bits);
    prefixes.push(pathId === undefined ? { prefix } : { prefix, pathId });
  }
  return prefixes;
}

/** Without path identifiers: those who are to have one take `pathNlriOf`. */
export function nlriOf(family: IpFamily, prefixes: readonly Prefix[]): Nlri {
  const target = new Uint8Array(prefixes.length * 17);
  let at = 0;
  for (const prefix of prefixes) at = writePrefix(target, at, prefix);
  return { family: unicastOf(family), addPath: false, bytes: target.slice(0, at) };
}

/** Writes one prefix at `at` and tells where it ends: 5 octets at most for IPv4, 17 for IPv6. */
export function writePrefix(target: Uint8Array, at: number, { address, length }: Prefix): number {
  target[at] = length;
  const octets = (length + 7) >>> 3;
  if (address.family === 'ipv4') {
    const bits = Number(address.value);
    for (let i = 0; i < octets; i++) target[at + 1 + i] = bits >>> (24 - 8 * i);
  } else target.set(ipAddressToBytes(address).subarray(0, octets), at + 1);
  return at + 1 + octets;
}
