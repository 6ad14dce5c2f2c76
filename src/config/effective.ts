import { createHash } from 'node:crypto';
import { type Decoded, decoded, malformed } from '../base/decoded.ts';
import type { IpRange } from '../base/ip-range.ts';
import { rangesOverlap } from '../base/ip-range.ts';
import type { Problem } from '../base/problem.ts';
import { advertisementSelects } from './advertisements.ts';
import type { BgpAdvertisement, Config, L2Advertisement, Pool } from './config.ts';
import { LIST_SECTIONS, type ListSection, SETTINGS_SECTIONS, type Section } from './element.ts';
import type { Judgement } from './judge.ts';
import { emptyConfig } from './settings.ts';

/**
 * The configuration in force: what is good now, and what was good before where the present one is bad. The active controller computes
 * and publishes it; speakers read nothing else, so that all agree, also after a restart.
 *
 * - The last good version of a bad element stays (`stale`). Where it would overlap a good pool of now, the good one has the addresses.
 * - A pool that was removed while addresses of it are in use stays `retired`: kept and announced, nothing new is given. If no
 *   advertisement selects it any more, those that did stay too, narrowed to it.
 * - Of a text that cannot be read nobody knows what it leaves out: all that was in force stays so, pools give new addresses.
 * - Without any configuration, or with an empty one, everything stays, and every pool is retired.
 */
export interface EffectiveConfig {
  /** Grows by one with each change; speakers tell by it which one they have. */
  readonly generation: number;
  readonly config: Config;
  readonly stale: readonly StaleElement[];
  readonly problems: readonly Problem[];
}

/** In force as it was before its present text, which is bad. */
interface StaleElement {
  readonly section: Section;
  /** The section itself, for settings. */
  readonly name: string;
}

/** `previous` itself when nothing changes. `judgement` undefined: there is no ConfigMap. */
export function mergeEffective(
  previous: EffectiveConfig | undefined,
  judgement: Judgement | undefined,
  poolsInUse: ReadonlySet<string>,
): EffectiveConfig {
  const problems = judgement?.problems ?? [];
  const body =
    judgement?.present === true
      ? { ...mergePresent(previous?.config, judgement, poolsInUse), problems }
      : { ...(judgement?.unreadable === true ? unread(previous) : withoutText(previous)), problems };
  const next: EffectiveConfig = { generation: (previous?.generation ?? 0) + 1, ...body };
  if (previous === undefined) return next;
  return bodyText(previous) === bodyText(next) ? previous : next;
}

function unread(previous: EffectiveConfig | undefined): Omit<EffectiveConfig, 'generation' | 'problems'> {
  if (previous === undefined) return { config: emptyConfig(), stale: [] };
  const { config } = previous;
  const stale = LIST_SECTIONS.flatMap((section) => config[section].map(({ name }) => ({ section, name })));
  return { config, stale };
}

function withoutText(previous: EffectiveConfig | undefined): Omit<EffectiveConfig, 'generation' | 'problems'> {
  if (previous === undefined) return { config: emptyConfig(), stale: [] };
  const pools = previous.config.pools.map((pool) => ({ ...pool, retired: true }));
  return { config: { ...previous.config, pools }, stale: previous.stale };
}

function mergePresent(
  previous: Config | undefined,
  judgement: Judgement,
  poolsInUse: ReadonlySet<string>,
): Omit<EffectiveConfig, 'generation' | 'problems'> {
  const { config } = judgement;
  if (previous === undefined) return { config, stale: [] };
  const bad = badNames(judgement);
  const stale: StaleElement[] = [];
  const keep = <T extends { readonly name: string }>(
    section: ListSection,
    now: readonly T[],
    before: readonly T[],
  ): readonly T[] => {
    const names = new Set(now.map(({ name }) => name));
    const kept = before.filter(({ name }) => !names.has(name) && bad.has(section, name));
    for (const { name } of kept) stale.push({ section, name });
    return kept.length === 0 ? now : [...now, ...kept];
  };
  const merged: Config = {
    pools: keepPools(config.pools, previous.pools, (name) => bad.has('pools', name), poolsInUse, stale),
    l2Advertisements: keep('l2Advertisements', config.l2Advertisements, previous.l2Advertisements),
    bgpAdvertisements: keep('bgpAdvertisements', config.bgpAdvertisements, previous.bgpAdvertisements),
    peers: keep('peers', config.peers, previous.peers),
    bfdProfiles: keep('bfdProfiles', config.bfdProfiles, previous.bfdProfiles),
    layer2: bad.has('layer2', 'layer2') ? previous.layer2 : config.layer2,
    membership: bad.has('membership', 'membership') ? previous.membership : config.membership,
    election: bad.has('election', 'election') ? previous.election : config.election,
    bgp: bad.has('bgp', 'bgp') ? previous.bgp : config.bgp,
  };
  for (const section of SETTINGS_SECTIONS) if (bad.has(section, section)) stale.push({ section, name: section });
  return { config: announceRetired(merged, previous), stale };
}

function badNames({ bad }: Judgement): { has(section: Section, name: string): boolean } {
  const names = new Set(bad.map(({ section, name }) => JSON.stringify([section, name ?? null])));
  return {
    has: (section, name) => names.has(JSON.stringify([section, null])) || names.has(JSON.stringify([section, name])),
  };
}

