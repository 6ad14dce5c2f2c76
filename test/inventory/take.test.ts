import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { compareNames } from '../../src/base/name-order.ts';
import { Follower } from '../../src/base/tracked-map.ts';
import type { ClusterObject, ObjectKind } from '../../src/cluster/ports.ts';
import { type ServiceKey, type ServiceRequest, serviceKey } from '../../src/inventory/service-request.ts';
import { inventoryTaker } from '../../src/inventory/take.ts';
import { object, objectsOf } from './manifest.ts';

const service = (name: string, spec: Readonly<Record<string, unknown>> = {}) =>
  object('Service', name, { spec: { type: 'LoadBalancer', ...spec } });
const slice = (name: string, serviceName: string, address: string) =>
  object('EndpointSlice', name, {
    metadata: { labels: { 'kubernetes.io/service-name': serviceName } },
    endpoints: [{ addresses: [address] }],
  });

describe('one pass after another', () => {
  test('the same lists give the same inventory', () => {
    const take = inventoryTaker();
    const given = objectsOf({
      Service: [service('a')],
      EndpointSlice: [slice('a-1', 'a', '10.0.0.1')],
      Node: [object('Node', 'n', {}, '')],
    });
    expect(take({ ...given })).toBe(take(given));
  });

  test('the maps of Services and endpoints stay, and tell what was touched; others that have nothing to do with it stay', () => {
    const take = inventoryTaker();
    const [a, b] = [service('a'), service('b')];
    const slices = [slice('a-1', 'a', '10.0.0.1'), slice('a-2', 'a', '10.0.0.2'), slice('b-1', 'b', '10.0.0.3')];
    const before = take(objectsOf({ Service: [a, b], EndpointSlice: slices }));
    const [services, endpoints] = [new Follower<ServiceKey, ServiceRequest>(), new Follower<ServiceKey, unknown>()];
    services.changed(before.services);
    endpoints.changed(before.endpoints);
    services.seen();
    endpoints.seen();
    const { namespaces } = before;
    const after = take(
      objectsOf({
        Service: [a, service('b', { loadBalancerClass: 'x' })],
        EndpointSlice: [...slices.slice(0, 2), slice('b-1', 'b', '10.0.0.4')],
      }),
    );
    expect(after).not.toBe(before);
    expect([...services.changed(after.services)]).toEqual(['shop/b']);
    expect([...endpoints.changed(after.endpoints)]).toEqual(['shop/b']);
    expect(after.services.get(serviceKey('shop', 'b'))?.loadBalancerClass).toBe('x');
    expect(after.namespaces).toBe(namespaces);
  });

  test('property: after any changes it is what one without a past takes', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const step = fc.record({
      services: fc.dictionary(fc.constantFrom(...names), fc.constantFrom('shop', 'lab')),
      slices: fc.dictionary(fc.constantFrom(...names), fc.tuple(fc.constantFrom(...names), fc.nat(9))),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
        const take = inventoryTaker();
        // What is the same from step to step is the same object, as a cluster hands it out.
        const made = new Map<string, ClusterObject>();
        const once = (key: string, make: () => ClusterObject): ClusterObject => {
          const object = made.get(key) ?? make();
          made.set(key, object);
          return object;
        };
        for (const { services, slices } of steps) {
          const given = objectsOf({
            Service: Object.entries(services)
              .map(([name, namespace]) =>
                once(`${namespace} ${name}`, () =>
                  object('Service', name, { spec: { type: 'LoadBalancer' } }, namespace),
                ),
              )
              .sort(compareNames),
            EndpointSlice: Object.entries(slices)
              .map(([name, [of, last]]) => once(`${name} ${of} ${last}`, () => slice(name, of, `10.0.0.${last}`)))
              .sort(compareNames),
          });
          const [inventory, fresh] = [take(given), inventoryTaker()(given)];
          for (const part of ['services', 'endpoints', 'namespaces'] as const)
            expect(Object.fromEntries<unknown>(inventory[part])).toEqual(Object.fromEntries<unknown>(fresh[part]));
          expect(inventory.problems).toEqual(fresh.problems);
        }
      }),
    );
  });

  test('10,000 Services and slices, one of each changed: milliseconds', () => {
    const take = inventoryTaker();
    const names = Array.from({ length: 10_000 }, (_, i) => `s${i}`);
    const services = names.map((name) => service(name));
    const slices = names.map((name, i) => slice(`${name}-1`, name, `10.0.${i >> 8}.${i & 255}`));
    take(objectsOf({ Service: services, EndpointSlice: slices }));
    const times = Array.from({ length: 5 }, (_, i) => {
      const given = objectsOf({
        Service: services.with(i, service(`s${i}`)),
        EndpointSlice: slices.with(i, slice(`s${i}-1`, `s${i}`, '10.9.9.9')),
      });
      const start = systemClock.now();
      take(given);
      return systemClock.now() - start;
    });
    // A few ms when alone; the bound only tells a walk from a parse of everything on a loaded machine.
    expect(Math.min(...times)).toBeLessThan(60);
  });
});

