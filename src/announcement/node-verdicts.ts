import type { IpAddress } from '../base/ip-address.ts';
import type { NodeReason, ServiceReason } from '../base/reason.ts';
import type { ClusterNode } from '../inventory/node.ts';
import type { Fitness, Footing } from './footing.ts';
import { type RouteShapes, routesOf } from './route.ts';
import type { Serving } from './serving.ts';
import type { BgpVerdict, NodeVerdict } from './verdict.ts';

/**
 * Joins what configuration and Nodes allow with where the endpoints are, for all nodes at once: the last two rules, about
 * ready endpoints and about drains, look at what the other nodes can do. `weighted`: endpoints are counted, for weighted ECMP.
 */
export function nodeVerdicts(
  footings: readonly Footing[],
  serving: Serving,
  address: IpAddress,
  weighted: boolean,
): readonly NodeVerdict[] {
  const layer2 = leaveDraining(footings.map(({ node, layer2: fitness }) => standing(node, fitness, serving)));
  const bgp = leaveDraining(
    leaveUnready(footings.map(({ node, bgp: fitness }) => standing(node, fitness, serving, 'no-endpoints'))),
  );
  return footings.map(({ node }, i): NodeVerdict => {
    const here = layer2[i]!;
    const there = bgp[i]!;
    return {
      node: node.name,
      layer2:
        here.kind === 'may'
          ? {
              kind: 'may',
              interfaces: here.how.interfaces,
              candidate: {
                node: node.name,
                preference: here.how.preference,
                leaving: node.leaving,
                ready: here.ready,
              },
            }
          : here.kind === 'may-not'
            ? { kind: 'may-not', reason: here.reason }
            : here,
      bgp: bgpVerdict(
        there,
        address,
        weighted && serving.kind === 'local' ? serving.nodes.get(node.name)?.endpoints : undefined,
      ),
    };
  });
}

function bgpVerdict(standing: Standing<RouteShapes>, address: IpAddress, weight: number | undefined): BgpVerdict {
  if (standing.kind === 'may') return { kind: 'may', routes: routesOf(standing.how[address.family], address), weight };
  if (standing.kind === 'absent' || standing.how === undefined) return standing;
  return { kind: 'may-not', reason: standing.reason, retiring: routesOf(standing.how[address.family], address) };
}

type Standing<T> =
  | { readonly kind: 'absent' }
  /** `how`: only the drain speaks against it. */
  | { readonly kind: 'may-not'; readonly reason: NodeReason | ServiceReason; readonly how?: T }
  | { readonly kind: 'may'; readonly node: ClusterNode; readonly how: T; readonly ready: boolean };

/** `nowhere`: why a node may not when nothing serves at all; undefined: it may, so that the holder to be can prepare. */
function standing<T>(node: ClusterNode, fitness: Fitness<T>, serving: Serving, nowhere?: ServiceReason): Standing<T> {
  if (fitness.kind === 'absent') return fitness;
  if (serving.kind === 'nowhere' && nowhere !== undefined) return { kind: 'may-not', reason: nowhere };
  const ready = isReady(serving, node.name);
  if (ready === undefined) return { kind: 'may-not', reason: 'no-local-endpoints' };
  if (fitness.kind === 'unfit') return { kind: 'may-not', reason: fitness.reason };
  return { kind: 'may', node, how: fitness.how, ready };
}

/** Undefined: no endpoint of this node serves, and only its own would do. */
function isReady(serving: Serving, node: string): boolean | undefined {
  switch (serving.kind) {
    case 'anywhere':
      return true;
    case 'nowhere':
      return !serving.local;
    case 'local':
      return serving.nodes.get(node)?.ready;
  }
}

/** BGP and Local: routers spread flows over all that announce, so a node whose endpoints all terminate leaves as soon as another is ready. */
function leaveUnready<T>(standings: readonly Standing<T>[]): readonly Standing<T>[] {
  if (!standings.some((one) => one.kind === 'may' && one.ready)) return standings;
  return standings.map((one) =>
    one.kind === 'may' && !one.ready ? { kind: 'may-not', reason: 'no-local-endpoints' } : one,
  );
}

/** A drain is a wish, not an outage: a draining node is barred only while another, at least as ready, can take over. */
function leaveDraining<T>(standings: readonly Standing<T>[]): readonly Standing<T>[] {
  const others = standings.filter((one) => one.kind === 'may' && !one.node.draining);
  return standings.map((one) => {
    if (one.kind !== 'may' || !one.node.draining) return one;
    const taken = others.some((other) => other.kind === 'may' && (other.ready || !one.ready));
    return taken ? { kind: 'may-not', reason: 'node-draining', how: one.how } : one;
  });
}
