import type { Verdicts } from '../announcement/judge.ts';
import type { AddressVerdict } from '../announcement/verdict.ts';
import { type Milliseconds, ms } from '../base/clock.ts';
import { bitsOf, type IpAddress, ipAddressIn } from '../base/ip-address.ts';
import type { Prefix } from '../base/prefix.ts';
import { Follower, TrackedMap } from '../base/tracked-map.ts';
import type { Config } from '../config/config.ts';
import type { RouteChange } from './driver.ts';
import { type Contribution, MergedRoutes } from './merged-routes.ts';
import { prefixKey, type Route } from './route.ts';

export interface PeerRoutesInput {
  readonly verdicts: Verdicts;
  readonly config: Config;
  readonly now: Milliseconds;
}

/** Addresses and prefixes by `prefixKey`, an address as the prefix that holds nothing else. */
type Key = number | bigint;

/**
 * What each peer of this node is to hear, out of the verdicts, as differences: it costs what changes, not what there is.
 *
 * Several addresses may have the same aggregate: it is told while any of them may be. A drain withdraws in two steps (RFC 8326
 * §4.2): for `bgp.drainWait` the routes are the worst ones there are, so that routers move the traffic while the path still
 * works; then they go. An address that may not be announced for any other reason goes at once.
 */
export class PeerRoutes {
  readonly #node: string;
  readonly #verdicts = new Follower<string, AddressVerdict>();
  /** By address. */
  readonly #contributions = new Map<Key, Contribution>();
  /** By aggregate, what its addresses contribute. A host route has one address, so it needs no list. */
  readonly #aggregates = new Map<Key, Set<Contribution>>();
  /** Addresses that a drain withdraws, as text. */
  readonly #retiring = new Map<string, Contribution>();
  readonly #addressees = new TrackedMap<string, readonly string[]>();
  readonly #merged = new MergedRoutes();

  constructor(node: string) {
    this.#node = node;
  }

  /** By name of the peer: what is different since the last call. */
  update({ verdicts, config, now }: PeerRoutesInput): ReadonlyMap<string, RouteChange> {
    const touched = new Map<Key, Touched>();
    const until = ms(now + config.bgp.drainWait);
    for (const text of this.#verdicts.changed(verdicts)) {
      const verdict = verdicts.get(text);
      const address = verdict?.address ?? ipAddressIn(text);
      this.#replace(text, address, verdict && this.#contributionOf(verdict, until), touched);
    }
    this.#verdicts.seen();
    for (const [text, { until }] of this.#retiring)
      if (until !== undefined && until <= now) this.#replace(text, ipAddressIn(text), undefined, touched);
    return this.#changes(touched);
  }

  /** When `update` has to be called again though nothing changed: the time of something drained is over. */
  nextDue(): Milliseconds | undefined {
    let due = Number.POSITIVE_INFINITY;
    for (const { until } of this.#retiring.values()) due = Math.min(due, until ?? due);
    return due === Number.POSITIVE_INFINITY ? undefined : ms(due);
  }

  /**
   * By address as text, the names of those that are to know it now, sorted, be it that a drain withdraws it in a while. Always
   * the same map, changed in place.
   */
  get addressees(): ReadonlyMap<string, readonly string[]> {
    return this.#addressees;
  }

  /** All that the peer is to hear now. */
  routesFor(peer: string): readonly Route[] {
    const prefixes = new Map<Key, Prefix>();
    for (const { routes } of this.#contributions.values())
      for (const { prefix, peers } of routes) if (peers.includes(peer)) prefixes.set(prefixKey(prefix), prefix);
    return [...prefixes].flatMap(([key, prefix]) =>
      this.#merged.routesTo([peer], prefix, this.#contributionsTo(key)).map(({ route }) => route),
    );
  }

  #contributionOf({ address, barred, nodes }: AddressVerdict, until: Milliseconds): Contribution | undefined {
    const bgp = barred === undefined ? nodes.find(({ node }) => node === this.#node)?.bgp : undefined;
    if (bgp?.kind === 'may') return { routes: bgp.routes, weight: bgp.weight, until: undefined };
    if (bgp?.kind !== 'may-not' || bgp.retiring === undefined) return undefined;
    const before = this.#contributions.get(keyOf(address));
    // Nobody uses what was not announced, so there is nothing to take back gently.
    if (before === undefined) return undefined;
    return { routes: bgp.retiring, weight: before.weight, until: before.until ?? until };
  }

  /** `text` and `address` are the same: whoever has the address spares reading it, for each of ten thousand at a start. */
  #replace(text: string, address: IpAddress, now: Contribution | undefined, touched: Map<Key, Touched>): void {
    const key = keyOf(address);
    const before = this.#contributions.get(key);
    if (now === undefined) this.#contributions.delete(key);
    else this.#contributions.set(key, now);
    if (now === undefined) this.#addressees.delete(text);
    else this.#addressees.set(text, peersOf(now));
    if (now?.until === undefined) this.#retiring.delete(text);
    else this.#retiring.set(text, now);
    if (before !== undefined) this.#touch(before, touched, (aggregate) => aggregate.delete(before));
    if (now !== undefined) this.#touch(now, touched, (aggregate) => aggregate.add(now));
  }

  #touch(
    { routes }: Contribution,
    touched: Map<Key, Touched>,
    changeAggregate: (aggregate: Set<Contribution>) => void,
  ): void {
    for (const { prefix, peers } of routes) {
      const key = prefixKey(prefix);
      const before = touched.get(key);
      if (before === undefined) touched.set(key, { prefix, peers });
      else if (before.peers !== peers) before.peers = [...new Set([...before.peers, ...peers])];
      if (isHost(prefix)) continue;
      const aggregate = this.#aggregates.get(key) ?? new Set();
      changeAggregate(aggregate);
      if (aggregate.size === 0) this.#aggregates.delete(key);
      else this.#aggregates.set(key, aggregate);
    }
  }

  #contributionsTo(key: Key): Iterable<Contribution> {
    const own = this.#contributions.get(key);
    return own === undefined ? (this.#aggregates.get(key) ?? []) : [own];
  }

  #changes(touched: ReadonlyMap<Key, Touched>): ReadonlyMap<string, RouteChange> {
    const changes = new Map<string, { readonly set: Route[]; readonly remove: Prefix[] }>();
    const changeOf = (peer: string): { readonly set: Route[]; readonly remove: Prefix[] } => {
      const change = changes.get(peer) ?? { set: [], remove: [] };
      changes.set(peer, change);
      return change;
    };
    for (const [key, { prefix, peers }] of touched) {
      const said = this.#merged.routesTo(peers, prefix, this.#contributionsTo(key));
      for (const { route, to } of said) for (const peer of to) changeOf(peer).set.push(route);
      for (const peer of peers) if (!said.some(({ to }) => to.includes(peer))) changeOf(peer).remove.push(prefix);
    }
    return changes;
  }
}

/** A prefix, and the peers that may hear something else of it than before. */
interface Touched {
  readonly prefix: Prefix;
  peers: readonly string[];
}

const keyOf = (address: IpAddress): Key => prefixKey({ address, length: bitsOf(address.family) });

/** The same list for all addresses that are told by one advertisement. */
function peersOf({ routes }: Contribution): readonly string[] {
  const [{ peers } = { peers: [] }, ...others] = routes;
  return others.every((other) => other.peers === peers)
    ? peers
    : [...new Set(routes.flatMap((route) => route.peers))].sort();
}

const isHost = ({ address: { family }, length }: Prefix): boolean => length === bitsOf(family);