describe('namespaces', () => {
  test('labels of those that are described, the implied one of all others where a Service lives', () => {
    const namespace = object('Namespace', 'shop', { metadata: { labels: { team: 'x' } } }, '');
    const { namespaces } = inventoryTaker()(
      objectsOf({ Service: [service('a'), object('Service', 'b', {}, 'lab')], Namespace: [namespace] }),
    );
    expect(Object.fromEntries(namespaces)).toEqual({
      shop: { team: 'x', 'kubernetes.io/metadata.name': 'shop' },
      lab: { 'kubernetes.io/metadata.name': 'lab' },
    });
  });
});

describe('nodes', () => {
  const implied = (name: string): ClusterObject => ({
    ...object('Node', name, { metadata: { annotations: { 'clarion.dev/drain': 'true' } } }, ''),
    implied: true,
  });
  const drainingOf = (...nodes: ClusterObject[]) =>
    Object.fromEntries(
      [...inventoryTaker('me')(objectsOf({ Node: nodes })).nodes].map(([name, node]) => [name, node.draining]),
    );

  test('without any Node there is the sole one, and it can be drained as if there were one', () => {
    expect(drainingOf()).toEqual({ me: false });
    expect(drainingOf(implied('me'))).toEqual({ me: true });
  });

  test('an annotation for another name makes no node of that name, and takes none away', () => {
    expect(drainingOf(implied('other'))).toEqual({ me: false });
    expect(drainingOf(implied('me'), implied('other'))).toEqual({ me: true });
  });

  test('once a Node is defined, only defined ones count', () => {
    expect(drainingOf(object('Node', 'a', {}, ''), implied('me'))).toEqual({ a: false });
  });
});

describe('problems', () => {
  test('of all kinds, each at its object, and none takes down another', () => {
    const { problems, services } = inventoryTaker()(
      objectsOf({
        Service: [service('good'), service('bad', { ports: 5 })],
        EndpointSlice: [object('EndpointSlice', 'bad', { endpoints: 5 })],
        Node: [object('Node', 'bad', { status: 5 }, '')],
        Namespace: [object('Namespace', 'bad', { metadata: 5 }, '')],
      }),
    );
    expect(problems.map((problem) => problem.object)).toEqual([
      'Service shop/bad',
      'EndpointSlice shop/bad',
      'Node bad',
      'Namespace bad',
    ]);
    expect(services.get(serviceKey('shop', 'good'))?.invalid).toBeUndefined();
  });

  /** Real field names with anything under them reach deeper than arbitrary objects would. */
  const hostile = fc.letrec<{ readonly value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.oneof(
        fc.string(),
        fc.integer(),
        fc.double(),
        fc.boolean(),
        fc.constantFrom(null, undefined, '', 'None', 'LoadBalancer', '192.0.2.1', 'IPv4'),
      ),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(
        fc.constantFrom(
          'metadata',
          'annotations',
          'labels',
          'spec',
          'status',
          'type',
          'clusterIPs',
          'ipFamilies',
          'ports',
          'port',
          'protocol',
          'loadBalancer',
          'ingress',
          'ip',
          'endpoints',
          'addresses',
          'conditions',
          'targetRef',
          'uid',
          'kubernetes.io/service-name',
          'metallb.io/loadBalancerIPs',
          'taints',
          'selector',
          '__proto__',
          'constructor',
        ),
        tie('value'),
        { maxKeys: 6 },
      ),
    ),
  })).value;

  test('anything of any type: never a throw, at most twenty problems an object', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<ObjectKind>('Service', 'EndpointSlice', 'Node', 'Namespace'),
        fc.dictionary(fc.constantFrom('metadata', 'spec', 'status', 'endpoints'), hostile),
        (kind, body) => {
          const given: ClusterObject[] = [object(kind, 'x', body)];
          expect(inventoryTaker()(objectsOf({ [kind]: given })).problems.length).toBeLessThanOrEqual(20);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
