import { unionOf } from '../announcement/route.ts';
import type { BgpRoute } from '../announcement/verdict.ts';
import type { Milliseconds } from '../base/clock.ts';
import type { Prefix } from '../base/prefix.ts';
import type { Community } from '../config/config.ts';
import type { RouteAttributes } from './route.ts';

/** What one address contributes to what this node announces. */
export interface Contribution {
  readonly routes: readonly BgpRoute[];
  readonly weight: number | undefined;
  /** In a drain: withdrawn then, and until then announced as a path that is about to go. */
  readonly until: Milliseconds | undefined;
}

/** RFC 8326 §5, IANA "BGP Well-known Communities". */
const GRACEFUL_SHUTDOWN: Community = { kind: 'standard', value: 0xffff_0000 };

/** What is said of a prefix to which several addresses contribute; the same object for the same, where that is cheap. */
export class MergedAttributes {
  /** By the list of communities, which all addresses with the same advertisements have in common. */
  readonly #known = new WeakMap<readonly Community[], Merged[]>();

  /**
   * Communities of all, the highest preference, the sum of the weights (none where one has none: what is served through
   * every node has no share). What retires counts only where nothing else is left: then the route gets the community
   * and the preference of a graceful shutdown (RFC 8326 §4.2). Undefined: nothing is left for this peer.
   */
  of(prefix: Prefix, peer: string, contributions: Iterable<Contribution>): RouteAttributes | undefined {
    const staying: Said[] = [];
    const retiring: Said[] = [];
    for (const { routes, weight, until } of contributions)
      for (const route of routes)
        if (route.prefix.length === prefix.length && route.peers.includes(peer))
          (until === undefined ? staying : retiring).push({ route, weight });
    if (staying.length > 0) return this.#merge(staying, false);
    return retiring.length > 0 ? this.#merge(retiring, true) : undefined;
  }

  #merge(said: readonly Said[], retiring: boolean): RouteAttributes {
    const [first, ...others] = said;
    let { communities, localPref } = first!.route;
    let { weight } = first!;
    for (const { route, weight: more } of others) {
      if (route.communities !== communities) communities = unionOf([communities, route.communities]);
      if (route.localPref !== undefined) localPref = Math.max(route.localPref, localPref ?? 0);
      weight = weight === undefined || more === undefined ? undefined : weight + more;
    }
    return this.#intern({ communities, localPref, weight, retiring });
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

/** What one address says of a prefix. */
interface Said {
  readonly route: BgpRoute;
  readonly weight: number | undefined;
}

interface Merged {
  readonly communities: readonly Community[];
  readonly localPref: number | undefined;
  readonly weight: number | undefined;
  readonly retiring: boolean;
  readonly attributes: RouteAttributes;
}
