import type { BpfInstruction } from '../../network/ports.ts';
import { mergedTo, type Span } from '../address-cover.ts';
import { ArpOffset } from './arp.ts';
import { ARP_HARDWARE_ETHERNET, EtherType, Icmpv6Type, NDP_HOP_LIMIT, NEXT_HEADER_ICMPV6 } from './constants.ts';
import { Ipv6Offset } from './ipv6.ts';
import { NdpOffset } from './ndp.ts';

/**
 * Classic BPF programs that let only frames about our addresses into the process: a flood of requests for others costs a
 * few comparisons each, in the kernel. They pass a superset of what the responder needs, never less.
 *
 * An address is compared word by word. Over one 32-bit word a list of spans becomes a balanced tree of `jge`, whose leaves
 * accept, go on, or load the next word. Jumps reach 255 instructions, so longer ones take a `ja`.
 * Missing: what only costs something when it is ours anyway (checksum, code, options) is left to the decoder.
 * Standards: Linux Documentation/networking/filter.rst; RFC 826, RFC 4861 §7.1.
 */
const LOAD_WORD = 0x20;
const LOAD_HALF = 0x28;
const LOAD_BYTE = 0x30;
const JUMP = 0x05;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_AT_LEAST = 0x35;
const RETURN = 0x06;

/** The kernel takes a tag off before we see the frame, and tells of it in SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT only. */
const VLAN_TAG_PRESENT = 0xfffff000 + 48;
/** The longest jump a conditional instruction can make. */
const JUMP_REACH = 255;
/**
 * Two programs of this length (the old and the new one, while it is replaced) stay below net.core.optmem_max, which is
 * 20 KB on kernels before 6.7 and counts the translated instructions, 8 bytes each, up to twice as many as ours.
 */
export const FILTER_LIMIT = 600;
/** More spans than this are merged, even if the program would bear them. */
export const SPAN_LIMIT = 64;

const instruction = (code: number, k: number, jt = 0, jf = 0): BpfInstruction => ({ code, jt, jf, k });
const ACCEPT = instruction(RETURN, 0xffff);
const DROP = instruction(RETURN, 0);
/** Stands for a jump to the end of the tree, until that is known. */
const GO_ON = instruction(JUMP, 0);

/** ARP for IPv4 with a target among the spans (a request for us, a probe), or a sender (somebody who has our address). */
export function arpFilter(spans: readonly Span[]): readonly BpfInstruction[] {
  return fitting(spans, (cover) => [
    ...demand(LOAD_WORD, VLAN_TAG_PRESENT, 0),
    ...demand(LOAD_HALF, 12, EtherType.arp),
    ...demand(LOAD_WORD, ArpOffset.hardware, ARP_HARDWARE_ETHERNET * 0x10000 + EtherType.ipv4),
    ...demand(LOAD_HALF, ArpOffset.lengths, 0x0604),
    ...acceptMembers(cover, 1, ArpOffset.targetIp),
    ...acceptMembers(cover, 1, ArpOffset.senderIp),
    DROP,
  ]);
}

/** Solicitations and advertisements with hop limit 255 whose target is among the spans. */
export function ndpFilter(spans: readonly Span[]): readonly BpfInstruction[] {
  return fitting(spans, (cover) => [
    ...demand(LOAD_WORD, VLAN_TAG_PRESENT, 0),
    ...demand(LOAD_HALF, 12, EtherType.ipv6),
    ...demand(LOAD_HALF, Ipv6Offset.nextHeader, NEXT_HEADER_ICMPV6 * 0x100 + NDP_HOP_LIMIT),
    instruction(LOAD_BYTE, NdpOffset.type),
    instruction(JUMP_IF_EQUAL, Icmpv6Type.neighborSolicitation, 2, 0),
    instruction(JUMP_IF_EQUAL, Icmpv6Type.neighborAdvertisement, 1, 0),
    DROP,
    ...acceptMembers(cover, 4, NdpOffset.target),
    DROP,
  ]);
}

type Build = (spans: readonly Span[]) => readonly BpfInstruction[];

