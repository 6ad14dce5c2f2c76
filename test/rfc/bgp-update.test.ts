import { describe, expect, test } from 'vitest';
import { decodeMessage } from '../../src/bgp/wire/codec.ts';
import type { PathSegment, Update, WireContext } from '../../src/bgp/wire/message.ts';
import { endOfRib } from '../../src/bgp/wire/update.ts';
import { handlingOf, subcodeOf, type UpdateFault } from '../../src/bgp/wire/update-fault.ts';
import {
  AS_PATH,
  attribute,
  CONTEXT,
  faultOf,
  hexOf,
  LINK_LOCAL,
  MANDATORY,
  MP_REACH_6,
  MP_UNREACH_6,
  message,
  NEXT_HOP,
  NEXT_HOP_6,
  ORIGIN,
  OTHER_PREFIX,
  PREFIX,
  PREFIX_6,
  prefixTexts,
  readUpdate,
  UPDATE,
  update,
  verdictOf,
} from '../bgp/wire/octets.ts';

const INTERNAL = { peerType: 'internal' } as const;
const OLD = { as4: false } as const;
const WITHDRAW = (type: number) => `treat-as-withdraw of ${type}`;
const DISCARD = (type: number) => `attribute-discard of ${type}`;

/** As it is to be acted upon, in error or not. */
function acted(bytes: Uint8Array, context: Partial<WireContext> = {}): Update {
  const decoded = decodeMessage(bytes, { ...CONTEXT, ...context });
  if (!decoded.ok || decoded.message.kind !== 'update') throw new Error('no UPDATE to act upon');
  return decoded.message;
}
/** The attributes that are left, by name. */
const left = (bytes: Uint8Array, context: Partial<WireContext> = {}): readonly string[] =>
  Object.entries(acted(bytes, context).attributes).flatMap(([name, value]) => (value === undefined ? [] : [name]));
const pathOf = (bytes: Uint8Array, context: Partial<WireContext> = {}): readonly PathSegment[] | undefined =>
  readUpdate(bytes, context).attributes.asPath;

describe('RFC 4271 §6.3, the parts of an UPDATE', () => {
  test('withdrawn routes or attributes that go beyond the end: Malformed Attribute List', () => {
    for (const body of ['0001 0000', '0000 0001', 'ffff 0000', '0000 ffff', '0003 08 0a 00 00', '0002 080a 00'])
      expect(verdictOf(message(UPDATE, body))).toBe('reset 3/1');
  });
  test('an attribute that is well-known by its flags, and to nobody: 3/2 with the whole attribute', () => {
    for (const flags of [0x00, 0x40]) {
      const strange = attribute(flags, 99, 'abcd');
      expect(verdictOf(update(MANDATORY + strange))).toBe('reset 3/2 of 99');
      expect(hexOf(faultOf(update(MANDATORY + strange)).data)).toBe(strange.replaceAll(' ', ''));
    }
  });
  test('prefixes outside the attributes that are none: Invalid Network Field', () => {
    for (const prefixes of ['21 cb00710100', '20 cb0071', '08', 'ff', '20 cb007101 01'])
      expect(verdictOf(update(MANDATORY, prefixes))).toBe('reset 3/10');
  });
  test('RFC 7606 §3 i: withdrawn routes are checked in the same way', () => {
    for (const prefixes of ['21 cb00710100', '20 cb0071', '08'])
      expect(verdictOf(update('', '', prefixes))).toBe('reset 3/10');
  });
  test('§4.3: an unknown optional attribute is kept with its flags', () => {
    const bytes = update(MANDATORY + attribute(0xe0, 99, 'abcd') + attribute(0x80, 100, ''));
    expect(readUpdate(bytes).attributes.unknown).toMatchObject([
      { type: 99, flags: 0xe0 },
      { type: 100, flags: 0x80 },
    ]);
  });
  test('§4.3: the Extended Length flag may be there with a short value; the lower four bits mean nothing', () => {
    expect(verdictOf(update(attribute(0x50, 1, '00') + AS_PATH + attribute(0x4f & ~0x10, 3, 'c0000201')))).toBe(
      'accepted',
    );
  });
  test('§4.3: attributes come in any order', () => {
    expect(verdictOf(update(NEXT_HOP + AS_PATH + ORIGIN))).toBe('accepted');
  });
});

