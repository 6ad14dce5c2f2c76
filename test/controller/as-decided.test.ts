import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AllocationDecision } from '../../src/allocation/decision.ts';
import { TrackedMap } from '../../src/base/tracked-map.ts';
import { servicesAsDecided } from '../../src/controller/as-decided.ts';
import type { ServiceKey, ServiceRequest } from '../../src/inventory/service-request.ts';
import { address, serviceRequest } from '../support/values.ts';

const decided = (service: ServiceKey, ...addresses: string[]): AllocationDecision => ({
  service,
  addresses: addresses.map(address),
  pool: addresses.length > 0 ? 'p' : undefined,
  reason: undefined,
  message: undefined,
});
const web = serviceRequest('shop', 'web');
const { key } = web;

describe('Services as they stand once what was decided is written', () => {
  it('have the addresses and the pool of their decision', () => {
    const after = servicesAsDecided()(new Map([[key, web]]), new Map([[key, decided(key, '192.0.2.1')]]));
    expect([...after]).toEqual([[key, { ...web, assigned: [address('192.0.2.1')], assignedPool: 'p' }]]);
  });

  it('are the very objects that were given where nothing was decided, or what they have already', () => {
    const has = serviceRequest('shop', 'has', { assigned: [address('192.0.2.1')] });
    const after = servicesAsDecided()(
      new Map([
        [key, web],
        [has.key, has],
      ]),
      new Map([[has.key, decided(has.key, '192.0.2.1')]]),
    );
    expect(after.get(key)).toBe(web);
    expect(after.get(has.key)).toBe(has);
  });

  it('are in one map always, of which only those are touched whose Service or decision changed', () => {
    const services = new TrackedMap([
      [key, web],
      ['shop/db' as ServiceKey, serviceRequest('shop', 'db')],
    ]);
    const decisions = new TrackedMap([...services.keys()].map((name) => [name, decided(name, '192.0.2.1')] as const));
    const asDecided = servicesAsDecided();
    const after = asDecided(services, decisions) as TrackedMap<ServiceKey, ServiceRequest>;
    const touched = new Set<ServiceKey>();
    after.follow(touched);
    expect(asDecided(services, decisions)).toBe(after);
    expect([...touched]).toEqual([]);
    decisions.set(key, decided(key, '192.0.2.2'));
    asDecided(services, decisions);
    expect([...touched]).toEqual([key]);
    touched.clear();
    services.delete(key);
    asDecided(services, decisions);
    expect([...touched]).toEqual([key]);
    expect([...after.keys()]).toEqual(['shop/db']);
  });

  it('property: the same as all at once, whatever changed in between and whether the maps are changed in place or made anew', () => {
    const names = ['a', 'b', 'c'].map((name) => serviceRequest('shop', name).key);
    const addresses = fc.option(fc.subarray(['192.0.2.1', '2001:db8::1']), { nil: undefined });
    const step = fc.record({
      name: fc.constantFrom(...names),
      assigned: addresses,
      given: addresses,
      anew: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const services = new TrackedMap<ServiceKey, ServiceRequest>();
        const decisions = new TrackedMap<ServiceKey, AllocationDecision>();
        const asDecided = servicesAsDecided();
        for (const { name, assigned, given, anew } of steps) {
          if (assigned === undefined) services.delete(name);
          else services.set(name, serviceRequest('shop', name.slice(5), { assigned: assigned.map(address) }));
          if (given === undefined) decisions.delete(name);
          else decisions.set(name, decided(name, ...given));
          const after = anew ? asDecided(new Map(services), new Map(decisions)) : asDecided(services, decisions);
          const atOnce = servicesAsDecided()(new Map(services), new Map(decisions));
          expect(new Map(after)).toEqual(new Map(atOnce));
        }
      }),
    );
  });
});
