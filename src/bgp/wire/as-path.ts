import type { ByteWriter } from '../../base/byte-writer.ts';
import { AS_TRANS, SegmentType } from './constants.ts';
import type { PathSegment } from './message.ts';
import { uint16At, uint32At } from './octets.ts';

const KINDS: readonly (PathSegment['kind'] | undefined)[] = [
  undefined,
  'set',
  'sequence',
  'confed-sequence',
  'confed-set',
];
const TYPES: Readonly<Record<PathSegment['kind'], number>> = {
  set: SegmentType.set,
  sequence: SegmentType.sequence,
  'confed-sequence': SegmentType.confedSequence,
  'confed-set': SegmentType.confedSet,
};
/** The count of a segment is one octet (RFC 4271 §4.3). */
const MAX_SEGMENT = 255;

export const isConfederation = ({ kind }: PathSegment): boolean => kind === 'confed-sequence' || kind === 'confed-set';

/**
 * AS_PATH or AS4_PATH. Undefined: malformed, that is an unknown segment type, a segment that is empty or goes beyond the end
 * (RFC 7606 §7.2, RFC 6793 §6), or the AS number 0 (RFC 7607 §2).
 */
export function decodeAsPath(
  bytes: Uint8Array,
  start: number,
  end: number,
  as4: boolean,
): readonly PathSegment[] | undefined {
  const size = as4 ? 4 : 2;
  const segments: PathSegment[] = [];
  let at = start;
  while (at < end) {
    if (end - at < 2) return undefined;
    const kind = KINDS[bytes[at]!];
    const count = bytes[at + 1]!;
    at += 2;
    if (kind === undefined || count === 0 || at + count * size > end) return undefined;
    const asns: number[] = [];
    for (let i = 0; i < count; i++, at += size) {
      const asn = as4 ? uint32At(bytes, at) : uint16At(bytes, at);
      if (asn === 0) return undefined;
      asns.push(asn);
    }
    segments.push({ kind, asns });
  }
  return segments;
}

/** Longer segments are cut, which changes nothing in their meaning. With two octets, AS_TRANS stands for what does not fit. */
export function writeAsPath(writer: ByteWriter, segments: readonly PathSegment[], as4: boolean): void {
  for (const { kind, asns } of segments)
    for (let from = 0; from < asns.length; from += MAX_SEGMENT) {
      const part = asns.slice(from, from + MAX_SEGMENT);
      writer.uint8(TYPES[kind]).uint8(part.length);
      for (const asn of part) {
        if (as4) writer.uint32(asn);
        else writer.uint16(twoOctets(asn));
      }
    }
}

export const fitsTwoOctets = (asn: number): boolean => asn <= 0xffff;
export const twoOctets = (asn: number): number => (fitsTwoOctets(asn) ? asn : AS_TRANS);

/**
 * RFC 6793 §4.2.3: the path as it is, where a router in between knows two octets only. As many of the AS_PATH's leading
 * AS numbers as the AS4_PATH is shorter, then the AS4_PATH; an AS4_PATH that is longer was not kept up and is ignored.
 */
export function mergeAs4Path(asPath: readonly PathSegment[], as4Path: readonly PathSegment[]): readonly PathSegment[] {
  let missing = hops(asPath) - hops(as4Path);
  if (missing < 0) return asPath;
  const merged: PathSegment[] = [];
  for (const segment of asPath) {
    // Confederation segments count nothing and stay with what is before them.
    if (isConfederation(segment)) merged.push(segment);
    else if (missing === 0) break;
    else if (segment.kind === 'set') {
      merged.push(segment);
      missing--;
    } else {
      const taken = segment.asns.slice(0, missing);
      merged.push({ kind: 'sequence', asns: taken });
      missing -= taken.length;
      if (taken.length < segment.asns.length) break;
    }
  }
  return join(merged, as4Path);
}

function join(head: readonly PathSegment[], tail: readonly PathSegment[]): readonly PathSegment[] {
  const last = head.at(-1);
  const [first, ...rest] = tail;
  if (last?.kind !== 'sequence' || first?.kind !== 'sequence') return [...head, ...tail];
  return [...head.slice(0, -1), { kind: 'sequence', asns: [...last.asns, ...first.asns] }, ...rest];
}

/** The length of a path as RFC 4271 §9.1.2.2 a) and RFC 5065 §5.3 count it. */
function hops(segments: readonly PathSegment[]): number {
  let count = 0;
  for (const { kind, asns } of segments) count += kind === 'sequence' ? asns.length : kind === 'set' ? 1 : 0;
  return count;
}
