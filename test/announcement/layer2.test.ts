import { describe, expect, it } from 'vitest';
import {
  config,
  dead,
  everything,
  judge,
  l2,
  labelled,
  node,
  pool,
  ready,
  type Scene,
  service,
  summary,
  terminating,
} from './scene.ts';

const A = '203.0.113.10';
const three = [node('node-a'), node('node-b'), node('node-c')];
const plain: Scene = { config: config({ l2Advertisements: [l2()] }), services: [service('web', [A])], nodes: three };
const zone = (name: string, z: string, more = {}) => node(name, { labels: { zone: z }, ...more });

/** Endpoints × nodes × advertisements -> who may, in the manner of MetalLB's own tables. */
const rows: readonly [title: string, scene: Scene, expected: Record<string, string>][] = [
  ['Cluster: every node may, wherever the endpoint is', plain, { 'node-a': 'l2', 'node-b': 'l2', 'node-c': 'l2' }],
  [
    'Cluster: a terminating endpoint that still serves is enough',
    { ...plain, endpoints: { web: [terminating('node-b'), dead('node-a')] } },
    { 'node-a': 'l2', 'node-b': 'l2', 'node-c': 'l2' },
  ],
  [
    'Cluster: an endpoint outside of the cluster is enough',
    { ...plain, endpoints: { web: [ready(undefined)] } },
    { 'node-a': 'l2', 'node-b': 'l2', 'node-c': 'l2' },
  ],
  [
    'no endpoint: barred, and the nodes as if there were one',
    { ...plain, endpoints: { web: [] } },
    { barred: 'no-endpoints', 'node-a': 'l2', 'node-b': 'l2', 'node-c': 'l2' },
  ],
  [
    'endpoints, but none serves',
    { ...plain, endpoints: { web: [dead('node-a'), dead('node-b')] } },
    { barred: 'no-endpoints', 'node-a': 'l2', 'node-b': 'l2', 'node-c': 'l2' },
  ],
  [
    'Local: only where an endpoint serves; a terminating one makes a lesser candidate',
    {
      ...plain,
      services: [service('web', [A], { externalTrafficPolicy: 'Local' })],
      endpoints: { web: [ready('node-a'), terminating('node-b'), dead('node-c')] },
    },
    { 'node-a': 'l2', 'node-b': 'l2 unready', 'node-c': 'l2 no-local-endpoints' },
  ],
  [
    'Local: one ready endpoint among terminating ones makes the node ready',
    {
      ...plain,
      services: [service('web', [A], { externalTrafficPolicy: 'Local' })],
      endpoints: { web: [terminating('node-a'), ready('node-a'), terminating('node-a')] },
    },
    { 'node-a': 'l2', 'node-b': 'l2 no-local-endpoints', 'node-c': 'l2 no-local-endpoints' },
  ],
  [
    'Local: no endpoint at all: barred, every node prepares',
    { ...plain, services: [service('web', [A], { externalTrafficPolicy: 'Local' })], endpoints: { web: [] } },
    { barred: 'no-endpoints', 'node-a': 'l2 unready', 'node-b': 'l2 unready', 'node-c': 'l2 unready' },
  ],
  [
    'Local: endpoints only outside of the cluster serve nowhere here',
    {
      ...plain,
      services: [service('web', [A], { externalTrafficPolicy: 'Local' })],
      endpoints: { web: [ready(undefined)] },
    },
    { 'node-a': 'l2 no-local-endpoints', 'node-b': 'l2 no-local-endpoints', 'node-c': 'l2 no-local-endpoints' },
  ],
  [
    'NetworkUnavailable bars a node',
    { ...plain, nodes: [node('node-a', { networkUnavailable: true }), node('node-b')] },
    { 'node-a': 'l2 node-network-unavailable', 'node-b': 'l2' },
  ],
  [
    'the exclude label bars a node',
    { ...plain, nodes: [node('node-a', { excluded: true }), node('node-b')] },
    { 'node-a': 'l2 node-excluded', 'node-b': 'l2' },
  ],
  [
    'the exclude label with --ignore-exclude-lb does not',
    { ...plain, nodes: [node('node-a', { excluded: true }), node('node-b')], ignoreExcludeLb: true },
    { 'node-a': 'l2', 'node-b': 'l2' },
  ],
  [
    'a node that leaves is a candidate, marked',
    { ...plain, nodes: [node('node-a', { leaving: true }), node('node-b')] },
    { 'node-a': 'l2 leaving', 'node-b': 'l2' },
  ],
  [
    'a draining node is barred while another may',
    { ...plain, nodes: [node('node-a', { draining: true }), node('node-b')] },
    { 'node-a': 'l2 node-draining', 'node-b': 'l2' },
  ],
  [
    'a drain never bars the last candidate',
    { ...plain, nodes: [node('node-a', { draining: true }), node('node-b', { excluded: true })] },
    { 'node-a': 'l2', 'node-b': 'l2 node-excluded' },
  ],
  [
    'a drain of all nodes bars none',
    { ...plain, nodes: [node('node-a', { draining: true }), node('node-b', { draining: true })] },
    { 'node-a': 'l2', 'node-b': 'l2' },
  ],
  [
    'a leaving node is enough to take over from a draining one',
    { ...plain, nodes: [node('node-a', { draining: true }), node('node-b', { leaving: true })] },
    { 'node-a': 'l2 node-draining', 'node-b': 'l2 leaving' },
  ],
  [
    'Local: a drain does not hand a ready node to one whose endpoints terminate',
    {
      ...plain,
      services: [service('web', [A], { externalTrafficPolicy: 'Local' })],
      endpoints: { web: [ready('node-a'), terminating('node-b')] },
      nodes: [node('node-a', { draining: true }), node('node-b')],
    },
    { 'node-a': 'l2', 'node-b': 'l2 unready' },
  ],
  [
    'node selectors are an OR',
    {
      ...plain,
      config: config({ l2Advertisements: [l2({ nodeSelectors: [labelled({ zone: 'x' }), labelled({ zone: 'y' })] })] }),
      nodes: [zone('node-a', 'x'), zone('node-b', 'y'), zone('node-c', 'z')],
    },
    { 'node-a': 'l2', 'node-b': 'l2', 'node-c': 'l2 node-not-selected' },
  ],
  [
    'two advertisements for different nodes',
    {
      ...plain,
      config: config({
        l2Advertisements: [
          l2({ nodeSelectors: [labelled({ zone: 'x' })], interfaces: ['eth0'] }),
          l2({ nodeSelectors: [labelled({ zone: 'y' })], interfaces: ['eth1'] }),
        ],
      }),
      nodes: [zone('node-a', 'x'), zone('node-b', 'y'), zone('node-c', 'z')],
    },
    { 'node-a': 'l2 eth0', 'node-b': 'l2 eth1', 'node-c': 'l2 node-not-selected' },
  ],
  [
    'interfaces of several advertisements are one list, sorted, each once',
    {
      ...plain,
      config: config({
        l2Advertisements: [l2({ interfaces: ['eth2', 'eth1'] }), l2({ interfaces: ['eth0', 'eth1'] })],
      }),
      nodes: [node('node-a')],
    },
    { 'node-a': 'l2 eth0 eth1 eth2' },
  ],
  [
    'a written interface beats the choice by subnet of another advertisement',
    { ...plain, config: config({ l2Advertisements: [l2(), l2({ interfaces: ['eth1'] })] }), nodes: [node('node-a')] },
    { 'node-a': 'l2 eth1' },
  ],
  [
    'preferences are summed over advertisements and selectors',
    {
      ...plain,
      config: config({
        l2Advertisements: [
          l2({
            preferredNodeSelectors: [
              { weight: 10, preference: labelled({ zone: 'x' }) },
              { weight: 5, preference: everything },
            ],
          }),
          l2({ preferredNodeSelectors: [{ weight: 100, preference: labelled({ zone: 'x' }) }] }),
        ],
      }),
      nodes: [zone('node-a', 'x'), zone('node-b', 'y')],
    },
    { 'node-a': 'l2 +115', 'node-b': 'l2 +5' },
  ],
  [
    'a preference counts only on nodes that its advertisement selects, and for Services that it selects',
    {
      ...plain,
      config: config({
        l2Advertisements: [
          l2(),
          l2({
            nodeSelectors: [labelled({ zone: 'x' })],
            preferredNodeSelectors: [{ weight: 7, preference: everything }],
          }),
          l2({
            serviceSelectors: [labelled({ app: 'other' })],
            preferredNodeSelectors: [{ weight: 50, preference: everything }],
          }),
        ],
      }),
      nodes: [zone('node-a', 'x'), zone('node-b', 'y')],
    },
    { 'node-a': 'l2 +7', 'node-b': 'l2' },
  ],
];

