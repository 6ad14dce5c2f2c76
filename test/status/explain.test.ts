import { beforeAll, describe, expect, test } from 'vitest';
import { conditionReason, type Reason, reasons } from '../../src/base/reason.ts';
import type { SessionReport } from '../../src/bgp/session-report.ts';
import { explainText } from '../../src/commands/explain-text.ts';
import type { HolderFacts } from '../../src/status/report.ts';
import { plainStyle } from '../../src/terminal/table.ts';
import { ADDRESS, explained, nodeCalled, POOLS, slice, type Told, web } from './explained.ts';
import { held, ip, member, NODES, silent } from './scene.ts';

beforeAll(() => {
  process.env['TZ'] = 'UTC';
});

const BGP = `${POOLS}peers:
- {name: tor-1, myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.1}
bgpAdvertisements:
- {name: tor}
`;
const nobody = [held(ADDRESS, undefined)];
const refused =
  (state: NonNullable<HolderFacts['layer2']>): NonNullable<Told['speaker']> =>
  (node) => ({
    wire: [{ ...held(ADDRESS, undefined), layer2: node === 'node-a' ? state : undefined }],
  });
/** What the controller said of a Service that has no address. */
const refusedBy = (reason: Reason): Told => ({
  objects: [
    web({
      status: {
        conditions: [
          {
            type: 'clarion.dev/Allocated',
            status: 'False',
            reason: conditionReason(reason),
            message: `${reasons[reason].meaning}. ${reasons[reason].nextStep}`,
            lastTransitionTime: '2026-01-31T12:00:00Z',
          },
        ],
      },
    }),
  ],
});
const everyNode = (more: object): Told => ({
  objects: NODES.map((name) => nodeCalled(name, more)),
  speaker: () => ({ wire: nobody }),
});

/** For every reason what leads to it. With `elsewhere` another node announces, so there is nothing to do about it. */
const SCENES: Readonly<Record<Reason, Told & { readonly elsewhere?: true }>> = {
  'not-load-balancer': { objects: [web({ spec: { type: 'ClusterIP' } })] },
  'other-class': { objects: [web({ spec: { loadBalancerClass: 'example.net/other' } })] },
  'no-cluster-ip': { objects: [web({ spec: { clusterIPs: ['None'] }, status: {} })] },
  'no-pool': refusedBy('no-pool'),
  'pool-exhausted': refusedBy('pool-exhausted'),
  'address-in-use': refusedBy('address-in-use'),
  'address-outside-pools': refusedBy('address-outside-pools'),
  'pool-not-allowed': refusedBy('pool-not-allowed'),
  'family-mismatch': refusedBy('family-mismatch'),
  'sharing-refused': refusedBy('sharing-refused'),
  'invalid-annotation': refusedBy('invalid-annotation'),
  'no-endpoints': { objects: [slice()], speaker: () => ({ wire: nobody }) },
  'no-advertisement': {
    config: `${POOLS}- {name: lab, addresses: [198.51.100.0/24]}\nl2Advertisements: [{ipAddressPools: [lab]}]\n`,
    speaker: () => ({ wire: nobody }),
  },
  'address-conflict': {
    speaker: refused({ kind: 'conflict', defending: false, interface: 'eth0', mac: '02:00:00:00:00:99' } as never),
  },
  'no-local-endpoints': {
    objects: [web({ spec: { externalTrafficPolicy: 'Local' } }), slice(undefined)],
    speaker: () => ({ wire: nobody }),
  },
  'node-network-unavailable': everyNode({ status: { conditions: [{ type: 'NetworkUnavailable', status: 'True' }] } }),
  'node-excluded': {
    objects: NODES.map((name) =>
      nodeCalled(name, {
        metadata: { name, labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } },
      }),
    ),
    speaker: () => ({ wire: nobody }),
  },
  'node-draining': {
    objects: [nodeCalled('node-c', { metadata: { name: 'node-c', annotations: { 'clarion.dev/drain': 'true' } } })],
    elsewhere: true,
  },
  'node-leaving': {
    objects: [
      nodeCalled('node-c', {
        spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', value: '1', effect: 'NoSchedule' }] },
      }),
    ],
    elsewhere: true,
  },
  'node-not-selected': {
    config: `${POOLS}l2Advertisements: [{nodeSelectors: [{matchLabels: {rack: "1"}}]}]\n`,
    speaker: () => ({ wire: nobody }),
  },
  'no-interface': { speaker: refused({ kind: 'no-interface', named: undefined } as never) },
  'no-peer': {
    config: `${POOLS}peers:\n- {name: tor-1, myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.1, nodeSelectors: [{matchLabels: {rack: "1"}}]}\nbgpAdvertisements: [{name: tor}]\n`,
    speaker: () => ({ wire: nobody }),
  },
  'no-session': {
    config: BGP,
    speaker: () => ({ wire: nobody, told: () => ({ told: [], untold: ['tor-1'] }) }),
  },
  'not-a-member': {
    speaker: (node) => (node === 'node-a' ? { members: [member('node-b', 'dead')] } : undefined),
    elsewhere: true,
  },
  'not-elected': { elsewhere: true },
};

describe.each(Object.entries(SCENES))('%s', (reason, { elsewhere, ...scene }) => {
  const { meaning, nextStep } = reasons[reason as Reason];

  test('is said with its meaning', () => {
    const text = explainText(explained(scene), plainStyle);
    expect(text).toContain(reason);
    expect(text).toContain(meaning);
  });

  test('and with what to do, unless another node announces', () => {
    const { next, outcome } = explained(scene);
    if (elsewhere) expect([outcome, next]).toEqual(['announced', []]);
    else expect(next[0]!.replace(/=web -n shop/, '=NAME')).toBe(nextStep);
  });
});

