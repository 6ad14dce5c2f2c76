import { describe, expect, test } from 'vitest';
import type { ClusterObject, ObjectLists } from '../../src/cluster/ports.ts';
import { mergeEffective } from '../../src/config/effective.ts';
import { judgeConfig } from '../../src/config/judge.ts';
import { changesIn, type PlanChanges } from '../../src/controller/plan-changes.ts';
import { planChangesText } from '../../src/controller/plan-changes-text.ts';
import { inventoryIn } from '../../src/inventory/take.ts';
import { plainStyle } from '../../src/terminal/table.ts';
import { endpointSlice, node, service } from '../support/manifests.ts';

const POOLS = 'pools:\n- {name: public, addresses: [203.0.113.0/24]}\n- {name: lab, addresses: [198.51.100.0/30]}\n';
const judge = (text: string) => judgeConfig({ file: 'edited.yaml', text });

function object(body: { readonly kind: string; readonly metadata: object }): ClusterObject {
  const { name, namespace = '' } = body.metadata as { name: string; namespace?: string };
  const origin = { file: `${name}.yaml`, line: 1, text: undefined };
  return { kind: body.kind as never, namespace, name, body, origin };
}
const having = (name: string, address: string, pool: string) => ({
  ...service(name, { annotations: { 'clarion.dev/ip-allocated-from-pool': pool } }),
  status: { loadBalancer: { ingress: [{ ip: address }] } },
});
/** web has an address of public, api one of lab, late has none since it asks for a pool that is not there. */
const late = service('late', { annotations: { 'clarion.dev/address-pool': 'edge' } });
const lists: ObjectLists = {
  Service: [having('web', '203.0.113.1', 'public'), having('api', '198.51.100.1', 'lab'), late].map(object),
  EndpointSlice: [endpointSlice('web', ['a']), endpointSlice('api', ['a']), endpointSlice('late', ['a'])].map(object),
  Node: ['a', 'b'].map((name) => object(node(name, { labels: { rack: name } }))),
  Namespace: [],
  Secret: [],
  ConfigMap: [],
};

function changes(edited: string, before = POOLS, objects = lists): PlanChanges {
  const inForce = mergeEffective(undefined, judge(before), new Set());
  const flags = { ignoreExcludeLb: false, loadBalancerClass: undefined };
  return changesIn(inForce, judge(edited), inventoryIn(objects, 'a'), flags, []);
}
const names = ({ services }: PlanChanges): string[] => services.map(({ name }) => name);

describe('what an edited configuration would change', () => {
  test('nothing, where it says the same', () => {
    expect(changes(`# as it was\n${POOLS}`)).toEqual({
      problems: [],
      services: [],
      pools: [],
      stale: [],
      unchanged: 3,
    });
  });

  test('a node that is about to be deleted is one of those that may hold an address', () => {
    const [a, b] = lists.Node;
    const taints = [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }];
    const leaving = { ...lists, Node: [a!, { ...b!, body: { ...b!.body, spec: { taints } } }] };
    const found = changes(`${POOLS}l2Advertisements: [{nodeSelectors: [{matchLabels: {rack: a}}]}]\n`, POOLS, leaving);
    expect(found.services.find(({ name }) => name === 'web')).toMatchObject({
      before: { layer2: [{ nodes: ['a', 'b'] }] },
      after: { layer2: [{ nodes: ['a'] }] },
    });
  });

  test('a pool that is added gives an address to who waits for it', () => {
    const found = changes(`${POOLS}- {name: edge, addresses: [192.0.2.0/24]}\n`);
    expect(found).toMatchObject({
      services: [
        {
          namespace: 'shop',
          name: 'late',
          before: { addresses: [], reason: 'pool-not-allowed' },
          after: { addresses: ['192.0.2.0'], pool: 'edge' },
        },
      ],
      pools: [{ name: 'edge', after: { used: 1 } }],
      unchanged: 2,
    });
  });

  test('a pool that is taken away while in use is kept for those that have it', () => {
    const found = changes(POOLS.replace(/- \{name: lab.*\n/, ''));
    expect(found.services).toMatchObject([
      {
        name: 'api',
        before: { addresses: ['198.51.100.1'] },
        after: { addresses: ['198.51.100.1'], reason: 'address-outside-pools' },
      },
    ]);
  });

  test('an advertisement that leaves a pool out ends what announces it', () => {
    const found = changes(`${POOLS}l2Advertisements: [{name: one, ipAddressPools: [public]}]\n`);
    expect(found).toMatchObject({
      services: [
        {
          name: 'api',
          before: { layer2: [{ address: '198.51.100.1', nodes: ['a', 'b'] }] },
          after: { addresses: ['198.51.100.1'], reason: 'no-advertisement', layer2: [] },
        },
      ],
    });
    expect(planChangesText(found, plainStyle)).toContain('1 would be announced by nobody any more');
  });

  test('fewer nodes may hold it: told; another is first in rank: no change, since a holder keeps what it may hold', () => {
    const only = changes(`${POOLS}l2Advertisements: [{nodeSelectors: [{matchLabels: {rack: a}}]}]\n`);
    expect(only.services.map(({ after }) => after.layer2.map(({ nodes }) => nodes))).toEqual([[['a']], [['a']]]);
    const prefers = (rack: string) =>
      `${POOLS}l2Advertisements: [{preferredNodeSelectors: [{weight: 9, preference: {matchLabels: {rack: ${rack}}}}]}]\n`;
    expect(names(changes(prefers('b'), prefers('a')))).toEqual([]);
  });

  test('routers are told otherwise', () => {
    const bgp = (more: string) =>
      `${POOLS}peers: [{name: tor, myASN: 64512, peerASN: 64512, peerAddress: 192.0.2.1}]\nbgpAdvertisements: [{ipAddressPools: [public]${more}}]\n`;
    const found = changes(bgp(', localPref: 200, communities: ["64512:1"]'), bgp(''));
    expect(found.services).toMatchObject([
      {
        name: 'web',
        before: { bgp: ['203.0.113.1/32 a to tor', '203.0.113.1/32 b to tor'] },
        after: {
          bgp: ['203.0.113.1/32 a to tor (localPref 200, 64512:1)', '203.0.113.1/32 b to tor (localPref 200, 64512:1)'],
        },
      },
    ]);
  });

  test('a bad element keeps its last good version, and that is said', () => {
    const found = changes(POOLS.replace('198.51.100.0/30', '198.51.100.0/99'));
    expect([names(found), found.stale, found.problems.map(({ code }) => code)]).toEqual([
      [],
      ['pools lab'],
      ['bad-address'],
    ]);
  });

  test('a cluster without a configuration gets its first one', () => {
    const flags = { ignoreExcludeLb: false, loadBalancerClass: undefined };
    const found = changesIn(undefined, judge(POOLS), inventoryIn(lists, 'a'), flags, []);
    expect(found.pools.map(({ name }) => name)).toEqual(['lab', 'public']);
  });
});

test('for people', async () => {
  const found = changes(
    `${POOLS}- {name: edge, addresses: [192.0.2.0/24]}\nl2Advertisements: [{name: one, ipAddressPools: [public, edge], interfaces: [eth1]}]\n`,
  );
  await expect(planChangesText(found, plainStyle)).toMatchFileSnapshot('plan-changes.txt');
});
