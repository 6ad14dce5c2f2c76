import type { Milliseconds } from '../base/clock.ts';
import { compact } from '../base/compact.ts';
import { type IpAddress, type IpFamily, ipAddress } from '../base/ip-address.ts';
import type { ServiceRequest } from '../inventory/service-request.ts';
import type { AddressBook } from './address-book.ts';
import type { OwnReservation, PoolEntry, PoolMap } from './pool-map.ts';
import { earliest, familyNames, nameSome, nameUse, type Refusal, refusal } from './refusal.ts';
import type { Terms } from './sharing.ts';

/*
 * What could be given to a Service now. Nothing here changes anything: an offer is taken by joining its addresses in the book.
 */

/** A Service as it applies for addresses. */
export interface Applicant {
  readonly request: ServiceRequest;
  readonly terms: Terms;
  /** Its own already. */
  readonly held: readonly IpAddress[];
  /** That it must or would like to have, in its order: one, or both. */
  readonly families: readonly IpFamily[];
}
export interface Market {
  readonly pools: PoolMap;
  readonly book: AddressBook;
  readonly now: Milliseconds;
}
export type Offer =
  | { readonly kind: 'given'; readonly addresses: readonly IpAddress[] }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

export const given = (addresses: readonly IpAddress[]): Offer => ({ kind: 'given', addresses });
export const refused = (why: Refusal): Offer => ({ kind: 'refused', refusal: why });
export const isAddress = (address: IpAddress | undefined): address is IpAddress => address !== undefined;

/** For messages about a pool that was not found. */
export const knownPools = ({ liveNames }: PoolMap): string =>
  liveNames.length === 0 ? 'no pool is configured' : `pools are: ${nameSome(liveNames)}`;

export const notServed = (what: string, pool: string): string =>
  `pool "${pool}" of ${what} does not serve this Service: its serviceAllocation names other namespaces or labels; widen it, or ask for another pool`;

/** From the pool that the Service names, autoAssign or not. */
export function offerFromWantedPool(market: Market, applicant: Applicant, name: string): Offer {
  const entry = market.pools.named(name);
  if (entry === undefined) {
    const known = knownPools(market.pools);
    return refused(
      refusal(
        'pool-not-allowed',
        `annotation address-pool names "${name}", but there is no such pool (${known}); correct the name`,
      ),
    );
  }
  if (entry.pool.retired)
    return refused(
      refusal(
        'pool-not-allowed',
        `pool "${name}" is not in the configuration any more and gives no new addresses; name another pool`,
      ),
    );
  if (!market.pools.allows(entry, applicant.request))
    return refused(refusal('pool-not-allowed', notServed('annotation address-pool', name)));
  return offerFromTiers(market, applicant, [[entry]], [entry]);
}

/** Nothing in particular is asked for: the Service's own reservation, then pinned pools, then those for everybody. */
export function offerAny(market: Market, applicant: Applicant): Offer {
  const { families, request } = applicant;
  const homes = new Set(market.pools.reservationsOf(request).map(({ entry }) => entry));
  for (const home of homes) {
    const reserved = families.map((family) => drawReserved(market, applicant, home, family));
    if (!reserved.some(isAddress)) continue;
    const addresses = families
      .map((family, i) => reserved[i] ?? draw(market, applicant, home, family))
      .filter(isAddress);
    if (addresses.length === families.length || request.ipFamilyPolicy === 'PreferDualStack') return given(addresses);
  }
  return offerFromTiers(market, applicant, market.pools.tiersFor(request), [...homes]);
}

/**
 * The first pool that has all families; with PreferDualStack within each tier the first that has one of them, in the order
 * of the Service's families. Both addresses of a Service always come from one pool. `homes`: those with reservations for it.
 */
function offerFromTiers(
  market: Market,
  applicant: Applicant,
  tiers: readonly (readonly PoolEntry[])[],
  homes: readonly PoolEntry[],
): Offer {
  const { families, request } = applicant;
  for (const tier of tiers) {
    for (const entry of tier) {
      const addresses = drawAll(market, applicant, entry);
      if (addresses !== undefined) return given(addresses);
    }
    if (families.length < 2 || request.ipFamilyPolicy !== 'PreferDualStack') continue;
    for (const family of families)
      for (const entry of tier) {
        const address = draw(market, applicant, entry, family);
        if (address !== undefined) return given([address]);
      }
  }
  return refused(shortage(market, applicant, tiers.flat(), homes, families));
}

/** The addresses of the missing families, from the pool that the others are from. */
export function offerMissing(
  market: Market,
  applicant: Applicant,
  home: PoolEntry,
  missing: readonly IpFamily[],
): Offer {
  const drawn = missing.map((family) => draw(market, applicant, home, family)).filter(isAddress);
  if (drawn.length === missing.length) return given([...applicant.held, ...drawn]);
  return refused(shortage(market, applicant, [home], [home], missing));
}