function fitting(spans: readonly Span[], build: Build): readonly BpfInstruction[] {
  for (let limit = SPAN_LIMIT; ; limit = Math.floor(limit / 2)) {
    const program = build(mergedTo(spans, limit));
    if (program.length <= FILTER_LIMIT || limit === 1) return program;
  }
}

const demand = (load: number, offset: number, value: number): readonly BpfInstruction[] => [
  instruction(load, offset),
  instruction(JUMP_IF_EQUAL, value, 1, 0),
  DROP,
];

/** Accepts when the number of `words` words at `offset` is in a span; else goes on behind the last instruction. */
function acceptMembers(spans: readonly Span[], words: number, offset: number): readonly BpfInstruction[] {
  const tree = wordTree(spans, words, offset);
  return tree.map((one, at) => (one === GO_ON ? instruction(JUMP, tree.length - at - 1) : one));
}

/** From this value of the word on: accept, go on, or look at the words after it. */
interface Piece {
  readonly from: number;
  readonly rule: 'accept' | 'go-on' | readonly Span[];
}

function wordTree(spans: readonly Span[], words: number, offset: number): readonly BpfInstruction[] {
  const leaf = ({ rule }: Piece): readonly BpfInstruction[] => {
    if (rule === 'accept') return [ACCEPT];
    return rule === 'go-on' ? [GO_ON] : wordTree(rule, words - 1, offset + 4);
  };
  const branch = (pieces: readonly Piece[]): readonly BpfInstruction[] => {
    if (pieces.length === 1) return leaf(pieces[0]!);
    const middle = pieces.length >> 1;
    const below = branch(pieces.slice(0, middle));
    const above = branch(pieces.slice(middle));
    const { from } = pieces[middle]!;
    const test =
      below.length <= JUMP_REACH
        ? [instruction(JUMP_IF_AT_LEAST, from, below.length, 0)]
        : [instruction(JUMP_IF_AT_LEAST, from, 0, 1), instruction(JUMP, below.length)];
    return [...test, ...below, ...above];
  };
  return [instruction(LOAD_WORD, offset), ...branch(piecesOf(spans, words))];
}

function piecesOf(spans: readonly Span[], words: number): readonly Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const { first, last, rule } of cutsOf(spans, words)) {
    if (first > end) pieces.push({ from: end, rule: 'go-on' });
    pieces.push({ from: first, rule });
    end = last + 1;
  }
  if (end <= 0xffffffff) pieces.push({ from: end, rule: 'go-on' });
  return pieces;
}

/** Values of the word, both ends included, and what to do with them. */
interface Cut {
  readonly first: number;
  readonly last: number;
  readonly rule: 'accept' | readonly Span[];
}

/** Cuts the spans at the borders of their first word: ascending, one cut for each word that only the next words decide. */
function cutsOf(spans: readonly Span[], words: number): readonly Cut[] {
  const shift = BigInt(32 * (words - 1));
  const rest = (1n << shift) - 1n;
  const cuts: Cut[] = [];
  const partly = (word: bigint, span: Span): void => {
    const previous = cuts.at(-1);
    const same = previous !== undefined && previous.rule !== 'accept' && previous.first === Number(word);
    const inside = same ? [...previous.rule, span] : [span];
    if (same) cuts.pop();
    cuts.push({ first: Number(word), last: Number(word), rule: inside });
  };
  for (const span of spans) {
    const [from, to] = [span.first >> shift, span.last >> shift];
    const [low, high] = [span.first & rest, span.last & rest];
    if (from === to && low > 0n && high < rest) {
      partly(from, { first: low, last: high });
      continue;
    }
    const whole = { first: low > 0n ? from + 1n : from, last: high < rest ? to - 1n : to };
    if (low > 0n) partly(from, { first: low, last: rest });
    if (whole.first <= whole.last) cuts.push({ first: Number(whole.first), last: Number(whole.last), rule: 'accept' });
    if (high < rest) partly(to, { first: 0n, last: high });
  }
  return cuts;
}
