import { describe, expect, it } from 'vitest';
import { ACCEPTED as LEGACY_ACCEPTED, REJECTED as LEGACY_REJECTED } from './legacy-cases.ts';
import { aliases, all, bareP, bfd, bgp, codes, judged, l2, migrated, peer, pool, resource } from './metallb-scene.ts';

/**
 * What MetalLB (v0.13 to v0.16: its CRDs' schemas, its webhooks, its loading of the configuration) takes and refuses, the migration
 * takes and refuses; and what it gives is a configuration without an error. Refusals of one BGP mode alone are none.
 */
const addressPool = (spec: string, version = 'v1beta1') => resource('AddressPool', 'p', spec, version);
const selector = (text: string) => peer(`nodeSelectors: [${text}]`);
const A = 'addresses: [10.20.0.0/16]';

const ACCEPTED: readonly (readonly [string, string])[] = [
  ['a pool alone, which nothing announces', pool()],
  ['ranges, with and without blanks', pool('', '10.0.0.1-10.0.0.9, 10.0.1.1 - 10.0.1.9, "2001:db8::/112"')],
  ['host bits', pool('', '10.20.30.40/24')],
  ['autoAssign, avoidBuggyIPs', pool('autoAssign: false, avoidBuggyIPs: true')],
  ["YAML 1.1's booleans", pool('autoAssign: no, avoidBuggyIPs: on')],
  ['serviceAllocation empty', pool('serviceAllocation: {}')],
  ['serviceAllocation with a priority only', pool('serviceAllocation: {priority: 20}')],
  [
    'serviceAllocation in full',
    pool(
      'serviceAllocation: {priority: 1, namespaces: [a, b], namespaceSelectors: [{matchLabels: {x: y}}], serviceSelectors: [{matchExpressions: [{key: k, operator: In, values: [v]}]}]}',
    ),
  ],
  ['an L2Advertisement of everything', all(pool(), l2())],
  [
    'an L2Advertisement without a spec',
    all(pool(), 'apiVersion: metallb.io/v1beta1\nkind: L2Advertisement\nmetadata: {name: l}\n'),
  ],
  ['an L2Advertisement of a pool that is not there', all(pool(), l2('ipAddressPools: [gone]'))],
  ['an L2Advertisement of labels that no pool has', all(pool(), l2('ipAddressPoolSelectors: [{matchLabels: {a: b}}]'))],
  ['interfaces, twice the same', all(pool(), l2('interfaces: [eth0, eth0]'))],
  [
    'preferredNodeSelectors',
    all(
      pool(),
      l2('preferredNodeSelectors: [{weight: 100, preference: {matchLabels: {a: b}}}, {weight: 1, preference: {}}]'),
    ),
  ],
  [
    'serviceSelectors',
    all(
      pool(),
      l2('serviceSelectors: [{matchLabels: {a: b}}]'),
      bgp('serviceSelectors: [{matchLabels: {a: b}}], aggregationLength: 32, aggregationLengthV6: 128'),
    ),
  ],
  ['two equal L2Advertisements', all(pool(), l2(), l2('', 'm'))],
  ['two BGPAdvertisements that say the same', all(pool(), bgp(), bgp('', 'c'))],
  ['a BGPAdvertisement to a peer that is not there', all(pool(), bgp('peers: [gone]'))],
  ['aggregation 26 on a range', all(pool('', '3.3.3.2-3.3.3.254'), bgp('aggregationLength: 26'))],
  ['localPref 0 twice', all(pool(), bgp('localPref: 0'), bgp('communities: ["1:2"]', 'c'))],
  [
    'other localPref at another length',
    all(pool(), bgp('localPref: 1'), bgp('localPref: 2, aggregationLength: 24', 'c')),
  ],
  [
    'other localPref to another peer',
    all(
      pool(),
      peer(),
      peer('peerPort: 180', 'tor2'),
      bgp('localPref: 1, peers: [tor]'),
      bgp('localPref: 2, peers: [tor2]', 'c'),
    ),
  ],
  [
    'other localPref of selected Services',
    all(pool(), bgp('localPref: 1'), bgp('localPref: 2, serviceSelectors: [{matchLabels: {a: b}}]', 'c')),
  ],
  [
    'aliases, large ones too',
    all(
      pool(),
      aliases('{name: x, value: "64512:1"}, {name: y, value: "large:1:2:3"}'),
      bgp('communities: [x, y, "1:2", "large:4:5:6"]'),
    ),
  ],
  [
    'an alias called like a well-known community',
    all(pool(), aliases('{name: no-export, value: "65535:65281"}'), bgp('communities: [no-export]')),
  ],
  ['peer only', peer()],
  [
    'every field of v1beta2',
    all(
      bfd(),
      bareP(
        'myASN: 42, dynamicASN: external, localASN: 43, peerAddress: 1.2.3.4, sourceAddress: 1.2.3.5, peerPort: 16384, holdTime: 9s, keepaliveTime: 3s, connectTime: 10s, routerID: 10.20.30.40, nodeSelectors: [{matchLabels: {a: b}}], passwordSecret: {name: s, namespace: metallb-system}, bfdProfile: fast, enableGracefulRestart: true, ebgpMultiHop: true, vrf: red, disableMP: false, dualStackAddressFamily: true',
      ),
    ),
  ],
  [
    'every field of v1beta1',
    all(
      bfd(),
      peer(
        'sourceAddress: 1.2.3.5, peerPort: 1179, holdTime: 180s, keepaliveTime: 60s, routerID: 1.1.1.1, nodeSelectors: [{matchLabels: {a: b}, matchExpressions: [{key: c, operator: NotIn, values: [d]}]}], password: x, bfdProfile: fast, ebgpMultiHop: true',
        'tor',
        'v1beta1',
      ),
    ),
  ],
  [
    'v1beta1: zero values',
    peer(
      'peerPort: 0, holdTime: 0s, keepaliveTime: 0s, password: "", routerID: "", sourceAddress: "", bfdProfile: ""',
      'tor',
      'v1beta1',
    ),
  ],
  [
    'v1beta2: empty texts and an empty Secret',
    peer('password: "", routerID: "", sourceAddress: "", bfdProfile: "", vrf: "", interface: "", passwordSecret: {}'),
  ],
  ['no timers at all', peer('holdTime: 0s, keepaliveTime: 0s')],
  ['keepaliveTime only', peer('keepaliveTime: 4s')],
  ['unnumbered', bareP('myASN: 42, peerASN: 142, interface: eth0')],
  [
    'an internal peer by dynamicASN, with multihop',
    bareP('myASN: 42, dynamicASN: internal, peerAddress: 1.2.3.4, ebgpMultiHop: true'),
  ],
  ['an IPv6 router ID', peer('routerID: "2001:db8::1"')],
  ['a source of the other family', peer('sourceAddress: "2001:db8::1"')],
  ['native: the same session twice', all(peer(), peer('holdTime: 30s', 'tor2'), bgp('peers: [tor2]'), pool())],
  ['an empty node selector', selector('{}')],
  ['FRR: routerID on some peers', all(peer('routerID: 1.1.1.1'), peer('peerPort: 180', 'b'))],
  ['BFD with nothing', bfd()],
  [
    'BFD with everything',
    bfd(
      'receiveInterval: 10, transmitInterval: 60000, detectMultiplier: 2, echoInterval: 10, echoMode: true, passiveMode: true, minimumTtl: 1',
    ),
  ],
  ['BFD echo and IPv4', all(bfd('echoMode: true'), peer('bfdProfile: fast'), pool(), bgp())],
  [
    'BFD echo, and IPv6 to another peer',
    all(
      bfd('echoMode: true'),
      peer('bfdProfile: fast'),
      peer('peerPort: 180', 'q'),
      pool('', '"2001:db8::/112"'),
      bgp('peers: [q]'),
    ),
  ],
  ['AddressPool, layer2', addressPool(`protocol: layer2, ${A}, autoAssign: false`)],
  ['AddressPool, v1alpha1', addressPool(`protocol: bgp, ${A}`, 'v1alpha1')],
  [
    'AddressPool, bgp',
    all(
      aliases('{name: x, value: "1:2"}'),
      addressPool(
        `protocol: bgp, ${A}, bgpAdvertisements: [{aggregationLength: 24, localPref: 5, communities: [x]}, {}]`,
      ),
    ),
  ],
];

