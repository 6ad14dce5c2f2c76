import { describe, expect, it } from 'vitest';
import { judge, placesOf } from './judging.ts';

const pool = (name: string, ...addresses: string[]) => `- {name: ${name}, addresses: [${addresses.join(', ')}]}`;
const peer = (more: string) => `peers:\n- {name: tor, myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.1${more}}`;
const twoPeers = (more: string) =>
  `${peer('')}\n- {name: twin, myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.1${more}}`;
const advertised = (...advertisements: string[]) =>
  [
    'pools:',
    pool('a', '10.0.0.0/24'),
    pool('b', '10.1.0.0/28', '"2001:db8::/64"'),
    'bgpAdvertisements:',
    ...advertisements,
  ].join('\n');

/** [what, text, problems as "line:column code"] */
const TABLE: readonly (readonly [string, string, readonly string[]])[] = [
  ['nothing wrong', `pools:\n${pool('a', '10.0.0.0/24')}`, []],
  ['one address without a length', `pools:\n${pool('a', '10.0.0.1')}`, ['2:25 bad-address']],
  ['a range that ends before it starts', `pools:\n${pool('a', '10.0.0.9-10.0.0.1')}`, ['2:25 bad-address']],
  ['/33', `pools:\n${pool('a', '10.0.0.0/33')}`, ['2:25 bad-address']],
  ['leading zero', `pools:\n${pool('a', '10.0.0.01-10.0.0.2')}`, ['2:25 bad-address']],
  ['IPv4-mapped', `pools:\n${pool('a', '"::ffff:10.0.0.0/120"')}`, ['2:25 bad-address']],
  [
    'a bad entry among good ones',
    `pools:\n- name: a\n  addresses:\n  - 10.0.0.0/24\n  - nonsense`,
    ['5:5 bad-address'],
  ],
  ['no addresses', 'pools:\n- name: a', ['2:3 missing-field']],
  ['an empty list of addresses', 'pools:\n- {name: a, addresses: []}', ['2:24 out-of-range']],
  ['no name', 'pools:\n- addresses: [10.0.0.0/24]', ['2:3 missing-field']],
  ['an empty entry', 'pools:\n-', ['2:2 wrong-type']],
  ['a misspelt field is one problem', 'pools:\n- {name: a, adresses: [10.0.0.0/24]}', ['2:13 unknown-key']],
  ['a field twice', `pools:\n- name: a\n  addresses: [10.0.0.0/24]\n  name: b`, ['4:3 duplicate-key']],
  ['YAML 1.1 booleans', 'pools:\n- {name: a, addresses: [10.0.0.0/24], autoAssign: no}', ['2:51 wrong-type']],
  ['a number for a name', 'pools:\n- {name: 1, addresses: [10.0.0.0/24]}', ['2:10 wrong-type']],
  [
    'two pools of one name',
    `pools:\n${pool('a', '10.0.0.0/24')}\n${pool('a', '10.1.0.0/24')}`,
    ['3:10 duplicate-name'],
  ],
  [
    'pools that overlap',
    `pools:\n${pool('a', '10.0.0.0/24')}\n${pool('b', '10.2.0.0/24', '10.0.0.128/25')}`,
    ['3:38 pool-overlap'],
  ],
  ['the same pool twice', `pools:\n${pool('a', '10.0.0.0/8')}\n${pool('b', '10.0.0.0/8')}`, ['3:25 pool-overlap']],
  ['overlap inside a pool', `pools:\n${pool('a', '10.0.0.0/24', '10.0.0.9-10.0.1.9')}`, ['2:38 pool-overlap']],
  [
    'neighbours do not overlap',
    `pools:\n${pool('a', '10.0.0.0/24')}\n${pool('b', '10.0.1.0/24', '10.0.2.0-10.0.2.9')}`,
    [],
  ],
  [
    'a bad pool overlaps nobody',
    `pools:\n${pool('a', '10.0.0.0/24', 'x')}\n${pool('b', '10.0.0.0/24')}`,
    ['2:38 bad-address'],
  ],
  [
    'a reservation elsewhere',
    'pools:\n- {name: a, addresses: [10.0.0.0/24], reserved: [10.1.0.1]}',
    ['2:50 reservation-outside-pool'],
  ],
  [
    'reservations that overlap',
    'pools:\n- {name: a, addresses: [10.0.0.0/24], reserved: [10.0.0.0/30, {address: 10.0.0.1, service: a/b}]}',
    ['2:63 reservation-overlap'],
  ],
  [
    'a reservation for no name of a Service',
    'pools:\n- {name: a, addresses: [10.0.0.0/24], reserved: [{address: 10.0.0.1, service: web}]}',
    ['2:79 bad-value'],
  ],
  [
    'a reservation of the wrong type',
    'pools:\n- {name: a, addresses: [10.0.0.0/24], reserved: [7]}',
    ['2:50 wrong-type'],
  ],
  ['reuseAfter without a unit', 'pools:\n- {name: a, addresses: [10.0.0.0/24], reuseAfter: 5}', ['2:51 wrong-type']],
  ['reuseAfter 0', 'pools:\n- {name: a, addresses: [10.0.0.0/24], reuseAfter: 0}', []],
  ['multicast', `pools:\n${pool('a', '239.0.0.0/24')}`, ['2:25 unusual-address']],
  [
    'a namespace twice',
    'pools:\n- {name: a, addresses: [10.0.0.0/24], serviceAllocation: {namespaces: [x, x]}}',
    ['2:75 duplicate-value'],
  ],
  [
    'an operator that is none',
    'pools:\n- {name: a, addresses: [10.0.0.0/24], serviceAllocation: {serviceSelectors: [{matchExpressions: [{key: a, operator: Is, values: [b]}]}]}}',
    ['2:117 bad-value'],
  ],
  [
    'In without values',
    'l2Advertisements:\n- nodeSelectors: [{matchExpressions: [{key: a, operator: In}]}]',
    ['2:39 bad-selector'],
  ],
  [
    'Exists with values',
    'l2Advertisements:\n- nodeSelectors: [{matchExpressions: [{key: a, operator: Exists, values: [b]}]}]',
    ['2:74 bad-selector'],
  ],
  ['a label key that is none', 'l2Advertisements:\n- nodeSelectors: [{matchLabels: {"-a": b}}]', ['2:40 bad-selector']],
  [
    'a label value that is a number',
    'l2Advertisements:\n- nodeSelectors: [{matchLabels: {a: 1}}]',
    ['2:37 wrong-type'],
  ],
  [
    'the same selector twice',
    'l2Advertisements:\n- nodeSelectors: [{matchLabels: {a: b, c: d}}, {matchLabels: {c: d, a: b}}]',
    ['2:48 duplicate-value'],
  ],
  ['an interface with a slash', 'l2Advertisements:\n- interfaces: [eth0/1]', ['2:16 bad-value']],
  ['weight 0', 'l2Advertisements:\n- preferredNodeSelectors: [{weight: 0, preference: {}}]', ['2:37 out-of-range']],
  [
    'an unknown pool',
    `pools:\n${pool('a', '10.0.0.0/24')}\nl2Advertisements:\n- ipAddressPools: [a, nope]`,
    ['4:23 unknown-pool'],
  ],
  [
    'a pool that is itself bad',
    `pools:\n${pool('a', 'x')}\nl2Advertisements:\n- ipAddressPools: [a]`,
    ['2:25 bad-address'],
  ],
  [
    'a pool that nothing selects',
    `pools:\n${pool('a', '10.0.0.0/24')}\nl2Advertisements: []`,
    ['2:10 pool-not-advertised'],
  ],
  [
    'no such warning while an advertisement is bad',
    `pools:\n${pool('a', '10.0.0.0/24')}\nl2Advertisements:\n- ipAddressPools: [b]`,
    ['4:20 unknown-pool'],
  ],
  ['an unknown peer', `${peer('')}\nbgpAdvertisements:\n- peers: [tor, torr]`, ['4:16 unknown-peer']],
  [
    'communities',
    `communities: {ours: "64512:1"}\nbgpAdvertisements:\n- communities: [ours, no-export, "1:2", "large:1:2:3"]`,
    [],
  ],
  [
    'an unknown alias',
    `communities: {ours: "64512:1"}\nbgpAdvertisements:\n- communities: [our]`,
    ['3:17 unknown-community'],
  ],
  [
    'a number that is no community',
    'bgpAdvertisements:\n- communities: ["1:99999", "large:1:2"]',
    ['2:17 bad-community', '2:28 bad-community'],
  ],
  [
    'a bad alias, and its user',
    `communities: {ours: "64512"}\nbgpAdvertisements:\n- communities: [ours]`,
    ['1:21 bad-community', '3:17 unknown-community'],
  ],
  ['a community twice', 'bgpAdvertisements:\n- communities: ["1:2", "1:2"]', ['2:24 duplicate-value']],
  [
    'aggregation beyond a prefix',
    advertised('- {ipAddressPools: [b], aggregationLength: 27}'),
    ['5:44 aggregation-too-short'],
  ],
  [
    'aggregation beyond a prefix, IPv6',
    advertised('- {ipAddressPools: [b], aggregationLengthV6: 63}', '- {ipAddressPools: [a]}'),
    ['5:46 aggregation-too-short'],
  ],
  [
    'aggregation of the whole pool',
    advertised('- {ipAddressPools: [b], aggregationLength: 28, aggregationLengthV6: 64}', '- {ipAddressPools: [a]}'),
    [],
  ],
  [
    'aggregation with serviceSelectors',
    advertised('- {aggregationLength: 24, serviceSelectors: [{}]}'),
    ['5:23 conflicting-fields'],
  ],
  ['localPref conflict', advertised('- localPref: 1', '- localPref: 2'), ['6:14 localpref-conflict']],
  [
    'localPref against the default',
    advertised('- localPref: 1', '- {ipAddressPools: [b]}'),
    ['6:3 localpref-conflict'],
  ],
  ['localPref 100 is the default', advertised('- localPref: 100', '- {ipAddressPools: [b]}'), []],
  [
    'localPref for other aggregates',
    advertised('- {localPref: 1}', '- {localPref: 2, ipAddressPools: [a], aggregationLength: 24}'),
    [],
  ],
  [
    'localPref with serviceSelectors',
    advertised('- localPref: 1', '- {localPref: 2, serviceSelectors: [{matchLabels: {a: b}}]}'),
    [],
  ],
  [
    'localPref on nodes that may differ',
    advertised(
      '- {localPref: 1, nodeSelectors: [{matchLabels: {a: b}}]}',
      '- {localPref: 2, nodeSelectors: [{matchLabels: {a: c}}]}',
    ),
    [],
  ],
  ['equal advertisements', advertised('- localPref: 1', '- localPref: 1'), ['6:3 duplicate-advertisement']],
  ['no remote AS', 'peers:\n- {name: tor, myASN: 1, peerAddress: 192.0.2.1}', ['2:3 missing-field']],
  ['both remote AS', peer(', dynamicASN: external'), ['2:81 conflicting-fields']],
  ['neither address nor interface', 'peers:\n- {name: tor, myASN: 1, peerASN: 2}', ['2:3 missing-field']],
  ['both address and interface', peer(', interface: eth0'), ['2:80 conflicting-fields']],
  [
    'a peer that is multicast',
    'peers:\n- {name: tor, myASN: 1, peerASN: 2, peerAddress: 224.0.0.1}',
    ['2:50 bad-address'],
  ],
  ['hold time 1s', peer(', holdTime: 1s'), ['2:79 out-of-range']],
  ['hold time 0', peer(', holdTime: 0s'), []],
  ['hold time as a number', peer(', holdTime: 90'), ['2:79 wrong-type']],
  ['hold time in words', peer(', holdTime: long'), ['2:79 bad-duration']],
  ['keepalive above hold', peer(', holdTime: 9s, keepaliveTime: 10s'), ['2:98 conflicting-fields']],
  [
    'multihop inside one AS',
    'peers:\n- {name: tor, myASN: 1, peerASN: 1, peerAddress: 192.0.2.1, ebgpMultiHop: true}',
    ['2:75 conflicting-fields'],
  ],
  [
    'a role inside one AS',
    'peers:\n- {name: tor, myASN: 1, dynamicASN: internal, peerAddress: 192.0.2.1, role: peer}',
    ['2:77 conflicting-fields'],
  ],
  ['TTL security and multihop', peer(', ttlSecurity: true, ebgpMultiHop: true'), ['2:82 conflicting-fields']],
  ['two passwords', peer(', password: a, passwords: [b, c]'), ['2:93 conflicting-fields']],
  ['a long password', peer(`, password: ${'x'.repeat(81)}`), ['2:79 password-too-long']],
  ['an IPv6 source for an IPv4 peer', peer(', sourceAddress: "2001:db8::1"'), ['2:84 conflicting-fields']],
  ['a router ID that is IPv6', peer(', routerID: "2001:db8::1"'), ['2:79 bad-value']],
  ['connectTime below a second', peer(', connectTime: 10ms'), ['2:82 out-of-range']],
  ['an unknown BFD profile', peer(', bfdProfile: fast'), ['2:81 unknown-bfd-profile']],
  [
    'a bad BFD profile is not the fault of the peer',
    `${peer(', bfdProfile: fast')}\nbfdProfiles:\n- {name: fast, receiveInterval: 2}`,
    ['4:33 out-of-range'],
  ],
  [
    'MetalLB fields without meaning',
    peer(', disableMP: true, dualStackAddressFamily: true'),
    ['2:80 no-effect', '2:110 no-effect'],
  ],
  ['two peers of one address', twoPeers(''), ['3:3 duplicate-peer']],
  ['two peers of one address and other ports', twoPeers(', peerPort: 1179'), []],
  [
    'BFD authentication without a key',
    'bfdProfiles:\n- {name: a, authentication: {type: keyed-sha1, keyId: 1}}',
    ['2:29 conflicting-fields'],
  ],
  [
    'a BFD key that is too long',
    'bfdProfiles:\n- {name: a, authentication: {type: simple-password, keyId: 1, key: 12345678901234567x}}',
    ['2:68 out-of-range'],
  ],
  [
    'a bad section of settings',
    'layer2: {gratuitous: {rounds: 0}}\nelection: {rebalance: on}',
    ['1:31 out-of-range', '2:23 wrong-type'],
  ],
  [
    'settings: durations outside their limits',
    'bgp: {restartTime: 5000s}\nmembership: {port: 0}',
    ['1:20 out-of-range', '2:20 out-of-range'],
  ],
  ['an unknown section', 'frobnicate: 1\npools: []', ['1:1 unknown-key']],
  [
    'a section twice',
    `pools:\n${pool('a', '10.0.0.0/24')}\npools:\n${pool('b', '10.1.0.0/24')}`,
    ['3:1 duplicate-key'],
  ],
  ['a section of the wrong type', 'pools: 5', ['1:8 wrong-type']],
  [
    'mixed dialects',
    `pools:\n${pool('a', '10.0.0.0/24')}\naddress-pools:\n- {name: b, protocol: layer2, addresses: [10.1.0.0/24]}`,
    ['3:1 mixed-dialects'],
  ],
  ['not YAML', 'pools: [', ['1:9 not-yaml']],
  ['tabs', 'pools:\n\t- name: a', ['2:1 not-yaml']],
  ['a list', '- name: a', ['1:1 not-a-mapping']],
  ['a word', 'hello', ['1:1 not-a-mapping']],
  ['an empty file', '', ['1:1 no-configuration']],
  ['only comments', '# pools:\n\n---\n# more\n', ['1:1 no-configuration']],
  ['an empty mapping', '{}', ['1:1 empty-configuration']],
  ['empty sections', 'pools: []\npeers:', ['1:1 empty-configuration']],
];

