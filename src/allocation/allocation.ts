import { type Milliseconds, ms } from '../base/clock.ts';
import { compact } from '../base/compact.ts';
import { type IpAddress, sameIpAddress } from '../base/ip-address.ts';
import type { Labels } from '../base/label-selector.ts';
import { Follower, TrackedMap } from '../base/tracked-map.ts';
import type { Pool } from '../config/config.ts';
import type { ServiceKey, ServiceRequest } from '../inventory/service-request.ts';
import { AddressBook } from './address-book.ts';
import { type AllocationDecision, type PoolUsage, sameDecision } from './decision.ts';
import { byAge, type Entry, familiesOf, inOrderOf, newEntry } from './entry.ts';
import { type Market, type Offer, offerAny, offerFromWantedPool, offerMissing } from './offer.ts';
import { PoolMap } from './pool-map.ts';
import { familyNames, type Refusal, refusal } from './refusal.ts';
import { sameTerms, sharingObstacle, termsOf } from './sharing.ts';
import { barredFrom, keptThough, whileKeeping } from './standing.ts';
import { Waiting } from './waiting.ts';
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
 *   Waiting       those who are to be asked again, and when
 *   standing      what is wrong with an address that is kept all the same
 *
 * Cost: a Service that did not change is not looked at, unless pools, namespaces or our class changed; giving and freeing an
 * address does not depend on the number of Services or addresses; those that wait are asked again only when an address or
 * port became free, or a rest is over. A pass that fails half way leaves what it had still to do to the next one.
 *
 * Deliberately missing: history over restarts (the order of reuse starts anew), and moving Services to make room.
 *
 * Standards: MetalLB v0.15 `internal/allocator` (sharing, pinning, requested addresses); Kubernetes "IPv4/IPv6 dual-stack".
 */

export interface AllocationInput {
  readonly pools: readonly Pool[];
  /** Changed in place it is a TrackedMap; another kind of map is made anew where anything changed. So are `namespaces`. */
  readonly services: ReadonlyMap<ServiceKey, ServiceRequest>;
  readonly namespaces: ReadonlyMap<string, Labels>;
  /** Ours; undefined: Services without a class. */
  readonly loadBalancerClass: string | undefined;
  readonly now: Milliseconds;
}

export class Allocation {
  readonly #book = new AddressBook();
  readonly #entries = new Map<ServiceKey, Entry>();
  readonly #decisions = new TrackedMap<ServiceKey, AllocationDecision>();
  readonly #waiting = new Waiting();
  readonly #services = new Follower<ServiceKey, ServiceRequest>();
  readonly #namespaces = new Follower<string, Labels>();
  /** What those who left or are new want, where nobody older does. */
  readonly #claims = new Map<Entry, readonly IpAddress[]>();
  readonly #unsettled = new Set<Entry>();
  // `configured` and `checkedClass` are what was worked on to the end, `pools` and `ours` what holds.
  #configured: readonly Pool[] = [];
  #pools = new PoolMap(this.#configured, new Map(), this.#book);
  #checkedClass: string | undefined;
  #ours: string | undefined;
  #now = ms(0);

  /**
   * Brings the assignments in line with what is now. Decisions for every LoadBalancer Service of our class, and for others
   * while their status names an address of ours. It is the same map always, in no order; what did not change in it is not touched.
   */
  reconcile(input: AllocationInput): ReadonlyMap<ServiceKey, AllocationDecision> {
    this.#now = input.now;
    this.#ours = input.loadBalancerClass;
    this.#takePools(input);
    this.#takeServices(input.services);
    this.#settleAll();
    return this.#decisions;
  }

  /** Of every pool, sorted by name; retired ones too, which have nothing available. */
  usage(): readonly PoolUsage[] {
    return this.#pools.usage();
  }

  /** When a waiting Service could get an address though nothing changes, because its rest (reuseAfter) is over. */
  nextDue(): Milliseconds | undefined {
    return this.#waiting.nextDue();
  }

