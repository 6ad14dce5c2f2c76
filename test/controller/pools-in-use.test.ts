import { describe, expect, it } from 'vitest';
import { TrackedMap } from '../../src/base/tracked-map.ts';
import { PoolsInUse } from '../../src/controller/pools-in-use.ts';
import type { ServiceKey, ServiceRequest } from '../../src/inventory/service-request.ts';
import { service } from '../announcement/scene.ts';

describe('pools in use', () => {
  it('are those that a Service has an address of, and the set is the same one while they are', () => {
    const services = new TrackedMap<ServiceKey, ServiceRequest>();
    const put = (name: string, addresses: readonly string[], assignedPool: string | undefined): void => {
      const one = service(name, addresses, { assignedPool });
      services.set(one.key, one);
    };
    const pools = new PoolsInUse();
    put('a', ['192.0.2.1'], 'web');
    put('b', ['192.0.2.2'], 'web');
    put('c', [], 'unused');
    put('d', ['192.0.2.3'], undefined);
    const first = pools.in(services);
    expect([...first]).toEqual(['web']);
    put('b', [], undefined);
    expect(pools.in(services)).toBe(first);
    put('a', ['192.0.2.1'], 'mail');
    expect([...pools.in(services)]).toEqual(['mail']);
    services.clear();
    expect([...pools.in(services)]).toEqual([]);
  });
});
