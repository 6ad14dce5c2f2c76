import { describe, expect, it } from 'vitest';
import type { BgpRoute } from '../../src/announcement/verdict.ts';
import {
  bgp,
  community,
  config,
  judge,
  l2,
  labelled,
  node,
  peer,
  ready,
  type Scene,
  service,
  summary,
  terminating,
} from './scene.ts';

const A = '203.0.113.10';
const V6 = '2001:db8:1::10';
const peers = [peer('tor-1'), peer('tor-2')];
const plain: Scene = {
  config: config({ bgpAdvertisements: [bgp()], peers }),
  services: [service('web', [A, V6])],
  nodes: [node('node-a'), node('node-b')],
};
const advertised = (...bgpAdvertisements: ReturnType<typeof bgp>[]): Scene => ({
  ...plain,
  config: config({ bgpAdvertisements, peers }),
  nodes: [node('node-a')],
});
const local = { externalTrafficPolicy: 'Local' } as const;
const zone = (name: string, z: string, more = {}) => node(name, { labels: { zone: z }, ...more });

describe('BGP: every node that may announces', () => {
  it.each<[string, Scene, Record<string, string>]>([
    ['to all peers', plain, { 'node-a': `bgp ${A}/32 to tor-1 tor-2`, 'node-b': `bgp ${A}/32 to tor-1 tor-2` }],
    [
      'no endpoint: nobody',
      { ...plain, endpoints: { web: [] } },
      { barred: 'no-endpoints', 'node-a': 'bgp no-endpoints', 'node-b': 'bgp no-endpoints' },
    ],
    [
      'Local: where an endpoint serves',
      { ...plain, services: [service('web', [A], local)] },
      { 'node-a': `bgp ${A}/32 to tor-1 tor-2`, 'node-b': 'bgp no-local-endpoints' },
    ],
    [
      'Local: the last ready endpoint went while another node has one: withdrawn',
      {
        ...plain,
        services: [service('web', [A], local)],
        endpoints: { web: [terminating('node-a'), ready('node-b')] },
      },
      { 'node-a': 'bgp no-local-endpoints', 'node-b': `bgp ${A}/32 to tor-1 tor-2` },
    ],
    [
      'Local: all terminate: they serve to the end',
      {
        ...plain,
        services: [service('web', [A], local)],
        endpoints: { web: [terminating('node-a'), terminating('node-b')] },
      },
      { 'node-a': `bgp ${A}/32 to tor-1 tor-2`, 'node-b': `bgp ${A}/32 to tor-1 tor-2` },
    ],
    [
      'Local: a ready endpoint on a node that may not announce withdraws nobody',
      {
        ...plain,
        services: [service('web', [A], local)],
        endpoints: { web: [terminating('node-a'), ready('node-b')] },
        nodes: [node('node-a'), node('node-b', { excluded: true })],
      },
      { 'node-a': `bgp ${A}/32 to tor-1 tor-2`, 'node-b': 'bgp node-excluded' },
    ],
    [
      'network unavailable, excluded',
      { ...plain, nodes: [node('node-a', { networkUnavailable: true }), node('node-b', { excluded: true })] },
      { 'node-a': 'bgp node-network-unavailable', 'node-b': 'bgp node-excluded' },
    ],
    [
      'a draining node stops when another announces',
      { ...plain, nodes: [node('node-a', { draining: true }), node('node-b')] },
      { 'node-a': 'bgp node-draining', 'node-b': `bgp ${A}/32 to tor-1 tor-2` },
    ],
    [
      'a draining node that is the last one goes on',
      { ...plain, nodes: [node('node-a', { draining: true })] },
      { 'node-a': `bgp ${A}/32 to tor-1 tor-2` },
    ],
    [
      'a leaving node announces',
      { ...plain, nodes: [node('node-a', { leaving: true })] },
      { 'node-a': `bgp ${A}/32 to tor-1 tor-2` },
    ],
    [
      'nodes that the advertisement does not select',
      {
        ...plain,
        config: config({ bgpAdvertisements: [bgp({ nodeSelectors: [labelled({ zone: 'x' })] })], peers }),
        nodes: [zone('node-a', 'x'), zone('node-b', 'y')],
      },
      { 'node-a': `bgp ${A}/32 to tor-1 tor-2`, 'node-b': 'bgp node-not-selected' },
    ],
    [
      'peers that are for other nodes',
      {
        ...plain,
        config: config({
          bgpAdvertisements: [bgp()],
          peers: [
            peer('tor-1', { nodeSelectors: [labelled({ zone: 'x' })] }),
            peer('tor-2', { nodeSelectors: [labelled({ zone: 'z' })] }),
          ],
        }),
        nodes: [zone('node-a', 'x'), zone('node-b', 'y')],
      },
      { 'node-a': `bgp ${A}/32 to tor-1`, 'node-b': 'bgp no-peer' },
    ],
    [
      'no peer configured',
      { ...plain, config: config({ bgpAdvertisements: [bgp()] }) },
      { 'node-a': 'bgp no-peer', 'node-b': 'bgp no-peer' },
    ],
    ['a peer that is not there', advertised(bgp({ peers: ['gone'] })), { 'node-a': 'bgp no-peer' }],
    [
      'both protocols, each by its own advertisement',
      {
        ...plain,
        config: config({
          bgpAdvertisements: [bgp({ nodeSelectors: [labelled({ zone: 'x' })] })],
          l2Advertisements: [l2({ nodeSelectors: [labelled({ zone: 'y' })], interfaces: ['eth0'] })],
          peers,
        }),
        nodes: [zone('node-a', 'x'), zone('node-b', 'y')],
      },
      { 'node-a': `l2 node-not-selected; bgp ${A}/32 to tor-1 tor-2`, 'node-b': 'l2 eth0; bgp node-not-selected' },
    ],
  ])('%s', (_title, scene, expected) => {
    expect(summary(judge(scene), A)).toEqual(expected);
  });
});

