import { bitsOf, type IpAddress, type IpFamily, ipAddressToBytes } from '../base/ip-address.ts';
import type { BpfInstruction } from './ports.ts';

/**
 * GTSM (RFC 5082) on a listener whose peers differ: a socket has one minimum for everybody, so a filter looks at each segment's
 * source, from the SYN on. What is accepted then has its own minimum.
 */
export interface HopRule {
  readonly address: IpAddress;
  readonly minimum: number;
}

/** SKF_NET_OFF: the offset counts from the IP header, not from the TCP header. */
const IP_HEADER = 0xfff0_0000;
const HEADER = { ipv4: { source: 12, hopLimit: 8 }, ipv6: { source: 8, hopLimit: 7 } } as const;

const LOAD_WORD = 0x20;
const LOAD_OCTET = 0x30;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_NOT_LESS = 0x35;
const RETURN = 0x06;
const KEEP_ALL = 0xffff_ffff;

/** A program that takes everything but what those addresses send with a smaller TTL or hop limit. */
export function hopFilter(family: IpFamily, rules: readonly HopRule[]): readonly BpfInstruction[] {
  return [...rules.flatMap((rule) => instructionsFor(family, rule)), { code: RETURN, jt: 0, jf: 0, k: KEEP_ALL }];
}

/** Falls through to what follows when the source is another one. */
function instructionsFor(family: IpFamily, { address, minimum }: HopRule): readonly BpfInstruction[] {
  const { source, hopLimit } = HEADER[family];
  const view = new DataView(ipAddressToBytes(address).buffer);
  const words = bitsOf(family) / 32;
  const check: readonly BpfInstruction[] = [
    { code: LOAD_OCTET, jt: 0, jf: 0, k: IP_HEADER + hopLimit },
    { code: JUMP_IF_NOT_LESS, jt: 0, jf: 1, k: minimum },
    { code: RETURN, jt: 0, jf: 0, k: KEEP_ALL },
    { code: RETURN, jt: 0, jf: 0, k: 0 },
  ];
  const compare = Array.from({ length: words }, (_, word): readonly BpfInstruction[] => [
    { code: LOAD_WORD, jt: 0, jf: 0, k: IP_HEADER + source + 4 * word },
    { code: JUMP_IF_EQUAL, jt: 0, jf: (words - 1 - word) * 2 + check.length, k: view.getUint32(4 * word) },
  ]);
  return [...compare.flat(), ...check];
}
