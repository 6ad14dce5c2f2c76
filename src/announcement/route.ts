import { bitsOf, type IpAddress, type IpFamily } from '../base/ip-address.ts';
import { prefixOf } from '../base/prefix.ts';
import type { BgpAdvertisement, Community, Peer } from '../config/config.ts';
import type { ClusterNode } from '../inventory/node.ts';
import { type Selection, selects } from './selection.ts';
import type { BgpRoute } from './verdict.ts';

/** A route before the address is known: the length stands for the prefix. */
export interface RouteShape extends Omit<BgpRoute, 'prefix'> {
  readonly length: number;
}

export const routesOf = (shapes: readonly RouteShape[], address: IpAddress): readonly BgpRoute[] =>
  shapes.map(({ length, peers, localPref, communities }) => ({
    prefix: prefixOf(address, length),
    peers,
    localPref,
    communities,
  }));

/** What a node would say to its peers about an address of either family. */
export type RouteShapes = Readonly<Record<IpFamily, readonly RouteShape[]>>;

/**
 * Of a shared address a peer hears only where every one of its Services has an advertisement that reaches the peer.
 * Undefined: no peer is left. `selections` hold only the advertisements that select this node.
 */
export function routeShapes(
  selections: readonly Selection[],
  node: ClusterNode,
  peers: readonly Peer[],
): RouteShapes | undefined {
  const here = peers.filter(({ nodeSelectors }) => selects(nodeSelectors, node.labels)).map(({ name }) => name);
  const reached = here.filter((peer) => selections.every(({ bgp }) => bgp.some((one) => reaches(one, peer))));
  if (reached.length === 0) return undefined;
  const advertisements = [...new Set(selections.flatMap(({ bgp }) => bgp))];
  return { ipv4: shapesOf('ipv4', advertisements, reached), ipv6: shapesOf('ipv6', advertisements, reached) };
}

const reaches = ({ peers }: BgpAdvertisement, peer: string): boolean => peers.length === 0 || peers.includes(peer);

const lengthOf = (one: BgpAdvertisement, family: IpFamily): number =>
  Math.min(bitsOf(family), family === 'ipv4' ? one.aggregationLength : one.aggregationLengthV6);

function shapesOf(
  family: IpFamily,
  advertisements: readonly BgpAdvertisement[],
  peers: readonly string[],
): RouteShape[] {
  const shapes = new Map<string, RouteShape>();
  for (const length of new Set(advertisements.map((one) => lengthOf(one, family))))
    for (const peer of peers) {
      const given = advertisements.filter((one) => lengthOf(one, family) === length && reaches(one, peer));
      if (given.length === 0) continue;
      const localPref = highestOf(given.map((one) => one.localPref));
      const communities = unionOf(given.map((one) => one.communities));
      // Peers that are told the same are one route; where attributes differ, each has its own.
      const key = `${length} ${localPref} ${communities.map(communityKey).join()}`;
      const others = shapes.get(key)?.peers ?? [];
      shapes.set(key, { length, peers: [...others, peer].sort(), localPref, communities });
    }
  return [...shapes.values()].sort((a, b) => a.length - b.length || (a.peers[0]! < b.peers[0]! ? -1 : 1));
}

/** Different ones are a problem that config reports; here all nodes must only agree on one. */
function highestOf(values: readonly (number | undefined)[]): number | undefined {
  const given = values.filter((value) => value !== undefined);
  return given.length === 0 ? undefined : Math.max(...given);
}

/** Without repetitions, in ascending order. */
export const unionOf = (lists: readonly (readonly Community[])[]): readonly Community[] =>
  [...new Map(lists.flat().map((one) => [communityKey(one), one])).values()].sort((a, b) =>
    communityKey(a) < communityKey(b) ? -1 : 1,
  );

const hex = (value: number): string => value.toString(16).padStart(8, '0');

/** Sorts like the numbers do, standard communities before large ones. */
export const communityKey = (one: Community): string =>
  one.kind === 'standard' ? hex(one.value) : `large:${hex(one.global)}:${hex(one.local1)}:${hex(one.local2)}`;