describe('layer 2: endpoints, nodes and advertisements', () => {
  it.each(rows)('%s', (_title, scene, expected) => {
    expect(summary(judge(scene), A)).toEqual(expected);
  });
});

describe('which advertisements select an address', () => {
  const pools = [
    pool('public', ['203.0.113.0/24'], { labels: { tier: 'edge' } }),
    pool('lab', ['198.51.100.0/24'], { labels: { tier: 'lab' } }),
  ];
  const B = '198.51.100.1';
  const services = [service('web', [A], { labels: { app: 'web' } }), service('db', [B], { labels: { app: 'db' } })];
  const seen = (...l2Advertisements: ReturnType<typeof l2>[]): Record<string, string> => {
    const verdicts = judge({ config: config({ pools, l2Advertisements }), services, nodes: [node('node-a')] });
    return { [A]: summary(verdicts, A)['node-a']!, [B]: summary(verdicts, B)['node-a']! };
  };
  const selector = labelled({ tier: 'edge' });

  it.each([
    ['by name', l2({ ipAddressPools: ['public'] }), { [A]: 'l2', [B]: 'absent' }],
    ['by selector', l2({ ipAddressPoolSelectors: [selector] }), { [A]: 'l2', [B]: 'absent' }],
    [
      'by name or selector',
      l2({ ipAddressPools: ['lab'], ipAddressPoolSelectors: [selector] }),
      { [A]: 'l2', [B]: 'l2' },
    ],
    ['every pool', l2(), { [A]: 'l2', [B]: 'l2' }],
    ['a pool that is not there', l2({ ipAddressPools: ['gone'] }), { [A]: 'absent', [B]: 'absent' }],
    ['by Service', l2({ serviceSelectors: [labelled({ app: 'db' })] }), { [A]: 'absent', [B]: 'l2' }],
    [
      'by Service, OR',
      l2({ serviceSelectors: [labelled({ app: 'db' }), labelled({ app: 'web' })] }),
      { [A]: 'l2', [B]: 'l2' },
    ],
    [
      'pool and Service must both fit',
      l2({ ipAddressPools: ['public'], serviceSelectors: [labelled({ app: 'db' })] }),
      { [A]: 'absent', [B]: 'absent' },
    ],
  ])('%s', (_title, advertisement, expected) => {
    expect(seen(advertisement)).toEqual(expected);
  });

  it('an address that none selects is barred, whether endpoints serve or not', () => {
    const scene: Scene = { config: config({ pools }), services, nodes: [node('node-a')], endpoints: { web: [] } };
    expect(summary(judge(scene), A)).toEqual({ barred: 'no-advertisement', 'node-a': 'absent' });
    expect(summary(judge(scene), B)).toEqual({ barred: 'no-advertisement', 'node-a': 'absent' });
  });
});

