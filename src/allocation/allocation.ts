import type { Milliseconds } from '../base/clock.ts';
import { compact } from '../base/compact.ts';
import { type IpAddress, type IpFamily, sameIpAddress } from '../base/ip-address.ts';
import type { Labels } from '../base/label-selector.ts';
import type { Pool } from '../config/config.ts';
import type { ServiceKey, ServiceRequest } from '../inventory/service-request.ts';
import { AddressBook } from './address-book.ts';
import type { AllocationDecision, PoolUsage } from './decision.ts';
import { type Market, type Offer, offerAny, offerFromWantedPool, offerMissing } from './offer.ts';
import { PoolMap } from './pool-map.ts';
import { earliest, familyNames, type Refusal, refusal } from './refusal.ts';
import { sameTerms, sharingObstacle, type Terms, termsOf } from './sharing.ts';
import { barredFrom, keptThough, whileKeeping } from './standing.ts';
import { offerWanted } from './wanted.ts';

/*
 * Allocation: which Service has which address.
 *
 * A pass has three steps. Services that are gone or ask under other terms leave their addresses; claims are replayed, the
 * older Service first (an address in the status of a new Service, or the one just left); then every Service that is not
 * content is settled, oldest first, until nothing changes any more. An address is never taken away because of configuration,
 * and one that is to be replaced goes when the new one is there (docs/allocation.md lists what follows from that).
 *
 *   AddressBook   who has which address, and which were free again when: survives every change of the pools
 *   PoolMap       the pools of one configuration: lookup by address, who may use which, in what order
 *   PoolSpace     the free addresses of one pool and family, and the shared ones by key
 *   offer, wanted what a Service could have now, or a Refusal
 *   standing      what is wrong with an address that is kept all the same
 *
 * Cost: a Service that did not change is one comparison; giving and freeing an address does not depend on the number of
 * Services or addresses; those that wait are asked again only when an address or port became free, or a rest is over.
 *
 * Deliberately missing: history over restarts (the order of reuse starts anew), and moving Services to make room.
 *
 * Standards: MetalLB v0.15 `internal/allocator` (sharing, pinning, requested addresses); Kubernetes "IPv4/IPv6 dual-stack".
 */

export interface AllocationInput {
  readonly pools: readonly Pool[];
  readonly services: ReadonlyMap<ServiceKey, ServiceRequest>;
  readonly namespaces: ReadonlyMap<string, Labels>;
  /** Ours; undefined: Services without a class. */
  readonly loadBalancerClass: string | undefined;
  readonly now: Milliseconds;
}

interface Entry {
  request: ServiceRequest;
  terms: Terms;
  families: readonly IpFamily[];
  held: readonly IpAddress[];
  /** The pool that `held` was given from, for when no pool contains it any more. */
  pool: string | undefined;
  /** It had an address from us, so its status is ours to clear. */
  ours: boolean;
  decision: AllocationDecision | undefined;
  /** What was free when it was last looked at. */
  seen: number;
  due: Milliseconds | undefined;
}

interface Claim {
  readonly entry: Entry;
  readonly addresses: readonly IpAddress[];
}

export class Allocation {
  readonly #book = new AddressBook();
  readonly #entries = new Map<ServiceKey, Entry>();
  /** Those with a reason, who are asked again when something becomes free. */
  readonly #waiting = new Set<Entry>();
  #input: AllocationInput | undefined;
  #pools = new PoolMap([], new Map(), this.#book);
  #decisions: readonly AllocationDecision[] = [];
  /** Counts everything that could make an offer possible: an address or a port that became free, a rest that ended early, other terms. */
  #version = 0;