describe('RFC 7606 §3, what applies to every attribute', () => {
  test.each([
    [1, '00', 0x40],
    [2, '02010000fde8', 0x40],
    [3, 'c0000201', 0x40],
    [4, '00000000', 0x80],
    [6, '', 0x40],
    [7, '0000fde8c0000201', 0xc0],
    [8, 'fde80001', 0xc0],
    [16, '0002fde800000001', 0xc0],
    [32, '0000fc000000000100000002', 0xc0],
    [22, '00', 0xc0],
    [35, '0000fde8', 0xc0],
    [40, '00', 0xc0],
    [128, '0000fde8', 0xc0],
  ])('c: attribute %i with other Optional and Transitive flags: treat-as-withdraw', (type, value, right) => {
    const others = [ORIGIN, AS_PATH, NEXT_HOP].filter((one) => !one.startsWith(attribute(0x40, type, '').slice(0, 5)));
    const verdict = (flags: number) => verdictOf(update(others.join('') + attribute(flags, type, value)));
    for (const flags of [0x00, 0x40, 0x80, 0xc0])
      expect(verdict(flags), `flags ${flags}`).toBe(flags === right ? 'accepted' : WITHDRAW(type));
    expect(verdict(right | 0x20), 'the Partial flag is not looked at').toBe('accepted');
  });
  test('c, of LOCAL_PREF also from an external peer: it is well-known', () => {
    for (const peerType of ['internal', 'external'] as const)
      expect(verdictOf(update(MANDATORY + attribute(0xc0, 5, '00000064')), { peerType })).toBe(WITHDRAW(5));
  });
  test('c, but RFC 7311 §3: AIGP that is transitive is discarded', () => {
    expect(verdictOf(update(MANDATORY + attribute(0xc0, 26, '01')))).toBe(DISCARD(26));
    expect(verdictOf(update(MANDATORY + attribute(0x80, 26, '01')))).toBe('accepted');
  });
  test('d: a mandatory attribute is missing: treat-as-withdraw', () => {
    expect(verdictOf(update(AS_PATH + NEXT_HOP))).toBe(WITHDRAW(1));
    expect(verdictOf(update(ORIGIN + NEXT_HOP))).toBe(WITHDRAW(2));
    expect(verdictOf(update(ORIGIN + AS_PATH))).toBe(WITHDRAW(3));
    expect(verdictOf(update(MP_REACH_6 + AS_PATH, ''))).toBe(WITHDRAW(1));
    expect(verdictOf(update('', '', OTHER_PREFIX)), 'nothing is mandatory to withdraw').toBe('accepted');
  });
  test('d: NEXT_HOP is mandatory for the prefixes outside MP_REACH_NLRI only', () => {
    expect(verdictOf(update(MP_REACH_6 + ORIGIN + AS_PATH, ''))).toBe('accepted');
    expect(verdictOf(update(MP_REACH_6 + ORIGIN + AS_PATH))).toBe(WITHDRAW(3));
  });
  test('g: MP_REACH_NLRI or MP_UNREACH_NLRI twice: Malformed Attribute List', () => {
    expect(verdictOf(update(MP_REACH_6 + MP_REACH_6 + ORIGIN + AS_PATH, ''))).toBe('reset 3/1 of 14');
    expect(verdictOf(update(MP_UNREACH_6 + MP_UNREACH_6, ''))).toBe('reset 3/1 of 15');
  });
  test('g: of any other that is repeated the first one counts', () => {
    const twice = MANDATORY + attribute(0x80, 4, '00000001') + attribute(0x80, 4, '00000002');
    expect(verdictOf(update(twice))).toBe(DISCARD(4));
    expect(acted(update(twice)).attributes.med).toBe(1);
    const unknown = attribute(0xc0, 99, '01') + attribute(0xc0, 99, '02');
    expect(acted(update(MANDATORY + unknown)).attributes.unknown).toHaveLength(1);
    expect(verdictOf(update(MANDATORY + attribute(0x40, 1, '05'))), 'whatever is wrong with the second').toBe(
      DISCARD(1),
    );
  });
  test('h: of several errors the strongest action', () => {
    const discard = attribute(0xc0, 7, '00');
    const withdraw = attribute(0x80, 4, '00');
    const reset = attribute(0x40, 99, '');
    expect(verdictOf(update(MANDATORY + discard + withdraw))).toBe(WITHDRAW(4));
    expect(verdictOf(update(MANDATORY + withdraw + discard))).toBe(WITHDRAW(4));
    expect(verdictOf(update(MANDATORY + withdraw + discard + reset))).toBe('reset 3/2 of 99');
    expect(verdictOf(update(MANDATORY + reset, '21'))).toBe('reset 3/10');
  });
});