describe('problems of one text', () => {
  it.each(TABLE)('%s', (_what, text, expected) => {
    expect(placesOf(judge(text))).toEqual(expected);
  });
});

describe('messages', () => {
  const messageOf = (text: string): string => judge(text).problems[0]!.message;

  it('say what is wrong, what follows, and what to do', () => {
    const text =
      'pools:\n- {name: lab, addresses: [198.51.100.128-198.51.100.140]}\n- {name: edge, addresses: [198.51.100.0/24]}';
    expect(messageOf(text)).toBe(
      '198.51.100.0/24 of pool "edge" overlaps 198.51.100.128-198.51.100.140 of pool "lab" (line 2)\n' +
        'Pool "edge" is not used until this is mended; every other element is. Take 198.51.100.128-198.51.100.140 out of one of them.',
    );
  });

  it.each([
    ['pools:\n- {name: a, adresses: [10.0.0.0/24]}', '"adresses" is not a field of a pool. Did you mean "addresses"?'],
    ['poolz: []', '"poolz" is not a section of the configuration. Did you mean "pools"?'],
    [
      'pools:\n- {name: edge, addresses: [10.0.0.0/24]}\nl2Advertisements:\n- ipAddressPools: [egde]',
      'Did you mean "edge"?',
    ],
    ['bgpAdvertisements:\n- communities: [no-exprt]', 'Did you mean "no-export"?'],
    ['peers:\n- {name: t, myASN: 1, peerASN: 2, peerAddress: 192.0.2.1, role: costumer}', 'Did you mean "customer"?'],
    ['layer2: {conflictProbe: {cuont: 1}}', '"cuont" is not a field of "conflictProbe". Did you mean "count"?'],
    ['pools:\n- {name: a, addresses: [10.0.0.0/24], autoAssign: yes}', 'Write true.'],
    ['pools:\n- {name: a, addresses: 10.0.0.0/24}', 'Write it as a list'],
  ])('suggest: %j', (text, suggestion) => {
    expect(messageOf(text)).toContain(suggestion);
  });

  it('never show a password', () => {
    const text =
      'peers:\n- {name: t, myASN: 1, peerASN: 2, peerAddress: 192.0.2.1, password: 31415926, passwords: 27182818}';
    const messages = judge(text).problems.map(({ message }) => message);
    expect(messages).toHaveLength(2);
    expect(messages.join()).not.toMatch(/31415926|27182818/);
  });
});