  #takePools({ pools, namespaces }: AllocationInput): void {
    const relabelled = this.#namespaces.changed(namespaces).size > 0;
    if (pools === this.#configured && !relabelled) return;
    this.#pools = new PoolMap(pools, namespaces, this.#book);
    for (const entry of this.#entries.values()) this.#unsettled.add(entry);
    this.#configured = pools;
    this.#namespaces.seen();
  }

  /** Steps one and two: who is gone or changed leaves, then claims are replayed. */
  #takeServices(services: ReadonlyMap<ServiceKey, ServiceRequest>): void {
    const changed = this.#services.changed(services);
    const newClass = this.#ours !== this.#checkedClass;
    const known: Entry[] = [];
    for (const key of newClass ? new Set([...changed, ...services.keys()]) : changed) {
      const entry = this.#entries.get(key);
      const request = services.get(key);
      if (entry !== undefined) known.push(entry);
      else if (request !== undefined) this.#enter(request);
    }
    // Who leaves last counts as the last owner: that must not depend on the order in which the Services changed.
    known.sort(byAge);
    for (const entry of known) if (!services.has(entry.request.key)) this.#remove(entry);
    for (const entry of known) {
      const request = services.get(entry.request.key);
      if (request !== undefined && (request !== entry.request || newClass)) this.#renew(entry, request);
    }
    this.#services.seen();
    this.#checkedClass = this.#ours;
    for (const [entry, addresses] of [...this.#claims].sort(([a], [b]) => byAge(a, b))) this.#replay(entry, addresses);
    this.#free();
  }

  #enter(request: ServiceRequest): void {
    const entry = newEntry(request);
    this.#entries.set(request.key, entry);
    this.#unsettled.add(entry);
    this.#claim(entry, this.#barred(request) === undefined ? request.assigned : []);
  }

  #remove(entry: Entry): void {
    const { key } = entry.request;
    this.#leaveAll(entry);
    this.#claims.delete(entry);
    this.#waiting.delete(entry);
    this.#unsettled.delete(entry);
    this.#entries.delete(key);
    this.#decisions.delete(key);
  }

  /** It stays where it is unless something changed that its neighbours or its families have to do with. */
  #renew(entry: Entry, request: ServiceRequest): void {
    this.#unsettled.add(entry);
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
    if (barred) this.#claims.delete(entry);
    this.#claim(entry, barred || stays ? returned : held);
  }

  #claim(entry: Entry, addresses: readonly IpAddress[]): void {
    if (addresses.length > 0) this.#claims.set(entry, addresses);
  }

  /** One address of each family that the Service still has, where no older claim stands against it. */
  #replay(entry: Entry, addresses: readonly IpAddress[]): void {
    for (const family of entry.families) {
      const address = addresses.find((candidate) => {
        if (candidate.family !== family) return false;
        const holding = this.#book.holding(candidate);
        return holding === undefined || sharingObstacle(holding, entry.request.key, entry.terms) === undefined;
      });
      if (address === undefined) continue;
      this.#join(entry, address);
      entry.held = compact([...entry.held, address]);
      entry.ours = true;
    }
    this.#claims.delete(entry);
  }

  /** Step three. What one gives up may be what an older one waits for, so it ends when a round frees nothing. */
  #settleAll(): void {
    for (const entry of this.#waiting.due(this.#now)) this.#unsettled.add(entry);
    do {
      for (const entry of this.#waiting.stirred()) this.#unsettled.add(entry);
      for (const entry of [...this.#unsettled].sort(byAge)) {
        this.#settle(entry);
        this.#unsettled.delete(entry);
      }
    } while (this.#waiting.isStirred);
  }

  #settle(entry: Entry): void {
    const barred = this.#barred(entry.request);
    const refused = barred ?? this.#pursue(entry);
    if (refused !== undefined && barred === undefined) this.#waiting.add(entry, refused.due);
    else this.#waiting.delete(entry);
    this.#conclude(entry, this.#isOnlyPreferred(entry, refused) ? undefined : refused);
  }

  /** PreferDualStack where no pool has the other family is well served with one, as in Kubernetes; it waits all the same. */
  #isOnlyPreferred(entry: Entry, refused: Refusal | undefined): boolean {
    const prefers = entry.request.ipFamilyPolicy === 'PreferDualStack' && entry.held.length > 0;
    return prefers && refused?.reason === 'no-pool' && this.#offer(entry) === undefined;
  }

  #conclude(entry: Entry, refused: Refusal | undefined): void {
    const { request, held } = entry;
    entry.pool = this.#homeOf(entry);
    const decision: AllocationDecision = {
      service: request.key,
      addresses: compact(held),
      pool: entry.pool,
      reason: refused?.reason,
      message: refused?.message,
    };
    const before = this.#decisions.get(request.key);
    if (!this.#concernsUs(entry)) this.#decisions.delete(request.key);
    else if (before === undefined || !sameDecision(before, decision)) this.#decisions.set(request.key, decision);
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
    if (loadBalancer && loadBalancerClass === this.#ours) return true;
    if (assigned.length === 0) entry.ours = false;
    // The status of a Service of another class belongs to that implementation, whichever address is in it.
    return entry.ours || (!loadBalancer && assigned.some((address) => this.#pools.poolOf(address) !== undefined));
  }

  #barred(request: ServiceRequest): Refusal | undefined {
    return barredFrom(request, this.#ours);
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
    if (due !== undefined && this.#now < due) this.#waiting.stir();
    this.#book.join(address, request.key, terms, this.#pools);
  }
  #leaveAll(entry: Entry): void {
    for (const address of entry.held) this.#leave(entry, address);
    entry.held = [];
  }
  #leave(entry: Entry, address: IpAddress): void {
    this.#book.leave(address, entry.request.key);
    this.#waiting.stir();
  }
  #free(): void {
    this.#book.settleVacated(this.#now, this.#pools);
  }

  #market(): Market {
    return { pools: this.#pools, book: this.#book, now: this.#now };
  }
}