describe('RFC 7606 §2, treat-as-withdraw', () => {
  const bad = attribute(0x80, 4, '00');
  test('every prefix of the message is withdrawn, nothing announced', () => {
    const { withdrawn, announced, attributes } = acted(update(MP_REACH_6 + MANDATORY + bad, PREFIX, OTHER_PREFIX));
    expect(prefixTexts(withdrawn)).toEqual(['10.0.0.0/8', '203.0.113.1/32']);
    expect(prefixTexts(announced)).toEqual([]);
    expect(prefixTexts(attributes.mpUnreach)).toEqual(['2001:db8:1::/48']);
    expect(attributes.mpReach).toBeUndefined();
  });
  test('with those that the message withdraws itself', () => {
    const more = attribute(0x80, 15, '0002 01 10 2001');
    expect(prefixTexts(acted(update(MP_REACH_6 + more + MANDATORY + bad)).attributes.mpUnreach)).toEqual([
      '2001::/16',
      '2001:db8:1::/48',
    ]);
  });
  test('two families: the field outside the attributes takes IPv4', () => {
    const reach4 = attribute(0x80, 14, `0001 01 04 c0000201 00 ${PREFIX}`);
    const one = acted(update(reach4 + MP_UNREACH_6 + ORIGIN + AS_PATH + bad, ''));
    expect([prefixTexts(one.withdrawn), prefixTexts(one.attributes.mpUnreach)]).toEqual([
      ['203.0.113.1/32'],
      ['2001:db8:1::/48'],
    ]);
    const unreach4 = attribute(0x80, 15, `0001 01 ${PREFIX}`);
    const other = acted(update(MP_REACH_6 + unreach4 + ORIGIN + AS_PATH + bad, ''));
    expect([prefixTexts(other.withdrawn), prefixTexts(other.attributes.mpUnreach)]).toEqual([
      ['203.0.113.1/32'],
      ['2001:db8:1::/48'],
    ]);
  });
  test('beside a family that we do not read, that which we do', () => {
    const evpn = attribute(0x80, 15, '0019 46 abcd');
    expect(prefixTexts(acted(update(MP_REACH_6 + evpn + ORIGIN + AS_PATH + bad, '')).attributes.mpUnreach)).toEqual([
      '2001:db8:1::/48',
    ]);
    const evpnReach = attribute(0x80, 14, '0019 46 04 c0000201 00 abcd');
    expect(
      prefixTexts(acted(update(evpnReach + MP_UNREACH_6 + ORIGIN + AS_PATH + bad, '')).attributes.mpUnreach),
    ).toEqual(['2001:db8:1::/48']);
  });
});

describe('RFC 7606 §4, lengths of attributes', () => {
  test('one goes beyond the end of the attributes: treat-as-withdraw, the total length counts', () => {
    const bytes = update(`${MANDATORY} 80 04 05 00000000`);
    expect(verdictOf(bytes)).toBe(WITHDRAW(4));
    expect(prefixTexts(acted(bytes).withdrawn)).toEqual(['203.0.113.1/32']);
  });
  test('what is left is too short for an attribute: treat-as-withdraw', () => {
    for (const rest of ['80', '8004', 'd0', 'd063', 'd06300'])
      expect(verdictOf(update(`${MANDATORY} ${rest}`))).toBe('treat-as-withdraw');
  });
  test('but §3 j: where that is MP_REACH_NLRI or MP_UNREACH_NLRI its prefixes are lost: reset', () => {
    expect(verdictOf(update(`${MANDATORY} 80 0e 20 0002`))).toBe('reset 3/9 of 14');
    expect(verdictOf(update(`${MANDATORY} 80 0f 20 0002`))).toBe('reset 3/9 of 15');
  });
  test('only AS_PATH and ATOMIC_AGGREGATE may be empty', () => {
    expect(verdictOf(update(ORIGIN + attribute(0x40, 2, '') + NEXT_HOP + attribute(0x40, 6, '')), INTERNAL)).toBe(
      'accepted',
    );
    for (const type of [4, 8, 16, 32])
      expect(verdictOf(update(MANDATORY + attribute(type === 4 ? 0x80 : 0xc0, type, '')))).toBe(WITHDRAW(type));
    expect(verdictOf(update(attribute(0x40, 1, '') + AS_PATH + NEXT_HOP))).toBe(WITHDRAW(1));
    expect(verdictOf(update(ORIGIN + AS_PATH + attribute(0x40, 3, '')))).toBe(WITHDRAW(3));
  });
});

