import type { Candidate } from '../announcement/verdict.ts';
import { formatIpAddress, type IpAddress } from '../base/ip-address.ts';

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
export function rankCandidates(address: IpAddress, candidates: readonly Candidate[]): readonly Candidate[] {
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

// Two independent lanes of 32 bits make the weight of 64. A cryptographic hash would spread as well but costs far more,
// and this runs in the thread that answers ARP, for every address of a node that died.
const HIGH_SEED = 0x811c9dc5;
const LOW_SEED = 0x9e3779b9;

/** FNV-1a over the code units (names and addresses are ASCII), finished by `mix`. */
function textHash(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix(hash);
}

/** The 32-bit finaliser of MurmurHash3: every bit of the input reaches every bit of the output. */
function mix(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