  /**
   * Brings the assignments in line with what is now. Decisions for every LoadBalancer Service of our class, in the order of
   * `services`, and for others while their status names an address of ours. What did not change is the same object, also the array.
   */
  reconcile(input: AllocationInput): readonly AllocationDecision[] {
    const last = this.#input;
    this.#input = input;
    const newClass = last?.loadBalancerClass !== input.loadBalancerClass;
    const newPools = last?.pools !== input.pools || !sameNamespaces(last.namespaces, input.namespaces);
    if (newPools) this.#pools = new PoolMap(input.pools, input.namespaces, this.#book);
    const sameServices = last?.services === input.services;

    const changed = sameServices && !newClass ? new Set<Entry>() : this.#takeServices(input.services, newClass);
    const due = [...this.#waiting].filter((entry) => this.#mayBeServed(entry, input.now));
    const moved = this.#settleAll(newPools ? this.#entries.values() : new Set([...changed, ...due]));
    if (moved || !sameServices) this.#list(input.services);
    return this.#decisions;
  }

  /** Of every pool, sorted by name; retired ones too, which have nothing available. */
  usage(): readonly PoolUsage[] {
    return this.#pools.usage();
  }

  /** When a waiting Service could get an address though nothing changes, because its rest (reuseAfter) is over. */
  nextDue(): Milliseconds | undefined {
    return earliest([...this.#waiting].map(({ due }) => due));
  }

  /** Steps one and two: who is gone or changed leaves, then claims are replayed. Returns those to be settled. */
  #takeServices(services: ReadonlyMap<ServiceKey, ServiceRequest>, all: boolean): Set<Entry> {
    const changed = new Set<Entry>();
    const claims: Claim[] = [];
    for (const [key, entry] of this.#entries) {
      if (services.has(key)) continue;
      this.#leaveAll(entry);
      this.#waiting.delete(entry);
      this.#entries.delete(key);
    }
    for (const [key, request] of services) {
      const entry = this.#entries.get(key);
      if (entry !== undefined && entry.request === request && !all) continue;
      const claim = entry === undefined ? this.#enter(key, request) : this.#renew(entry, request);
      changed.add(claim.entry);
      if (claim.addresses.length > 0) claims.push(claim);
    }
    for (const { entry, addresses } of claims.sort((a, b) => byAge(a.entry, b.entry))) this.#replay(entry, addresses);
    this.#free();
    return changed;
  }

  #enter(key: ServiceKey, request: ServiceRequest): Claim {
    const entry: Entry = {
      request,
      terms: termsOf(request),
      families: familiesOf(request),
      held: [],
      pool: request.assignedPool,
      ours: false,
      decision: undefined,
      seen: -1,
      due: undefined,
    };
    this.#entries.set(key, entry);
    return { entry, addresses: this.#barred(request) === undefined ? request.assigned : [] };
  }

  /** It stays where it is unless something changed that its neighbours or its families have to do with. */
  #renew(entry: Entry, request: ServiceRequest): Claim {
    const terms = termsOf(request);
    const families = familiesOf(request);
    const barred = this.#barred(request) !== undefined;
    const returned =
      entry.held.length === 0 && !barred && this.#barred(entry.request) !== undefined ? request.assigned : [];
    const stays =
      !barred && sameTerms(entry.terms, terms) && entry.held.every(({ family }) => families.includes(family));
    const held = entry.held;
    if (stays) entry.held = inOrderOf(families, held);
    else this.#leaveAll(entry);
    entry.request = request;
    entry.terms = terms;
    entry.families = families;
    return { entry, addresses: barred || stays ? returned : held };
  }

  /** One address of each family that the Service still has, where no older claim stands against it. */
  #replay(entry: Entry, addresses: readonly IpAddress[]): void {
    const held: IpAddress[] = [];
    for (const family of entry.families) {
      const address = addresses.find((candidate) => {
        if (candidate.family !== family) return false;
        const holding = this.#book.holding(candidate);
        return holding === undefined || sharingObstacle(holding, entry.request.key, entry.terms) === undefined;
      });
      if (address === undefined) continue;
      this.#join(entry, address);
      held.push(address);
    }
    entry.held = compact(held);
    entry.ours ||= held.length > 0;
  }