describe('RFC 7606 §5, prefixes', () => {
  test('§5.2: attributes in error without a reachable prefix: reset with the code of the attribute', () => {
    expect(verdictOf(update(attribute(0x40, 1, '03') + AS_PATH, ''))).toBe('reset 3/6 of 1');
    expect(verdictOf(update(attribute(0x80, 4, '00'), '', OTHER_PREFIX))).toBe('reset 3/5 of 4');
    expect(verdictOf(update(`${MP_UNREACH_6} ${attribute(0xc0, 4, '00000000')}`, ''))).toBe('reset 3/4 of 4');
    expect(hexOf(faultOf(update(attribute(0x80, 4, '00'), '')).data)).toBe('80040100');
  });
  test('§5.2: with attribute discard the session stays', () => {
    expect(verdictOf(update(MP_UNREACH_6 + attribute(0xc0, 7, '00'), ''))).toBe(DISCARD(7));
  });
  test.each([
    ['MP_REACH_NLRI of less than 5 octets', attribute(0x80, 14, '0002 01 00'), 14],
    ['a next hop beyond the end', attribute(0x80, 14, `0002 01 20 ${NEXT_HOP_6} 00`), 14],
    ['a prefix that is too long', attribute(0x80, 14, `0002 01 10 ${NEXT_HOP_6} 00 81${'00'.repeat(17)}`), 14],
    ['a prefix that goes beyond the end', attribute(0x80, 14, `0002 01 10 ${NEXT_HOP_6} 00 40 2001`), 14],
    ['an IPv4 prefix that is too long', attribute(0x80, 14, '0001 01 04 c0000201 00 21 0000000000'), 14],
    ['MP_REACH_NLRI with other flags', attribute(0xc0, 14, `0002 01 10 ${NEXT_HOP_6} 00`), 14],
    ['MP_UNREACH_NLRI of less than 3 octets', attribute(0x80, 15, '0002'), 15],
    ['MP_UNREACH_NLRI with a prefix that is too long', attribute(0x80, 15, `0002 01 81${'00'.repeat(17)}`), 15],
    ['MP_UNREACH_NLRI with other flags', attribute(0x40, 15, '0002 01'), 15],
  ])('§5.3: %s: reset, Optional Attribute Error', (_, malformed, type) => {
    expect(verdictOf(update(malformed + ORIGIN + AS_PATH, ''))).toBe(`reset 3/9 of ${type}`);
    expect(hexOf(faultOf(update(malformed + ORIGIN + AS_PATH, '')).data)).toBe(malformed.replaceAll(' ', ''));
  });
});