describe('routes', () => {
  const seen = (scene: Scene, address = A): string[] => summary(judge(scene), address)['node-a']!.split('; ');

  it.each<[string, Scene, string[], string[]]>([
    [
      'aggregates, by family',
      advertised(bgp({ aggregationLength: 24, aggregationLengthV6: 64 })),
      ['bgp 203.0.113.0/24 to tor-1 tor-2'],
      ['bgp 2001:db8:1::/64 to tor-1 tor-2'],
    ],
    [
      'an aggregate for all, the address itself for one',
      advertised(bgp({ aggregationLength: 26 }), bgp({ peers: ['tor-2'], localPref: 200 })),
      ['bgp 203.0.113.0/26 to tor-1 tor-2', `bgp ${A}/32 to tor-2 pref 200`],
      [`bgp ${V6}/128 to tor-1`, `bgp ${V6}/128 to tor-2 pref 200`],
    ],
    [
      'communities of two advertisements are united, each once, sorted',
      advertised(
        bgp({ communities: [community(64_512, 2), community(64_512, 1)] }),
        bgp({ communities: [community(64_512, 2), community(100, 9)] }),
      ),
      [`bgp ${A}/32 to tor-1 tor-2 100:9 64512:1 64512:2`],
      [`bgp ${V6}/128 to tor-1 tor-2 100:9 64512:1 64512:2`],
    ],
    [
      'a community for one peer only splits the route',
      advertised(bgp({ communities: [community(1, 1)] }), bgp({ peers: ['tor-1'], communities: [community(2, 2)] })),
      [`bgp ${A}/32 to tor-1 1:1 2:2`, `bgp ${A}/32 to tor-2 1:1`],
      [`bgp ${V6}/128 to tor-1 1:1 2:2`, `bgp ${V6}/128 to tor-2 1:1`],
    ],
    [
      'two local preferences for one route: the higher one',
      advertised(bgp({ localPref: 100 }), bgp({ localPref: 300 }), bgp()),
      [`bgp ${A}/32 to tor-1 tor-2 pref 300`],
      [`bgp ${V6}/128 to tor-1 tor-2 pref 300`],
    ],
    [
      'peers are sorted, whatever the order in the configuration',
      { ...advertised(), config: config({ bgpAdvertisements: [bgp()], peers: [peer('z'), peer('a'), peer('m')] }) },
      [`bgp ${A}/32 to a m z`],
      [`bgp ${V6}/128 to a m z`],
    ],
  ])('%s', (_title, scene, v4, v6) => {
    expect(seen(scene)).toEqual(v4);
    expect(seen(scene, V6)).toEqual(v6);
  });

  it('standard communities come before large ones', () => {
    const large = { kind: 'large', global: 1, local1: 2, local2: 3 } as const;
    const scene = advertised(bgp({ communities: [large, community(65_535, 65_281)] }));
    const verdict = judge(scene)[0]!.nodes[0]!.bgp;
    const routes: readonly BgpRoute[] = verdict.kind === 'may' ? verdict.routes : [];
    expect(routes.map(({ communities }) => communities)).toEqual([[community(65_535, 65_281), large]]);
  });
});

describe('a shared address', () => {
  const services = [service('dns', [A], { labels: { app: 'dns' } }), service('web', [A], { labels: { app: 'web' } })];
  const shared = (...bgpAdvertisements: ReturnType<typeof bgp>[]): Record<string, string> =>
    summary(judge({ ...plain, config: config({ bgpAdvertisements, peers }), services, nodes: [node('node-a')] }), A);
  const forWeb = [labelled({ app: 'web' })];
  const forDns = [labelled({ app: 'dns' })];

  it('goes to the peers that every one of its Services is for', () => {
    expect(shared(bgp({ serviceSelectors: forWeb }), bgp({ serviceSelectors: forDns, peers: ['tor-2'] }))).toEqual({
      'node-a': `bgp ${A}/32 to tor-2`,
    });
  });

  it('goes nowhere when they have no peer in common', () => {
    expect(
      shared(bgp({ serviceSelectors: forWeb, peers: ['tor-1'] }), bgp({ serviceSelectors: forDns, peers: ['tor-2'] })),
    ).toEqual({ 'node-a': 'bgp no-peer' });
  });

  it('is barred when one of them has no advertisement', () => {
    expect(shared(bgp({ serviceSelectors: forWeb }))).toEqual({
      barred: 'no-advertisement',
      'node-a': 'bgp no-advertisement',
    });
  });

  it('carries the communities of all', () => {
    expect(
      shared(
        bgp({ serviceSelectors: forWeb, communities: [community(1, 1)] }),
        bgp({ serviceSelectors: forDns, communities: [community(2, 2)] }),
      ),
    ).toEqual({ 'node-a': `bgp ${A}/32 to tor-1 tor-2 1:1 2:2` });
  });

  it('one Service by layer 2 and the other by BGP: barred, since neither way is for both', () => {
    const verdicts = judge({
      ...plain,
      services,
      nodes: [node('node-a')],
      config: config({
        l2Advertisements: [l2({ serviceSelectors: forWeb })],
        bgpAdvertisements: [bgp({ serviceSelectors: forDns })],
        peers,
      }),
    });
    expect(summary(verdicts, A)).toEqual({
      barred: 'no-advertisement',
      'node-a': 'l2 no-advertisement; bgp no-advertisement',
    });
  });
});
