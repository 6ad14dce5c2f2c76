import type { ElectionCandidate } from './address.ts';
import type { AddressRecord } from './claim-table.ts';
import type { Desk } from './desk.ts';
import type { Fitness } from './facts.ts';
import { firstInRank, placeInRank } from './rank.ts';

/**
 * Who could hold an address now, as this member sees it: allowed by Kubernetes and the configuration, alive, and with an
 * interface for it. Views differ for a moment; claims settle that.
 */

/** What a node could do; `none` too when it is no member, has told no facts, or takes nothing any more. */
export function fitnessOf(desk: Desk, { address }: AddressRecord, { node, interfaces }: ElectionCandidate): Fitness {
  if (node === desk.config.node) return desk.closed ? 'none' : desk.reach.fitness(address, interfaces);
  const peer = desk.peers.get(node);
  if (peer === undefined || !peer.living || peer.facts === undefined || peer.facts.draining) return 'none';
  return peer.reach.fitness(address, interfaces);
}

type Accept = (candidate: ElectionCandidate) => boolean;
const anybody: Accept = () => true;

/** Better first: only where nobody has the one does the next count. */
const LEVELS: readonly Fitness[] = ['covers', 'cut', 'guess'];

/** The best fitness that any candidate has, and the first in rank of those who have it. */
export function successor(
  desk: Desk,
  record: AddressRecord,
  accept: Accept = anybody,
): { readonly first: ElectionCandidate; readonly fitness: Fitness } | undefined {
  const candidates = record.wanted?.candidates ?? [];
  for (const fitness of LEVELS) {
    const first = firstInRank(
      record.text,
      candidates,
      (candidate) => accept(candidate) && fitnessOf(desk, record, candidate) === fitness,
    );
    if (first !== undefined) return { first, fitness };
  }
  return undefined;
}

/** How many candidates of that fitness come before this node, counted up to `most`; undefined: it has not that fitness itself. */
export function placeOf(desk: Desk, record: AddressRecord, fitness: Fitness, most: number): number | undefined {
  const candidates = record.wanted?.candidates ?? [];
  const own = candidates.find(({ node }) => node === desk.config.node);
  if (own === undefined || fitnessOf(desk, record, own) !== fitness) return undefined;
  return placeInRank(record.text, candidates, own, (other) => fitnessOf(desk, record, other) === fitness, most);
}