describe('RFC 7606 §7, each attribute', () => {
  const with_ = (...attributes: string[]) => update(attributes.join(''));
  test('§7.1 ORIGIN: a length that is not 1, a value above 2', () => {
    for (const value of ['0000', '03', 'ff'])
      expect(verdictOf(with_(attribute(0x40, 1, value), AS_PATH, NEXT_HOP))).toBe(WITHDRAW(1));
    const origins = ['00', '01', '02'].map(
      (value) => readUpdate(with_(attribute(0x40, 1, value), AS_PATH, NEXT_HOP)).attributes.origin,
    );
    expect(origins).toEqual(['igp', 'egp', 'incomplete']);
  });
  test.each([
    ['an unknown segment type', '05 01 0000fde8'],
    ['segment type 0', '00 01 0000fde8'],
    ['a segment that goes beyond the end', '02 02 0000fde8'],
    ['a single octet at the end', '02 01 0000fde8 02'],
    ['an empty segment', '02 00'],
    ['an empty segment behind a good one', '02 01 0000fde8 01 00'],
    ['AS numbers of two octets where four were agreed', '02 02 fde8 fde9'],
  ])('§7.2 AS_PATH: %s', (_, value) => {
    expect(verdictOf(with_(ORIGIN, attribute(0x40, 2, value), NEXT_HOP))).toBe(WITHDRAW(2));
  });
  test('§7.3 NEXT_HOP: a length that is not 4', () => {
    for (const value of ['c00002', 'c000020100', NEXT_HOP_6])
      expect(verdictOf(with_(ORIGIN, AS_PATH, attribute(0x40, 3, value)))).toBe(WITHDRAW(3));
  });
  test.each(['00000000', '00000001', '7f000001', 'e0000001', 'f0000001', 'ffffffff'])(
    '§7.3 NEXT_HOP %s is no usable unicast address: treat-as-withdraw',
    (value) => expect(verdictOf(with_(ORIGIN, AS_PATH, attribute(0x40, 3, value)))).toBe(WITHDRAW(3)),
  );
  test('§7.4 MULTI_EXIT_DISC: a length that is not 4', () => {
    for (const value of ['00', '0000000000'])
      expect(verdictOf(with_(MANDATORY, attribute(0x80, 4, value)))).toBe(WITHDRAW(4));
  });
  test('§7.5 LOCAL_PREF: discarded from an external peer, else a length of 4', () => {
    const preferred = with_(MANDATORY, attribute(0x40, 5, '00000064'));
    expect(verdictOf(preferred)).toBe(DISCARD(5));
    expect(left(preferred)).not.toContain('localPref');
    expect(readUpdate(preferred, INTERNAL).attributes.localPref).toBe(100);
    expect(verdictOf(with_(MANDATORY, attribute(0x40, 5, '64')), INTERNAL)).toBe(WITHDRAW(5));
  });
  test('§7.6 ATOMIC_AGGREGATE: not empty: discarded', () => {
    const bytes = with_(MANDATORY, attribute(0x40, 6, '00'));
    expect([verdictOf(bytes), left(bytes)]).toEqual([DISCARD(6), ['origin', 'asPath', 'nextHop']]);
  });
  test('§7.7 AGGREGATOR: a length that is not 8, or 6 with two-octet AS numbers: discarded', () => {
    expect(verdictOf(with_(MANDATORY, attribute(0xc0, 7, 'fde8c0000201')))).toBe(DISCARD(7));
    const old = ORIGIN + attribute(0x40, 2, '02 01 fde8') + NEXT_HOP;
    expect(verdictOf(with_(old, attribute(0xc0, 7, '0000fde8c0000201')), OLD)).toBe(DISCARD(7));
    expect(verdictOf(with_(old, attribute(0xc0, 7, 'fde8c0000201')), OLD)).toBe('accepted');
  });
  test('§7.8 COMMUNITIES, §7.14 extended ones, RFC 8092 §6 large ones: not a multiple of their size', () => {
    for (const [type, size] of [
      [8, 4],
      [16, 8],
      [32, 12],
    ] as const)
      for (const length of [1, size - 1, size + 1, 2 * size - 1])
        expect(verdictOf(with_(MANDATORY, attribute(0xc0, type, '00'.repeat(length))))).toBe(WITHDRAW(type));
  });
  test('§7.9 ORIGINATOR_ID: discarded from an external peer whatever its flags, else a length of 4', () => {
    for (const flags of [0x80, 0x40, 0xc0, 0x00])
      expect(verdictOf(with_(MANDATORY, attribute(flags, 9, '0a000001')))).toBe(DISCARD(9));
    expect(verdictOf(with_(MANDATORY, attribute(0x80, 9, '0a0000')), INTERNAL)).toBe(WITHDRAW(9));
    expect(verdictOf(with_(MANDATORY, attribute(0xc0, 9, '0a000001')), INTERNAL)).toBe(WITHDRAW(9));
  });
  test('§7.10 CLUSTER_LIST: discarded from an external peer whatever its flags, else a multiple of 4', () => {
    for (const flags of [0x80, 0x40, 0xc0, 0x00])
      expect(verdictOf(with_(MANDATORY, attribute(flags, 10, '0a000001')))).toBe(DISCARD(10));
    for (const value of ['', '0a0000', '0a00000100'])
      expect(verdictOf(with_(MANDATORY, attribute(0x80, 10, value)), INTERNAL)).toBe(WITHDRAW(10));
  });
  test('§7.11 MP_REACH_NLRI: a next hop of a length that the family cannot have: reset', () => {
    for (const nextHop of ['00', '04 c0000201', `11 ${NEXT_HOP_6}00`, '08 0000000000000000'])
      expect(verdictOf(update(attribute(0x80, 14, `0002 01 ${nextHop} 00 ${PREFIX_6}`) + ORIGIN + AS_PATH, ''))).toBe(
        'reset 3/9 of 14',
      );
  });
});

