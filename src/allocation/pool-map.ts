import type { IpAddress, IpFamily } from '../base/ip-address.ts';
import { type IpRange, rangeContains } from '../base/ip-range.ts';
import { anySelectorMatches, type Labels } from '../base/label-selector.ts';
import { compareText } from '../base/name-order.ts';
import type { Pool } from '../config/config.ts';
import { impliedNamespaceLabels } from '../inventory/namespace.ts';
import type { ServiceRequest } from '../inventory/service-request.ts';
import type { AddressBook, AddressObserver, Freed } from './address-book.ts';
import type { PoolUsage, Usage } from './decision.ts';
import { PoolSpace } from './pool-space.ts';
import { findSegment, segmentsOf } from './segments.ts';
import type { Holding } from './sharing.ts';

export interface PoolEntry {
  readonly pool: Pool;
  readonly ipv4: PoolSpace;
  readonly ipv6: PoolSpace;
}

interface OwnedRange extends IpRange {
  readonly entry: PoolEntry;
}
export interface OwnReservation {
  readonly entry: PoolEntry;
  readonly range: IpRange;
}

/** The pools of one configuration: which of them contains an address, and which of them a Service may use, in order. */
export class PoolMap implements AddressObserver {
  readonly #book: AddressBook;
  readonly #namespaces: ReadonlyMap<string, Labels>;
  readonly #entries: readonly PoolEntry[];
  readonly #byName: ReadonlyMap<string, PoolEntry>;
  readonly #ranges: { readonly ipv4: readonly OwnedRange[]; readonly ipv6: readonly OwnedRange[] };
  readonly #reservations = new Map<string, OwnReservation[]>();
  readonly #pinned: readonly PoolEntry[];
  readonly #unpinned: readonly PoolEntry[];
  readonly #pinnedByNamespace = new Map<string, readonly PoolEntry[]>();

  constructor(pools: readonly Pool[], namespaces: ReadonlyMap<string, Labels>, book: AddressBook) {
    this.#book = book;
    this.#namespaces = namespaces;
    const taken: IpRange[] = [];
    const owned: OwnedRange[] = [];
    const entries: PoolEntry[] = [];
    // A retired pool keeps only what no live pool has taken over.
    for (const pool of [...pools].sort((a, b) => Number(a.retired) - Number(b.retired))) {
      const segments = (family: IpFamily) =>
        segmentsOf(ofFamily(pool.ranges, family), pool.retired ? ofFamily(taken, family) : []);
      const [ipv4, ipv6] = [segments('ipv4'), segments('ipv6')];
      const entry = {
        pool,
        ipv4: new PoolSpace(pool, 'ipv4', ipv4, book),
        ipv6: new PoolSpace(pool, 'ipv6', ipv6, book),
      };
      for (const range of [...ipv4, ...ipv6]) {
        taken.push(range);
        owned.push({ ...range, entry });
      }
      entries.push(entry);
      for (const { service, range } of pool.reserved)
        if (service !== undefined) this.#reserve(service, { entry, range });
    }
    const inOrder = (family: IpFamily) => ofFamily(owned, family).sort((a, b) => (a.first < b.first ? -1 : 1));
    this.#ranges = { ipv4: inOrder('ipv4'), ipv6: inOrder('ipv6') };
    this.#entries = entries.sort((a, b) => compareText(a.pool.name, b.pool.name));
    this.#byName = new Map(this.#entries.map((entry) => [entry.pool.name, entry]));
    const automatic = this.#entries.filter(({ pool }) => pool.autoAssign && !pool.retired);
    this.#unpinned = automatic.filter(({ pool }) => pool.serviceAllocation === undefined);
    this.#pinned = automatic
      .filter(({ pool }) => pool.serviceAllocation !== undefined)
      .sort((a, b) => rankOf(a.pool) - rankOf(b.pool));
    for (const holding of book.holdings()) this.taken(holding, false);
    for (const family of ['ipv4', 'ipv6'] as const) for (const freed of book.freedOf(family)) this.#remember(freed);
  }

  /** Those of the configuration, without retired ones, sorted by name. */
  get liveNames(): readonly string[] {
    return this.#entries.filter(({ pool }) => !pool.retired).map(({ pool }) => pool.name);
  }
  named(name: string): PoolEntry | undefined {
    return this.#byName.get(name);
  }
  poolOf(address: IpAddress): PoolEntry | undefined {
    const ranges = this.#ranges[address.family];
    return ranges[findSegment(ranges, address.value)]?.entry;
  }

