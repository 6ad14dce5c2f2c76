/** MetalLB v0.12.1, TestParse, TestValidate and TestValidateFRR in our words: what it takes and refuses, we take and refuse. */
const A = 'addresses: [10.20.0.0/16]';
const pool = (more: string) => `address-pools:\n- ${['name: p', ...more.split(' / ')].join('\n  ')}`;
const bgpPool = (advertisement: string, addresses = A) =>
  pool(`protocol: bgp / ${addresses} / bgp-advertisements: [${advertisement}]`);
export const peer = (more = '') => `peers:\n- {my-asn: 42, peer-asn: 142, peer-address: 1.2.3.4${more}}`;
const selector = (text: string) => peer(`, node-selectors: [${text}]`);

export const FULL = `
peers:
- my-asn: 42
  peer-asn: 142
  peer-address: 1.2.3.4
  peer-port: 1179
  hold-time: 180s
  router-id: 10.20.30.40
  source-address: 10.20.30.40
  ebgp-multihop: true
  password: 12345
- my-asn: 100
  peer-asn: 200
  peer-address: 2.3.4.5
  node-selectors:
  - match-labels: {foo: bar}
    match-expressions: [{key: bar, operator: In, values: [quux]}]
bgp-communities:
  bar: 64512:1234
address-pools:
- name: pool1
  protocol: bgp
  addresses: [10.20.0.0/16, 10.50.0.0/24]
  avoid-buggy-ips: true
  auto-assign: false
  bgp-advertisements:
  - aggregation-length: 32
    localpref: 100
    communities: [bar, "1234:2345"]
  - aggregation-length: 24
    aggregation-length-v6: 64
- {name: pool2, protocol: bgp, addresses: [30.0.0.0/8]}
- {name: pool3, protocol: layer2, addresses: [40.0.0.0/25, 40.0.0.150-40.0.0.200, 40.0.0.210 - 40.0.0.240, 40.0.0.250-40.0.0.250]}
- {name: pool4, protocol: layer2, addresses: ["2001:db8::/64"]}
`;

export const ACCEPTED: readonly (readonly [string, string])[] = [
  ['2 full config', FULL],
  ['3 peer only', peer()],
  ['4 hold-time 180s', peer(', hold-time: 180s')],
  ['5 node selector', selector('{match-labels: {a: b}, match-expressions: [{key: c, operator: In, values: [d]}]}')],
  ['6 an empty advertisement', pool(`protocol: bgp / ${A} / bgp-advertisements: / -`)],
  ['7 bgp without advertisements', pool(`protocol: bgp / ${A}`)],
  ['8 aggregation 26 on a range', bgpPool('{aggregation-length: 26}', 'addresses: [3.3.3.2-3.3.3.254]')],
  ['9 BFD profile with name only', `${peer(', bfd-profile: default')}\nbfd-profiles:\n- name: default`],
  [
    '10 BFD profile with all fields',
    'bfd-profiles:\n- {name: n, receive-interval: 50, transmit-interval: 51, detect-multiplier: 52, echo-interval: 54, echo-mode: true, passive-mode: true, minimum-ttl: 55}',
  ],
  ['11 auto-assign, avoid-buggy-ips', pool(`protocol: layer2 / ${A} / auto-assign: false / avoid-buggy-ips: true`)],
  ['12 layer2 IPv6', pool('protocol: layer2 / addresses: ["2001:db8::/64"]')],
  ['native: keepalive-time', peer(', hold-time: 90s, keepalive-time: 30s')],
  ['native: IPv6 in a bgp pool', pool('protocol: bgp / addresses: ["2001:db8::/64"]')],
  [
    'FRR: router-id on some peers',
    `${peer(', router-id: 1.1.1.1')}\n- {my-asn: 42, peer-asn: 142, peer-address: 1.2.3.5}`,
  ],
  ['FRR: other my-asn', `${peer()}\n- {my-asn: 43, peer-asn: 142, peer-address: 1.2.3.5}`],
  ['FRR: one address twice', `${peer()}\n- {my-asn: 42, peer-asn: 142, peer-address: 1.2.3.4, hold-time: 30s}`],
  ['Go: zero values', peer(', peer-port: 0, hold-time: "", password: "", router-id: "", source-address: ""')],
  ['Go: an empty node selector', selector('')],
  ['Go: a null node selector', selector('~')],
  ['Go: numbers as texts', pool(`protocol: layer2 / ${A}`).replace('name: p', 'name: 5')],
  ['YAML 1.1: yes and off', pool(`protocol: layer2 / ${A} / auto-assign: off / avoid-buggy-ips: yes`)],
  ['two localprefs in a pool', bgpPool('{localpref: 1}, {localpref: 2}')],
  ['router-id IPv6', peer(', router-id: "2001:db8::1"')],
  ['source-address of the other family', peer(', source-address: "2001:db8::1"')],
  ['host bits', pool('protocol: layer2 / addresses: [10.20.30.40/24]')],
];