describe('addresses that no pool contains any more', () => {
  const kept = '192.0.2.77';
  const seen = (assignedPool: string | undefined, advertisement: ReturnType<typeof l2>): Record<string, string> =>
    summary(
      judge({
        config: config({ l2Advertisements: [advertisement] }),
        services: [service('web', [kept], { assignedPool })],
        nodes: [node('node-a')],
      }),
      kept,
    );

  it.each([
    ['every pool', undefined, l2(), { 'node-a': 'l2' }],
    ['every pool, the name of the old one known', 'old', l2(), { 'node-a': 'l2' }],
    ['the old one by name', 'old', l2({ ipAddressPools: ['old'] }), { 'node-a': 'l2' }],
    ['another one', 'old', l2({ ipAddressPools: ['public'] }), { barred: 'no-advertisement', 'node-a': 'absent' }],
    [
      'one by name, none recorded',
      undefined,
      l2({ ipAddressPools: ['old'] }),
      { barred: 'no-advertisement', 'node-a': 'absent' },
    ],
    [
      'by a label',
      'old',
      l2({ ipAddressPoolSelectors: [labelled({ a: 'b' })] }),
      { barred: 'no-advertisement', 'node-a': 'absent' },
    ],
  ])('an advertisement of %s', (_title, assignedPool, advertisement, expected) => {
    expect(seen(assignedPool, advertisement)).toEqual(expected);
  });

  it.each([
    ['198.51.99.255', undefined],
    ['198.51.100.0', 'low'],
    ['198.51.100.7', 'low'],
    ['198.51.100.8', undefined],
    ['198.51.100.9', 'high'],
    ['198.51.100.20', 'high'],
    ['198.51.100.21', undefined],
    ['2001:db8:1::', 'high'],
    ['2001:db8:0:ffff:ffff:ffff:ffff:ffff', undefined],
    ['::c633:6407', undefined],
  ])('%s lies in pool %s', (address, name) => {
    const pools = [pool('high', ['198.51.100.9-198.51.100.20', '2001:db8:1::/64']), pool('low', ['198.51.100.0/29'])];
    const [verdict] = judge({ config: config({ pools }), services: [service('web', [address])], nodes: [] });
    expect(verdict?.pool).toBe(name);
  });

  it('the pool that contains the address wins over the one recorded', () => {
    const [verdict] = judge({ ...plain, services: [service('web', [A], { assignedPool: 'renamed' })] });
    expect(verdict?.pool).toBe('public');
  });
});

