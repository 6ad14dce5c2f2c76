import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { announcementJudge, type Verdicts } from '../../src/announcement/judge.ts';
import { sameVerdict } from '../../src/announcement/same-verdict.ts';
import type { AddressVerdict } from '../../src/announcement/verdict.ts';
import { compareIpAddress, formatIpAddress } from '../../src/base/ip-address.ts';
import type { LabelSelector } from '../../src/base/label-selector.ts';
import { Follower, TrackedMap } from '../../src/base/tracked-map.ts';
import type { Endpoint } from '../../src/inventory/endpoint.ts';
import type { ServiceKey, ServiceRequest } from '../../src/inventory/service-request.ts';
import {
  bgp,
  community,
  config,
  dead,
  inputOf,
  judge,
  l2,
  labelled,
  node,
  peer,
  pool,
  ready,
  type Scene,
  service,
  terminating,
} from './scene.ts';

const NODES = ['node-a', 'node-b', 'node-c', 'node-d'] as const;
const ADDRESSES = [
  '0.0.0.1',
  '::1',
  '203.0.113.1',
  '203.0.113.2',
  '198.51.100.7',
  '2001:db8:1::1',
  '192.0.2.99',
] as const;
const zone = fc.constantFrom('x', 'y');
const selectors = fc.array(
  zone.map((z) => labelled({ zone: z })),
  { maxLength: 2 },
);
const someOf = <T>(...values: readonly T[]): fc.Arbitrary<T[]> => fc.subarray([...values]);
const scope = {
  ipAddressPools: someOf('public', 'lab', 'old'),
  nodeSelectors: selectors,
  serviceSelectors: fc.oneof(
    { weight: 3, arbitrary: fc.constant<LabelSelector[]>([]) },
    { weight: 1, arbitrary: selectors },
  ),
};
const l2Advertisement = fc
  .record({
    ...scope,
    interfaces: someOf('eth0', 'eth1'),
    preferredNodeSelectors: fc.array(
      fc.record({ weight: fc.integer({ min: 1, max: 100 }), preference: zone.map((z) => labelled({ zone: z })) }),
      { maxLength: 2 },
    ),
  })
  .map((fields) => l2(fields));
const bgpAdvertisement = fc
  .record({
    ...scope,
    peers: someOf('tor-1', 'tor-2', 'gone'),
    aggregationLength: fc.constantFrom(24, 32),
    aggregationLengthV6: fc.constantFrom(64, 128),
    localPref: fc.option(fc.constantFrom(100, 200), { nil: undefined }),
    communities: someOf(community(1, 1), community(2, 2)),
  })
  .map((fields) => bgp(fields));
const someConfig = fc
  .record({
    l2Advertisements: fc.array(l2Advertisement, { maxLength: 3 }),
    bgpAdvertisements: fc.array(bgpAdvertisement, { maxLength: 3 }),
    peers: selectors.map((nodeSelectors) => [peer('tor-1'), peer('tor-2', { nodeSelectors })]),
  })
  .map((fields) =>
    config({
      ...fields,
      pools: [pool('public', ['203.0.113.0/24', '2001:db8:1::/64']), pool('lab', ['198.51.100.0/24'])],
    }),
  );
const nodeNamed = (name: string) =>
  fc
    .record({
      zone,
      networkUnavailable: fc.boolean(),
      excluded: fc.boolean(),
      draining: fc.boolean(),
      leaving: fc.boolean(),
    })
    .map(({ zone: z, ...more }) => node(name, { ...more, labels: { zone: z } }));
const someNodes = fc.tuple(...NODES.map(nodeNamed)).chain((all) => fc.subarray(all, { minLength: 1 }));
const serviceNamed = (name: string) =>
  fc.record({ zone, local: fc.boolean(), assigned: someOf(...ADDRESSES) }).map(({ zone: z, local, assigned }) =>
    service(name, assigned, {
      labels: { zone: z },
      externalTrafficPolicy: local ? 'Local' : 'Cluster',
      assignedPool: 'old',
    }),
  );
const someServices = fc.tuple(...['dns', 'mail', 'web'].map(serviceNamed));
const endpoint = fc
  .tuple(fc.constantFrom(ready, terminating, dead), fc.constantFrom(...NODES, undefined))
  .map(([kind, where]) => kind(where));
