import type { Candidate } from '../announcement/verdict.ts';
import { formatIpAddress, type IpAddress } from '../base/ip-address.ts';
import type { Reason } from '../base/reason.ts';
import { HIGH_SEED, LOW_SEED, mix, textHash } from './hash.ts';

/**
 * Who claims an address next: the candidates, best first. Every node that knows the same candidates gets the same answer,
 * and that answer is part of the protocol: speakers of two versions run beside each other in every upgrade, so the order
 * must never change (test/election/rank.test.ts holds it in golden vectors).
 *
 * In this order of weight: nodes that stay before nodes that are leaving; nodes with a *ready* local endpoint before nodes
 * with only a terminating one (or a preference would keep traffic on a node where it is about to end); the higher sum of
 * preferences; then a rendezvous hash (highest random weight) of address and node, which spreads addresses evenly and, when a
 * node goes, moves only the addresses of that node; at last the name.
 *
 * Rank only proposes; a claim that exists is never decided by it.
 *
 * Standards: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates" (1998), for the hash.
 */
export function rankCandidates<T extends Candidate>(address: IpAddress, candidates: readonly T[]): readonly T[] {
  const text = formatIpAddress(address);
  const high = textHash(text, HIGH_SEED);
  const low = textHash(text, LOW_SEED);
  return candidates
    .map((candidate) => ({
      candidate,
      high: mix(high ^ textHash(candidate.node, HIGH_SEED)),
      low: mix(low ^ textHash(candidate.node, LOW_SEED)),
    }))
    .sort((a, b) => compareTiers(a.candidate, b.candidate) || b.high - a.high || b.low - a.low || byName(a, b))
    .map(({ candidate }) => candidate);
}

const compareTiers = (a: Candidate, b: Candidate): number =>
  Number(a.leaving) - Number(b.leaving) || Number(b.ready) - Number(a.ready) || b.preference - a.preference;

const byName = (a: { candidate: Candidate }, b: { candidate: Candidate }): number =>
  a.candidate.node < b.candidate.node ? -1 : 1;

/** Why a candidate is not the holder, where another one is. */
export const passedOver = ({ leaving }: Candidate): PassedOver => (leaving ? 'node-leaving' : 'not-elected');
type PassedOver = Extract<Reason, 'node-leaving' | 'not-elected'>;

/** Of a node that may hold the address, and does not: nothing is to be done about it. */
export const isPassedOver = (reason: Reason | undefined): reason is PassedOver =>
  reason === 'node-leaving' || reason === 'not-elected';

/**
 * The first of those that `accept` lets pass, without sorting: `accept` is asked only of candidates that are better than
 * the best one found so far, since it costs more than the hash.
 */
export function firstInRank<T extends Candidate>(
  addressText: string,
  candidates: readonly T[],
  accept: (candidate: T) => boolean,
): T | undefined {
  const high = textHash(addressText, HIGH_SEED);
  const low = textHash(addressText, LOW_SEED);
  let best: T | undefined;
  let bestHigh = 0;
  let bestLow = 0;
  for (const candidate of candidates) {
    const tier = best === undefined ? -1 : compareTiers(candidate, best);
    if (tier > 0) continue;
    const hash = nodeHash(candidate.node);
    const ownHigh = mix(high ^ hash.high);
    const ownLow = mix(low ^ hash.low);
    const before =
      best === undefined ||
      (tier || bestHigh - ownHigh || bestLow - ownLow || (candidate.node < best.node ? -1 : 1)) < 0;
    if (!before || !accept(candidate)) continue;
    best = candidate;
    bestHigh = ownHigh;
    bestLow = ownLow;
  }
  return best;
}

/** How many that `accept` lets pass come before that one; counted up to `most`. */
export function placeInRank<T extends Candidate>(
  addressText: string,
  candidates: readonly T[],
  of: T,
  accept: (candidate: T) => boolean,
  most: number,
): number {
  const high = textHash(addressText, HIGH_SEED);
  const low = textHash(addressText, LOW_SEED);
  const own = nodeHash(of.node);
  const ownHigh = mix(high ^ own.high);
  const ownLow = mix(low ^ own.low);
  let place = 0;
  for (const candidate of candidates) {
    if (candidate === of) continue;
    const hash = nodeHash(candidate.node);
    const before =
      compareTiers(candidate, of) ||
      ownHigh - mix(high ^ hash.high) ||
      ownLow - mix(low ^ hash.low) ||
      (candidate.node < of.node ? -1 : 1);
    if (before < 0 && accept(candidate) && ++place >= most) return place;
  }
  return place;
}

/** Hashing the names is most of the work, and they are always the same. */
const nodeHashes = new Map<string, { readonly high: number; readonly low: number }>();
const MOST_NODE_HASHES = 10_000;

function nodeHash(node: string): { readonly high: number; readonly low: number } {
  const known = nodeHashes.get(node);
  if (known !== undefined) return known;
  if (nodeHashes.size >= MOST_NODE_HASHES) nodeHashes.clear();
  const made = { high: textHash(node, HIGH_SEED), low: textHash(node, LOW_SEED) };
  nodeHashes.set(node, made);
  return made;
}
