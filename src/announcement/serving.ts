import type { Endpoint } from '../inventory/endpoint.ts';
import type { ServiceRequest } from '../inventory/service-request.ts';

/** Where traffic for an address would be served. */
export type Serving =
  /** No endpoint serves, for none of the Services of the address. */
  | { readonly kind: 'nowhere'; readonly local: boolean }
  /** externalTrafficPolicy Cluster: every node forwards. */
  | { readonly kind: 'anywhere' }
  /** externalTrafficPolicy Local: only these nodes; `true` where an endpoint is ready, `false` where the last ones terminate. */
  | { readonly kind: 'local'; readonly nodes: ReadonlyMap<string, boolean> };

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

function nodesServing(endpoints: readonly Endpoint[]): ReadonlyMap<string, boolean> {
  const nodes = new Map<string, boolean>();
  for (const { node, ready, serving } of endpoints)
    if (serving && node !== undefined) nodes.set(node, ready || nodes.get(node) === true);
  return nodes;
}

function inBoth(one: ReadonlyMap<string, boolean>, other: ReadonlyMap<string, boolean>): ReadonlyMap<string, boolean> {
  const both = new Map<string, boolean>();
  for (const [node, ready] of one) {
    const otherReady = other.get(node);
    if (otherReady !== undefined) both.set(node, ready && otherReady);
  }
  return both;
}
