import { compact } from '../base/compact.ts';
import { formatIpAddress, type IpAddress } from '../base/ip-address.ts';
import { Follower } from '../base/tracked-map.ts';
import type { Endpoint } from '../inventory/endpoint.ts';
import type { ServiceKey, ServiceRequest } from '../inventory/service-request.ts';
import type { Ground } from './ground.ts';
import type { AddressVerdict } from './verdict.ts';

/** An address, who holds it, and what was judged of it last. */
export interface Seat {
  readonly text: string;
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

/** Which of our Services hold which address. Of ten thousand only those that changed are seated anew. */
export class Seating {
  /** By the address as text. */
  readonly #seats = new Map<string, Seat>();
  readonly #seated = new Map<ServiceKey, ServiceRequest>();
  readonly #services = new Follower<ServiceKey, ServiceRequest>();
  #class: string | undefined;

  /** All of them. */
  seats(): Iterable<Seat> {
    return this.#seats.values();
  }

  /** Those of the addresses that the Service holds. */
  seatsOf(key: ServiceKey): readonly Seat[] {
    return (this.#seated.get(key)?.assigned ?? []).flatMap(
      (address) => this.#seats.get(formatIpAddress(address)) ?? [],
    );
  }

  /** The Services as they are now. Adds to `concerned` the seats that others sit on than before; one that nobody sits on is gone. */
  take(
    services: ReadonlyMap<ServiceKey, ServiceRequest>,
    loadBalancerClass: string | undefined,
    concerned: Set<Seat>,
  ): void {
    const changed = this.#services.changed(services);
    const all = loadBalancerClass !== this.#class;
    for (const key of all ? [...services.keys(), ...this.#seated.keys()] : changed) {
      const service = services.get(key);
      const now =
        service?.loadBalancer === true && service.loadBalancerClass === loadBalancerClass ? service : undefined;
      const before = this.#seated.get(key);
      if (before === now) continue;
      if (before !== undefined) this.#leave(before, concerned);
      if (now === undefined) this.#seated.delete(key);
      else this.#sit(now, concerned);
    }
    // Not before: who leaves may be replaced by another one in the same pass.
    for (const { text, services: left } of concerned) if (left.length === 0) this.#seats.delete(text);
    this.#class = loadBalancerClass;
    this.#services.seen();
  }

  #leave(service: ServiceRequest, concerned: Set<Seat>): void {
    for (const seat of this.seatsOf(service.key)) {
      seat.services = seat.services.filter((one) => one !== service);
      concerned.add(seat);
    }
  }

  #sit(service: ServiceRequest, concerned: Set<Seat>): void {
    this.#seated.set(service.key, service);
    for (const address of service.assigned) {
      const text = formatIpAddress(address);
      const seat = this.#seats.get(text) ?? { text, address, services: [], judged: undefined };
      this.#seats.set(text, seat);
      if (!seat.services.includes(service))
        seat.services = compact([...seat.services, service].sort((a, b) => (a.key < b.key ? -1 : 1)));
      concerned.add(seat);
    }
  }
}
