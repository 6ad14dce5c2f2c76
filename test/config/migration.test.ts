import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatIpRange } from '../../src/base/ip-range.ts';
import { judgeConfig } from '../../src/config/judge.ts';
import { migrate } from '../../src/config/migration.ts';
import { aliases, all, bfd, bgp, codes, judged, l2, migrated, peer, pool, resource } from './metallb-scene.ts';

const notesOf = (text: string, options = {}) =>
  migrated(text, options).notes.map(
    ({ kind, object, field }) => `${kind} ${object}${field === undefined ? '' : ` ${field}`}`,
  );
const configOf = (text: string) => judged(migrated(text)).config;
const ours = (text: string) => judgeConfig({ file: 'ours.yaml', text }).config;

describe('what the resources mean is what our words mean', () => {
  it('every kind, every field', () => {
    const given = all(
      resource(
        'IPAddressPool',
        'public',
        'addresses: [203.0.113.0/24, 198.51.100.1 - 198.51.100.9], autoAssign: false, avoidBuggyIPs: true, serviceAllocation: {priority: 5, namespaces: [a], namespaceSelectors: [{matchLabels: {n: m}}], serviceSelectors: [{matchExpressions: [{key: k, operator: Exists}]}]}',
      ),
      resource(
        'L2Advertisement',
        'lan',
        'ipAddressPools: [public], nodeSelectors: [{matchLabels: {a: b}}], interfaces: [eth0], preferredNodeSelectors: [{weight: 7, preference: {matchLabels: {x: y}}}]',
      ),
      resource(
        'BGPAdvertisement',
        'wan',
        'aggregationLength: 32, aggregationLengthV6: 128, localPref: 50, communities: [mine, "1:2"], ipAddressPools: [public], nodeSelectors: [{matchLabels: {a: b}}], peers: [tor], serviceSelectors: [{matchLabels: {s: t}}]',
      ),
      peer(
        'localASN: 43, sourceAddress: 1.2.3.5, peerPort: 1179, holdTime: 30s, connectTime: 5s, routerID: 9.9.9.9, passwordSecret: {name: s, namespace: metallb-system}, bfdProfile: fast, enableGracefulRestart: true, ebgpMultiHop: true, vrf: red',
      ),
      bfd(
        'receiveInterval: 100, transmitInterval: 110, detectMultiplier: 5, echoInterval: 60, echoMode: true, passiveMode: true, minimumTtl: 200',
      ),
      aliases('{name: mine, value: "large:1:2:3"}'),
    );
    expect(configOf(given)).toEqual(
      ours(`
pools:
- name: public
  addresses: [203.0.113.0/24, 198.51.100.1-198.51.100.9]
  autoAssign: false
  avoidBuggyIPs: true
  serviceAllocation: {priority: 5, namespaces: [a], namespaceSelectors: [{matchLabels: {n: m}}], serviceSelectors: [{matchExpressions: [{key: k, operator: Exists}]}]}
l2Advertisements:
- {name: lan, ipAddressPools: [public], nodeSelectors: [{matchLabels: {a: b}}], interfaces: [eth0], preferredNodeSelectors: [{weight: 7, preference: {matchLabels: {x: y}}}]}
bgpAdvertisements:
- {name: wan, localPref: 50, communities: [mine, "1:2"], ipAddressPools: [public], nodeSelectors: [{matchLabels: {a: b}}], peers: [tor], serviceSelectors: [{matchLabels: {s: t}}]}
peers:
- {name: tor, myASN: 42, peerASN: 142, localASN: 43, peerAddress: 1.2.3.4, sourceAddress: 1.2.3.5, peerPort: 1179, holdTime: 30s, connectTime: 5s, routerID: 9.9.9.9, passwordSecret: {name: s}, bfdProfile: fast, enableGracefulRestart: true, ebgpMultiHop: true, vrf: red}
bfdProfiles:
- {name: fast, receiveInterval: 100, transmitInterval: 110, detectMultiplier: 5, echoInterval: 60, echoMode: true, passiveMode: true, minimumTtl: 200}
communities: {mine: "large:1:2:3"}
layer2: {conflictProbe: {count: 3, wait: 200ms}}
membership: {port: 7947}
`),
    );
  });

  it('without an advertisement nothing is announced, as in MetalLB', () => {
    const { l2Advertisements, bgpAdvertisements } = configOf(pool());
    expect([l2Advertisements, bgpAdvertisements]).toEqual([[], []]);
  });

  it('labels of pools are there when something selects by them', () => {
    const labelled = pool().replace('metadata: {', 'metadata: {labels: {tier: edge}, ');
    expect(configOf(labelled).pools[0]!.labels).toEqual({});
    const selected = all(
      labelled,
      pool('', '10.30.0.0/16', 'q'),
      l2('ipAddressPoolSelectors: [{matchLabels: {tier: edge}}]'),
    );
    expect(configOf(selected).pools.map(({ labels }) => labels)).toEqual([{ tier: 'edge' }, {}]);
  });

  it('an AddressPool is announced by itself alone, an advertisement of everything is of the others', () => {
    const old = resource(
      'AddressPool',
      'old',
      'protocol: bgp, addresses: [10.30.0.0/16], bgpAdvertisements: [{aggregationLength: 24}, {localPref: 0}]',
    );
    const config = configOf(all(pool(), old, l2()));
    expect(config.l2Advertisements.map(({ ipAddressPools }) => ipAddressPools)).toEqual([['p']]);
    expect(
      config.bgpAdvertisements.map(({ name, ipAddressPools, aggregationLength, localPref }) => [
        name,
        ipAddressPools,
        aggregationLength,
        localPref,
      ]),
    ).toEqual([
      ['old-1', ['old'], 24, undefined],
      ['old-2', ['old'], 32, undefined],
    ]);
    const alone = migrated(all(old, l2()));
    expect(judged(alone).config.l2Advertisements).toEqual([]);
    expect(alone.notes.map(({ kind, object }) => `${kind} ${object}`)).toContain(
      'no-equivalent L2Advertisement metallb-system/l',
    );
  });

  it('an advertisement of names that lead nowhere never becomes one of everything', () => {
    const migration = migrated(
      all(pool(), peer(), l2('ipAddressPools: [gone]'), bgp('peers: [gone]'), bgp('peers: [gone, tor]', 'c')),
    );
    const { l2Advertisements, bgpAdvertisements } = judged(migration).config;
    expect(l2Advertisements).toEqual([]);
    expect(bgpAdvertisements.map(({ name, peers }) => [name, peers])).toEqual([['c', ['tor']]]);
  });

  it('a session that is there twice is there once, and what names the second one with it', () => {
    const migration = migrated(all(peer(), peer('holdTime: 30s', 'tor2'), pool(), bgp('peers: [tor2]')));
    const { peers, bgpAdvertisements } = judged(migration).config;
    expect([peers.map(({ name }) => name), bgpAdvertisements]).toEqual([['tor'], []]);
    expect(migration.notes.filter(({ kind }) => kind === 'no-equivalent').map(({ object }) => object)).toEqual([
      'BGPPeer metallb-system/tor2',
      'BGPAdvertisement metallb-system/b',
    ]);
  });

  it('asPathPrepend of 0.16 is left out and told, and the advertisement stays', () => {
    const migration = migrated(
      all(pool(), bgp('asPathPrepend: 3'), bgp('asPathPrepend: 0, aggregationLength: 24', 'c')),
    );
    expect(judged(migration).config.bgpAdvertisements.map(({ name }) => name)).toEqual(['b', 'c']);
    expect(
      migration.notes.filter(({ kind }) => kind === 'no-equivalent').map(({ object, field }) => [object, field]),
    ).toEqual([['BGPAdvertisement metallb-system/b', 'asPathPrepend']]);
  });

  it('v1beta1 cannot tell a hold time of 0s from none', () => {
    expect(configOf(peer('holdTime: 0s', 'tor', 'v1beta1')).peers[0]!.holdTime).toBe(90_000);
    expect(configOf(peer('holdTime: 0s, keepaliveTime: 0s')).peers[0]!.holdTime).toBe(0);
  });

  it("v0.12's ConfigMap: what its rules make of it", () => {
    const legacy =
      'peers:\n- {my-asn: 42, peer-asn: 142, peer-address: 1.2.3.4}\nbgp-communities: {x: "1:2"}\naddress-pools:\n- {name: a, protocol: layer2, addresses: [10.0.0.0/24]}\n- {name: b, protocol: bgp, addresses: [10.1.0.0/24], bgp-advertisements: [{communities: [x]}, {aggregation-length: 24}]}\n';
    const { membership: _port, layer2: _probe, ...config } = configOf(legacy);
    expect(judgeConfig({ file: 'l.yaml', text: legacy }).config).toMatchObject(config);
  });
});