const REJECTED: readonly (readonly [string, string, string])[] = [
  ['no addresses', resource('IPAddressPool', 'p', ''), 'missing-field'],
  ['an empty list of addresses', pool('', ''), 'out-of-range'],
  ['a bare address', pool('', '10.0.0.1'), 'bad-address'],
  ['octets', pool('', '100.200.300.400/24'), 'bad-address'],
  ['/33', pool('', '1.2.3.0/33'), 'bad-address'],
  ['a range backwards', pool('', '1.2.3.10-1.2.3.1'), 'bad-address'],
  ['blanks around a prefix', pool('', '"10.0.0.0/24 "'), 'bad-address'],
  ['a text as a boolean', pool('autoAssign: "false"'), 'wrong-type'],
  ['an unknown field', pool('bogus: 1'), 'unknown-key'],
  ['a field of ours', pool('reserved: [10.20.0.1]'), 'unknown-key'],
  ['the same field twice', pool('autoAssign: true, autoAssign: false'), 'duplicate-key'],
  ['a namespace twice', pool('serviceAllocation: {namespaces: [a, a]}'), 'duplicate-value'],
  [
    'a namespace selector twice',
    pool('serviceAllocation: {namespaceSelectors: [{matchLabels: {a: b}}, {matchLabels: {a: b}}]}'),
    'duplicate-value',
  ],
  ['a service selector twice', pool('serviceAllocation: {serviceSelectors: [{}, {}]}'), 'duplicate-value'],
  ['one name twice', all(pool(), pool('', '10.30.0.0/16')), 'duplicate-name'],
  [
    'AddressPool and IPAddressPool of one name',
    all(pool(), addressPool('protocol: layer2, addresses: [10.30.0.0/16]')),
    'duplicate-name',
  ],
  ['the same addresses', all(pool(), pool('', '10.20.0.0/16', 'q')), 'pool-overlap'],
  ['overlapping', all(pool('', '10.0.0.0/8'), pool('', '10.20.0.1-10.20.0.2', 'q')), 'pool-overlap'],
  ['overlapping in one pool', pool('', '10.0.0.0/8, 10.0.0.1/32'), 'pool-overlap'],
  ['a pool twice in an L2Advertisement', all(pool(), l2('ipAddressPools: [p, p]')), 'duplicate-value'],
  ['a pool twice in a BGPAdvertisement', all(pool(), bgp('ipAddressPools: [p, p]')), 'duplicate-value'],
  ['a peer twice', all(pool(), peer(), bgp('peers: [tor, tor]')), 'duplicate-value'],
  [
    'a pool selector twice',
    all(pool(), l2('ipAddressPoolSelectors: [{matchLabels: {a: b}}, {matchLabels: {a: b}}]')),
    'duplicate-value',
  ],
  [
    'a node selector twice',
    all(pool(), bgp('nodeSelectors: [{matchLabels: {a: b}}, {matchLabels: {a: b}}]')),
    'duplicate-value',
  ],
  [
    'a value twice in a selector',
    all(pool(), l2('nodeSelectors: [{matchExpressions: [{key: k, operator: In, values: [a, a]}]}]')),
    'duplicate-value',
  ],
  [
    'an expression twice in a selector',
    all(
      pool(),
      l2(
        'nodeSelectors: [{matchExpressions: [{key: k, operator: In, values: [a, b]}, {key: k, operator: In, values: [b, a]}]}]',
      ),
    ),
    'duplicate-value',
  ],
  ['weight 0', all(pool(), l2('preferredNodeSelectors: [{weight: 0, preference: {}}]')), 'out-of-range'],
  ['weight 101', all(pool(), l2('preferredNodeSelectors: [{weight: 101, preference: {}}]')), 'out-of-range'],
  ['preference missing', all(pool(), l2('preferredNodeSelectors: [{weight: 1}]')), 'missing-field'],
  ['interfaces of a BGPAdvertisement', all(pool(), bgp('interfaces: [eth0]')), 'unknown-key'],
  ['more prepended than its CRD lets', all(pool(), bgp('asPathPrepend: 11')), 'out-of-range'],
  ['words for a number', all(pool(), bgp('asPathPrepend: three')), 'wrong-type'],
  ['aggregation 33', all(pool(), bgp('aggregationLength: 33')), 'out-of-range'],
  ['aggregation 0', all(pool(), bgp('aggregationLength: 0')), 'out-of-range'],
  [
    'aggregation beyond a prefix',
    all(pool('', '10.0.0.0/24, 10.1.0.0/28'), bgp('aggregationLength: 26')),
    'aggregation-too-short',
  ],
  [
    'aggregation beyond a range',
    all(pool('', '3.3.3.2-3.3.3.254'), bgp('aggregationLength: 24')),
    'aggregation-too-short',
  ],
  [
    'serviceSelectors and aggregation',
    all(pool(), bgp('serviceSelectors: [{}], aggregationLength: 24')),
    'conflicting-fields',
  ],
  [
    'serviceSelectors and aggregation of IPv6',
    all(pool(), bgp('serviceSelectors: [{}], aggregationLengthV6: 64')),
    'conflicting-fields',
  ],
  ['other localPref for the same', all(pool(), bgp('localPref: 1'), bgp('localPref: 2', 'c')), 'localpref-conflict'],
  [
    'localPref 100 and none',
    all(pool(), bgp('localPref: 100'), bgp('communities: ["1:2"]', 'c')),
    'localpref-conflict',
  ],
  ['community 1234', all(pool(), bgp('communities: ["1234"]')), 'bad-community'],
  ['community 99999999:1', all(pool(), bgp('communities: ["99999999:1"]')), 'bad-community'],
  ['community 1:99999999', all(pool(), bgp('communities: ["1:99999999"]')), 'bad-community'],
  ['community big:1:2:3', all(pool(), bgp('communities: ["big:1:2:3"]')), 'bad-community'],
  ['an unknown alias', all(pool(), bgp('communities: [flarb]')), 'unknown-community'],
  ['a well-known name', all(pool(), bgp('communities: [no-export]')), 'unknown-community'],
  ['a community twice', all(pool(), bgp('communities: ["1:2", "1:2"]')), 'duplicate-value'],
  [
    'an alias that cannot be read, though nobody uses it',
    all(pool(), aliases('{name: x, value: "99999999:1"}')),
    'bad-community',
  ],
  ['an alias without a value', all(pool(), aliases('{name: x}')), 'bad-community'],
  ['an alias twice', all(pool(), aliases('{name: x, value: "1:2"}, {name: x, value: "1:3"}')), 'duplicate-name'],
  [
    'an alias in two objects',
    all(pool(), aliases('{name: x, value: "1:2"}'), aliases('{name: x, value: "1:2"}', 'd')),
    'duplicate-name',
  ],
  ['communities that are no list', all(pool(), resource('Community', 'c', 'communities: x')), 'wrong-type'],
  ['no myASN', bareP('peerASN: 142, peerAddress: 1.2.3.4'), 'missing-field'],
  ['myASN 0', bareP('myASN: 0, peerASN: 142, peerAddress: 1.2.3.4'), 'missing-field'],
  ['neither peerASN nor dynamicASN', bareP('myASN: 42, peerAddress: 1.2.3.4'), 'missing-field'],
  ['both', peer('dynamicASN: internal'), 'conflicting-fields'],
  ['dynamicASN foo', bareP('myASN: 42, dynamicASN: foo, peerAddress: 1.2.3.4'), 'bad-value'],
  ['localASN 0', peer('localASN: 0'), 'out-of-range'],
  ['an AS number too large', bareP('myASN: 4294967296, peerASN: 142, peerAddress: 1.2.3.4'), 'out-of-range'],
  [
    'multihop inside one AS',
    bareP('myASN: 42, peerASN: 42, peerAddress: 1.2.3.4, ebgpMultiHop: true'),
    'conflicting-fields',
  ],
  ['neither peerAddress nor interface', bareP('myASN: 42, peerASN: 142'), 'missing-field'],
  ['both of them', peer('interface: eth0'), 'conflicting-fields'],
  ['peerAddress', bareP('myASN: 42, peerASN: 142, peerAddress: 1.2.3.400'), 'bad-address'],
  ['sourceAddress', peer('sourceAddress: x'), 'bad-address'],
  ['routerID', peer('routerID: x'), 'bad-address'],
  ['peerPort 16385', peer('peerPort: 16385'), 'out-of-range'],
  ['peerPort 0 in v1beta2', peer('peerPort: 0'), 'out-of-range'],
  ['peerPort in quotes', peer('peerPort: "179"'), 'wrong-type'],
  ['holdTime 1s', peer('holdTime: 1s'), 'out-of-range'],
  ['holdTime negative', peer('holdTime: -5s'), 'bad-duration'],
  ['holdTime foo', peer('holdTime: foo'), 'bad-duration'],
  ['holdTime a number', peer('holdTime: 90'), 'wrong-type'],
  ['keepaliveTime above holdTime', peer('holdTime: 30s, keepaliveTime: 40s'), 'conflicting-fields'],
  ['connectTime 1.5s', peer('connectTime: 1500ms'), 'bad-duration'],
  ['connectTime 0s', peer('connectTime: 0s'), 'out-of-range'],
  ['password and passwordSecret', peer('password: x, passwordSecret: {name: s}'), 'conflicting-fields'],
  ['a BFD profile that is not there', peer('bfdProfile: gone'), 'unknown-bfd-profile'],
  ['a label that is none', selector('{matchLabels: {"-x": y}}'), 'bad-selector'],
  ['a map as label', selector('{matchLabels: {foo: {bar: baz}}}'), 'wrong-type'],
  ['expression without key', selector('{matchExpressions: [{operator: In, values: [a]}]}'), 'missing-field'],
  ['expression without operator', selector('{matchExpressions: [{key: a, values: [a]}]}'), 'missing-field'],
  ['operator Surrounds', selector('{matchExpressions: [{key: a, operator: Surrounds, values: [a]}]}'), 'bad-value'],
  ['In without values', selector('{matchExpressions: [{key: a, operator: In}]}'), 'bad-selector'],
  ['v1beta1 has no passwordSecret', peer('passwordSecret: {name: s}', 'tor', 'v1beta1'), 'unknown-key'],
  ['receiveInterval 2', bfd('receiveInterval: 2'), 'out-of-range'],
  ['receiveInterval 90000', bfd('receiveInterval: 90000'), 'out-of-range'],
  ['detectMultiplier 1', bfd('detectMultiplier: 1'), 'out-of-range'],
  ['minimumTtl 255', bfd('minimumTtl: 255'), 'out-of-range'],
  ['one BFD name twice', all(bfd(), bfd()), 'duplicate-name'],
  [
    'BFD echo and IPv6',
    all(bfd('echoMode: true'), peer('bfdProfile: fast'), pool('', '"2001:db8::/112"'), bgp()),
    'conflicting-fields',
  ],
  ['AddressPool without protocol', addressPool(A), 'missing-field'],
  ['AddressPool, babel', addressPool(`protocol: babel, ${A}`), 'bad-value'],
  [
    'AddressPool, layer2 with advertisements',
    addressPool(`protocol: layer2, ${A}, bgpAdvertisements: [{}]`),
    'conflicting-fields',
  ],
  [
    'AddressPool, an unknown field of an advertisement',
    addressPool(`protocol: bgp, ${A}, bgpAdvertisements: [{localpref: 5}]`),
    'unknown-key',
  ],
  [
    'AddressPool, avoidBuggyIPs, which it never had',
    addressPool(`protocol: bgp, ${A}, avoidBuggyIPs: true`),
    'unknown-key',
  ],
  ['a version that never was', resource('IPAddressPool', 'p', A, 'v1beta2'), 'bad-value'],
  [
    'no name',
    'apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {namespace: m}\nspec: {addresses: [10.0.0.0/24]}\n',
    'missing-field',
  ],
  ['spec a text', 'apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {name: m}\nspec: x\n', 'wrong-type'],
  ['no YAML', 'apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nspec: {addresses: [\n', 'not-yaml'],
  ['nothing at all', '', 'no-configuration'],
  ['a Service', 'apiVersion: v1\nkind: Service\nmetadata: {name: s}\n', 'no-configuration'],
  ['our own configuration', 'pools:\n- {name: p, addresses: [10.0.0.0/24]}\n', 'no-configuration'],
];

