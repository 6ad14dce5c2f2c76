import { describe, expect, test } from 'vitest';
import { messageJson } from '../../src/bgp/message-json.ts';
import {
  AS_PATH,
  attribute,
  bytesOf,
  CONTEXT,
  capability,
  KEEPALIVE,
  MANDATORY,
  MARKER,
  MP_REACH_6,
  message,
  NOTIFICATION,
  ORIGIN,
  open,
  parameter,
  ROUTE_REFRESH,
  UPDATE,
  update,
} from './wire/octets.ts';

const capabilityOf = (code: number, value: string): unknown => {
  const { capabilities } = messageJson(open(parameter(2, capability(code, value))), CONTEXT);
  return (capabilities as readonly unknown[])[0];
};
const attributesOf = (octets: string, prefixes = '', context = {}): unknown =>
  messageJson(update(octets, prefixes), { ...CONTEXT, ...context })['attributes'];

describe('capabilities', () => {
  test.each([
    [1, '00020001', { name: 'multiprotocol', afi: 2, safi: 1 }],
    [2, '', { name: 'route-refresh' }],
    [5, '000100010002', { name: 'extended-next-hop-encoding', families: [{ afi: 1, safi: 1, nextHopAfi: 2 }] }],
    [6, '', { name: 'extended-message' }],
    [9, '00', { name: 'role', role: 'provider' }],
    [9, '07', { name: 'role', role: 7 }],
    [
      64,
      '407800010180',
      {
        name: 'graceful-restart',
        restarting: false,
        notification: true,
        restartTime: 120,
        families: [{ afi: 1, safi: 1, forwarding: true }],
      },
    ],
    [65, '000186a0', { name: 'as4', asn: 100_000 }],
    [69, '00010103', { name: 'add-path', families: [{ afi: 1, safi: 1, receive: true, send: true }] }],
    [70, '', { name: 'enhanced-route-refresh' }],
    [71, '00010100000078', { name: 'long-lived-graceful-restart', value: '00010100000078' }],
    [73, '0161 00', { name: 'fqdn', hostName: 'a', domainName: '' }],
    [99, '00ff', { value: '00ff' }],
  ])('%i', (code, value, fields) => expect(capabilityOf(code, value)).toEqual({ code, ...fields }));
});

describe('an OPEN that is refused', () => {
  test('with all that could be read', () => {
    const bytes = open(parameter(2, capability(65, '000186a0')), '04 5ba0 0001 c0000201');
    expect(messageJson(bytes, CONTEXT)).toEqual({
      type: 'OPEN',
      error: { handling: 'reset', code: 2, subcode: 6, message: expect.stringContaining('hold time is 1 s') },
      length: 37,
      version: 4,
      asn: 100_000,
      as2: 23_456,
      holdTime: 1,
      routerId: '192.0.2.1',
      capabilities: [{ code: 65, name: 'as4', asn: 100_000 }],
    });
  });
  test('of another version nothing but that', () => {
    expect(messageJson(open('', '03 fde8 005a c0000201'), CONTEXT)).toEqual({
      type: 'OPEN',
      error: { handling: 'reset', code: 2, subcode: 1, message: expect.stringContaining('version 3') },
      length: 29,
      version: 3,
    });
  });
});

