import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { ClusterObject, ObjectKind } from '../../src/cluster/ports.ts';
import { serviceKey } from '../../src/inventory/service-request.ts';
import { inventoryTaker } from '../../src/inventory/take.ts';
import { lists, object } from './manifest.ts';

const service = (name: string, spec: Readonly<Record<string, unknown>> = {}) =>
  object('Service', name, { spec: { type: 'LoadBalancer', ...spec } });
const slice = (name: string, serviceName: string, address: string) =>
  object('EndpointSlice', name, {
    metadata: { labels: { 'kubernetes.io/service-name': serviceName } },
    endpoints: [{ addresses: [address] }],
  });

describe('identity', () => {
  test('the same lists give the same inventory', () => {
    const take = inventoryTaker();
    const given = lists({
      Service: [service('a')],
      EndpointSlice: [slice('a-1', 'a', '10.0.0.1')],
      Node: [object('Node', 'n', {}, '')],
    });
    expect(take({ ...given })).toBe(take(given));
  });

  test('one changed object: only its value is new, and maps that have nothing to do with it stay', () => {
    const take = inventoryTaker();
    const [a, b] = [service('a'), service('b')];
    const slices = [slice('a-1', 'a', '10.0.0.1'), slice('a-2', 'a', '10.0.0.2'), slice('b-1', 'b', '10.0.0.3')];
    const before = take(lists({ Service: [a, b], EndpointSlice: slices }));
    const after = take(
      lists({
        Service: [a, service('b', { loadBalancerClass: 'x' })],
        EndpointSlice: [...slices.slice(0, 2), slice('b-1', 'b', '10.0.0.4')],
      }),
    );
    expect(after.services.get(serviceKey('shop', 'a'))).toBe(before.services.get(serviceKey('shop', 'a')));
    expect(after.services.get(serviceKey('shop', 'b'))).not.toBe(before.services.get(serviceKey('shop', 'b')));
    expect(after.endpoints.get(serviceKey('shop', 'a'))).toBe(before.endpoints.get(serviceKey('shop', 'a')));
    expect(after.endpoints.get(serviceKey('shop', 'b'))).not.toBe(before.endpoints.get(serviceKey('shop', 'b')));
    expect(after.namespaces).toBe(before.namespaces);
  });

  test('10,000 Services and slices, one of each changed: milliseconds', () => {
    const take = inventoryTaker();
    const names = Array.from({ length: 10_000 }, (_, i) => `s${i}`);
    const services = names.map((name) => service(name));
    const slices = names.map((name, i) => slice(`${name}-1`, name, `10.0.${i >> 8}.${i & 255}`));
    take(lists({ Service: services, EndpointSlice: slices }));
    const times = Array.from({ length: 5 }, (_, i) => {
      const given = lists({
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
      lists({ Service: [service('a'), object('Service', 'b', {}, 'lab')], Namespace: [namespace] }),
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
      [...inventoryTaker('me')(lists({ Node: nodes })).nodes].map(([name, node]) => [name, node.draining]),
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
      lists({
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
          expect(inventoryTaker()(lists({ [kind]: given })).problems.length).toBeLessThanOrEqual(20);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