  #mayBeServed(entry: Entry, now: Milliseconds): boolean {
    return entry.seen < this.#version || (entry.due !== undefined && entry.due <= now);
  }

  /** Step three. What one gives up may be what an older one waits for, so it ends when a round frees nothing. */
  #settleAll(entries: Iterable<Entry>): boolean {
    let moved = false;
    for (let round = [...entries]; round.length > 0; ) {
      for (const entry of round.sort(byAge)) moved = this.#settle(entry) || moved;
      round = [...this.#waiting].filter(({ seen }) => seen < this.#version);
    }
    return moved;
  }

  /** Returns whether the decision is another one than before. */
  #settle(entry: Entry): boolean {
    const { request } = entry;
    const barred = this.#barred(request);
    const refused = barred ?? this.#pursue(entry);
    entry.seen = this.#version;
    entry.due = refused?.due;
    if (refused !== undefined && barred === undefined) this.#waiting.add(entry);
    else this.#waiting.delete(entry);
    return this.#conclude(entry, this.#isOnlyPreferred(entry, refused) ? undefined : refused);
  }

  /** PreferDualStack where no pool has the other family is well served with one, as in Kubernetes; it waits all the same. */
  #isOnlyPreferred(entry: Entry, refused: Refusal | undefined): boolean {
    const prefers = entry.request.ipFamilyPolicy === 'PreferDualStack' && entry.held.length > 0;
    return prefers && refused?.reason === 'no-pool' && this.#offer(entry) === undefined;
  }

  #conclude(entry: Entry, refused: Refusal | undefined): boolean {
    const { request, held } = entry;
    entry.pool = this.#homeOf(entry);
    const decision: AllocationDecision = {
      service: request.key,
      addresses: compact(held),
      pool: entry.pool,
      reason: refused?.reason,
      message: refused?.message,
    };
    const next = this.#concernsUs(entry) ? decision : undefined;
    if (sameDecision(entry.decision, next)) return false;
    entry.decision = next;
    return true;
  }

  /**
   * The pool that contains the addresses; the one recorded where none does any more. A Service that names its pool and was
   * given its address from there stays booked there when the pools are cut anew, or it would seem to ask for another one.
   */
  #homeOf({ request, held, pool }: Entry): string | undefined {
    const first = held[0];
    if (first === undefined) return undefined;
    const recorded = pool ?? request.assignedPool;
    if (recorded !== undefined && recorded === request.wantedPool && this.#pools.named(recorded) !== undefined)
      return recorded;
    return this.#pools.poolOf(first)?.pool.name ?? recorded;
  }

  /** Foreign Services concern us only while their status still names an address that we gave. */
  #concernsUs(entry: Entry): boolean {
    const { assigned, loadBalancer, loadBalancerClass } = entry.request;
    if (loadBalancer && loadBalancerClass === this.#input?.loadBalancerClass) return true;
    if (assigned.length === 0) entry.ours = false;
    // The status of a Service of another class belongs to that implementation, whichever address is in it.
    return entry.ours || (!loadBalancer && assigned.some((address) => this.#pools.poolOf(address) !== undefined));
  }

  #barred(request: ServiceRequest): Refusal | undefined {
    return barredFrom(request, this.#input?.loadBalancerClass);
  }

  /** Gives the Service what it asks for and can have; returns what is wrong then. */
  #pursue(entry: Entry): Refusal | undefined {
    const { request, families } = entry;
    if (request.invalid !== undefined) return whileKeeping(entry, refusal('invalid-annotation', request.invalid));
    if (request.ipFamilyPolicy === 'RequireDualStack' && families.length < 2)
      return whileKeeping(
        entry,
        refusal(
          'family-mismatch',
          `RequireDualStack needs both families, but the cluster gave the Service only ${familyNames(families)}`,
        ),
      );
    const offer = this.#offer(entry);
    if (offer?.kind === 'refused') return whileKeeping(entry, offer.refusal);
    if (offer !== undefined) this.#move(entry, offer.addresses);
    return keptThough(this.#pools, entry) ?? this.#complete(entry);
  }

  /** Undefined: what it has is what it asks for. */
  #offer(entry: Entry): Offer | undefined {
    const { request, held } = entry;
    const market = this.#market();
    if (request.wantedAddresses.length > 0) {
      const content = request.wantedAddresses.every((address) => held.some((own) => sameIpAddress(own, address)));
      return content ? undefined : offerWanted(market, entry);
    }
    if (request.wantedPool !== undefined) {
      const named = request.wantedPool;
      const content = held.length > 0 && this.#homeOf(entry) === named;
      return content ? undefined : offerFromWantedPool(market, entry, named);
    }
    return held.length > 0 ? undefined : offerAny(market, entry);
  }

  /** Adds the family that is missing, from the same pool; RequireDualStack would rather move to a pool that has both. */
  #complete(entry: Entry): Refusal | undefined {
    const { request, held, families } = entry;
    const missing = families.filter((family) => !held.some((own) => own.family === family));
    const home = held[0] === undefined ? undefined : this.#pools.poolOf(held[0]);
    if (missing.length === 0 || home === undefined) return undefined;
    const market = this.#market();
    let offer = offerMissing(market, entry, home, missing);
    if (
      offer.kind === 'refused' &&
      request.ipFamilyPolicy === 'RequireDualStack' &&
      request.wantedAddresses.length === 0
    )
      offer =
        request.wantedPool === undefined
          ? offerAny(market, entry)
          : offerFromWantedPool(market, entry, request.wantedPool);
    if (offer.kind === 'refused') return whileKeeping(entry, offer.refusal);
    this.#move(entry, offer.addresses);
    return undefined;
  }

  /** Make before break: what is new is joined before what is old is left. */
  #move(entry: Entry, addresses: readonly IpAddress[]): void {
    const { held } = entry;
    for (const address of addresses) if (!held.some((own) => sameIpAddress(own, address))) this.#join(entry, address);
    for (const own of held) if (!addresses.some((address) => sameIpAddress(address, own))) this.#leave(entry, own);
    entry.held = inOrderOf(entry.families, addresses);
    entry.pool = addresses[0] === undefined ? undefined : this.#pools.poolOf(addresses[0])?.pool.name;
    entry.ours = true;
    this.#free();
  }

  /** When its last owner is back, a rest ends early: those who wait for its end may share the address now, or wait for others. */
  #join({ request, terms }: Entry, address: IpAddress): void {
    const freed = this.#book.lastFreed(address);
    const due = freed && this.#pools.poolOf(address)?.[address.family].dueAt(freed);
    if (due !== undefined && this.#now < due) this.#version++;
    this.#book.join(address, request.key, terms, this.#pools);
  }
  #leaveAll(entry: Entry): void {
    for (const address of entry.held) this.#leave(entry, address);
    entry.held = [];
  }
  #leave(entry: Entry, address: IpAddress): void {
    this.#book.leave(address, entry.request.key);
    this.#version++;
  }
  #free(): void {
    this.#book.settleVacated(this.#now, this.#pools);
  }

  #market(): Market {
    return { pools: this.#pools, book: this.#book, now: this.#now };
  }
  get #now(): Milliseconds {
    return this.#input!.now;
  }

  #list(services: ReadonlyMap<ServiceKey, ServiceRequest>): void {
    const decisions: AllocationDecision[] = [];
    for (const key of services.keys()) {
      const decision = this.#entries.get(key)?.decision;
      if (decision !== undefined) decisions.push(decision);
    }
    const same = decisions.length === this.#decisions.length && decisions.every((d, i) => d === this.#decisions[i]);
    if (!same) this.#decisions = decisions;
  }
}

