import { selectorMatches } from '../base/label-selector.ts';
import type { NodeReason, ServiceReason } from '../base/reason.ts';
import type { Config, L2Advertisement } from '../config/config.ts';
import type { ClusterNode } from '../inventory/node.ts';
import { type RouteShapes, routeShapes } from './route.ts';
import { type Selection, selects } from './selection.ts';

/**
 * What the configuration and the Node object say about announcing from a node, before endpoints are looked at: the same
 * for all addresses with the same advertisements, so it is computed once for thousands.
 */
export interface Footing {
  readonly node: ClusterNode;
  readonly layer2: Fitness<{ readonly interfaces: readonly string[]; readonly preference: number }>;
  readonly bgp: Fitness<RouteShapes>;
}

export type Fitness<T> =
  | { readonly kind: 'absent' }
  | { readonly kind: 'unfit'; readonly reason: NodeReason | ServiceReason }
  | { readonly kind: 'fit'; readonly how: T };

/** `selections`: of each Service that shares the address; the address may be where every one of them may. */
export function footingOf(
  selections: readonly Selection[],
  node: ClusterNode,
  config: Config,
  ignoreExcludeLb: boolean,
): Footing {
  const chosen = selections.map(({ key, l2, bgp }) => ({
    key,
    l2: l2.filter(({ nodeSelectors }) => selects(nodeSelectors, node.labels)),
    bgp: bgp.filter(({ nodeSelectors }) => selects(nodeSelectors, node.labels)),
  }));
  const barred = nodeReason(node, ignoreExcludeLb);
  return {
    node,
    layer2: barriers(selections, chosen, 'l2', barred) ?? layer2Fitness(chosen, node),
    bgp: barriers(selections, chosen, 'bgp', barred) ?? bgpFitness(chosen, node, config),
  };
}

function nodeReason(node: ClusterNode, ignoreExcludeLb: boolean): NodeReason | undefined {
  if (node.networkUnavailable) return 'node-network-unavailable';
  if (node.excluded && !ignoreExcludeLb) return 'node-excluded';
  return undefined;
}

type Barrier = Exclude<Fitness<never>, { readonly kind: 'fit' }>;

function barriers(
  selections: readonly Selection[],
  chosen: readonly Selection[],
  protocol: 'l2' | 'bgp',
  barred: NodeReason | undefined,
): Barrier | undefined {
  if (selections.every((one) => one[protocol].length === 0)) return { kind: 'absent' };
  if (selections.some((one) => one[protocol].length === 0)) return { kind: 'unfit', reason: 'no-advertisement' };
  if (barred !== undefined) return { kind: 'unfit', reason: barred };
  if (chosen.some((one) => one[protocol].length === 0)) return { kind: 'unfit', reason: 'node-not-selected' };
  return undefined;
}

function layer2Fitness(chosen: readonly Selection[], node: ClusterNode): Footing['layer2'] {
  const interfaces = chosen.map(({ l2 }) => namedInterfaces(l2)).reduce(commonInterfaces);
  if (interfaces?.length === 0) return { kind: 'unfit', reason: 'no-interface' };
  const preference = [...new Set(chosen.flatMap(({ l2 }) => l2))]
    .flatMap((one) => one.preferredNodeSelectors)
    .filter((one) => selectorMatches(one.preference, node.labels))
    .reduce((sum, { weight }) => sum + weight, 0);
  return { kind: 'fit', how: { interfaces: interfaces ?? [], preference } };
}

type Interfaces = readonly string[] | undefined;

/** What one Service allows; undefined: chosen by subnet. A name that is written beats the choice by subnet. */
function namedInterfaces(advertisements: readonly L2Advertisement[]): Interfaces {
  const names = new Set(advertisements.flatMap(({ interfaces }) => interfaces));
  return names.size === 0 ? undefined : [...names].sort();
}

function commonInterfaces(one: Interfaces, other: Interfaces): Interfaces {
  if (one === undefined || other === undefined) return one ?? other;
  return one.filter((name) => other.includes(name));
}

function bgpFitness(chosen: readonly Selection[], node: ClusterNode, config: Config): Footing['bgp'] {
  const how = routeShapes(chosen, node, config.peers);
  return how === undefined ? { kind: 'unfit', reason: 'no-peer' } : { kind: 'fit', how };
}
