import { Allocation, type AllocationInput } from '../../src/allocation/allocation.ts';
import type { AllocationDecision } from '../../src/allocation/decision.ts';
import { TrackedMap } from '../../src/base/tracked-map.ts';
import type { ServiceKey, ServiceRequest } from '../../src/inventory/service-request.ts';

/** An allocation that is shown one map of the Services, changed in place. */
export class Twin {
  readonly allocation = new Allocation();
  readonly #services = new TrackedMap<ServiceKey, ServiceRequest>();
  readonly #stumbles: boolean;

  /** One that stumbles fails first on its way through what changed, each time. */
  constructor(stumbles: boolean) {
    this.#stumbles = stumbles;
  }

  decide(input: AllocationInput): ReadonlyMap<ServiceKey, AllocationDecision> {
    for (const key of [...this.#services.keys()]) if (!input.services.has(key)) this.#services.delete(key);
    const changed = [...input.services].filter(([key, service]) => this.#services.get(key) !== service);
    for (const [key, service] of changed) this.#services.set(key, service);
    const own = { ...input, services: this.#services };
    const middle = changed[changed.length >> 1];
    if (this.#stumbles && middle !== undefined) {
      const [key, service] = middle;
      this.#services.set(key, unreadable(service));
      if (!fails(() => this.allocation.reconcile(own))) throw new Error('it did not stumble');
      this.#services.set(key, service);
    }
    return this.allocation.reconcile(own);
  }
}

/** As if there were a bug. */
export const unreadable = (service: ServiceRequest): ServiceRequest =>
  new Proxy(service, {
    get: (target, field, receiver) => {
      if (field === 'ports') throw new Error('unreadable');
      return Reflect.get(target, field, receiver);
    },
  });

function fails(attempt: () => void): boolean {
  try {
    attempt();
    return false;
  } catch {
    return true;
  }
}