const someEndpoints = fc.record({
  dns: fc.array(endpoint, { maxLength: 4 }),
  mail: fc.array(endpoint, { maxLength: 4 }),
  web: fc.array(endpoint, { maxLength: 4 }),
});
const scene: fc.Arbitrary<Scene> = fc.record({
  config: someConfig,
  services: someServices,
  endpoints: someEndpoints,
  nodes: someNodes,
  ignoreExcludeLb: fc.boolean(),
});

const PARTS = ['config', 'services', 'endpoints', 'nodes', 'ignoreExcludeLb'] as const;

describe('every judgement', () => {
  it('has each address that is held once, sorted, and in each an entry for every node, sorted', () => {
    fc.assert(
      fc.property(scene, (one) => {
        const verdicts = judge(one);
        const held = new Set(one.services.flatMap(({ assigned }) => assigned.map(formatIpAddress)));
        expect(new Set(verdicts.map(({ address }) => formatIpAddress(address)))).toEqual(held);
        expect(verdicts).toHaveLength(held.size);
        expect(verdicts).toEqual(verdicts.toSorted((a, b) => compareIpAddress(a.address, b.address)));
        const names = one.nodes.map(({ name }) => name).sort();
        for (const { nodes } of verdicts) expect(nodes.map((entry) => entry.node)).toEqual(names);
      }),
    );
  });

  it('does not depend on the order of anything', () => {
    fc.assert(
      fc.property(scene, (one) => {
        const { config: given } = one;
        const backwards: Scene = {
          ...one,
          services: one.services.toReversed(),
          nodes: one.nodes.toReversed(),
          config: {
            ...given,
            pools: given.pools.toReversed(),
            l2Advertisements: given.l2Advertisements.toReversed(),
            bgpAdvertisements: given.bgpAdvertisements.toReversed(),
            peers: given.peers.toReversed(),
          },
        };
        expect(judge(backwards)).toEqual(judge(one));
      }),
    );
  });

  it('bars nobody by a drain where no other may', () => {
    fc.assert(
      fc.property(scene, (one) => {
        for (const { nodes } of judge(one))
          for (const protocol of ['layer2', 'bgp'] as const) {
            const drained = nodes.some(
              (entry) => entry[protocol].kind === 'may-not' && entry[protocol].reason === 'node-draining',
            );
            const others = nodes.filter((entry) => entry[protocol].kind === 'may');
            expect(drained && others.length === 0).toBe(false);
          }
      }),
    );
  });

  it('announces nothing by BGP that is barred', () => {
    fc.assert(
      fc.property(scene, (one) => {
        const barred = judge(one).filter((verdict) => verdict.barred !== undefined);
        expect(barred.flatMap(({ nodes }) => nodes.filter((entry) => entry.bgp.kind === 'may'))).toEqual([]);
      }),
    );
  });

  it('Cluster, no drain: a node that is added changes the verdict of no other', () => {
    fc.assert(
      fc.property(scene, (one) => {
        const calm: Scene = {
          ...one,
          services: one.services.map((each) => ({ ...each, externalTrafficPolicy: 'Cluster' })),
          nodes: one.nodes.map((each) => ({ ...each, draining: false })),
        };
        const more = judge({ ...calm, nodes: [...calm.nodes, node('node-z', { labels: { zone: 'x' } })] });
        const less = more.map((verdict) => ({
          ...verdict,
          nodes: verdict.nodes.filter((entry) => entry.node !== 'node-z'),
        }));
        expect(less).toEqual(judge(calm));
      }),
    );
  });
});