/** SingleStack has one family, whatever else is written. */
const familiesOf = ({ families, ipFamilyPolicy }: ServiceRequest): readonly IpFamily[] =>
  ipFamilyPolicy === 'SingleStack' ? families.slice(0, 1) : families;

const inOrderOf = (families: readonly IpFamily[], addresses: readonly IpAddress[]): readonly IpAddress[] =>
  compact(families.flatMap((family) => addresses.filter((address) => address.family === family)));

/** Oldest first; without a time of creation last; then by namespace and name. */
function byAge({ request: a }: Entry, { request: b }: Entry): number {
  const [ageA, ageB] = [a.createdAt ?? Number.MAX_SAFE_INTEGER, b.createdAt ?? Number.MAX_SAFE_INTEGER];
  if (ageA !== ageB) return ageA - ageB;
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function sameNamespaces(a: ReadonlyMap<string, Labels>, b: ReadonlyMap<string, Labels>): boolean {
  if (a === b) return true;
  return a.size === b.size && [...a].every(([name, labels]) => b.get(name) === labels);
}

function sameDecision(a: AllocationDecision | undefined, b: AllocationDecision | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.pool === b.pool &&
    a.reason === b.reason &&
    a.message === b.message &&
    a.addresses.length === b.addresses.length &&
    a.addresses.every((address, i) => sameIpAddress(address, b.addresses[i]!))
  );
}
