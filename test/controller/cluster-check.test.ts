import { describe, expect, test } from 'vitest';
import type { ClusterObject, ObjectLists } from '../../src/cluster/ports.ts';
import { elementFinder } from '../../src/config/element-place.ts';
import { judgeConfig } from '../../src/config/judge.ts';
import { type ClusterCheckInput, clusterProblems, secretRefs } from '../../src/controller/cluster-check.ts';
import { inventoryIn } from '../../src/inventory/take.ts';
import { configMap, node, service } from '../support/manifests.ts';

function object(body: { readonly kind: string; readonly metadata: object }): ClusterObject {
  const { name, namespace = '' } = body.metadata as { name: string; namespace?: string };
  const origin = { file: `${name}.yaml`, line: 1, text: undefined };
  return { kind: body.kind as never, namespace, name, body, origin };
}
const having = (name: string, address: string) => ({
  ...service(name, { annotations: { 'clarion.dev/ip-allocated-from-pool': 'public' } }),
  status: { loadBalancer: { ingress: [{ ip: address }] } },
});
/** web and api have addresses of pool public; nodes a and b, each labelled with its rack. */
const lists: ObjectLists = {
  Service: [having('web', '203.0.113.1'), having('api', '203.0.113.200')].map(object),
  EndpointSlice: [],
  Node: ['a', 'b'].map((name) => object(node(name, { labels: { rack: name } }))),
  Namespace: [],
  Secret: [],
  ConfigMap: [],
};

function found(text: string, more: Partial<ClusterCheckInput> = {}) {
  const source = { file: 'edited.yaml', text };
  const { config, problems } = judgeConfig(source);
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  return clusterProblems({
    config,
    inventory: inventoryIn(lists, 'a'),
    namespaces: new Set(['shop']),
    interfaces: new Map(),
    secretTrouble: () => undefined,
    placeOf: elementFinder(source),
    ...more,
  }).map(({ line, column, code, message }) => `${line}:${column} ${code}: ${message.split('\n')[0]}`);
}
const PUBLIC = 'pools:\n- {name: public, addresses: [203.0.113.0/24]}\n';
const PEER = 'peers:\n- {name: tor, myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.1';

test('a configuration that fits the cluster', () => {
  expect(found(PUBLIC)).toEqual([]);
});

describe('what only the cluster knows', () => {
  test.each([
    [
      'a pool that is in use is gone',
      'pools:\n- {name: lab, addresses: [198.51.100.0/24]}\n',
      '1:1 pool-in-use: pool "public" is gone while it is in use: shop/web (203.0.113.1), shop/api (203.0.113.200)',
    ],
    [
      'a pool is smaller than what is in use',
      'pools:\n- {name: lab, addresses: [198.51.100.0/24]}\n- {name: public, addresses: [203.0.113.0/25]}\n',
      '3:3 pool-in-use: pool "public" no longer has addresses that are in use: shop/api (203.0.113.200)',
    ],
    [
      'a namespace',
      'pools:\n- {name: public, addresses: [203.0.113.0/24], serviceAllocation: {namespaces: [shop, shpo]}}\n',
      '2:3 unknown-namespace: pool "public" is for a namespace that does not exist: shpo',
    ],
    [
      'node selectors of an advertisement without a name',
      `${PUBLIC}l2Advertisements:\n- {}\n- {nodeSelectors: [{matchLabels: {rack: c}}]}\n`,
      '5:3 no-node-matches: no node has the labels that L2 advertisement "l2-2" selects, so it announces nothing',
    ],
    [
      'node selectors of a peer',
      `${PUBLIC}${PEER}, nodeSelectors: [{matchLabels: {rack: c}}]}\n`,
      '4:3 no-node-matches: no node has the labels that peer "tor" selects, so it has no session',
    ],
  ])('%s', (_what, text, said) => {
    expect(found(text)).toEqual([said]);
  });

  test('interfaces: where every selected node tells its own, one that none of them has', () => {
    const text = `${PUBLIC}l2Advertisements:\n- {name: edge, interfaces: [eth1, eth7], nodeSelectors: [{matchLabels: {rack: a}}]}\n`;
    const interfaces = new Map([['a', ['eth0', 'eth1']]]);
    expect(found(text, { interfaces })).toEqual([
      '4:3 unknown-interface: no node that L2 advertisement "edge" selects has an interface eth7',
    ]);
    expect(found(text.replace('rack: a', 'rack: b'), { interfaces })).toEqual([]);
  });

  test('Secrets of peers and BFD profiles', () => {
    const text = `${PUBLIC}${PEER}, passwordSecret: {name: tor-password}}\nbfdProfiles:\n- {name: fast, authentication: {type: keyed-sha1, keyId: 1, keySecret: {name: bfd}}}\n`;
    const secretTrouble: ClusterCheckInput['secretTrouble'] = ({ name }, key) => `Secret ${name} has no key "${key}"`;
    expect(found(text, { secretTrouble })).toEqual([
      '4:3 secret-missing: Secret tor-password has no key "password", so peer "tor" has no session',
      '6:3 secret-missing: Secret bfd has no key "password", so no session of BFD profile "fast" comes up',
    ]);
    expect(secretRefs(judgeConfig({ file: 'f', text }).config).map(({ name }) => name)).toEqual([
      'tor-password',
      'bfd',
    ]);
  });

  test('without Namespace objects none is missed', () => {
    const text = 'pools:\n- {name: public, addresses: [203.0.113.0/24], serviceAllocation: {namespaces: [shpo]}}\n';
    expect(found(text, { namespaces: undefined })).toEqual([]);
  });
});

test('the place is found inside of a ConfigMap too', () => {
  const text = `pools:\n- {name: public, addresses: [203.0.113.0/24], serviceAllocation: {namespaces: [shpo]}}\n`;
  const object = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: clarion, namespace: lb}\ndata:\n  config.yaml: |\n${text.replace(/^/gm, '    ').trimEnd()}\n`;
  expect(found(object)).toEqual([expect.stringMatching(/^7:7 unknown-namespace/)]);
  expect(elementFinder({ file: 'f', text: JSON.stringify(configMap(text)) })('pools', 'gone')).toMatchObject({
    line: 1,
  });
});
