import { diffVerdicts } from '../announcement/diff.ts';
import type { AddressVerdict } from '../announcement/verdict.ts';
import { type Milliseconds, ms } from '../base/clock.ts';
import { formatIpAddress } from '../base/ip-address.ts';
import type { Prefix } from '../base/prefix.ts';
import type { Config } from '../config/config.ts';
import type { RouteChange } from './driver.ts';
import { type Contribution, MergedAttributes } from './merged-attributes.ts';
import { prefixKey, type Route } from './route.ts';

export interface PeerRoutesInput {
  /** As `announcementJudge` gives them: sorted, and what did not change is the same object. */
  readonly verdicts: readonly AddressVerdict[];
  readonly config: Config;
  readonly now: Milliseconds;
}

/** A prefix, and what the addresses in it contribute, by address. */
interface Place {
  readonly prefix: Prefix;
  readonly contributions: Map<string, Contribution>;
}

/**
 * What each peer of this node is to hear, out of the verdicts, as differences: it costs what changes, not what there is.
 *
 * Several addresses may have the same aggregate: it is told while any of them may be. A drain withdraws in two steps (RFC 8326
 * §4.2): for `bgp.drainWait` the routes are the worst ones there are, so that routers move the traffic while the path still
 * works; then they go. An address that may not be announced for any other reason goes at once.
 */
export class PeerRoutes {
  readonly #node: string;
  #verdicts: readonly AddressVerdict[] = [];
  readonly #contributions = new Map<string, Contribution>();
  readonly #places = new Map<number | bigint, Place>();
  /** Addresses that a drain withdraws, and when. */
  readonly #retiring = new Map<string, Milliseconds>();
  readonly #merged = new MergedAttributes();

  constructor(node: string) {
    this.#node = node;
  }

  /** By name of the peer: what is different since the last call. */
  update({ verdicts, config, now }: PeerRoutesInput): ReadonlyMap<string, RouteChange> {
    const { changed, removed } = diffVerdicts(this.#verdicts, verdicts);
    this.#verdicts = verdicts;
    const touched: Touched = new Map();
    for (const address of removed) this.#replace(formatIpAddress(address), undefined, touched);
    for (const verdict of changed) {
      const key = formatIpAddress(verdict.address);
      this.#replace(key, this.#contributionOf(verdict, key, ms(now + config.bgp.drainWait)), touched);
    }
    for (const [key, until] of this.#retiring) if (until <= now) this.#replace(key, undefined, touched);
    return this.#changes(touched);
  }

  /** When `update` has to be called again though nothing changed: the time of something drained is over. */
  nextDue(): Milliseconds | undefined {
    return this.#retiring.size === 0 ? undefined : ms(Math.min(...this.#retiring.values()));
  }

  /** All that the peer is to hear now. */
  routesFor(peer: string): readonly Route[] {
    return [...this.#places.values()].flatMap((place) => this.#route(place, peer) ?? []);
  }

  #contributionOf({ barred, nodes }: AddressVerdict, key: string, until: Milliseconds): Contribution | undefined {
    const bgp = barred === undefined ? nodes.find(({ node }) => node === this.#node)?.bgp : undefined;
    if (bgp?.kind === 'may') return { routes: bgp.routes, weight: bgp.weight, until: undefined };
    const before = this.#contributions.get(key);
    // Nobody is using what was not announced, so there is nothing to take back gently.
    if (bgp?.kind !== 'may-not' || bgp.retiring === undefined || before === undefined) return undefined;
    return { routes: bgp.retiring, weight: before.weight, until: before.until ?? until };
  }

  #replace(key: string, now: Contribution | undefined, touched: Touched): void {
    const before = this.#contributions.get(key);
    if (now === undefined) this.#contributions.delete(key);
    else this.#contributions.set(key, now);
    if (now?.until === undefined) this.#retiring.delete(key);
    else this.#retiring.set(key, now.until);
    for (const { prefix, peers } of before?.routes ?? []) this.#touch(touched, prefix, peers).contributions.delete(key);
    if (now === undefined) return;
    for (const { prefix, peers } of now.routes) this.#touch(touched, prefix, peers).contributions.set(key, now);
  }

  #touch(touched: Touched, prefix: Prefix, peers: readonly string[]): Place {
    const key = prefixKey(prefix);
    const place = this.#places.get(key) ?? { prefix, contributions: new Map() };
    this.#places.set(key, place);
    const told = touched.get(key);
    if (told === undefined) touched.set(key, new Set(peers));
    else for (const peer of peers) told.add(peer);
    return place;
  }

  #changes(touched: Touched): ReadonlyMap<string, RouteChange> {
    const changes = new Map<string, { readonly set: Route[]; readonly remove: Prefix[] }>();
    for (const [key, peers] of touched) {
      const place = this.#places.get(key)!;
      if (place.contributions.size === 0) this.#places.delete(key);
      for (const peer of peers) {
        const change = changes.get(peer) ?? { set: [], remove: [] };
        changes.set(peer, change);
        const route = this.#route(place, peer);
        if (route === undefined) change.remove.push(place.prefix);
        else change.set.push(route);
      }
    }
    return changes;
  }

  #route({ prefix, contributions }: Place, peer: string): Route | undefined {
    const attributes = this.#merged.of(prefix, peer, contributions.values());
    return attributes && { prefix, attributes };
  }
}

/** By prefix: the peers that may hear something else of it than before. */
type Touched = Map<number | bigint, Set<string>>;