describe('RFC 4760, several protocols', () => {
  test('§3: without prefixes in the NLRI field NEXT_HOP is ignored', () => {
    expect(verdictOf(update(MP_REACH_6 + ORIGIN + AS_PATH + attribute(0x40, 3, '00000000'), ''))).toBe('accepted');
  });
  test('§3: the reserved octet is ignored', () => {
    expect(
      verdictOf(update(attribute(0x80, 14, `0002 01 10 ${NEXT_HOP_6} ff ${PREFIX_6}`) + ORIGIN + AS_PATH, '')),
    ).toBe('accepted');
  });
  test('§3: IPv4 prefixes with an IPv4 next hop', () => {
    const { mpReach } = readUpdate(
      update(attribute(0x80, 14, `0001 01 04 c0000201 00 ${PREFIX}`) + ORIGIN + AS_PATH, ''),
    ).attributes;
    expect(prefixTexts(mpReach?.nlri)).toEqual(['203.0.113.1/32']);
  });
  test('a next hop that is no usable unicast address: treat-as-withdraw', () => {
    for (const nextHop of ['0'.repeat(32), `${'0'.repeat(31)}1`, `ff02${'0'.repeat(27)}1`]) {
      const bytes = update(attribute(0x80, 14, `0002 01 10 ${nextHop} 00 ${PREFIX_6}`) + ORIGIN + AS_PATH, '');
      expect(verdictOf(bytes)).toBe(WITHDRAW(14));
      expect(prefixTexts(acted(bytes).attributes.mpUnreach)).toEqual(['2001:db8:1::/48']);
    }
  });
});

describe('next hops of IPv6', () => {
  const reach = (afi: string, nextHops: string, prefix = PREFIX_6) => {
    const length = (nextHops.replaceAll(' ', '').length / 2).toString(16).padStart(2, '0');
    return update(attribute(0x80, 14, `${afi} 01 ${length} ${nextHops} 00 ${prefix}`) + ORIGIN + AS_PATH, '');
  };
  const EXTENDED = { extendedNextHop: true };
  test('RFC 2545 §3: a global address, or that and a link-local one', () => {
    expect(readUpdate(reach('0002', NEXT_HOP_6)).attributes.mpReach?.nextHops).toHaveLength(1);
    expect(readUpdate(reach('0002', NEXT_HOP_6 + LINK_LOCAL)).attributes.mpReach?.nextHops).toHaveLength(2);
  });
  test('of routers without a global address: the link-local one alone, twice, or behind ::', () => {
    for (const nextHops of [LINK_LOCAL, LINK_LOCAL + LINK_LOCAL, '0'.repeat(32) + LINK_LOCAL])
      expect(verdictOf(reach('0002', nextHops))).toBe('accepted');
  });
  test('RFC 8950 §3: where agreed, of IPv4 prefixes too', () => {
    for (const nextHops of [NEXT_HOP_6, NEXT_HOP_6 + LINK_LOCAL]) {
      expect(verdictOf(reach('0001', nextHops, PREFIX), EXTENDED)).toBe('accepted');
      expect(verdictOf(reach('0001', nextHops, PREFIX))).toBe('reset 3/9 of 14');
    }
    expect(verdictOf(reach('0001', 'c0000201', PREFIX), EXTENDED), 'IPv4 next hops stay possible').toBe('accepted');
  });
});

describe('RFC 4724 §2, End-of-RIB', () => {
  test('an UPDATE of nothing, or of an empty MP_UNREACH_NLRI', () => {
    expect(endOfRib(readUpdate(update('', '')))).toEqual({ afi: 1, safi: 1 });
    expect(endOfRib(readUpdate(update(attribute(0x80, 15, '0002 01'), '')))).toEqual({ afi: 2, safi: 1 });
    expect(endOfRib(readUpdate(update(attribute(0x80, 15, '0019 46'), '')))).toEqual({ afi: 25, safi: 70 });
  });
  test('nothing else is', () => {
    const others = [
      update(MANDATORY),
      update('', '', OTHER_PREFIX),
      update(MP_UNREACH_6, ''),
      update(MP_REACH_6 + ORIGIN + AS_PATH, ''),
    ];
    for (const bytes of others) expect(endOfRib(readUpdate(bytes))).toBeUndefined();
    expect(endOfRib(readUpdate(update(attribute(0x80, 15, '0002 01') + ORIGIN, '')))).toBeUndefined();
  });
});