describe('one that is announced', () => {
  test('by layer 2: the holder, its term, and why not the others', () => {
    expect(explained({})).toMatchObject({
      outcome: 'announced',
      pool: 'public',
      endpoints: { total: 3, ready: 3, serving: 3 },
      addresses: [
        {
          address: ADDRESS,
          sharedWith: [],
          layer2: { advertisements: ['default'], state: 'announced', holder: 'node-a', term: 1, interfaces: ['eth0'] },
          nodes: [
            { node: 'node-a', layer2: { state: 'holds' } },
            { node: 'node-b', layer2: { state: 'may-not', reason: 'not-elected' } },
            { node: 'node-c', layer2: { state: 'may-not', reason: 'not-elected' } },
          ],
        },
      ],
      next: [],
      silent: [],
    });
  });

  test('by BGP, one session down', () => {
    const session = (state: string): SessionReport =>
      ({
        name: 'tor-1',
        remote: '192.0.2.1',
        state,
        since: 0,
        families: [],
        problems: [],
        messages: {},
        flaps: 0,
        lastError: state === 'established' ? undefined : 'hold timer expired',
      }) as never;
    const told = (up: boolean) => (up ? { told: ['tor-1'], untold: [] } : { told: [], untold: ['tor-1'] });
    const explanation = explained({
      config: BGP,
      speaker: (node) => ({
        wire: nobody,
        told: () => told(node !== 'node-c'),
        sessions: [session(node === 'node-c' ? 'idle' : 'established')],
      }),
    });
    expect(explanation).toMatchObject({
      outcome: 'announced',
      addresses: [{ bgp: { advertisements: ['tor'], peers: ['tor-1'], announcedBy: ['node-a', 'node-b'] } }],
      next: [],
    });
    expect(explanation.addresses[0]!.layer2).toBeUndefined();
    expect(explanation.addresses[0]!.nodes[2]!.bgp).toMatchObject({ state: 'may-not', reason: 'no-session' });
    const text = explainText(explanation, plainStyle);
    expect(text).toContain('✓  BGP         node-a to tor-1; node-b to tor-1');
    expect(text).toContain('session node-c with tor-1 (192.0.2.1): idle since 1970-01-01 00:00:00: hold timer expired');
  });

  test('one that another machine answers for too says so, with what to do', () => {
    const { outcome, next } = explained({
      speaker: (node) => ({
        wire: [
          {
            ...held(ADDRESS, 'node-a', 1),
            layer2:
              node === 'node-a'
                ? ({ kind: 'conflict', defending: true, interface: 'eth0', mac: '02:00:00:00:00:99' } as never)
                : undefined,
          },
        ],
      }),
    });
    expect([outcome, next]).toEqual(['announced', [reasons['address-conflict'].nextStep]]);
  });
});

test('a holder that does not answer is said, and those that name it', () => {
  const explanation = explained({
    speaker: (node) => (node === 'node-a' ? undefined : { members: [member('node-a')] }),
  });
  expect(explanation).toMatchObject({
    outcome: 'not-announced',
    addresses: [{ layer2: { state: 'elsewhere', holder: 'node-a' } }],
    silent: [{ name: 'node-a' }],
  });
  expect(explainText(explanation, plainStyle)).toContain(
    'node-a (term 1, since 2026-01-31 12:00:00), which does not answer',
  );
});

test('nobody answers: what the objects say is told all the same', () => {
  const { next, silent: quiet } = explained({ speaker: () => undefined, controller: false });
  expect(quiet).toEqual(NODES.map((name) => ({ name, error: (silent(name) as { error: string }).error })));
  expect(next.join('\n')).toMatch(/No speaker answers[\s\S]*No controller answers/);
});

test('a Service that no controller has looked at yet', () => {
  const explanation = explained({ objects: [web({ status: {} })], controller: false });
  expect(explanation.outcome).toBe('no-address');
  expect(explainText(explanation, plainStyle)).toContain(
    'none: no controller has said anything about this Service yet',
  );
});

test('two Services that share an address name each other', () => {
  const other = { ...web(), metadata: { ...web().metadata, name: 'api' } };
  expect(explained({ objects: [other] }).addresses).toMatchObject([{ sharedWith: ['shop/api'] }]);
});

test('problems of the configuration that concern it, and no others', () => {
  const config = `${POOLS}- {name: lab, addresses: [198.51.100.0/24], nonsense: 1}\nl2Advertisements:\n- {name: edge, ipAddressPools: [public], interfaces: [eth0], nodeSelectors: 7}\n- {name: all}\n`;
  const { problems } = explained({ config });
  expect(problems.map(({ message }) => message).join()).not.toContain('nonsense');
});

test('for people', async () => {
  const texts = [
    explained({}),
    explained({
      objects: [web({ spec: { externalTrafficPolicy: 'Local' } }), slice('node-b')],
      config: BGP.replace('bgpAdv', 'l2Advertisements: [{name: default}]\nbgpAdv'),
      speaker: () => ({ wire: nobody, told: () => undefined }),
    }),
    explained(refusedBy('pool-exhausted')),
    explained({ speaker: () => undefined, controller: false }),
  ].map((one) => explainText(one, plainStyle));
  await expect(texts.join('\n')).toMatchFileSnapshot('explain.txt');
});

test('addresses are compared as the speakers write them', () => {
  expect(explained({}).addresses.map(({ address }) => address)).toEqual([ADDRESS]);
  expect(ip(ADDRESS).family).toBe('ipv4');
});
