import { type IpRange, rangeSize } from '../base/ip-range.ts';

/** Ranges of one family in ascending order that do not touch each other's addresses: what is searched by halving. */
export type Segments = readonly IpRange[];

/** The ranges without what is in `cuts`; overlaps among the ranges themselves are counted once. */
export function segmentsOf(ranges: readonly IpRange[], cuts: readonly IpRange[]): Segments {
  const holes = [...cuts].sort(ascending);
  const segments: IpRange[] = [];
  let beyond = -1n;
  let hole = 0;
  for (const { family, first, last } of [...ranges].sort(ascending)) {
    let next = first > beyond ? first : beyond + 1n;
    while (hole < holes.length && holes[hole]!.last < next) hole++;
    for (let i = hole; i < holes.length && holes[i]!.first <= last; i++) {
      const cut = holes[i]!;
      if (cut.first > next) segments.push({ family, first: next, last: cut.first - 1n });
      if (cut.last >= next) next = cut.last + 1n;
    }
    if (next <= last) segments.push({ family, first: next, last });
    if (last > beyond) beyond = last;
  }
  return segments;
}

const ascending = (a: IpRange, b: IpRange): number => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0);

/** The position of the segment that contains the value, or -1. */
export function findSegment(segments: Segments, value: bigint): number {
  let low = 0;
  let high = segments.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const { first, last } = segments[middle]!;
    if (value < first) high = middle - 1;
    else if (value > last) low = middle + 1;
    else return middle;
  }
  return -1;
}

/** IPv4 addresses that end in .0 or .255: some old devices drop their packets as if sent to a network or to broadcast. */
export const isBuggy = (value: bigint): boolean => (value & 255n) === 0n || (value & 255n) === 255n;

export function countAddresses(segments: Segments, avoidBuggy: boolean): bigint {
  let count = 0n;
  for (const range of segments)
    count += rangeSize(range) - (avoidBuggy ? buggyUpTo(range.last) - buggyUpTo(range.first - 1n) : 0n);
  return count;
}

/** How many from 0 to `value`, which may be -1. */
const buggyUpTo = (value: bigint): bigint => (value < 0n ? 0n : (value >> 8n) + 1n + ((value + 1n) >> 8n));