describe('attributes', () => {
  test('all of them, as text where there is one', () => {
    const octets = [
      MP_REACH_6,
      attribute(0x80, 15, '0019 46 abcd'),
      ORIGIN,
      attribute(0x40, 2, '03 01 0000fde9 01 02 0000fde8 000186a0'),
      attribute(0x80, 4, '00000000'),
      attribute(0x40, 5, '00000064'),
      attribute(0x40, 6, ''),
      attribute(0xc0, 7, '0000fde8 c0000201'),
      attribute(0xc0, 8, 'fde80001 ffffff01 ffff0000 ffffff04 ffff029a'),
      attribute(0x80, 9, '0a000001'),
      attribute(0x80, 10, '0a000002 0a000003'),
      attribute(0xc0, 16, '0002fde800000001'),
      attribute(0xc0, 32, '0000fc00 00000001 00000002'),
      attribute(0xc0, 35, '0000fde8'),
    ];
    expect(attributesOf(octets.join(''), '', { peerType: 'internal' })).toEqual({
      origin: 'igp',
      asPath: [
        { type: 'confed-sequence', asns: [65_001] },
        { type: 'set', asns: [65_000, 100_000] },
      ],
      med: 0,
      localPref: 100,
      atomicAggregate: true,
      aggregator: { asn: 65_000, address: '192.0.2.1' },
      communities: ['65000:1', 'no-export', 'graceful-shutdown', 'nopeer', 'blackhole'],
      extendedCommunities: ['0002fde800000001'],
      largeCommunities: ['64512:1:2'],
      originatorId: '10.0.0.1',
      clusterList: ['10.0.0.2', '10.0.0.3'],
      mpReach: { afi: 2, safi: 1, nextHops: ['2001:db8::1'], prefixes: ['2001:db8:1::/48'] },
      mpUnreach: { afi: 25, safi: 70, raw: 'abcd' },
      unknown: [{ type: 35, flags: 0xc0, value: '0000fde8' }],
    });
  });
  test('next hops of a family that we do not know', () => {
    const reach = (nextHop: string) =>
      attributesOf(attribute(0x80, 14, `0019 46 ${nextHop} 00 0102`) + ORIGIN + AS_PATH);
    expect(reach('04 c0000201')).toMatchObject({ mpReach: { nextHops: ['192.0.2.1'], raw: '0102' } });
    expect(reach('02 abcd')).toMatchObject({ mpReach: { nextHops: [], nextHop: 'abcd', raw: '0102' } });
  });
});

describe('what could be read of a message that is refused', () => {
  const errorOf = (code: number, subcode: number) => ({
    handling: 'reset',
    code,
    subcode,
    message: expect.any(String),
  });

  test.each([
    ['nothing but a part of the header', bytesOf(MARKER), { error: errorOf(1, 2) }],
    ['a type that nobody knows', message(9, ''), { error: errorOf(1, 3), length: 19 }],
    ['an empty line of a capture', new Uint8Array(0), { error: errorOf(1, 2) }],
    ['a KEEPALIVE with a body', message(KEEPALIVE, '00'), { type: 'KEEPALIVE', error: errorOf(1, 2), length: 20 }],
    ['a NOTIFICATION without subcode', message(NOTIFICATION, '06'), { type: 'NOTIFICATION', error: errorOf(1, 2) }],
    ['lengths beyond the end', message(UPDATE, 'ffff 0000'), { type: 'UPDATE', error: errorOf(3, 1), length: 23 }],
    [
      'prefixes that are none',
      update(ORIGIN, '21', '08 0a'),
      {
        type: 'UPDATE',
        error: errorOf(3, 10),
        length: 30,
        withdrawn: ['10.0.0.0/8'],
        attributes: { origin: 'igp' },
      },
    ],
    [
      'a ROUTE-REFRESH that is too long',
      message(ROUTE_REFRESH, '0001 01 01 00'),
      { type: 'ROUTE-REFRESH', error: errorOf(7, 1), afi: 1, safi: 1, subtype: 1, orf: '00' },
    ],
  ])('%s', (_, bytes, json) => expect(messageJson(bytes, CONTEXT)).toEqual(json));
});

test('a communication that is none is told, and its octets are there', () => {
  expect(messageJson(message(NOTIFICATION, '0602 ff 61'), CONTEXT)).toEqual({
    type: 'NOTIFICATION',
    error: { handling: 'ignore', message: expect.stringContaining('RFC 9003') },
    code: 6,
    subcode: 2,
    name: 'cease/administrative-shutdown',
    data: 'ff61',
  });
});

test('what discards an attribute makes no End-of-RIB of what is left', () => {
  const json = messageJson(update(attribute(0x40, 5, '00000064'), ''), CONTEXT);
  expect(json).toMatchObject({ error: { handling: 'attribute-discard' }, attributes: {} });
  expect(json).not.toHaveProperty('endOfRib');
  expect(messageJson(update(MANDATORY), CONTEXT)).not.toHaveProperty('error');
});