function keepPools(
  now: readonly Pool[],
  before: readonly Pool[],
  isBad: (name: string) => boolean,
  poolsInUse: ReadonlySet<string>,
  stale: StaleElement[],
): readonly Pool[] {
  const names = new Set(now.map(({ name }) => name));
  const pools = [...now];
  for (const pool of before) {
    if (names.has(pool.name)) continue;
    const retired = !isBad(pool.name);
    if (retired && !poolsInUse.has(pool.name)) continue;
    const ranges = without(pool.ranges, pools);
    if (ranges.length === 0) continue;
    const unchanged =
      pool.retired === retired && ranges.length === pool.ranges.length && ranges.every((r, i) => r === pool.ranges[i]);
    pools.push(unchanged ? pool : { ...pool, ranges, retired });
    if (!retired) stale.push({ section: 'pools', name: pool.name });
  }
  return pools;
}

/** What is left of `ranges` when those of `pools` are taken out. */
function without(ranges: readonly IpRange[], pools: readonly Pool[]): readonly IpRange[] {
  let left = ranges;
  for (const taken of pools.flatMap((pool) => pool.ranges)) {
    if (!left.some((range) => rangesOverlap(range, taken))) continue;
    left = left.flatMap((range) => {
      if (!rangesOverlap(range, taken)) return [range];
      const pieces: IpRange[] = [];
      if (range.first < taken.first) pieces.push({ ...range, last: taken.first - 1n });
      if (range.last > taken.last) pieces.push({ ...range, first: taken.last + 1n });
      return pieces;
    });
  }
  return left;
}

/** A retired pool that nothing selects any more keeps the advertisements that it had, for itself alone. */
function announceRetired(config: Config, previous: Config): Config {
  const lost = config.pools.filter(
    (pool) =>
      pool.retired &&
      ![...config.l2Advertisements, ...config.bgpAdvertisements].some((ad) => advertisementSelects(ad, pool)),
  );
  if (lost.length === 0) return config;
  const former = <T extends L2Advertisement | BgpAdvertisement>(before: readonly T[]): T[] =>
    lost.flatMap((pool) =>
      before.filter((ad) => advertisementSelects(ad, pool)).map((ad) => narrowedTo(pool.name, ad)),
    );
  return {
    ...config,
    l2Advertisements: [...config.l2Advertisements, ...former(previous.l2Advertisements)],
    bgpAdvertisements: [...config.bgpAdvertisements, ...former(previous.bgpAdvertisements)],
  };
}

/** Named ADVERTISEMENT/POOL, so that the name is free even where the advertisement itself is still there for other pools. */
function narrowedTo<T extends L2Advertisement | BgpAdvertisement>(pool: string, advertisement: T): T {
  const { name } = advertisement;
  return {
    ...advertisement,
    name: name.endsWith(`/${pool}`) ? name : `${name}/${pool}`,
    ipAddressPools: [pool],
    ipAddressPoolSelectors: [],
  };
}

const FORMAT = 'clarion-effective-config/1';

/** Equal configurations give equal text. */
export function encodeEffective(effective: EffectiveConfig): string {
  const body = toText(effective);
  return `{"format":"${FORMAT}","digest":"${digestOf(body)}","body":${body}}\n`;
}

/** Refused with a reason: another format, and text that was cut short or edited, since every speaker must have the same. */
export function decodeEffective(text: string): Decoded<EffectiveConfig, string> {
  let envelope: unknown;
  try {
    envelope = JSON.parse(text);
  } catch {
    return malformed('the published configuration is not JSON; the controller writes it anew at its next start');
  }
  if (typeof envelope !== 'object' || envelope === null || !('body' in envelope))
    return malformed('the published configuration has no body; the controller writes it anew at its next start');
  const format = 'format' in envelope ? String(envelope.format) : 'no format';
  if (format !== FORMAT)
    return malformed(
      `the published configuration has format ${format}, and this version reads ${FORMAT}; let controller and speakers have one version`,
    );
  const canonical = canonicalJson(envelope.body);
  if (!('digest' in envelope) || envelope.digest !== digestOf(canonical))
    return malformed(
      'the published configuration was edited or cut short; edit the ConfigMap of the configuration instead',
    );
  try {
    return decoded(fromPlain(envelope.body) as EffectiveConfig);
  } catch {
    return malformed(
      'the published configuration has a number that cannot be read; the controller writes it anew at its next start',
    );
  }
}

const bodyText = (effective: EffectiveConfig): string => toText({ ...effective, generation: 0 });
const digestOf = (body: string): string => createHash('sha256').update(body).digest('hex').slice(0, 32);
const toText = (value: unknown): string => canonicalJson(toPlain(value));

/** JSON has neither bigint nor undefined: both become an object with the one key "$". A real key "$" is doubled. */
function toPlain(value: unknown): unknown {
  if (typeof value === 'bigint') return { $: `${value}` };
  if (value === undefined) return { $: null };
  if (Array.isArray(value)) return value.map(toPlain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [key.startsWith('$') ? `$${key}` : key, toPlain(part)]),
  );
}

function fromPlain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromPlain);
  if (typeof value !== 'object' || value === null) return value;
  if ('$' in value) return typeof value.$ === 'string' ? BigInt(value.$) : undefined;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [key.startsWith('$$') ? key.slice(1) : key, fromPlain(part)]),
  );
}

/** Keys in one order, whatever order they were set in. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