describe('RFC 6793, AS numbers of four octets', () => {
  const sequence = (...asns: number[]): PathSegment => ({ kind: 'sequence', asns });
  const old = (path: string, ...more: string[]) => update(ORIGIN + attribute(0x40, 2, path) + NEXT_HOP + more.join(''));
  const as4Path = (value: string) => attribute(0xc0, 17, value);
  const aggregator = (asn: string) => attribute(0xc0, 7, `${asn} c0000201`);
  const as4Aggregator = attribute(0xc0, 18, '000186a0 c0000202');

  test('§4.1: between new speakers AS4_PATH and AS4_AGGREGATOR are discarded', () => {
    expect(verdictOf(update(MANDATORY + as4Path('02 01 000186a0')))).toBe(DISCARD(17));
    expect(verdictOf(update(MANDATORY + as4Aggregator))).toBe(DISCARD(18));
    expect(pathOf(update(MANDATORY))).toEqual([sequence(65_000)]);
  });
  test('§4.2.3: the leading part of AS_PATH before AS4_PATH', () => {
    const path = pathOf(old('02 03 fde8 5ba0 fdea', as4Path('02 02 000186a0 0000fdea')), OLD);
    expect(path).toEqual([sequence(65_000, 100_000, 65_002)]);
  });
  test('§4.2.3: an AS4_PATH that is longer is ignored', () => {
    expect(pathOf(old('02 01 fde8', as4Path('02 02 000186a0 000186a1')), OLD)).toEqual([sequence(65_000)]);
  });
  test('§4.2.3: a set counts as one', () => {
    const path = pathOf(old('01 02 fde8 fde9 02 01 5ba0', as4Path('02 01 000186a0')), OLD);
    expect(path).toEqual([{ kind: 'set', asns: [65_000, 65_001] }, sequence(100_000)]);
  });
  test('§4.2.3: confederation segments at the front stay', () => {
    const path = pathOf(old('03 01 fde9 02 02 fde8 5ba0', as4Path('02 01 000186a0')), { ...OLD, ...INTERNAL });
    expect(path).toEqual([{ kind: 'confed-sequence', asns: [65_001] }, sequence(65_000, 100_000)]);
  });
  test('§4.2.3: AGGREGATOR that is AS_TRANS gives way to AS4_AGGREGATOR', () => {
    const read = readUpdate(
      old('02 01 5ba0', as4Path('02 01 000186a0'), aggregator('5ba0'), as4Aggregator),
      OLD,
    ).attributes;
    expect([read.aggregator?.asn, read.asPath]).toEqual([100_000, [sequence(100_000)]]);
  });
  test('§4.2.3: AGGREGATOR that is another: somebody old aggregated, and both AS4 attributes are ignored', () => {
    const read = readUpdate(
      old('02 01 5ba0', as4Path('02 01 000186a0'), aggregator('fde8'), as4Aggregator),
      OLD,
    ).attributes;
    expect([read.aggregator?.asn, read.asPath]).toEqual([65_000, [sequence(23_456)]]);
  });
  test('§4.2.3: AS4_AGGREGATOR without AGGREGATOR says nothing', () => {
    expect(readUpdate(old('02 01 fde8', as4Aggregator), OLD).attributes.aggregator).toBeUndefined();
  });
  test.each(['', '02 01', '02 02 000186a0', '02 00 000186a0', '07 01 000186a0', '02 01 000186a0 02'])(
    '§6: AS4_PATH %j is malformed: discarded',
    (value) => {
      expect(verdictOf(old('02 01 5ba0', as4Path(value)), OLD)).toBe(DISCARD(17));
      expect(acted(old('02 01 5ba0', as4Path(value)), OLD).attributes.asPath).toEqual([sequence(23_456)]);
    },
  );
  test('§6: AS4_AGGREGATOR that has not 8 octets is discarded', () => {
    expect(verdictOf(old('02 01 5ba0', attribute(0xc0, 18, '5ba0c0000201')), OLD)).toBe(DISCARD(18));
  });
  test('§6: confederation segments of an AS4_PATH are left out', () => {
    expect(pathOf(old('02 01 5ba0', as4Path('03 01 0000fde9 02 01 000186a0')), OLD)).toEqual([sequence(100_000)]);
  });
});