describe("MetalLB's custom resources: accepted", () => {
  it.each(ACCEPTED)('%s', (_title, text) => {
    const migration = migrated(text);
    expect(migration.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(judged(migration).problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  });
});

describe("MetalLB's custom resources: refused", () => {
  it.each(REJECTED)('%s', (_title, text, code) => {
    const migration = migrated(text);
    expect(codes(migration)).toContain(code);
    expect(migration.text).toBeUndefined();
    for (const problem of migration.problems) {
      expect(problem.file).toBe('m.yaml');
      expect(problem.line).toBeGreaterThan(0);
    }
  });

  it('shows the place in the file and what the object is', () => {
    const text = all(pool(), l2('ipAddressPools: [p, p]'));
    expect(migrated(text).problems).toEqual([
      {
        severity: 'error',
        file: 'm.yaml',
        line: 9,
        column: 28,
        code: 'duplicate-value',
        object: 'L2Advertisement metallb-system/l',
        message: expect.stringContaining('Nothing is migrated until this is mended.'),
      },
    ]);
  });
});

const inConfigMap = (text: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config, namespace: metallb-system}\ndata:\n  config: |\n${text.replace(/^/gm, '    ')}\n`;

describe("MetalLB v0.12's ConfigMap: accepted", () => {
  it.each(LEGACY_ACCEPTED)('%s', (_title, text) => {
    for (const given of [text, inConfigMap(text)]) {
      const migration = migrated(given);
      expect(migration.problems.filter(({ severity }) => severity === 'error')).toEqual([]);
      expect(judged(migration).problems.filter(({ severity }) => severity === 'error')).toEqual([]);
    }
  });
});

describe("MetalLB v0.12's ConfigMap: refused", () => {
  it.each(LEGACY_REJECTED)('%s', (_title, text, code) => {
    const migration = migrated(inConfigMap(text));
    expect(codes(migration)).toContain(code);
    expect(migration.text).toBeUndefined();
  });
});
