import type { IpFamily } from '../base/ip-address.ts';
import { formatIpRange, prefixesOfRange } from '../base/ip-range.ts';
import { anySelectorMatches } from '../base/label-selector.ts';
import { didYouMean } from './closest.ts';
import {
  COMMUNITY_FORMS,
  looksLikeCommunity,
  parseCommunity,
  parseLegacyCommunity,
  parseNumericCommunity,
  wellKnownNames,
} from './community.ts';
import type { BgpAdvertisement, Community, L2Advertisement, Pool } from './config.ts';
import { type Dialect, type Element, type Findings, nameOf } from './element.ts';
import { sureToShareNode } from './fields.ts';
import type { BgpAdvertisementDraft, L2AdvertisementDraft } from './schema.ts';

/** Advertisements: their references, aggregates and local preferences, with everything that they select at hand. */
export interface Surroundings {
  /** The good ones. */
  readonly pools: readonly Pool[];
  /** Names that stand in the text, of bad elements too: naming one of those is no fault of the advertisement. */
  readonly poolNames: ReadonlySet<string>;
  readonly peerNames: ReadonlySet<string>;
  /** Aliases; `undefined` for a bad one. */
  readonly communities: ReadonlyMap<string, Community | undefined>;
  /** MetalLB 0.12 knows no large communities and does not compare localPref; no MetalLB knows communities by name. */
  readonly dialect: Dialect;
}

type PoolSelection = Pick<L2Advertisement, 'ipAddressPools' | 'ipAddressPoolSelectors'>;

/** Named, or matched by its labels; an advertisement that says neither selects every pool. */
export function advertisementSelects({ ipAddressPools, ipAddressPoolSelectors }: PoolSelection, pool: Pool): boolean {
  if (ipAddressPools.length === 0 && ipAddressPoolSelectors.length === 0) return true;
  return ipAddressPools.includes(pool.name) || anySelectorMatches(ipAddressPoolSelectors, pool.labels);
}

export function judgeL2Advertisements(
  drafts: readonly (readonly [Element, L2AdvertisementDraft])[],
  around: Surroundings,
  findings: Findings,
): L2Advertisement[] {
  return drafts.flatMap(([element, draft]) => {
    reportUnknownPools(element, draft, around, findings);
    if (findings.isBad(element)) return [];
    return [
      {
        ...commonOf(element, draft),
        interfaces: [...new Set(draft.interfaces)],
        preferredNodeSelectors: draft.preferredNodeSelectors ?? [],
      },
    ];
  });
}

export function judgeBgpAdvertisements(
  drafts: readonly (readonly [Element, BgpAdvertisementDraft])[],
  around: Surroundings,
  findings: Findings,
): BgpAdvertisement[] {
  const earlier: Earlier = { byPool: new Map(), everyPool: [] };
  const widest = new Map<Pool, Readonly<Record<IpFamily, number>>>();
  const seen = new Map<string, Element>();
  const good: BgpAdvertisement[] = [];
  for (const [element, draft] of drafts) {
    reportUnknownPools(element, draft, around, findings);
    reportUnknownPeers(element, draft, around, findings);
    const communities = communitiesOf(element, draft, around, findings);
    if (findings.isBad(element)) continue;
    const advertisement: BgpAdvertisement = {
      ...commonOf(element, draft),
      aggregationLength: draft.aggregationLength,
      aggregationLengthV6: draft.aggregationLengthV6,
      localPref: draft.localPref,
      communities,
      peers: draft.peers ?? [],
    };
    const said = JSON.stringify({ ...advertisement, name: '' });
    const twin = seen.get(said);
    if (twin !== undefined) {
      const message = `${findings.called(element)} says the same as ${findings.called(twin)} (${findings.lineOf(twin)})`;
      findings.report(element, 'duplicate-advertisement', [], message, 'Remove one of them.');
      continue;
    }
    const everyPool = advertisement.ipAddressPools.length === 0 && advertisement.ipAddressPoolSelectors.length === 0;
    const selected = everyPool
      ? around.pools
      : around.pools.filter((pool) => advertisementSelects(advertisement, pool));
    reportAggregation(element, advertisement, selected, widest, findings);
    const mine: Judged = { element, advertisement, selected: new Set(selected) };
    // MetalLB 0.12 takes several, and whichever comes first is sent.
    if (around.dialect !== 'metallb-legacy') reportLocalPref(mine, everyPool, earlier, around.dialect, findings);
    if (findings.isBad(element)) continue;
    seen.set(said, element);
    if (everyPool) earlier.everyPool.push(mine);
    else for (const pool of selected) earlier.byPool.set(pool, [...(earlier.byPool.get(pool) ?? []), mine]);
    good.push(advertisement);
  }
  return good;
}