describe('RFC 7607 §2, the AS number 0', () => {
  test('AS_PATH: treat-as-withdraw', () => {
    for (const path of ['02 01 00000000', '02 02 0000fde8 00000000', '01 01 00000000'])
      expect(verdictOf(update(ORIGIN + attribute(0x40, 2, path) + NEXT_HOP))).toBe(WITHDRAW(2));
  });
  test('AGGREGATOR, AS4_PATH, AS4_AGGREGATOR: discarded', () => {
    expect(verdictOf(update(MANDATORY + attribute(0xc0, 7, '00000000c0000201')))).toBe(DISCARD(7));
    const old = ORIGIN + attribute(0x40, 2, '02 01 fde8') + NEXT_HOP;
    expect(verdictOf(update(old + attribute(0xc0, 17, '02 01 00000000')), OLD)).toBe(DISCARD(17));
    expect(verdictOf(update(old + attribute(0xc0, 18, '00000000c0000201')), OLD)).toBe(DISCARD(18));
  });
});

describe('RFC 5065 §5, confederations', () => {
  const path = (value: string) => update(ORIGIN + attribute(0x40, 2, value) + NEXT_HOP);
  const CONFEDERATION = { peerType: 'confederation' } as const;
  test('from outside there is no confederation segment', () => {
    for (const kind of ['03', '04']) expect(verdictOf(path(`${kind} 01 0000fde9`))).toBe(WITHDRAW(2));
    expect(verdictOf(path('02 01 0000fde8 04 01 0000fde9'))).toBe(WITHDRAW(2));
  });
  test('from another member AS the path begins with an AS_CONFED_SEQUENCE', () => {
    expect(verdictOf(path('03 01 0000fde9 02 01 0000fde8'), CONFEDERATION)).toBe('accepted');
    for (const value of ['', '02 01 0000fde8', '04 01 0000fde9'])
      expect(verdictOf(path(value), CONFEDERATION)).toBe(WITHDRAW(2));
  });
  test('from our own member AS as it comes', () => {
    for (const value of ['', '03 01 0000fde9', '02 01 0000fde8'])
      expect(verdictOf(path(value), INTERNAL)).toBe('accepted');
  });
  test('LOCAL_PREF goes from one member AS to the other', () => {
    const bytes = update(ORIGIN + attribute(0x40, 2, '03 01 0000fde9') + NEXT_HOP + attribute(0x40, 5, '00000064'));
    expect(readUpdate(bytes, CONFEDERATION).attributes.localPref).toBe(100);
  });
});

describe('RFC 7911 §3, path identifiers', () => {
  const BOTH = { addPath: { ipv4: true, ipv6: true } };
  test('four octets before every prefix of the family', () => {
    const bytes = update(MANDATORY, `00000007 ${PREFIX} 00000008 ${OTHER_PREFIX}`, `ffffffff ${OTHER_PREFIX}`);
    const { announced, withdrawn } = readUpdate(bytes, BOTH);
    expect([prefixTexts(announced), prefixTexts(withdrawn)]).toEqual([
      ['203.0.113.1/32#7', '10.0.0.0/8#8'],
      ['10.0.0.0/8#4294967295'],
    ]);
  });
  test('one family may have them and the other not', () => {
    const bytes = update(attribute(0x80, 15, `0002 01 00000007 ${PREFIX_6}`), '', OTHER_PREFIX);
    const { withdrawn, attributes } = readUpdate(bytes, { addPath: { ipv4: false, ipv6: true } });
    expect([prefixTexts(withdrawn), prefixTexts(attributes.mpUnreach)]).toEqual([
      ['10.0.0.0/8'],
      ['2001:db8:1::/48#7'],
    ]);
  });
  test('a prefix that is cut off: Invalid Network Field', () => {
    for (const prefixes of ['00000007', '000000', `00000007 ${PREFIX} 00`])
      expect(verdictOf(update(MANDATORY, prefixes), BOTH)).toBe('reset 3/10');
  });
});

describe('every fault of every attribute has a handling and a code', () => {
  const FAULTS: readonly UpdateFault[] = [
    'field-lengths',
    'network-field',
    'overrun',
    'repeated',
    'unrecognized',
    'missing',
    'unwelcome',
    'flags',
    'length',
    'value',
    'next-hop',
  ];
  test.each(FAULTS)('%s', (fault) => {
    for (let type = 0; type <= 255; type++) {
      expect(['reset', 'treat-as-withdraw', 'attribute-discard']).toContain(handlingOf(fault, type));
      expect(subcodeOf(fault, type)).toBeGreaterThan(0);
    }
  });
  test('RFC 7606 §3 e and f: of these no fault of the value resets a session', () => {
    for (const type of [1, 2, 3, 4, 5]) expect(handlingOf('value', type)).toBe('treat-as-withdraw');
    for (const type of [6, 7]) expect(handlingOf('value', type)).toBe('attribute-discard');
  });
});
