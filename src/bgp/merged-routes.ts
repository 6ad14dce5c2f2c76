import { unionOf } from '../announcement/route.ts';
import type { BgpRoute } from '../announcement/verdict.ts';
import type { Milliseconds } from '../base/clock.ts';
import type { Prefix } from '../base/prefix.ts';
import type { Community } from '../config/config.ts';
import type { Route, RouteAttributes } from './route.ts';

/** What one address contributes to what this node announces. */
export interface Contribution {
  readonly routes: readonly BgpRoute[];
  readonly weight: number | undefined;
  /** In a drain: withdrawn then, and until then announced as a path that is about to go. */
  readonly until: Milliseconds | undefined;
}

/** RFC 8326 §5, IANA "BGP Well-known Communities". */
const GRACEFUL_SHUTDOWN: Community = { kind: 'standard', value: 0xffff_0000 };

/** What is said of a prefix to which one or several addresses contribute. */
export class MergedRoutes {
  /** The same object for the same, by the list of communities, which addresses with the same advertisements have in common. */
  readonly #known = new WeakMap<readonly Community[], Merged[]>();

  /** Who of `peers` hears what of the prefix; those that hear nothing are not named. */
  routesTo(peers: readonly string[], prefix: Prefix, contributions: Iterable<Contribution>): readonly RouteTo[] {
    const said: Said[] = [];
    for (const contribution of contributions)
      for (const route of contribution.routes)
        if (route.prefix.length === prefix.length) said.push({ route, contribution });
    const [only] = said;
    if (only === undefined) return [];
    if (said.length === 1) {
      const to = only.route.peers === peers ? peers : only.route.peers.filter((peer) => peers.includes(peer));
      return to.length === 0 ? [] : [{ to, route: { prefix, attributes: this.#merge(said) } }];
    }
    return peers.flatMap((peer) => {
      const heard = said.filter(({ route }) => route.peers.includes(peer));
      return heard.length === 0 ? [] : [{ to: [peer], route: { prefix, attributes: this.#merge(heard) } }];
    });
  }

  /**
   * Communities of all, the highest preference, the sum of the weights (none where one has none: what is served through
   * every node has no share). What retires counts only where nothing else is left: then the route gets the community
   * and the preference of a graceful shutdown (RFC 8326 §4.2).
   */
  #merge(said: readonly Said[]): RouteAttributes {
    const staying = said.filter(({ contribution }) => contribution.until === undefined);
    const [first, ...others] = staying.length > 0 ? staying : said;
    let { communities, localPref } = first!.route;
    let { weight } = first!.contribution;
    for (const { route, contribution } of others) {
      if (route.communities !== communities) communities = unionOf([communities, route.communities]);
      if (route.localPref !== undefined) localPref = Math.max(route.localPref, localPref ?? 0);
      weight = weight === undefined || contribution.weight === undefined ? undefined : weight + contribution.weight;
    }
    return this.#intern({ communities, localPref, weight, retiring: staying.length === 0 });
  }

  #intern(wanted: Omit<Merged, 'attributes'>): RouteAttributes {
    const { communities, localPref, weight, retiring } = wanted;
    const known = this.#known.get(communities) ?? [];
    this.#known.set(communities, known);
    const found = known.find(
      (one) => one.localPref === localPref && one.weight === weight && one.retiring === retiring,
    );
    if (found !== undefined) return found.attributes;
    const attributes: RouteAttributes = {
      communities: retiring ? unionOf([communities, [GRACEFUL_SHUTDOWN]]) : communities,
      localPref: retiring ? 0 : localPref,
      linkBandwidth: weight,
    };
    known.push({ ...wanted, attributes });
    return attributes;
  }
}

export interface RouteTo {
  readonly to: readonly string[];
  readonly route: Route;
}

/** What one address says of the prefix. */
interface Said {
  readonly route: BgpRoute;
  readonly contribution: Contribution;
}

interface Merged {
  readonly communities: readonly Community[];
  readonly localPref: number | undefined;
  readonly weight: number | undefined;
  readonly retiring: boolean;
  readonly attributes: RouteAttributes;
}
