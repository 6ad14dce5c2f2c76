import { ms } from '../base/clock.ts';
import { type IpFamily, lastValueOf } from '../base/ip-address.ts';
import { formatIpRange, type IpRange, rangesOverlap } from '../base/ip-range.ts';
import type { Pool, Reservation } from './config.ts';
import type { Element, Findings } from './element.ts';
import type { PoolDraft } from './schema.ts';

/** Pools whose addresses do not meet those of an earlier one. A bad entry disables its pool as a whole: never half a pool. */
export function judgePools(drafts: readonly (readonly [Element, PoolDraft])[], findings: Findings): Pool[] {
  const taken = new RangeIndex<Element>();
  const pools: Pool[] = [];
  for (const [element, draft] of drafts) {
    const pool = poolOf(draft);
    reportOverlaps(element, pool, taken, findings);
    reportReservations(element, pool, findings);
    if (findings.isBad(element)) continue;
    for (const range of pool.ranges) taken.add(range, element);
    reportUnusual(element, pool, findings);
    pools.push(pool);
  }
  return pools;
}

function poolOf(draft: PoolDraft): Pool {
  const allocation = draft.serviceAllocation;
  return {
    name: draft.name,
    labels: draft.labels ?? {},
    ranges: draft.addresses,
    autoAssign: draft.autoAssign,
    avoidBuggyIPs: draft.avoidBuggyIPs,
    serviceAllocation:
      allocation === undefined
        ? undefined
        : {
            priority: allocation.priority,
            namespaces: allocation.namespaces ?? [],
            namespaceSelectors: allocation.namespaceSelectors ?? [],
            serviceSelectors: allocation.serviceSelectors ?? [],
          },
    reserved: draft.reserved ?? [],
    reuseAfter: draft.reuseAfter ?? ms(0),
    retired: false,
  };
}

function reportOverlaps(element: Element, pool: Pool, taken: RangeIndex<Element>, findings: Findings): void {
  const own = new RangeIndex<number>();
  for (const [i, range] of pool.ranges.entries()) {
    const twice = own.find(range);
    if (twice !== undefined) {
      const message = `${formatIpRange(range)} overlaps ${formatIpRange(twice.range)} of the same pool`;
      findings.report(element, 'pool-overlap', ['addresses', i], message, 'Remove one of them.');
      return;
    }
    own.add(range, i);
    const other = taken.find(range);
    if (other === undefined) continue;
    const line = findings.lineOf(other.owner);
    const message = `${formatIpRange(range)} of pool "${pool.name}" overlaps ${formatIpRange(other.range)} of pool "${other.owner.name}" (${line})`;
    const common = formatIpRange(intersection(range, other.range));
    findings.report(element, 'pool-overlap', ['addresses', i], message, `Take ${common} out of one of them.`);
    return;
  }
}

const intersection = (a: IpRange, b: IpRange): IpRange => ({
  family: a.family,
  first: a.first > b.first ? a.first : b.first,
  last: a.last < b.last ? a.last : b.last,
});

function reportReservations(element: Element, pool: Pool, findings: Findings): void {
  const seen = new RangeIndex<Reservation>();
  for (const [i, reservation] of pool.reserved.entries()) {
    const { range } = reservation;
    const earlier = seen.find(range);
    if (earlier !== undefined) {
      const message = `the reservation ${formatIpRange(range)} overlaps the reservation ${formatIpRange(earlier.range)}`;
      findings.report(
        element,
        'reservation-overlap',
        ['reserved', i],
        message,
        'Remove one of them, or write the rest as FIRST-LAST.',
      );
      return;
    }
    seen.add(range, reservation);
    if (pool.ranges.some((own) => rangesOverlap(own, range))) continue;
    const message = `the reservation ${formatIpRange(range)} lies outside the addresses of pool "${pool.name}" and changes nothing`;
    findings.report(element, 'reservation-outside-pool', ['reserved', i], message, 'Correct it, or remove it.');
  }
}

const range = (family: IpFamily, first: bigint, last: bigint): IpRange => ({ family, first, last });
/** What the registries of special-purpose addresses (RFC 6890) and multicast leave no room for: no client could reach a Service there. */
const UNUSUAL: readonly { readonly what: string; readonly range: IpRange }[] = [
  { what: '0.0.0.0/8 (this network)', range: range('ipv4', 0n, 0x00ffffffn) },
  { what: '127.0.0.0/8 (loopback)', range: range('ipv4', 0x7f000000n, 0x7fffffffn) },
  { what: '224.0.0.0/4 (multicast)', range: range('ipv4', 0xe0000000n, 0xefffffffn) },
  { what: '240.0.0.0/4 (reserved)', range: range('ipv4', 0xf0000000n, lastValueOf('ipv4')) },
  { what: '::/127 (unspecified and loopback)', range: range('ipv6', 0n, 1n) },
  { what: 'fe80::/10 (link-local)', range: range('ipv6', 0xfe80n << 112n, (0xfec0n << 112n) - 1n) },
  { what: 'ff00::/8 (multicast)', range: range('ipv6', 0xff00n << 112n, lastValueOf('ipv6')) },
];

function reportUnusual(element: Element, pool: Pool, findings: Findings): void {
  for (const [i, own] of pool.ranges.entries()) {
    const unusual = UNUSUAL.find((candidate) => rangesOverlap(candidate.range, own));
    if (unusual === undefined) continue;
    const message = `${formatIpRange(own)} of pool "${pool.name}" reaches into ${unusual.what}, where no client finds a Service`;
    findings.report(element, 'unusual-address', ['addresses', i], message, 'Take these addresses out of the pool.');
  }
}

/** Ranges that do not overlap one another, each with its owner, found by binary search. */
class RangeIndex<Owner> {
  readonly #sorted: Record<IpFamily, { readonly range: IpRange; readonly owner: Owner }[]> = { ipv4: [], ipv6: [] };

  /** One that overlaps `range`. */
  find(range: IpRange): { readonly range: IpRange; readonly owner: Owner } | undefined {
    const sorted = this.#sorted[range.family];
    const after = this.#after(range);
    const before = sorted[after - 1];
    return before !== undefined && before.range.last >= range.first ? before : undefined;
  }

  /** The caller has seen that it overlaps none. */
  add(range: IpRange, owner: Owner): void {
    this.#sorted[range.family].splice(this.#after(range), 0, { range, owner });
  }

  /** Index of the first that starts behind the end of `range`: of all that start before, only the last can reach into it. */
  #after({ family, last }: IpRange): number {
    const sorted = this.#sorted[family];
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sorted[middle]!.range.first <= last) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