describe('values', () => {
  it('fills every default in', () => {
    const { config, problems } = judge(
      `pools:\n${pool('a', '10.0.0.9/24')}\nl2Advertisements:\n- {}\nbgpAdvertisements:\n- {}\n${peer('')}\nbfdProfiles:\n- name: f`,
    );
    expect(problems).toEqual([]);
    expect(config).toStrictEqual({
      pools: [
        {
          name: 'a',
          labels: {},
          ranges: [{ family: 'ipv4', first: 0x0a000000n, last: 0x0a0000ffn }],
          autoAssign: true,
          avoidBuggyIPs: false,
          serviceAllocation: undefined,
          reserved: [],
          reuseAfter: 0,
          retired: false,
        },
      ],
      l2Advertisements: [
        {
          name: 'l2-1',
          ipAddressPools: [],
          ipAddressPoolSelectors: [],
          nodeSelectors: [],
          serviceSelectors: [],
          interfaces: [],
          preferredNodeSelectors: [],
        },
      ],
      bgpAdvertisements: [
        {
          name: 'bgp-1',
          ipAddressPools: [],
          ipAddressPoolSelectors: [],
          nodeSelectors: [],
          serviceSelectors: [],
          aggregationLength: 32,
          aggregationLengthV6: 128,
          localPref: undefined,
          communities: [],
          peers: [],
        },
      ],
      peers: [
        {
          name: 'tor',
          myASN: 64512,
          peerASN: 64513,
          localASN: undefined,
          remote: { kind: 'address', address: { family: 'ipv4', value: 0xc0000201n } },
          peerPort: 179,
          sourceAddress: undefined,
          routerID: undefined,
          holdTime: 90_000,
          keepaliveTime: 30_000,
          connectTime: undefined,
          passwords: [],
          passwordSecret: undefined,
          ebgpMultiHop: false,
          ttlSecurity: false,
          bfdProfile: undefined,
          enableGracefulRestart: false,
          vrf: undefined,
          nodeSelectors: [],
          passive: false,
          role: undefined,
        },
      ],
      bfdProfiles: [
        {
          name: 'f',
          receiveInterval: 300,
          transmitInterval: 300,
          detectMultiplier: 3,
          echoInterval: 50,
          echoMode: false,
          passiveMode: false,
          minimumTtl: 254,
          authentication: undefined,
        },
      ],
      layer2: {
        gratuitous: { rounds: 5, interval: 1100, refresh: 60_000, ratePerSecond: 5000 },
        conflictProbe: { count: 2, wait: 30 },
      },
      membership: { profile: 'default', port: 7946, settleTime: 1000 },
      election: { rebalancePerMinute: undefined },
      bgp: { restartTime: 120_000, drainWait: 5000, weightedEcmp: false },
    });
  });

  it.each([
    ['keepaliveTime: 10s', 30_000, 10_000],
    ['holdTime: 180s', 180_000, 60_000],
    ['holdTime: 1m30s, keepaliveTime: 45s', 90_000, 45_000],
    ['holdTime: 0s', 0, 0],
    ['holdTime: 10.9s', 10_000, 3000],
  ])('timers: %s', (fields, hold, keepalive) => {
    const [tor] = judge(peer(`, ${fields}`)).config.peers;
    expect([tor?.holdTime, tor?.keepaliveTime]).toEqual([hold, keepalive]);
  });

  it('resolves communities, each value once', () => {
    const text =
      'communities: {ours: "64512:1", no-export: "1:1"}\nbgpAdvertisements:\n- communities: [ours, "64512:1", no-export, "large:1:2:4294967295", graceful-shutdown]';
    expect(judge(text).config.bgpAdvertisements[0]?.communities).toEqual([
      { kind: 'standard', value: 0xfc000001 },
      { kind: 'standard', value: 0x00010001 },
      { kind: 'large', global: 1, local1: 2, local2: 4_294_967_295 },
      { kind: 'standard', value: 0xffff0000 },
    ]);
  });

  it('reads reservations', () => {
    const text =
      'pools:\n- {name: a, addresses: [10.0.0.0/24], reserved: [10.0.0.1, 10.0.0.8/30, {address: 10.0.0.20, service: shop/web}]}';
    expect(judge(text).config.pools[0]?.reserved).toEqual([
      { range: { family: 'ipv4', first: 0x0a000001n, last: 0x0a000001n }, service: undefined },
      { range: { family: 'ipv4', first: 0x0a000008n, last: 0x0a00000bn }, service: undefined },
      { range: { family: 'ipv4', first: 0x0a000014n, last: 0x0a000014n }, service: 'shop/web' },
    ]);
  });

  it('implies one layer 2 advertisement only where no list is written', () => {
    const names = (text: string) =>
      judge(`pools:\n${pool('a', '10.0.0.0/24')}\n${text}`).config.l2Advertisements.map(({ name }) => name);
    expect(names('')).toEqual(['default']);
    expect(names('l2Advertisements:')).toEqual(['default']);
    expect(names('l2Advertisements: []')).toEqual([]);
    expect(names('bgpAdvertisements: [{}]')).toEqual([]);
    expect(names('l2Advertisments: [{interfaces: [eth0]}]'), 'misspelt: not implied').toEqual([]);
    expect(names('l2Advertisements: [{interfaces: 5}]'), 'bad: not implied').toEqual([]);
  });

  it('follows aliases and merge keys', () => {
    const text =
      'pools:\n- &base {name: a, addresses: [10.0.0.0/24], autoAssign: false}\n- {<<: *base, name: b, addresses: [10.1.0.0/24]}';
    expect(judge(text).problems).toEqual([]);
    expect(judge(text).config.pools.map(({ name, autoAssign }) => [name, autoAssign])).toEqual([
      ['a', false],
      ['b', false],
    ]);
  });
});