function commonOf(element: Element, draft: L2AdvertisementDraft | BgpAdvertisementDraft) {
  return {
    name: nameOf(element)!,
    ipAddressPools: draft.ipAddressPools ?? [],
    ipAddressPoolSelectors: draft.ipAddressPoolSelectors ?? [],
    nodeSelectors: draft.nodeSelectors ?? [],
    serviceSelectors: draft.serviceSelectors ?? [],
  };
}

function reportUnknownPools(
  element: Element,
  draft: L2AdvertisementDraft | BgpAdvertisementDraft,
  { poolNames }: Surroundings,
  findings: Findings,
): void {
  for (const [i, name] of (draft.ipAddressPools ?? []).entries()) {
    if (poolNames.has(name)) continue;
    const message = `${findings.called(element)} names the pool "${name}", which does not exist.${didYouMean(name, poolNames)}`;
    findings.report(element, 'unknown-pool', ['ipAddressPools', i], message);
  }
}

function reportUnknownPeers(
  element: Element,
  draft: BgpAdvertisementDraft,
  { peerNames }: Surroundings,
  findings: Findings,
): void {
  for (const [i, name] of (draft.peers ?? []).entries()) {
    if (peerNames.has(name)) continue;
    const message = `${findings.called(element)} names the peer "${name}", which does not exist.${didYouMean(name, peerNames)}`;
    findings.report(element, 'unknown-peer', ['peers', i], message);
  }
}

const COMMUNITY_READERS = {
  clarion: parseCommunity,
  'metallb-legacy': parseLegacyCommunity,
  'metallb-resources': parseNumericCommunity,
} as const satisfies Record<Dialect, unknown>;

/** Aliases first, then numbers and well-known names; each value once. */
function communitiesOf(
  element: Element,
  draft: BgpAdvertisementDraft,
  { communities, dialect }: Surroundings,
  findings: Findings,
): readonly Community[] {
  const values = new Map<string, Community>();
  for (const [i, text] of (draft.communities ?? []).entries()) {
    const literal = COMMUNITY_READERS[dialect](text);
    const value = communities.has(text) ? communities.get(text) : literal;
    if (value !== undefined) values.set(JSON.stringify(value), value);
    else if (communities.has(text))
      findings.report(
        element,
        'unknown-community',
        ['communities', i],
        `the community alias "${text}" cannot be read where it is defined`,
      );
    else if (looksLikeCommunity(text))
      findings.report(element, 'bad-community', ['communities', i], `"${text}" is not a community${COMMUNITY_FORMS}`);
    else {
      const meant = didYouMean(text, [...communities.keys(), ...wellKnownNames]);
      const message = `${findings.called(element)} names the community alias "${text}", which does not exist.${meant}`;
      findings.report(element, 'unknown-community', ['communities', i], message);
    }
  }
  return [...values.values()];
}

/**
 * MetalLB's rule: an aggregate may not be wider than what the pool was written as, or it would attract traffic for addresses of
 * others. Of a range, the widest prefix in it counts.
 */
