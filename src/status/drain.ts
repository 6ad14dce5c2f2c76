import { type Answer, type ClusterAddress, clusterStatus } from './cluster-status.ts';
import type { NodeAnswer } from './report.ts';

/** How far a node's drain is: from what the speakers say, without effects. */

/**
 * The addresses that serve and that a node still holds or tells routers of: by its own word, and where it does not answer by that of the others.
 * `answers` may be narrowed to that holder.
 */
export function heldBy(answers: readonly Answer[], node: string): readonly ClusterAddress[] {
  const own = answers.filter(
    (answer) => answer.ok && answer.report.node === node && answer.report.speaker !== undefined,
  );
  const { addresses } = clusterStatus(own.length > 0 ? own : answers);
  const isTold = ({ bgp = [] }: ClusterAddress): boolean => bgp.some((one) => one.node === node && one.told.length > 0);
  return addresses.filter((one) => (one.holder === node && one.reason !== 'no-endpoints') || isTold(one));
}

/** Why a node keeps an address, from what is said of every node. */
export function whyKept({ address, nodes = [] }: ClusterAddress, node: string): string {
  const others = nodes.filter((one) => one.node !== node);
  const free = others.filter(({ reason }) => reason === undefined).map((one) => one.node);
  if (free.length > 0) return `${address}: offered to ${free.slice(0, 5).join(', ')}, not taken yet`;
  if (others.length === 0) return `${address}: there is no other node`;
  return `${address}: no other node may hold it (${others.slice(0, 5).map(describe).join(', ')})`;
}

const describe = ({ node, reason }: NodeAnswer): string => `${node}: ${reason}`;
