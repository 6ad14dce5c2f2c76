import { compact } from '../base/compact.ts';
import type { IpAddress } from '../base/ip-address.ts';
import type { Endpoint } from '../inventory/endpoint.ts';
import type { ServiceKey, ServiceRequest } from '../inventory/service-request.ts';
import type { Ground } from './ground.ts';
import type { AddressVerdict } from './verdict.ts';

/** An address, who holds it, and what was judged of it last. */
export interface Seat {
  readonly place: bigint;
  readonly address: IpAddress;
  /** Sorted; another list when one of them changed. */
  services: readonly ServiceRequest[];
  judged: Judged | undefined;
}

/** A verdict and all that it depends on, compared by identity: none of it is ever changed in place. */
export interface Judged {
  readonly ground: Ground;
  readonly services: readonly ServiceRequest[];
  /** One entry for each of `services`. */
  readonly endpoints: readonly (readonly Endpoint[])[];
  readonly verdict: AddressVerdict;
}

type Services = ReadonlyMap<ServiceKey, ServiceRequest>;

/** A number for each address that sorts as addresses are listed: IPv4 first. */
const placeOf = ({ family, value }: IpAddress): bigint => (family === 'ipv4' ? value : value + (1n << 32n));

/** Which of our Services hold which address, in the order of addresses. Of ten thousand only those that changed are seated anew. */
export class Seating {
  readonly #at = new Map<bigint, Seat>();
  #services: Services = new Map();
  #class: string | undefined;
  #seats: readonly Seat[] = [];

  get seats(): readonly Seat[] {
    return this.#seats;
  }

  /** The Services as they are now; true when there are other addresses than before. */
  take(services: Services, loadBalancerClass: string | undefined): boolean {
    const sameClass = loadBalancerClass === this.#class;
    const concerned = new Set<Seat>();
    const come: ServiceRequest[] = [];
    let known = 0;
    for (const service of services.values()) {
      const before = this.#services.get(service.key);
      if (before !== undefined) known++;
      if (before === service && sameClass) continue;
      if (before !== undefined) this.#leave(before, concerned);
      come.push(service);
    }
    if (known < this.#services.size)
      for (const before of this.#services.values()) if (!services.has(before.key)) this.#leave(before, concerned);
    this.#services = services;
    this.#class = loadBalancerClass;
    const added: Seat[] = [];
    for (const service of come)
      if (service.loadBalancer && service.loadBalancerClass === loadBalancerClass) this.#sit(service, added);
    let removed = false;
    for (const { place, services: left } of concerned)
      if (left.length === 0) removed = this.#at.delete(place) || removed;
    if (!removed && added.length === 0) return false;
    const kept = removed ? this.#seats.filter((seat) => seat.services.length > 0) : this.#seats;
    this.#seats = [...kept, ...added.sort(byPlace)].sort(byPlace);
    return true;
  }

  #leave(service: ServiceRequest, concerned: Set<Seat>): void {
    for (const address of service.assigned) {
      const seat = this.#at.get(placeOf(address));
      if (seat === undefined || !seat.services.includes(service)) continue;
      seat.services = seat.services.filter((one) => one !== service);
      concerned.add(seat);
    }
  }

  #sit(service: ServiceRequest, added: Seat[]): void {
    for (const address of service.assigned) {
      const place = placeOf(address);
      const seat = this.#at.get(place);
      if (seat === undefined) {
        const made: Seat = { place, address, services: [service], judged: undefined };
        this.#at.set(place, made);
        added.push(made);
      } else if (!seat.services.includes(service))
        seat.services = compact([...seat.services, service].sort((a, b) => (a.key < b.key ? -1 : 1)));
    }
  }
}

const byPlace = (a: Seat, b: Seat): number => (a.place < b.place ? -1 : 1);
