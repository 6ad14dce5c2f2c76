import { Follower } from '../base/tracked-map.ts';
import type { ServiceKey, ServiceRequest } from '../inventory/service-request.ts';

/** The pools that Services have addresses of, by what their statuses say. */
export class PoolsInUse {
  readonly #services = new Follower<ServiceKey, ServiceRequest>();
  readonly #poolOf = new Map<ServiceKey, string>();
  readonly #counts = new Map<string, number>();
  #names: ReadonlySet<string> = new Set();

  /** The same set until a pool comes into use or goes out of it. */
  in(services: ReadonlyMap<ServiceKey, ServiceRequest>): ReadonlySet<string> {
    for (const key of this.#services.changed(services)) {
      const { assigned = [], assignedPool } = services.get(key) ?? {};
      const before = this.#poolOf.get(key);
      const now = assigned.length > 0 ? assignedPool : undefined;
      if (before === now) continue;
      if (before !== undefined) this.#count(before, -1);
      if (now === undefined) this.#poolOf.delete(key);
      else {
        this.#count(now, 1);
        this.#poolOf.set(key, now);
      }
    }
    this.#services.seen();
    if (this.#names.size !== this.#counts.size || [...this.#names].some((name) => !this.#counts.has(name)))
      this.#names = new Set(this.#counts.keys());
    return this.#names;
  }

  #count(pool: string, more: number): void {
    const count = (this.#counts.get(pool) ?? 0) + more;
    if (count === 0) this.#counts.delete(pool);
    else this.#counts.set(pool, count);
  }
}