function drawAll(market: Market, applicant: Applicant, entry: PoolEntry): readonly IpAddress[] | undefined {
  const addresses: IpAddress[] = [];
  for (const family of applicant.families) {
    const address = draw(market, applicant, entry, family);
    if (address === undefined) return undefined;
    addresses.push(address);
  }
  return compact(addresses);
}

/** One address: reserved for this Service, else shared under its key, else free. */
export function draw(market: Market, applicant: Applicant, entry: PoolEntry, family: IpFamily): IpAddress | undefined {
  const { request, terms } = applicant;
  const space = entry[family];
  return (
    drawReserved(market, applicant, entry, family) ??
    space.groupOf(terms)?.first(terms.ports, (address) => space.gives(address.value)) ??
    space.next(request.key, market.now)
  );
}

function drawReserved(
  market: Market,
  { request }: Applicant,
  entry: PoolEntry,
  family: IpFamily,
): IpAddress | undefined {
  for (const reservation of market.pools.reservationsOf(request)) {
    if (reservation.entry !== entry || reservation.range.family !== family) continue;
    for (const { address, due } of vacantIn(market, reservation, request)) if (due === undefined) return address;
  }
  return undefined;
}

/** When the next resting address that is reserved for this Service may be given to it. */
function reservedDue(
  market: Market,
  request: ServiceRequest,
  homes: readonly PoolEntry[],
  families: readonly IpFamily[],
): Milliseconds | undefined {
  const dues: Milliseconds[] = [];
  for (const reservation of market.pools.reservationsOf(request)) {
    if (!homes.includes(reservation.entry) || !families.includes(reservation.range.family)) continue;
    for (const { due } of vacantIn(market, reservation, request)) {
      // It could have that one now: what the Service waits for is the other family.
      if (due === undefined) break;
      dues.push(due);
    }
  }
  return earliest(dues);
}

/** The reserved addresses that nobody has; until `due` they rest. */
function* vacantIn(
  { pools, book, now }: Market,
  { entry, range: { family, first, last } }: OwnReservation,
  request: ServiceRequest,
): Iterable<{ readonly address: IpAddress; readonly due: Milliseconds | undefined }> {
  const space = entry[family];
  for (let value = first; value <= last; value++) {
    const address = ipAddress(family, value);
    // A reservation may reach beyond its pool; what lies there is not the pool's to give.
    if (pools.poolOf(address) !== entry) return;
    if (book.holding(address) !== undefined) continue;
    const freed = book.lastFreed(address);
    const rests = freed !== undefined && space.rests(freed, request.key, now);
    yield { address, due: rests ? space.dueAt(freed) : undefined };
  }
}

function shortage(
  market: Market,
  { request }: Applicant,
  looked: readonly PoolEntry[],
  homes: readonly PoolEntry[],
  families: readonly IpFamily[],
): Refusal {
  const { pools, now } = market;
  const wanted = familyNames(families);
  const needsAll = request.ipFamilyPolicy !== 'PreferDualStack';
  const has = (entry: PoolEntry, family: IpFamily): boolean => entry[family].total > 0n;
  const fitting = looked.filter((entry) =>
    needsAll ? families.every((f) => has(entry, f)) : families.some((f) => has(entry, f)),
  );
  const reserved = reservedDue(market, request, homes, families);
  const rests = [...fitting, ...homes].flatMap((entry) => families.map((f) => entry[f].dueAfter(now)));
  const due = earliest([reserved, ...rests]);
  if (reserved !== undefined)
    return refusal(
      'pool-exhausted',
      `no free ${wanted} address: one that is reserved for this Service was freed by another and rests until reuseAfter is over`,
      due,
    );
  if (looked.length === 0) {
    const names = pools.liveNames;
    if (names.length === 0) return refusal('no-pool', 'no pool is configured; add one to `pools` in the ConfigMap');
    return refusal(
      'no-pool',
      `no pool gives addresses to this Service unasked: each has autoAssign: false or serves other Services (${nameSome(names)}); ` +
        'name one in annotation clarion.dev/address-pool, or widen its serviceAllocation',
      due,
    );
  }
  if (fitting.length === 0)
    return refusal(
      'no-pool',
      `no pool that may serve this Service has ${wanted} addresses to give${families.length > 1 ? ' (both must come from one pool)' : ''}: ` +
        `looked at ${nameSome(looked.map(({ pool }) => pool.name))}; add ${wanted} addresses to one of them`,
      due,
    );
  const resting = due === undefined ? '' : '; freed addresses rest until reuseAfter is over and are given then';
  return refusal(
    'pool-exhausted',
    `no free ${wanted} address: ${nameUse(fitting, families)}${resting}; enlarge a pool, or delete Services that need no address any more`,
    due,
  );
}