describe('judging again', () => {
  /** One part after another is exchanged, the others stay the same objects, as in a running system. */
  const history = fc
    .tuple(scene, fc.array(fc.tuple(scene, fc.constantFrom(...PARTS)), { minLength: 1, maxLength: 5 }))
    .map(([first, steps]) => {
      const scenes = [first];
      for (const [other, part] of steps) scenes.push({ ...scenes.at(-1)!, [part]: other[part] });
      return scenes;
    });

  const sorted = (verdicts: Verdicts): readonly AddressVerdict[] =>
    [...verdicts.values()].sort((a, b) => compareIpAddress(a.address, b.address));

  it('says what a judgement from nothing says, and touches only what says something else', () => {
    fc.assert(
      fc.property(history, fc.boolean(), (scenes, inPlace) => {
        const judgeAgain = announcementJudge();
        const follower = new Follower<string, AddressVerdict>();
        const services = new TrackedMap<ServiceKey, ServiceRequest>();
        const endpoints = new TrackedMap<ServiceKey, readonly Endpoint[]>();
        let before: Verdicts = new Map();
        for (const one of scenes) {
          const input = inputOf(one);
          bring(services, input.services);
          bring(endpoints, input.endpoints);
          const after = judgeAgain(inPlace ? { ...input, services, endpoints } : input);
          expect(sorted(after)).toEqual(judge(one));
          for (const [address, verdict] of after) expect(formatIpAddress(verdict.address)).toBe(address);
          const touched = follower.changed(after);
          for (const address of new Set([...before.keys(), ...after.keys()])) {
            const [old, now] = [before.get(address), after.get(address)];
            const says = old !== undefined && now !== undefined && sameVerdict(old, now);
            if (says) expect(now).toBe(old);
            expect(touched.has(address)).toBe(!says);
          }
          follower.seen();
          before = new Map(after);
        }
      }),
      { numRuns: 300 },
    );
  });

  const A = '203.0.113.1';
  const base: Scene = {
    config: config({ l2Advertisements: [l2()], bgpAdvertisements: [bgp()], peers: [peer('tor-1')] }),
    services: [service('dns', ['203.0.113.2']), service('web', [A])],
    nodes: [node('node-a'), node('node-b')],
  };
  const changesOf = (...scenes: readonly Scene[]): string[][] => {
    const judgeAgain = announcementJudge();
    const follower = new Follower<string, AddressVerdict>();
    follower.changed(judgeAgain(inputOf(scenes[0]!)));
    follower.seen();
    return scenes.slice(1).map((one) => {
      const verdicts = judgeAgain(inputOf(one));
      const changed = [...follower.changed(verdicts)].map((address) =>
        verdicts.has(address) ? address : `-${address}`,
      );
      follower.seen();
      return changed.sort();
    });
  };

  it.each<[string, Scene, string[]]>([
    ['nothing', base, []],
    ['a copy of everything that says the same', structuredClone(base), []],
    ['an endpoint more', { ...base, endpoints: { web: [ready('node-a'), ready('node-b')] } }, []],
    ['the last endpoint gone', { ...base, endpoints: { web: [] } }, [A]],
    ['a Service gone', { ...base, services: base.services.slice(0, 1) }, [`-${A}`]],
    ['another Service', { ...base, services: [...base.services, service('x', ['203.0.113.0'])] }, ['203.0.113.0']],
    [
      'labels that select nothing',
      { ...base, services: [service('dns', ['203.0.113.2'], { labels: { a: 'b' } }), service('web', [A])] },
      [],
    ],
    ['another sharer', { ...base, services: [...base.services, service('x', [A])] }, [A]],
    ['a node drained', { ...base, nodes: [node('node-a', { draining: true }), node('node-b')] }, [A, '203.0.113.2']],
    [
      'an advertisement for a Service that is not there',
      {
        ...base,
        config: { ...base.config, l2Advertisements: [l2(), l2({ serviceSelectors: [labelled({ no: 'one' })] })] },
      },
      [],
    ],
    [
      'a community',
      { ...base, config: { ...base.config, bgpAdvertisements: [bgp({ communities: [community(1, 1)] })] } },
      [A, '203.0.113.2'],
    ],
  ])('%s', (_title, next, changes) => {
    expect(changesOf(base, next)).toEqual([changes]);
  });

  it('10,000 addresses that change nothing are not looked at', () => {
    const services = Array.from({ length: 10_000 }, (_, i) => service(`s${i}`, [`10.0.${i >> 8}.${i & 255}`]));
    const input = inputOf({ ...base, services });
    const judgeAgain = announcementJudge();
    const endpoints = new Unwalked(input.endpoints);
    const held = new Unwalked(input.services);
    const verdicts = judgeAgain({ ...input, services: held, endpoints });
    const follower = new Follower<string, AddressVerdict>();
    follower.changed(verdicts);
    follower.seen();
    [held.walked, endpoints.walked] = [0, 0];
    endpoints.set(services[5]!.key, []);
    const late = service('late', ['10.1.0.0']);
    held.set(late.key, late);
    expect(judgeAgain({ ...input, services: held, endpoints })).toBe(verdicts);
    expect([...follower.changed(verdicts)]).toEqual(['10.1.0.0', '10.0.0.5']);
    expect([held.walked, endpoints.walked]).toEqual([0, 0]);
  });
});

