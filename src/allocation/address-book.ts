import type { Milliseconds } from '../base/clock.ts';
import { compareIpAddress, type IpAddress, type IpFamily } from '../base/ip-address.ts';
import type { ServiceKey } from '../inventory/service-request.ts';
import type { Holding, Terms } from './sharing.ts';

/** An address that had an owner in this process and has none now. */
export interface Freed {
  readonly address: IpAddress;
  readonly at: Milliseconds;
  /** Who had it last: the only one whom reuseAfter does not keep waiting. */
  readonly by: ServiceKey;
}

/** Told of changes that concern the pools: they count what is used, queue what is free and index what is shared. */
export interface AddressObserver {
  /** An address has its first tenant; `again`: the one before left in this same pass, so it was not free in between. */
  taken(holding: Holding, again: boolean): void;
  freed(freed: Freed): void;
}

/**
 * Who has which address, whatever pool it is in, and which addresses were free again at what time. It knows no rule: callers
 * ask `sharingObstacle` before they join. An address whose last tenant left is free only after `settleVacated`, so that a
 * Service can leave and come back under other terms without losing its place.
 */
export class AddressBook {
  readonly #holdings = { ipv4: new Map<bigint, Holding>(), ipv6: new Map<bigint, Holding>() };
  readonly #freed = { ipv4: new Map<bigint, Freed>(), ipv6: new Map<bigint, Freed>() };
  readonly #vacated = new Map<Holding, ServiceKey>();

  holding({ family, value }: IpAddress): Holding | undefined {
    return this.#holdings[family].get(value);
  }
  lastFreed({ family, value }: IpAddress): Freed | undefined {
    return this.#freed[family].get(value);
  }
  neverUsed(family: IpFamily, value: bigint): boolean {
    return !this.#holdings[family].has(value) && !this.#freed[family].has(value);
  }
  *holdings(): Iterable<Holding> {
    yield* this.#holdings.ipv4.values();
    yield* this.#holdings.ipv6.values();
  }
  /** Longest free first. */
  freedOf(family: IpFamily): Iterable<Freed> {
    return this.#freed[family].values();
  }
  /** Of addresses that no pool contains any more nothing needs to be remembered. */
  forget({ family, value }: IpAddress): void {
    this.#freed[family].delete(value);
  }

  join(address: IpAddress, service: ServiceKey, terms: Terms, observer: AddressObserver): void {
    let holding = this.#holdings[address.family].get(address.value);
    if (holding === undefined) {
      holding = { address, tenants: new Map(), ports: undefined, group: undefined };
      this.#holdings[address.family].set(address.value, holding);
      this.#freed[address.family].delete(address.value);
    }
    const first = holding.tenants.size === 0;
    holding.tenants.set(service, terms);
    if (terms.sharingKey !== undefined) holding.ports ??= new Map();
    for (const port of terms.ports) holding.ports?.set(port, service);
    if (first) observer.taken(holding, this.#vacated.delete(holding));
  }

  leave(address: IpAddress, service: ServiceKey): void {
    const holding = this.#holdings[address.family].get(address.value);
    const terms = holding?.tenants.get(service);
    if (holding === undefined || terms === undefined) return;
    holding.tenants.delete(service);
    for (const port of terms.ports) if (holding.ports?.get(port) === service) holding.ports.delete(port);
    if (holding.tenants.size > 0) holding.group?.portsFreed(holding, terms.ports);
    else {
      holding.group?.remove(holding);
      this.#vacated.set(holding, service);
    }
  }

  /** Frees what nobody came back to, in order of address: the outcome does not depend on the order of leaving. */
  settleVacated(now: Milliseconds, observer: AddressObserver): void {
    if (this.#vacated.size === 0) return;
    const vacated = [...this.#vacated].sort(([a], [b]) => compareIpAddress(a.address, b.address));
    this.#vacated.clear();
    for (const [{ address }, by] of vacated) {
      const freed = { address, at: now, by };
      this.#holdings[address.family].delete(address.value);
      this.#freed[address.family].set(address.value, freed);
      observer.freed(freed);
    }
  }
}
