import { Allocation, type AllocationInput } from '../../src/allocation/allocation.ts';
import type { AllocationDecision } from '../../src/allocation/decision.ts';
import { ms } from '../../src/base/clock.ts';
import { formatIpAddress } from '../../src/base/ip-address.ts';
import type { LabelSelector, Labels } from '../../src/base/label-selector.ts';
import type { Pool, Reservation, ServiceAllocation } from '../../src/config/config.ts';
import { type ServiceKey, type ServiceRequest, serviceKey } from '../../src/inventory/service-request.ts';
import { address, range, serviceRequest } from '../support/values.ts';

export { pool } from '../support/values.ts';

export const pinned = (changes: Partial<ServiceAllocation> = {}): ServiceAllocation => ({
  priority: 0,
  namespaces: [],
  namespaceSelectors: [],
  serviceSelectors: [],
  ...changes,
});
export const labelled = (matchLabels: Labels): LabelSelector => ({ matchLabels, matchExpressions: [] });
export const reserved = (addresses: string, service?: string): Reservation => ({ range: range(addresses), service });

/** "web" is shop/web. */
export function keyOf(name: string): ServiceKey {
  const [first, second] = name.split('/');
  return second === undefined ? serviceKey('shop', name) : serviceKey(first!, second);
}

export function request(name: string, changes: Partial<ServiceRequest> = {}): ServiceRequest {
  const [namespace = '', bare = ''] = keyOf(name).split('/');
  return serviceRequest(namespace, bare, changes);
}

export const wants = (...texts: string[]): Partial<ServiceRequest> => ({ wantedAddresses: texts.map(address) });
export const has = (...texts: string[]): Partial<ServiceRequest> => ({ assigned: texts.map(address) });
export const ports = (...texts: string[]): Partial<ServiceRequest> => ({
  ports: texts.map((text) => {
    const [protocol, port] = text.split('/');
    return { protocol: protocol as 'TCP' | 'UDP', port: Number(port) };
  }),
});
export const prefer: Partial<ServiceRequest> = { families: ['ipv4', 'ipv6'], ipFamilyPolicy: 'PreferDualStack' };
export const require: Partial<ServiceRequest> = { families: ['ipv4', 'ipv6'], ipFamilyPolicy: 'RequireDualStack' };
export const ipv6: Partial<ServiceRequest> = { families: ['ipv6'] };

/** Of two addresses asked for, one may rest when the other becomes somebody's: which of the two obstacles is named is of its moment. */
const gist = ({ addresses, pool: from, reason }: AllocationDecision): string =>
  [...addresses.map(formatIpAddress), from, reason === 'sharing-refused' ? 'address-in-use' : reason].join(' ');

/** A controller in miniature: it writes decisions back into the Services, and demands that a second look changes nothing. */
export class Rig {
  pools: readonly Pool[];
  namespaces: ReadonlyMap<string, Labels> = new Map();
  loadBalancerClass: string | undefined;
  now = 0;
  allocation = new Allocation();
  #services: ReadonlyMap<ServiceKey, ServiceRequest> = new Map();
  #draft: Map<ServiceKey, ServiceRequest> | undefined;
  decisions: readonly AllocationDecision[] = [];

  constructor(...pools: Pool[]) {
    this.pools = pools;
  }

  /** Creates or changes Services and lets them have what they can. */
  set(changes: Readonly<Record<string, Partial<ServiceRequest>>>): this {
    for (const [name, change] of Object.entries(changes)) this.put(name, change);
    return this.pass();
  }
  put(name: string, change: Partial<ServiceRequest>): void {
    const key = keyOf(name);
    this.#write(key, { ...(this.#drafted(key) ?? request(name)), ...change });
  }
  remove(...names: string[]): this {
    const gone = new Set(names.map(keyOf));
    this.#draft = new Map([...this.services].filter(([key]) => !gone.has(key)));
    return this.pass();
  }
  configure(...pools: Pool[]): this {
    this.pools = pools;
    return this.pass();
  }
  restart(): this {
    this.allocation = new Allocation();
    return this.pass();
  }
  later(milliseconds: number): this {
    this.now += milliseconds;
    return this.pass();
  }

  pass(): this {
    this.decisions = this.decide();
    for (const { service, addresses, pool: assignedPool } of this.decisions) {
      const before = this.#drafted(service)!;
      if (before.assigned === addresses && before.assignedPool === assignedPool) continue;
      this.#write(service, { ...before, assigned: addresses, assignedPool });
    }
    const again = this.decide();
    const known = new Map(this.decisions.map((decision) => [decision.service, decision]));
    // The counts in a message are those of the moment it was made; nobody is asked again only because they grew.
    const changed = again.find((decision) => {
      const before = known.get(decision.service);
      return before !== decision && (before === undefined || gist(before) !== gist(decision));
    });
    if (changed !== undefined)
      throw new Error(`a second pass changes ${changed.service}: ${changed.message ?? 'no reason'}`);
    this.decisions = again;
    return this;
  }

  get services(): ReadonlyMap<ServiceKey, ServiceRequest> {
    this.#services = this.#draft ?? this.#services;
    this.#draft = undefined;
    return this.#services;
  }
  #drafted(key: ServiceKey): ServiceRequest | undefined {
    return (this.#draft ?? this.#services).get(key);
  }
  /** What was handed out does not change any more: the first write after that makes a new map. */
  #write(key: ServiceKey, next: ServiceRequest): void {
    this.#draft ??= new Map(this.#services);
    this.#draft.set(key, next);
  }
  decision(name: string): AllocationDecision | undefined {
    return this.decisions.find(({ service }) => service === keyOf(name));
  }
  /** "192.0.2.1 2001:db8::1", then the reason in parentheses: all that tests usually want to know. */
  at(name: string): string {
    const decision = this.decision(name);
    if (decision === undefined) return 'not ours';
    const reason = decision.reason === undefined ? [] : [`(${decision.reason})`];
    return [...decision.addresses.map(formatIpAddress), ...reason].join(' ');
  }

  /** Without writing it back. */
  decide(): readonly AllocationDecision[] {
    return [...this.allocation.reconcile(this.input()).values()];
  }
  input(): AllocationInput {
    const { pools, namespaces, loadBalancerClass, services } = this;
    return { pools, namespaces, loadBalancerClass, services, now: ms(this.now) };
  }
}
