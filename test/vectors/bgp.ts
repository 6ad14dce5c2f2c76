import { type IpAddress, parseIpAddress } from '../../src/base/ip-address.ts';
import type { Message, Nlri, WireContext } from '../../src/bgp/wire/message.ts';

/** BGP messages written out by hand from the RFCs' figures, with the value that each one is and what the session agreed on. */
export interface BgpVector {
  readonly name: string;
  readonly hex: string;
  readonly context?: Partial<WireContext>;
  readonly value: Message;
}

function ip(text: string): IpAddress {
  const parsed = parseIpAddress(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}
const octets = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'));
const ipv4 = { afi: 1, safi: 1 };
const ipv6 = { afi: 2, safi: 1 };
const nlri = (family: typeof ipv4, hex: string, addPath = false): Nlri => ({ family, addPath, bytes: octets(hex) });
const none = nlri(ipv4, '');
const MARKER = 'ff'.repeat(16);

export const bgpVectors: readonly BgpVector[] = [
  { name: 'RFC 4271 §4.4: KEEPALIVE', hex: `${MARKER} 0013 04`, value: { kind: 'keepalive' } },
  {
    name: 'RFC 4271 §4.2: OPEN without optional parameters',
    hex: `${MARKER} 001d 01  04 fde8 005a c0000201 00`,
    value: { kind: 'open', as2: 65_000, holdTime: 90, routerId: 0xc0000201, capabilities: [] },
  },
  {
    name: 'RFC 5492 §4: OPEN with every capability that we know, and one that nobody knows',
    hex: `${MARKER} 006c 01  04 5ba0 0000 0a000001 4f 02 4d
      01 04 0001 00 01   01 04 0002 00 01   02 00   46 00   06 00   09 01 03
      05 06 0001 0001 0002
      40 0a c078  0001 01 80  0002 01 00
      41 04 fffffde9
      45 08 0001 01 01  0002 01 03
      49 0e 06 6e6f64652d61 06 6c6f63616c2e
      63 02 00ff`,
    value: {
      kind: 'open',
      as2: 23_456,
      holdTime: 0,
      routerId: 0x0a000001,
      capabilities: [
        { kind: 'multiprotocol', family: ipv4 },
        { kind: 'multiprotocol', family: ipv6 },
        { kind: 'route-refresh' },
        { kind: 'enhanced-route-refresh' },
        { kind: 'extended-message' },
        { kind: 'role', role: 3 },
        { kind: 'extended-next-hop', families: [{ family: ipv4, nextHopAfi: 2 }] },
        {
          kind: 'graceful-restart',
          restarting: true,
          notification: true,
          restartTime: 120,
          families: [
            { family: ipv4, forwarding: true },
            { family: ipv6, forwarding: false },
          ],
        },
        { kind: 'as4', asn: 4_294_966_761 },
        {
          kind: 'add-path',
          families: [
            { family: ipv4, receive: true, send: false },
            { family: ipv6, receive: true, send: true },
          ],
        },
        { kind: 'fqdn', hostName: 'node-a', domainName: 'local.' },
        { kind: 'unknown', code: 99, value: octets('00ff') },
      ],
    },
  },
  {
    name: 'RFC 9072 §2: OPEN with the extended form of the optional parameters',
    hex: `${MARKER} 0126 01  04 fde8 005a c0000201 ff ff 0106  02 0103  63 ff ${'ab'.repeat(255)} 02 00`,
    value: {
      kind: 'open',
      as2: 65_000,
      holdTime: 90,
      routerId: 0xc0000201,
      capabilities: [{ kind: 'unknown', code: 99, value: octets('ab'.repeat(255)) }, { kind: 'route-refresh' }],
    },
  },
  {
    name: 'RFC 4271 §4.5: NOTIFICATION',
    hex: `${MARKER} 0017 03  02 02 fde8`,
    value: { kind: 'notification', code: 2, subcode: 2, data: octets('fde8') },
  },
  {
    name: 'RFC 9003 §2: NOTIFICATION with a shutdown communication',
    hex: `${MARKER} 0021 03  06 02 0b 6d61696e74656e616e6365`,
    value: { kind: 'notification', code: 6, subcode: 2, data: octets('0b6d61696e74656e616e6365') },
  },
  {
    name: 'RFC 2918 §3: ROUTE-REFRESH',
    hex: `${MARKER} 0017 05  0002 00 01`,
    value: { kind: 'route-refresh', family: ipv6, subtype: 0 },
  },
  {
    name: 'RFC 7313 §3.2: End-of-RR',
    hex: `${MARKER} 0017 05  0001 02 01`,
    value: { kind: 'route-refresh', family: ipv4, subtype: 2 },
  },
  {
    name: 'RFC 5291 §4: ROUTE-REFRESH with a route filter behind it',
    hex: `${MARKER} 001c 05  0001 00 01  01 40 0001 80`,
    value: { kind: 'route-refresh', family: ipv4, subtype: 0, orf: octets('01 40 0001 80') },
  },
  {
    name: 'RFC 4724 §2: End-of-RIB of IPv4 unicast',
    hex: `${MARKER} 0017 02  0000 0000`,
    value: { kind: 'update', withdrawn: none, announced: none, attributes: {} },
  },
  {
    name: 'RFC 4724 §2: End-of-RIB of IPv6 unicast',
    hex: `${MARKER} 001d 02  0000 0006  80 0f 03 0002 01`,
    value: { kind: 'update', withdrawn: none, announced: none, attributes: { mpUnreach: nlri(ipv6, '') } },
  },
  {
    name: 'RFC 4271 §4.3: UPDATE that withdraws',
    hex: `${MARKER} 001e 02  0007 08 0a 00 14 c0a810 0000`,
    value: { kind: 'update', withdrawn: nlri(ipv4, '080a 00 14c0a810'), announced: none, attributes: {} },
  },
  {
    name: 'RFC 4271 §4.3: UPDATE with every attribute of that document',
    context: { peerType: 'internal' },
    hex: `${MARKER} 005d 02  0002 08 0a 003a
      40 01 01 02   40 02 10 02 02 0000fde8 000186a0 01 01 0000fde9   40 03 04 c0000201   80 04 04 00000064
      40 05 04 000000c8   40 06 00   c0 07 08 0000fde8 c0000201
      20 cb007101  19 cb007180`,
    value: {
      kind: 'update',
      withdrawn: nlri(ipv4, '080a'),
      announced: nlri(ipv4, '20cb007101 19cb007180'),
      attributes: {
        origin: 'incomplete',
        asPath: [
          { kind: 'sequence', asns: [65_000, 100_000] },
          { kind: 'set', asns: [65_001] },
        ],
        nextHop: ip('192.0.2.1'),
        med: 100,
        localPref: 200,
        atomicAggregate: true,
        aggregator: { asn: 65_000, address: ip('192.0.2.1') },
      },
    },
  },
  {
    name: 'RFC 1997, 4360, 8092, 4456: UPDATE with communities and route reflection',
    context: { peerType: 'internal' },
    hex: `${MARKER} 006d 02  0000 0052
      40 01 01 00   40 02 00   40 03 04 c0000201
      c0 08 08 fde80001 ffffff01
      80 09 04 0a000001   80 0a 08 0a000002 0a000003
      c0 10 10 4004fde84b3ebc20 0002fde800000001
      c0 20 0c 0000fc00 00000001 00000002
      e0 63 02 00ff  18 cb0071`,
    value: {
      kind: 'update',
      withdrawn: none,
      announced: nlri(ipv4, '18cb0071'),
      attributes: {
        origin: 'igp',
        asPath: [],
        nextHop: ip('192.0.2.1'),
        communities: [0xfde80001, 0xffffff01],
        originatorId: 0x0a000001,
        clusterList: [0x0a000002, 0x0a000003],
        extendedCommunities: [0x4004fde84b3ebc20n, 0x0002fde800000001n],
        largeCommunities: [{ global: 64_512, local1: 1, local2: 2 }],
        unknown: [{ type: 99, flags: 0xe0, value: octets('00ff') }],
      },
    },
  },
  {
    name: 'RFC 6793 §4.2.2: UPDATE to an old speaker',
    context: { as4: false },
    hex: `${MARKER} 0051 02  0000 0035
      40 01 01 00   40 02 06 02 02 fde8 5ba0   40 03 04 c0000201   c0 07 06 5ba0 c0000201
      c0 11 0a 02 02 0000fde8 000186a0   c0 12 08 000186a0 c0000201
      20 cb007101`,
    value: {
      kind: 'update',
      withdrawn: none,
      announced: nlri(ipv4, '20cb007101'),
      attributes: {
        origin: 'igp',
        asPath: [{ kind: 'sequence', asns: [65_000, 100_000] }],
        nextHop: ip('192.0.2.1'),
        aggregator: { asn: 100_000, address: ip('192.0.2.1') },
      },
    },
  },
  {
    name: 'RFC 5065 §3: UPDATE from another member AS',
    context: { peerType: 'confederation' },
    hex: `${MARKER} 0039 02  0000 0020
      40 01 01 00   40 02 12 03 01 0000fde9 04 01 0000fdea 02 01 0000fde8   40 03 04 c0000201   08 0a`,
    value: {
      kind: 'update',
      withdrawn: none,
      announced: nlri(ipv4, '080a'),
      attributes: {
        origin: 'igp',
        asPath: [
          { kind: 'confed-sequence', asns: [65_001] },
          { kind: 'confed-set', asns: [65_002] },
          { kind: 'sequence', asns: [65_000] },
        ],
        nextHop: ip('192.0.2.1'),
      },
    },
  },
  {
    name: 'RFC 2545 §3: UPDATE with a global and a link-local next hop',
    hex: `${MARKER} 0053 02  0000 003c
      80 0e 2c 0002 01 20 20010db8000000000000000000000001 fe800000000000000000000000000001 00 30 20010db80001
      40 01 01 00   40 02 06 02 01 0000fde8`,
    value: {
      kind: 'update',
      withdrawn: none,
      announced: none,
      attributes: {
        origin: 'igp',
        asPath: [{ kind: 'sequence', asns: [65_000] }],
        mpReach: { nextHops: [ip('2001:db8::1'), ip('fe80::1')], nlri: nlri(ipv6, '30 20010db80001') },
      },
    },
  },
  {
    name: 'RFC 8950 §3: IPv4 prefixes with an IPv6 next hop',
    context: { extendedNextHop: true },
    hex: `${MARKER} 0047 02  0000 0030
      80 0e 1a 0001 01 10 fe800000000000000000000000000001 00 20 cb007101   80 0f 03 0002 01
      40 01 01 00   40 02 06 02 01 0000fde8`,
    value: {
      kind: 'update',
      withdrawn: none,
      announced: none,
      attributes: {
        origin: 'igp',
        asPath: [{ kind: 'sequence', asns: [65_000] }],
        mpReach: { nextHops: [ip('fe80::1')], nlri: nlri(ipv4, '20cb007101') },
        mpUnreach: nlri(ipv6, ''),
      },
    },
  },
  {
    name: 'RFC 4760 §3: a family that we do not know keeps its octets',
    hex: `${MARKER} 003f 02  0000 0028
      80 0e 16 0019 46 00 00 0102030405060708090a0b0c0d0e0f1011
      80 0f 05 4004 47 abcd   40 01 01 00   40 02 00`,
    value: {
      kind: 'update',
      withdrawn: none,
      announced: none,
      attributes: {
        origin: 'igp',
        asPath: [],
        mpReach: {
          nextHops: [],
          otherNextHop: new Uint8Array(0),
          nlri: nlri({ afi: 25, safi: 70 }, '0102030405060708090a0b0c0d0e0f1011'),
        },
        mpUnreach: nlri({ afi: 16_388, safi: 71 }, 'abcd'),
      },
    },
  },
  {
    name: 'RFC 7911 §3: path identifiers',
    context: { addPath: { ipv4: true, ipv6: true } },
    hex: `${MARKER} 0053 02  0006 00000001 08 0a 002d
      80 0f 0c 0002 01 00000003 20 20010db8
      40 01 01 00   40 02 06 02 01 0000fde8   40 03 04 c0000201  80 04 04 00000000  40 06 00
      00000002 20 cb007101`,
    value: {
      kind: 'update',
      withdrawn: nlri(ipv4, '00000001 080a', true),
      announced: nlri(ipv4, '00000002 20cb007101', true),
      attributes: {
        origin: 'igp',
        asPath: [{ kind: 'sequence', asns: [65_000] }],
        nextHop: ip('192.0.2.1'),
        med: 0,
        atomicAggregate: true,
        mpUnreach: nlri(ipv6, '00000003 2020010db8', true),
      },
    },
  },
];
