import type { IpAddress, IpFamily } from '../base/ip-address.ts';
import { rangeContains } from '../base/ip-range.ts';
import { anySelectorMatches, type LabelSelector, type Labels } from '../base/label-selector.ts';
import type { BgpAdvertisement, Config, L2Advertisement, Pool } from '../config/config.ts';

/** The advertisements that select a pool and a Service; which nodes they select is looked at later. */
export interface Selection {
  /** The same text for the same selection out of one configuration. */
  readonly key: string;
  readonly l2: readonly L2Advertisement[];
  readonly bgp: readonly BgpAdvertisement[];
}

/** A list of selectors where the empty one means everything, as in every advertisement and peer. */
export const selects = (selectors: readonly LabelSelector[], labels: Labels): boolean =>
  selectors.length === 0 || anySelectorMatches(selectors, labels);

/**
 * Finds the selection for a pool, by name, and the labels of a Service. A pool that the configuration does not have (an
 * address was kept when its pool went) is selected by name, and by selectors as if it had no labels.
 */
export function selectionFinder(config: Config): (pool: string | undefined, labels: Labels) => Selection {
  const { l2Advertisements, bgpAdvertisements } = config;
  const labelsOf = new Map<string | undefined, Labels>(config.pools.map(({ name, labels }) => [name, labels]));
  const byKey = new Map<string, Selection>();
  const byPool = new Map<string | undefined, { readonly selection: Selection; readonly anyService: boolean }>();

  const select = (wanted: (advertisement: L2Advertisement | BgpAdvertisement) => boolean): Selection => {
    const l2 = l2Advertisements.filter(wanted);
    const bgp = bgpAdvertisements.filter(wanted);
    const key = [
      ...l2.map((one) => l2Advertisements.indexOf(one)),
      '',
      ...bgp.map((one) => bgpAdvertisements.indexOf(one)),
    ].join();
    const selection = byKey.get(key) ?? { key, l2, bgp };
    byKey.set(key, selection);
    return selection;
  };
  const selectForPool = (pool: string | undefined): { readonly selection: Selection; readonly anyService: boolean } => {
    const selection = select((one) => selectsPool(one, pool, labelsOf.get(pool) ?? {}));
    const anyService = [...selection.l2, ...selection.bgp].every(
      ({ serviceSelectors }) => serviceSelectors.length === 0,
    );
    return { selection, anyService };
  };

  return (pool, labels) => {
    const found = byPool.get(pool) ?? selectForPool(pool);
    byPool.set(pool, found);
    const { selection, anyService } = found;
    if (anyService) return selection;
    const ofPool = new Set<L2Advertisement | BgpAdvertisement>([...selection.l2, ...selection.bgp]);
    return select((one) => ofPool.has(one) && selects(one.serviceSelectors, labels));
  };
}

function selectsPool(
  { ipAddressPools, ipAddressPoolSelectors }: L2Advertisement | BgpAdvertisement,
  pool: string | undefined,
  labels: Labels,
): boolean {
  if (ipAddressPools.length === 0 && ipAddressPoolSelectors.length === 0) return true;
  return (pool !== undefined && ipAddressPools.includes(pool)) || anySelectorMatches(ipAddressPoolSelectors, labels);
}

/** Finds the pool that contains an address, in O(log ranges): pools never overlap. */
export function poolFinder(pools: readonly Pool[]): (address: IpAddress) => Pool | undefined {
  const places = pools.flatMap((pool) => pool.ranges.map((range) => ({ pool, range })));
  const sorted = (family: IpFamily): typeof places =>
    places.filter(({ range }) => range.family === family).sort((a, b) => (a.range.first < b.range.first ? -1 : 1));
  const byFamily = { ipv4: sorted('ipv4'), ipv6: sorted('ipv6') };

  return (address) => {
    const list = byFamily[address.family];
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (list[middle]!.range.first <= address.value) low = middle + 1;
      else high = middle;
    }
    const place = list[low - 1];
    return place !== undefined && rangeContains(place.range, address) ? place.pool : undefined;
  };
}