function reportAggregation(
  element: Element,
  { aggregationLength, aggregationLengthV6 }: BgpAdvertisement,
  selected: readonly Pool[],
  widest: Map<Pool, Readonly<Record<IpFamily, number>>>,
  findings: Findings,
): void {
  if (aggregationLength === 32 && aggregationLengthV6 === 128) return;
  for (const pool of selected) {
    const lengths = widest.get(pool) ?? narrowestEntries(pool);
    widest.set(pool, lengths);
    const field =
      aggregationLength < lengths.ipv4
        ? 'aggregationLength'
        : aggregationLengthV6 < lengths.ipv6
          ? 'aggregationLengthV6'
          : undefined;
    if (field === undefined) continue;
    const family = field === 'aggregationLength' ? 'ipv4' : 'ipv6';
    const length = family === 'ipv4' ? aggregationLength : aggregationLengthV6;
    const culprit = pool.ranges.find((range) => range.family === family && widestPrefix(range) > length)!;
    const message = `"${element.writtenAs(field)}" ${length} reaches beyond ${formatIpRange(culprit)} of pool "${pool.name}"`;
    const advice = `Take a length of at least ${lengths[family]}, or select other pools.`;
    findings.report(element, 'aggregation-too-short', [field], message, advice);
    return;
  }
}

const widestPrefix = (range: Pool['ranges'][number]): number =>
  Math.min(...prefixesOfRange(range).map(({ length }) => length));

/** For each family the longest of its entries' widest prefixes: the shortest aggregate that fits them all. */
function narrowestEntries(pool: Pool): Readonly<Record<IpFamily, number>> {
  const lengths = { ipv4: 0, ipv6: 0 };
  for (const range of pool.ranges) lengths[range.family] = Math.max(lengths[range.family], widestPrefix(range));
  return lengths;
}

interface Judged {
  readonly element: Element;
  readonly advertisement: BgpAdvertisement;
  readonly selected: ReadonlySet<Pool>;
}
interface Earlier {
  readonly byPool: Map<Pool, readonly Judged[]>;
  readonly everyPool: Judged[];
}

/** One prefix can have one LOCAL_PREF at a peer. With serviceSelectors nobody knows here whether the same Services are meant. */
function reportLocalPref(
  mine: Judged,
  everyPool: boolean,
  earlier: Earlier,
  dialect: Dialect,
  findings: Findings,
): void {
  // RFC 4271 §5.1.5 leaves the default to us: 100, as everywhere. MetalLB compares what is written, with 0 for nothing.
  const localPrefOf = ({ localPref }: BgpAdvertisement): number =>
    localPref ?? (dialect === 'metallb-resources' ? 0 : 100);
  const { advertisement, element } = mine;
  if (advertisement.serviceSelectors.length > 0) return;
  const others = everyPool
    ? [earlier.everyPool, ...earlier.byPool.values()]
    : [earlier.everyPool, ...[...mine.selected].map((pool) => earlier.byPool.get(pool) ?? [])];
  const checked = new Set<Judged>();
  for (const list of others)
    for (const other of list) {
      if (localPrefOf(other.advertisement) === localPrefOf(advertisement) || checked.has(other)) continue;
      checked.add(other);
      const pool = clashingPool(mine, other);
      if (pool === undefined) continue;
      const message =
        `localPref ${localPrefOf(advertisement)} meets localPref ${localPrefOf(other.advertisement)} of ` +
        `${findings.called(other.element)} (${findings.lineOf(other.element)}) for the same prefixes of pool "${pool.name}"`;
      findings.report(
        element,
        'localpref-conflict',
        ['localPref'],
        message,
        'Give both one localPref, or let them differ in pools, peers or nodes.',
      );
      return;
    }
}

function clashingPool(a: Judged, b: Judged): Pool | undefined {
  const one = a.advertisement;
  const other = b.advertisement;
  if (other.serviceSelectors.length > 0) return undefined;
  if (one.peers.length > 0 && other.peers.length > 0 && !one.peers.some((peer) => other.peers.includes(peer)))
    return undefined;
  if (!sureToShareNode(one, other)) return undefined;
  const [fewer, more] = a.selected.size < b.selected.size ? [a.selected, b.selected] : [b.selected, a.selected];
  for (const pool of fewer) if (more.has(pool) && samePrefixes(one, other, pool)) return pool;
  return undefined;
}

const samePrefixes = (a: BgpAdvertisement, b: BgpAdvertisement, pool: Pool): boolean =>
  pool.ranges.some(({ family }) =>
    family === 'ipv4' ? a.aggregationLength === b.aggregationLength : a.aggregationLengthV6 === b.aggregationLengthV6,
  );
