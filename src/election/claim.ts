import { formatIpAddress, type IpAddress } from '../base/ip-address.ts';
import type { Instance } from '../membership/member.ts';
import { HIGH_SEED, LOW_SEED, mix, textHash } from './hash.ts';

/**
 * What one speaker process says about one address: "I hold it" or "I no longer do". Only the process itself writes its
 * claims, and of its claims for an address the later replaces the earlier, so tables that have heard the same claims in
 * any order are equal. Who is the holder follows from them: `beats` among the claims that living members hold.
 */
export interface Claim {
  readonly address: IpAddress;
  readonly node: string;
  readonly instance: Instance;
  /** Above every term that the claimant had seen for the address. */
  readonly term: number;
  /** Giving up for good takes the next term; giving way to another claim keeps the own one. */
  readonly phase: 'held' | 'vacated';
  /** Made while its maker heard half or fewer of the members it had last agreed with. */
  readonly weak: boolean;
  readonly cause: ClaimCause;
}

/** Why a claim was made: for people. The order is that of the wire: append only. */
export const CLAIM_CAUSES = [
  'first',
  'failover',
  'vacancy',
  'hand-over',
  'conflict',
  'strengthened',
  'not-serving',
  'no-interface',
  'not-eligible',
  'removed',
  'stopped',
  'yielded',
  'declared-dead',
  'refused',
] as const;
export type ClaimCause = (typeof CLAIM_CAUSES)[number];

/** Terms are 32 bits on the wire. Nothing moves so often that it would come near, so what is above is refused: nobody could claim after it. */
export const MAX_TERM = 0xffff_0000;

/** Whether claim `a` wins against `b` for the same address: strong beats weak, then the higher term, then the hash. */
export function beats(a: Claim, b: Claim): boolean {
  if (a.weak !== b.weak) return b.weak;
  if (a.term !== b.term) return a.term > b.term;
  if (a.node === b.node) return a.instance > b.instance;
  const address = formatIpAddress(a.address);
  const weightA = weight(address, a.node);
  const weightB = weight(address, b.node);
  return weightA !== weightB ? weightA > weightB : a.node < b.node;
}

/** Whether `later` replaces `earlier`, both of the same process: terms grow, and nothing is taken back within a term. */
export const replaces = (later: Claim, earlier: Claim): boolean =>
  later.term !== earlier.term ? later.term > earlier.term : later.phase === 'vacated' && earlier.phase === 'held';

const weight = (address: string, node: string): number => mix(textHash(address, HIGH_SEED) ^ textHash(node, HIGH_SEED));

/** 64 bits in two lanes. Equal sets of claims have equal sums (by exclusive or), whatever the order. */
export interface Digest {
  readonly high: number;
  readonly low: number;
}

export const EMPTY_DIGEST: Digest = { high: 0, low: 0 };

export const addDigests = (a: Digest, b: Digest): Digest => ({
  high: (a.high ^ b.high) >>> 0,
  low: (a.low ^ b.low) >>> 0,
});
export const sameDigest = (a: Digest, b: Digest): boolean => a.high === b.high && a.low === b.low;

/** Of a held claim. Those given up leave no trace, so that they may be forgotten at different times. */
export function digestOf({ instance, term, weak }: Claim, addressText: string): Digest {
  const what = term * 2 + Number(weak);
  const lane = (seed: number): number =>
    mix(mix(textHash(addressText, seed) ^ textHash(instance, seed)) ^ mix((what ^ (what / 2 ** 32)) >>> 0) ^ seed);
  return { high: lane(HIGH_SEED), low: lane(LOW_SEED) };
}

/** As membership's probes carry it. */
export function digestBytes({ high, low }: Digest): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, high);
  view.setUint32(4, low);
  return bytes;
}
