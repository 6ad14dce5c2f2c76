import { formatIpAddress, type IpAddress } from '../base/ip-address.ts';
import type { ServiceKey, ServiceRequest } from '../inventory/service-request.ts';

/** What a Service brings to an address that it shares. */
export interface Terms {
  readonly sharingKey: string | undefined;
  readonly backendKey: string;
  /** "TCP/80" */
  readonly ports: readonly string[];
}

export const termsOf = ({ sharingKey, backendKey, ports }: ServiceRequest): Terms => ({
  sharingKey,
  backendKey,
  ports: [...new Set(ports.map(({ protocol, port }) => `${protocol}/${port}`))],
});

export const sameTerms = (a: Terms, b: Terms): boolean =>
  a.sharingKey === b.sharingKey &&
  a.backendKey === b.backendKey &&
  a.ports.length === b.ports.length &&
  a.ports.every((port, i) => port === b.ports[i]);

/** One address and those who have it: a single Service, or several with the same sharing and backend keys and different ports. */
export interface Holding {
  readonly address: IpAddress;
  readonly tenants: Map<ServiceKey, Terms>;
  /** Who has which port; undefined while nobody shares it. */
  ports: Map<string, ServiceKey> | undefined;
  group: SharingGroup | undefined;
}

/** Why the Service may not share this address, for people; undefined when it may. A sole tenant may change its own terms. */
export function sharingObstacle(holding: Holding, service: ServiceKey, terms: Terms): string | undefined {
  for (const [tenant, theirs] of holding.tenants) {
    if (tenant === service) continue;
    const place = `${formatIpAddress(holding.address)} belongs to ${tenant}`;
    if (theirs.sharingKey === undefined) return `${place}, which does not share it`;
    if (terms.sharingKey === undefined) return `${place}, and this Service has no allow-shared-ip key`;
    if (terms.sharingKey !== theirs.sharingKey)
      return `${place} under the allow-shared-ip key "${theirs.sharingKey}", not "${terms.sharingKey}"`;
    if (terms.backendKey !== theirs.backendKey)
      return `${place}, and with externalTrafficPolicy Local both need the same policy and the same selector`;
    // The other tenants have the same keys as this one, so only ports are left to compare.
    break;
  }
  for (const port of terms.ports) {
    const owner = holding.ports?.get(port);
    if (owner !== undefined && owner !== service)
      return `${formatIpAddress(holding.address)} is shared, but its port ${port} belongs to ${owner}`;
  }
  return undefined;
}

/**
 * The addresses of one pool and family that are shared under one key by the same backends, longest shared first. For each
 * port a cursor remembers up to where all addresses have it taken, so that the thousandth Service on port 80 does not ask them all.
 */
export class SharingGroup {
  #slots: (Holding | undefined)[] = [];
  readonly #slotOf = new Map<Holding, number>();
  readonly #cursors = new Map<string, number>();
  readonly #emptied: () => void;

  constructor(emptied: () => void) {
    this.#emptied = emptied;
  }

  add(holding: Holding): void {
    holding.group = this;
    this.#slotOf.set(holding, this.#slots.length);
    this.#slots.push(holding);
  }

  remove(holding: Holding): void {
    const slot = this.#slotOf.get(holding);
    if (slot === undefined) return;
    holding.group = undefined;
    this.#slotOf.delete(holding);
    this.#slots[slot] = undefined;
    if (this.#slotOf.size === 0) this.#emptied();
    else if (this.#slots.length > 2 * this.#slotOf.size + 8) this.#compact();
  }

  portsFreed(holding: Holding, ports: readonly string[]): void {
    const slot = this.#slotOf.get(holding);
    if (slot === undefined) return;
    for (const port of ports) this.#cursors.set(port, Math.min(slot, this.#cursors.get(port) ?? slot));
  }

  /** The first address on which all these ports are free and that is acceptable otherwise. */
  first(ports: readonly string[], acceptable: (address: IpAddress) => boolean): IpAddress | undefined {
    let start = 0;
    for (const port of ports) start = Math.max(start, this.#advance(port));
    for (let slot = start; slot < this.#slots.length; slot++) {
      const holding = this.#slots[slot];
      if (
        holding !== undefined &&
        ports.every((port) => holding.ports?.has(port) !== true) &&
        acceptable(holding.address)
      )
        return holding.address;
    }
    return undefined;
  }

  #advance(port: string): number {
    let cursor = this.#cursors.get(port) ?? 0;
    while (cursor < this.#slots.length && isTaken(this.#slots[cursor], port)) cursor++;
    this.#cursors.set(port, cursor);
    return cursor;
  }

  #compact(): void {
    this.#slots = this.#slots.filter((holding) => holding !== undefined);
    this.#slots.forEach((holding, slot) => {
      if (holding !== undefined) this.#slotOf.set(holding, slot);
    });
    this.#cursors.clear();
  }
}

const isTaken = (holding: Holding | undefined, port: string): boolean =>
  holding === undefined || holding.ports?.has(port) === true;