describe('which objects count', () => {
  const elsewhere = resource('IPAddressPool', 'q', 'addresses: [10.30.0.0/16]', 'v1beta1', 'other');

  it('those of the namespace that MetalLB runs in', () => {
    expect(notesOf(all(pool(), elsewhere))).toEqual([
      'ignored IPAddressPool other/q',
      'converted IPAddressPool metallb-system/p',
    ]);
    expect(notesOf(all(pool(), elsewhere), { metallbNamespace: 'other' })).toEqual([
      'ignored IPAddressPool metallb-system/p',
      'converted IPAddressPool other/q',
    ]);
    expect(notesOf(elsewhere)).toEqual(['converted IPAddressPool other/q']);
    expect(codes(migrated(elsewhere, { metallbNamespace: 'metallb-system' }))).toEqual(['no-configuration']);
  });

  it('of several unknown ones nobody can tell', () => {
    const migration = migrated(all(elsewhere, elsewhere.replaceAll('other', 'third')));
    expect(codes(migration)).toEqual(['several-namespaces']);
    expect(migration.problems[0]!.message).toContain('--metallb-namespace');
  });

  it('lists, typed lists, JSON, and what the API server adds', () => {
    const items = [
      {
        apiVersion: 'metallb.io/v1beta1',
        kind: 'IPAddressPool',
        metadata: {
          name: 'p',
          namespace: 'metallb-system',
          managedFields: [{ manager: 'kubectl', fieldsV1: { 'f:spec': {} } }],
          annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{"spec":{"addresses":["1.2.3.4/5"]}}' },
        },
        spec: { addresses: ['10.0.0.0/24'] },
        status: { assignedIPv4: 1 },
      },
    ];
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, undefined, '\t');
    expect(configOf(list).pools.map(({ name }) => name)).toEqual(['p']);
    const [{ apiVersion, kind: _kind, ...item }] = items as unknown as [(typeof items)[number]];
    const typed = JSON.stringify({ apiVersion, kind: 'IPAddressPoolList', items: [item] });
    expect(configOf(typed).pools.map(({ name }) => name)).toEqual(['p']);
  });

  it('with custom resources there, a ConfigMap is what MetalLB no longer reads', () => {
    const legacy =
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config, namespace: metallb-system}\ndata:\n  config: |\n    address-pools: []\n';
    expect(notesOf(all(pool(), legacy))).toContain('ignored ConfigMap metallb-system/config');
  });

  it('two ConfigMaps are one too many', () => {
    const legacy = (name: string) =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, namespace: m}\ndata:\n  config: |\n    address-pools: []\n`;
    expect(codes(migrated(all(legacy('config'), legacy('metallb'))))).toEqual(['two-configurations']);
  });

  it('says what has no equivalent, and what MetalLB wrote itself', () => {
    const core = (kind: string, name: string, apiVersion: string) =>
      `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: ${name}, namespace: metallb-system}\n`;
    const text = all(
      pool(),
      core('FRRConfiguration', 'f', 'frrk8s.metallb.io/v1beta1'),
      core('MetalLB', 'metallb', 'metallb.io/v1beta1'),
      core('ServiceL2Status', 's', 'metallb.io/v1beta1'),
      core('ConfigurationState', 'controller', 'metallb.io/v1beta1'),
      core('Gadget', 'g', 'metallb.io/v1beta1'),
      core('ConfigMap', 'bgpextras', 'v1'),
      core('ConfigMap', 'metallb-excludel2', 'v1'),
      core('ConfigMap', 'kube-root-ca.crt', 'v1'),
      core('CustomResourceDefinition', 'ipaddresspools.metallb.io', 'apiextensions.k8s.io/v1'),
    );
    expect(notesOf(text)).toEqual([
      'no-equivalent FRRConfiguration metallb-system/f',
      'no-equivalent MetalLB metallb-system/metallb',
      'ignored ServiceL2Status metallb-system/s',
      'ignored ConfigurationState metallb-system/controller',
      'no-equivalent Gadget metallb-system/g',
      'no-equivalent ConfigMap metallb-system/bgpextras',
      'differs ConfigMap metallb-system/metallb-excludel2',
      'converted IPAddressPool metallb-system/p',
    ]);
  });

  it('says which fields mean something else here', () => {
    const text = all(
      pool(),
      l2(),
      peer(
        'passwordSecret: {name: s}, holdTime: 0s, disableMP: true, dualStackAddressFamily: false, sourceAddress: "::1", routerID: "::1"',
      ),
    );
    expect(notesOf(text).filter((note) => note.startsWith('differs'))).toEqual([
      'differs BGPPeer metallb-system/tor disableMP',
      'differs BGPPeer metallb-system/tor sourceAddress',
      'differs BGPPeer metallb-system/tor routerID',
      'differs L2Advertisement metallb-system/l interfaces',
      'differs BGPPeer metallb-system/tor passwordSecret',
      'differs BGPPeer metallb-system/tor holdTime',
    ]);
  });

  it('tells of each element what it was', () => {
    const files = [
      { file: 'pools.yaml', text: pool() },
      { file: 'more.yaml', text: all(bgp('communities: [x]'), aliases('{name: x, value: "1:2"}')) },
    ];
    const { text } = migrate(files);
    expect(text).toContain('  # IPAddressPool metallb-system/p (pools.yaml line 1)\n  - name: p\n');
    expect(text).toContain('  # BGPAdvertisement metallb-system/b (more.yaml line 1)\n  - name: b\n');
    expect(text).toContain('  # Community metallb-system/c (more.yaml line 9)\n  x: 1:2\n');
  });

  it('names both files when objects of two of them clash', () => {
    const { problems } = migrate([
      { file: 'a.yaml', text: pool() },
      { file: 'b.yaml', text: pool('', '10.20.3.0/24', 'q') },
    ]);
    const problem = problems.find(({ severity }) => severity === 'error');
    expect(problem).toMatchObject({
      file: 'b.yaml',
      line: 4,
      code: 'pool-overlap',
      object: 'IPAddressPool metallb-system/q',
    });
    expect(problem!.message).toContain('a.yaml line 1');
  });
});

const octet = fc.integer({ min: 0, max: 255 });
const address = fc.tuple(octet, octet).map(([a, b]) => `10.${a}.${b}`);
const anyRange = fc.oneof(
  fc.tuple(address, fc.integer({ min: 24, max: 32 })).map(([base, length]) => `${base}.0/${length}`),
  fc.tuple(address, octet, octet).map(([base, x, y]) => `${base}.${Math.min(x, y)}-${base}.${Math.max(x, y)}`),
  fc.integer({ min: 0, max: 0xffff }).map((n) => `"2001:db8:${n.toString(16)}::/112"`),
);
const names = fc.subarray(['p0', 'p1', 'p2', 'gone'], { minLength: 0 });
const selector = fc.constantFrom('{}', '{matchLabels: {a: b}}', '{matchExpressions: [{key: k, operator: Exists}]}');
const selectors = fc.uniqueArray(selector, { maxLength: 2 });
const advertisement = fc.tuple(
  names,
  selectors,
  selectors,
  fc.boolean(),
  fc.constantFrom('', ', localPref: 0', ', localPref: 7'),
);
const scenes = fc.record({
  pools: fc.array(fc.array(anyRange, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 }),
  advertisements: fc.array(advertisement, { maxLength: 4 }),
  peers: fc.uniqueArray(
    fc.constantFrom('', 'holdTime: 9s', 'peerPort: 180', 'dynamicASN: internal', 'routerID: "::1"'),
    { maxLength: 3 },
  ),
});

describe('whatever is migrated', () => {
  it('is a configuration without an error, with the same addresses', () => {
    let done = 0;
    fc.assert(
      fc.property(scenes, ({ pools, advertisements, peers }) => {
        const text = all(
          ...pools.map((ranges, i) => pool('', ranges.join(', '), `p${i}`)),
          ...advertisements.map(([which, nodes, byLabel, isL2, pref], i) => {
            const spec = `ipAddressPools: [${which.join(', ')}], nodeSelectors: [${nodes.join(', ')}], ipAddressPoolSelectors: [${byLabel.join(', ')}]`;
            return isL2 ? l2(spec, `l${i}`) : bgp(spec + pref, `b${i}`);
          }),
          ...peers.map((more, i) => peer(more, `n${i}`)),
        );
        const migration = migrated(text);
        if (migration.text === undefined) {
          expect(codes(migration)).not.toEqual([]);
          return;
        }
        done++;
        const { config, problems } = judged(migration);
        expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
        const wanted = ours(
          `pools:\n${pools.map((ranges, i) => `- {name: p${i}, addresses: [${ranges.join(', ')}]}`).join('\n')}`,
        );
        const sets = (of: typeof config) => of.pools.map(({ name, ranges }) => [name, ranges.map(formatIpRange)]);
        expect(sets(config)).toEqual(sets(wanted));
      }),
    );
    expect(done).toBeGreaterThan(10);
  });

  it('is not a dump of everything', () => {
    const status = resource('ServiceL2Status', 's', `x: ${'y'.repeat(7 * 1024 * 1024)}`);
    const { problems } = migrated(all(pool(), status));
    expect(problems).toMatchObject([{ code: 'too-large', line: 5, column: 1 }]);
    expect(problems[0]!.message).toContain('ServiceL2Status');
  });

  it('never throws, whatever the bytes', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'apiVersion: metallb.io/v1beta1\n',
        'kind: IPAddressPool\n',
        'kind: Community\n',
        'kind: BGPPeer\n',
        'metadata: {name: x}\n',
        'spec: ',
        '---\n',
        'items:\n- ',
        'kind: List\n',
        '{',
        '[',
        '*a',
        '&a ',
        'communities: [{name: 1}]',
        'nodeSelectors: [{matchExpressions: [1, {values: {}}]}]',
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const { text, problems } = migrated(pieces.join(''));
        expect(text === undefined).toBe(problems.some(({ severity }) => severity === 'error'));
      }),
      { numRuns: 300 },
    );
  });
});
