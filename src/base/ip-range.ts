import { type Decoded, decoded, malformed } from './decoded.ts';
import { bitsOf, formatIpAddress, type IpAddress, type IpFamily, ipAddress, parseIpAddress } from './ip-address.ts';
import { formatPrefix, type Prefix, parsePrefix } from './prefix.ts';

/** Consecutive addresses of one family, both ends included: what a pool is made of, whichever way it was written. */
export interface IpRange {
  readonly family: IpFamily;
  readonly first: bigint;
  readonly last: bigint;
}

/** Reads "192.0.2.0/24" or "192.0.2.10-192.0.2.20" (blanks around the hyphen allowed). A bare address is refused. */
export function parseIpRange(text: string): Decoded<IpRange, string> {
  const trimmed = text.trim();
  if (!trimmed.includes('-')) {
    const prefix = parsePrefix(trimmed);
    return prefix.ok ? decoded(rangeOfPrefix(prefix.value)) : prefix;
  }
  const ends = trimmed.split('-');
  if (ends.length !== 2) return malformed(`"${text}" has more than one hyphen; a range is FIRST-LAST`);
  const first = parseIpAddress(ends[0]!.trim());
  if (!first.ok) return first;
  const last = parseIpAddress(ends[1]!.trim());
  if (!last.ok) return last;
  if (first.value.family !== last.value.family) return malformed(`"${text}" mixes IPv4 and IPv6`);
  if (first.value.value > last.value.value) return malformed(`"${text}" ends before it starts; swap the two addresses`);
  return decoded({ family: first.value.family, first: first.value.value, last: last.value.value });
}

export function rangeOfPrefix({ address, length }: Prefix): IpRange {
  const size = 1n << BigInt(bitsOf(address.family) - length);
  return { family: address.family, first: address.value, last: address.value + size - 1n };
}

export const rangeOfAddress = ({ family, value }: IpAddress): IpRange => ({ family, first: value, last: value });
export const rangeSize = ({ first, last }: IpRange): bigint => last - first + 1n;
export const rangeContains = (range: IpRange, { family, value }: IpAddress): boolean =>
  range.family === family && range.first <= value && value <= range.last;
export const rangesOverlap = (a: IpRange, b: IpRange): boolean =>
  a.family === b.family && a.first <= b.last && b.first <= a.last;

/** As a prefix where it is one, else FIRST-LAST. */
export function formatIpRange(range: IpRange): string {
  const prefixes = prefixesOfRange(range, 2);
  if (prefixes.length === 1) return formatPrefix(prefixes[0]!);
  return `${formatIpAddress(ipAddress(range.family, range.first))}-${formatIpAddress(ipAddress(range.family, range.last))}`;
}

/** The fewest prefixes that cover exactly this range, ascending; at most `limit` of them are computed. */
export function prefixesOfRange({ family, first, last }: IpRange, limit = Number.POSITIVE_INFINITY): Prefix[] {
  const bits = bitsOf(family);
  const prefixes: Prefix[] = [];
  for (let next = first; next <= last && prefixes.length < limit; ) {
    let free = 0;
    // Widen while the block stays aligned and inside the range.
    while (
      free < bits &&
      (next & ((1n << BigInt(free + 1)) - 1n)) === 0n &&
      next + (1n << BigInt(free + 1)) - 1n <= last
    )
      free++;
    prefixes.push({ address: ipAddress(family, next), length: bits - free });
    next += 1n << BigInt(free);
  }
  return prefixes;
}