/** Counts how often somebody walks over all of it. */
class Unwalked<K, V> extends TrackedMap<K, V> {
  walked = 0;
  override [Symbol.iterator](): MapIterator<[K, V]> {
    this.walked++;
    return super[Symbol.iterator]();
  }
  override keys(): MapIterator<K> {
    this.walked++;
    return super.keys();
  }
  override values(): MapIterator<V> {
    this.walked++;
    return super.values();
  }
}

/** In place. */
function bring<K, V>(map: TrackedMap<K, V>, wanted: ReadonlyMap<K, V>): void {
  for (const key of map.keys()) if (!wanted.has(key)) map.delete(key);
  for (const [key, value] of wanted) map.set(key, value);
}

describe('the same verdict', () => {
  const [verdict] = judge({
    config: config({
      l2Advertisements: [l2({ interfaces: ['eth0'] })],
      bgpAdvertisements: [bgp({ localPref: 100, communities: [community(1, 1)] })],
      peers: [peer('tor-1')],
    }),
    services: [service('web', ['203.0.113.1'])],
    nodes: [node('node-a')],
  });
  const [entry] = verdict!.nodes;
  const { layer2, bgp: routes } = entry!;
  const candidate = layer2.kind === 'may' ? layer2.candidate : undefined;
  const route = routes.kind === 'may' ? routes.routes[0] : undefined;
  const withNode = (more: object): object => ({ nodes: [{ ...entry, ...more }] });
  const withCandidate = (more: object): object =>
    withNode({ layer2: { ...layer2, candidate: { ...candidate, ...more } } });
  const withRoute = (more: object): object => withNode({ bgp: { ...routes, routes: [{ ...route, ...more }] } });
  const may = { kind: 'may-not', reason: 'node-excluded' };

  it.each<[string, object]>([
    ['the address', { address: { family: 'ipv6', value: verdict!.address.value } }],
    ['the pool', { pool: 'other' }],
    ['barred', { barred: 'no-endpoints' }],
    ['the Services', { services: [...verdict!.services, 'shop/x'] }],
    ['the nodes', { nodes: [] }],
    ['the name of a node', withNode({ node: 'node-b' })],
    ['may at layer 2', withNode({ layer2: may })],
    ['absent at layer 2', withNode({ layer2: { kind: 'absent' } })],
    ['interfaces', withNode({ layer2: { ...layer2, interfaces: ['eth1'] } })],
    ['the preference', withCandidate({ preference: 1 })],
    ['leaving', withCandidate({ leaving: true })],
    ['ready', withCandidate({ ready: false })],
    ['may by BGP', withNode({ bgp: may })],
    ['absent by BGP', withNode({ bgp: { kind: 'absent' } })],
    ['no route', withNode({ bgp: { kind: 'may', routes: [] } })],
    ['the length of a prefix', withRoute({ prefix: { address: route!.prefix.address, length: 31 } })],
    ['the address of a prefix', withRoute({ prefix: { address: { family: 'ipv4', value: 1n }, length: 32 } })],
    ['peers', withRoute({ peers: ['tor-2'] })],
    ['localPref', withRoute({ localPref: undefined })],
    ['communities', withRoute({ communities: [community(1, 2)] })],
    ['large communities', withRoute({ communities: [{ kind: 'large', global: 0, local1: 1, local2: 1 }] })],
  ])('sees a change of %s', (_title, more) => {
    expect(sameVerdict(verdict!, { ...verdict!, ...more })).toBe(false);
    expect(sameVerdict({ ...verdict!, ...more }, verdict!)).toBe(false);
  });

  it('sees another reason', () => {
    const [first, second] = ['node-excluded', 'node-draining'].map(
      (reason): AddressVerdict => ({ ...verdict!, ...withNode({ layer2: { kind: 'may-not', reason } }) }),
    );
    expect(sameVerdict(first!, second!)).toBe(false);
  });

  it('sees no change in a copy', () => {
    expect(sameVerdict(verdict!, structuredClone(verdict!))).toBe(true);
  });
});