export const REJECTED: readonly (readonly [string, string, string])[] = [
  ['1 non-YAML', 'address-pools: howdy', 'wrong-type'],
  ['1 unknown key', pool(`protocol: layer2 / ${A} / bogus: 1`), 'unknown-key'],
  ['2 peer-address', peer().replace('1.2.3.4', '1.2.3.400'), 'bad-address'],
  ['3 no my-asn', 'peers:\n- {peer-asn: 142, peer-address: 1.2.3.4}', 'missing-field'],
  ['4 no peer-asn', 'peers:\n- {my-asn: 42, peer-address: 1.2.3.4}', 'missing-field'],
  ['5 multihop inside one AS', peer(', ebgp-multihop: true').replace('142', '42'), 'conflicting-fields'],
  ['6 hold-time foo', peer(', hold-time: foo'), 'bad-duration'],
  ['7 hold-time 1s', peer(', hold-time: 1s'), 'out-of-range'],
  ['8 router-id', peer(', router-id: oh god how do I BGP'), 'bad-address'],
  ['9 a map as label', selector('{match-labels: {foo: {bar: baz}}}'), 'wrong-type'],
  ['10 expression without key', selector('{match-expressions: [{operator: In, values: [a]}]}'), 'missing-field'],
  ['11 expression without operator', selector('{match-expressions: [{key: a, values: [a]}]}'), 'missing-field'],
  ['12 operator Surrounds', selector('{match-expressions: [{key: a, operator: Surrounds, values: [a]}]}'), 'bad-value'],
  ['13 identical peers', `${peer()}\n- {my-asn: 42, peer-asn: 142, peer-address: 1.2.3.4}`, 'duplicate-peer'],
  ['14 pool null', 'address-pools:\n-', 'missing-field'],
  ['14 no name', `address-pools:\n- {protocol: layer2, ${A}}`, 'missing-field'],
  ['15 no addresses', pool('protocol: layer2'), 'missing-field'],
  ['16 no protocol', pool(A), 'missing-field'],
  ['17 protocol babel', pool(`protocol: babel / ${A}`), 'bad-value'],
  ['18 octets', pool('protocol: bgp / addresses: [100.200.300.400/24]'), 'bad-address'],
  ['19 /33', pool('protocol: bgp / addresses: [1.2.3.0/33]'), 'bad-address'],
  ['20 range backwards', pool('protocol: bgp / addresses: [1.2.3.10-1.2.3.1]'), 'bad-address'],
  ['21 aggregation 33', bgpPool('{aggregation-length: 33}'), 'out-of-range'],
  [
    '22 aggregation 26 with a /28',
    bgpPool('{aggregation-length: 26}', 'addresses: [10.20.0.0/24, 10.30.0.0/28]'),
    'aggregation-too-short',
  ],
  [
    '23 aggregation 24 on a range',
    bgpPool('{aggregation-length: 24}', 'addresses: [3.3.3.2-3.3.3.254]'),
    'aggregation-too-short',
  ],
  ['24 community 1234', bgpPool('{communities: ["1234"]}'), 'bad-community'],
  ['25 community 99999999:1', bgpPool('{communities: ["99999999:1"]}'), 'bad-community'],
  ['26 community 1:99999999', bgpPool('{communities: ["1:99999999"]}'), 'bad-community'],
  ['27 unknown alias', bgpPool('{communities: [flarb]}'), 'unknown-community'],
  ['28 alias overflows', `bgp-communities: {flarb: "99999999:1"}\n${bgpPool('{}')}`, 'bad-community'],
  ['29 alias overflows', `bgp-communities: {flarb: "1:99999999"}\n${bgpPool('{}')}`, 'bad-community'],
  [
    '30 duplicate pool',
    `${pool(`protocol: bgp / ${A}`)}\n- {name: p, protocol: bgp, addresses: [10.40.0.0/16]}`,
    'duplicate-name',
  ],
  ['31 identical CIDR', `${pool(`protocol: bgp / ${A}`)}\n- {name: q, protocol: bgp, ${A}}`, 'pool-overlap'],
  [
    '32 overlapping',
    `${pool('protocol: bgp / addresses: [10.0.0.0/8]')}\n- {name: q, protocol: bgp, ${A}}`,
    'pool-overlap',
  ],
  ['33 advertisements in layer2', pool(`protocol: layer2 / ${A} / bgp-advertisements: [{}]`), 'conflicting-fields'],
  ['34 unknown bfd-profile', peer(', bfd-profile: default'), 'unknown-bfd-profile'],
  ['35 one BFD name twice', 'bfd-profiles:\n- name: a\n- name: a', 'duplicate-name'],
  ['36 receive-interval 2', 'bfd-profiles:\n- {name: a, receive-interval: 2}', 'out-of-range'],
  ['37 receive-interval 90000', 'bfd-profiles:\n- {name: a, receive-interval: 90000}', 'out-of-range'],
  ['38 equal advertisements', bgpPool('{localpref: 5}, {localpref: 5}'), 'duplicate-advertisement'],
  ['39 a community twice', bgpPool('{communities: ["1:2", "1:2"]}'), 'duplicate-value'],
  ['a duplicate key', pool(`protocol: layer2 / ${A} / protocol: bgp`), 'duplicate-key'],
  ['the shipped example: bfdProfile', peer(', bfdProfile: a'), 'unknown-key'],
  ['keepalive above hold', peer(', hold-time: 30s, keepalive-time: 40s'), 'conflicting-fields'],
  ['a number in quotes', peer(', peer-port: "179"'), 'wrong-type'],
  ['BFD without a name', 'bfd-profiles:\n- {receive-interval: 50}', 'missing-field'],
  ['large communities', bgpPool('{communities: ["large:1:2:3"]}'), 'bad-community'],
];
