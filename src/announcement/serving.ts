import type { Endpoint } from '../inventory/endpoint.ts';
import type { ServiceRequest } from '../inventory/service-request.ts';

/** Where traffic for an address would be served. */
export type Serving =
  /** No endpoint serves, for none of the Services of the address. */
  | { readonly kind: 'nowhere'; readonly local: boolean }
  /** externalTrafficPolicy Cluster: every node forwards. */
  | { readonly kind: 'anywhere' }
  /** externalTrafficPolicy Local: only these nodes. */
  | { readonly kind: 'local'; readonly nodes: ReadonlyMap<string, LocalServing> };

export interface LocalServing {
  /** False: the last endpoints terminate. */
  readonly ready: boolean;
  /** Endpoints that get the traffic, as kube-proxy does it: the ready ones, and only without any those that terminate. */
  readonly endpoints: number;
}

const anywhere: Serving = { kind: 'anywhere' };
const nowhere: Serving = { kind: 'nowhere', local: false };
const nowhereLocal: Serving = { kind: 'nowhere', local: true };

/**
 * For a shared address: the nodes where every one of its Services is served. A Service without any serving endpoint has no
 * say as long as another one serves: a broken Service must not take its healthy neighbour off the network.
 * `endpoints`: one list for each of `services`.
 */
export function servingOf(services: readonly ServiceRequest[], endpoints: readonly (readonly Endpoint[])[]): Serving {
  const alive = services.filter((_, i) => endpoints[i]!.some(({ serving }) => serving));
  if (alive.length === 0) return services.some(isLocal) ? nowhereLocal : nowhere;
  if (!alive.some(isLocal)) return anywhere;
  const nodes = services.flatMap((service, i) =>
    alive.includes(service) && isLocal(service) ? [nodesServing(endpoints[i]!)] : [],
  );
  return { kind: 'local', nodes: nodes.reduce(inBoth) };
}

const isLocal = ({ externalTrafficPolicy }: ServiceRequest): boolean => externalTrafficPolicy === 'Local';

function nodesServing(endpoints: readonly Endpoint[]): ReadonlyMap<string, LocalServing> {
  const nodes = new Map<string, LocalServing>();
  for (const { node, ready, serving } of endpoints) {
    if (!serving || node === undefined) continue;
    const before = nodes.get(node);
    if (before?.ready === ready) nodes.set(node, { ready, endpoints: before.endpoints + 1 });
    else if (ready || before === undefined) nodes.set(node, { ready, endpoints: 1 });
  }
  return nodes;
}

/** Of the Services that share an address, the one with the fewest endpoints is what the node can bear. */
function inBoth(
  one: ReadonlyMap<string, LocalServing>,
  other: ReadonlyMap<string, LocalServing>,
): ReadonlyMap<string, LocalServing> {
  const both = new Map<string, LocalServing>();
  for (const [node, { ready, endpoints }] of one) {
    const there = other.get(node);
    if (there !== undefined)
      both.set(node, { ready: ready && there.ready, endpoints: Math.min(endpoints, there.endpoints) });
  }
  return both;
}