  /** May the pool serve this Service (serviceAllocation)? Namespaces and selectors must both fit; an empty half fits all. */
  allows({ pool }: PoolEntry, request: ServiceRequest): boolean {
    return this.#allowsNamespace(pool, request.namespace) && allowsLabels(pool, request.labels);
  }

  /** The pools that give addresses unasked: those pinned to the Service by priority, then those for everybody by name. */
  tiersFor(request: ServiceRequest): readonly (readonly PoolEntry[])[] {
    let pinned = this.#pinnedByNamespace.get(request.namespace);
    if (pinned === undefined) {
      pinned = this.#pinned.filter(({ pool }) => this.#allowsNamespace(pool, request.namespace));
      this.#pinnedByNamespace.set(request.namespace, pinned);
    }
    return [pinned.filter(({ pool }) => allowsLabels(pool, request.labels)), this.#unpinned];
  }

  /** The ranges that are reserved for this Service alone, in pools that may serve it. */
  reservationsOf(request: ServiceRequest): readonly OwnReservation[] {
    const own = this.#reservations.get(request.key);
    return own?.filter(({ entry }) => !entry.pool.retired && this.allows(entry, request)) ?? [];
  }

  /** Why the pool may not give this address of its own to the Service; undefined when it may. */
  exclusionOf(entry: PoolEntry, address: IpAddress, request: ServiceRequest): 'reserved' | 'buggy' | undefined {
    if (entry[address.family].gives(address.value)) return undefined;
    if (this.#reservations.get(request.key)?.some(({ range }) => rangeContains(range, address)) === true)
      return undefined;
    return entry.pool.reserved.some(({ range }) => rangeContains(range, address)) ? 'reserved' : 'buggy';
  }

  usage(): readonly PoolUsage[] {
    return this.#entries.map(({ pool, ipv4, ipv6 }) => {
      const [four, six] = [usageOf(pool, ipv4), usageOf(pool, ipv6)];
      return {
        name: pool.name,
        total: four.total + six.total,
        used: four.used + six.used,
        available: four.available + six.available,
        ipv4: four,
        ipv6: six,
      };
    });
  }

  taken(holding: Holding, again: boolean): void {
    holding.group = undefined;
    const { address } = holding;
    const space = this.poolOf(address)?.[address.family];
    if (space === undefined) return;
    if (!again && space.gives(address.value)) space.used++;
    for (const terms of holding.tenants.values()) {
      // The tenants of one address all have the same keys.
      space.openGroup(terms)?.add(holding);
      break;
    }
  }

  freed(freed: Freed): void {
    const space = this.#remember(freed);
    if (space !== undefined) space.used--;
  }

  #remember(freed: Freed): PoolSpace | undefined {
    const space = this.poolOf(freed.address)?.[freed.address.family];
    if (space === undefined) this.#book.forget(freed.address);
    if (space?.gives(freed.address.value) !== true) return undefined;
    space.enqueue(freed);
    return space;
  }

  #reserve(service: string, reservation: OwnReservation): void {
    const others = this.#reservations.get(service);
    if (others === undefined) this.#reservations.set(service, [reservation]);
    else others.push(reservation);
  }

  #allowsNamespace({ serviceAllocation }: Pool, namespace: string): boolean {
    if (serviceAllocation === undefined) return true;
    const { namespaces, namespaceSelectors } = serviceAllocation;
    if (namespaces.length === 0 && namespaceSelectors.length === 0) return true;
    const labels = this.#namespaces.get(namespace) ?? impliedNamespaceLabels(namespace);
    return namespaces.includes(namespace) || anySelectorMatches(namespaceSelectors, labels);
  }
}

const ofFamily = <R extends IpRange>(ranges: readonly R[], family: IpFamily): R[] =>
  ranges.filter((range) => range.family === family);

const allowsLabels = ({ serviceAllocation }: Pool, labels: Labels): boolean =>
  serviceAllocation === undefined ||
  serviceAllocation.serviceSelectors.length === 0 ||
  anySelectorMatches(serviceAllocation.serviceSelectors, labels);

/** Priority 1 is the best, 0 (not given) the last. */
const rankOf = ({ serviceAllocation }: Pool): number => serviceAllocation?.priority || Number.MAX_SAFE_INTEGER;

/** From a retired pool nothing more is given. */
function usageOf(pool: Pool, space: PoolSpace): Usage {
  const used = BigInt(space.used);
  return { total: space.total, used, available: pool.retired ? 0n : space.total - used };
}