describe('shared addresses', () => {
  const shared = (webMore: object, dnsMore: object): Scene['services'] => [
    service('dns', [A], { ...dnsMore }),
    service('web', [A], { ...webMore }),
  ];
  const local = { externalTrafficPolicy: 'Local' } as const;

  it('have one verdict that names all their Services, sorted', () => {
    const verdicts = judge({ ...plain, services: shared({}, {}).toReversed() });
    expect(verdicts).toHaveLength(1);
    expect(verdicts[0]?.services).toEqual(['shop/dns', 'shop/web']);
  });

  it.each<[string, Scene, Record<string, string>]>([
    [
      'Local: only where both are served, ready where both are',
      {
        ...plain,
        services: shared(local, local),
        endpoints: {
          web: [ready('node-a'), ready('node-b'), ready('node-c')],
          dns: [ready('node-a'), terminating('node-b')],
        },
      },
      { 'node-a': 'l2', 'node-b': 'l2 unready', 'node-c': 'l2 no-local-endpoints' },
    ],
    [
      'Local: a Service without endpoints does not take the other one down',
      { ...plain, services: shared(local, local), endpoints: { web: [ready('node-b')], dns: [] } },
      { 'node-a': 'l2 no-local-endpoints', 'node-b': 'l2', 'node-c': 'l2 no-local-endpoints' },
    ],
    [
      'Cluster: the same',
      { ...plain, services: shared({}, {}), endpoints: { web: [ready('node-b')], dns: [dead('node-a')] } },
      { 'node-a': 'l2', 'node-b': 'l2', 'node-c': 'l2' },
    ],
    [
      'no endpoints for both',
      { ...plain, services: shared({}, {}), endpoints: { web: [], dns: [] }, nodes: [node('node-a')] },
      { barred: 'no-endpoints', 'node-a': 'l2' },
    ],
    [
      'nodes that the advertisements of both select',
      {
        ...plain,
        services: shared({ labels: { app: 'web' } }, { labels: { app: 'dns' } }),
        config: config({
          l2Advertisements: [
            l2({
              serviceSelectors: [labelled({ app: 'web' })],
              nodeSelectors: [labelled({ zone: 'x' }), labelled({ zone: 'y' })],
            }),
            l2({
              serviceSelectors: [labelled({ app: 'dns' })],
              nodeSelectors: [labelled({ zone: 'y' }), labelled({ zone: 'z' })],
            }),
          ],
        }),
        nodes: [zone('node-a', 'x'), zone('node-b', 'y'), zone('node-c', 'z')],
      },
      { 'node-a': 'l2 node-not-selected', 'node-b': 'l2', 'node-c': 'l2 node-not-selected' },
    ],
    [
      'a Service that no advertisement selects keeps the address silent',
      {
        ...plain,
        services: shared({ labels: { app: 'web' } }, {}),
        config: config({ l2Advertisements: [l2({ serviceSelectors: [labelled({ app: 'web' })] })] }),
        nodes: [node('node-a')],
      },
      { barred: 'no-advertisement', 'node-a': 'l2 no-advertisement' },
    ],
    [
      'interfaces that both allow, and preferences of an advertisement for both once',
      {
        ...plain,
        services: shared({ labels: { app: 'web' } }, {}),
        config: config({
          l2Advertisements: [
            l2({ interfaces: ['eth0', 'eth1'], preferredNodeSelectors: [{ weight: 3, preference: everything }] }),
            l2({ serviceSelectors: [labelled({ app: 'web' })], interfaces: ['eth2'] }),
          ],
        }),
        nodes: [node('node-a')],
      },
      { 'node-a': 'l2 eth0 eth1 +3' },
    ],
    [
      'no interface in common',
      {
        ...plain,
        services: shared({ labels: { app: 'web' } }, { labels: { app: 'dns' } }),
        config: config({
          l2Advertisements: [
            l2({ serviceSelectors: [labelled({ app: 'web' })], interfaces: ['eth0'] }),
            l2({ serviceSelectors: [labelled({ app: 'dns' })], interfaces: ['eth1'] }),
          ],
        }),
        nodes: [node('node-a')],
      },
      { 'node-a': 'l2 no-interface' },
    ],
    [
      'by subnet for the one, named for the other: the name',
      {
        ...plain,
        services: shared({ labels: { app: 'web' } }, { labels: { app: 'dns' } }),
        config: config({
          l2Advertisements: [
            l2({ serviceSelectors: [labelled({ app: 'web' })], interfaces: ['eth0'] }),
            l2({ serviceSelectors: [labelled({ app: 'dns' })] }),
          ],
        }),
        nodes: [node('node-a')],
      },
      { 'node-a': 'l2 eth0' },
    ],
  ])('%s', (_title, scene, expected) => {
    expect(summary(judge(scene), A)).toEqual(expected);
  });
});

describe('whose addresses', () => {
  const held = (scene: Partial<Scene>): number => judge({ ...plain, ...scene }).length;

  it.each<[string, Partial<Scene>, number]>([
    ['a Service without an address', { services: [service('web', [])] }, 0],
    ['two addresses, two verdicts', { services: [service('web', [A, '2001:db8:1::1'])] }, 2],
    ['the same address twice in one status', { services: [service('web', [A, A])] }, 1],
    ['a Service that is no LoadBalancer any more', { services: [service('web', [A], { loadBalancer: false })] }, 0],
    ['a Service of another class', { services: [service('web', [A], { loadBalancerClass: 'other' })] }, 0],
    [
      'a Service of our class',
      { services: [service('web', [A], { loadBalancerClass: 'ours' })], loadBalancerClass: 'ours' },
      1,
    ],
    ['a Service without a class when we have one', { loadBalancerClass: 'ours' }, 0],
  ])('%s', (_title, scene, count) => {
    expect(held(scene)).toBe(count);
  });
});
