import { describe, expect, it } from 'vitest';
import { parseIpAddress } from '../../src/base/ip-address.ts';
import { type OutboundSession, outletFor, pathAttributes } from '../../src/bgp/path-attributes.ts';
import { type LocalAddresses, nextHopFor, type RouteAttributes } from '../../src/bgp/route.ts';
import type { BgpRole } from '../../src/bgp/session-config.ts';

const ip = (text: string) => {
  const parsed = parseIpAddress(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};
const plain: RouteAttributes = { localPref: undefined, communities: [], linkBandwidth: undefined };
const session = (more: Partial<OutboundSession> = {}): OutboundSession => ({
  localAsn: 64_512,
  peerType: 'external',
  role: undefined,
  as4: true,
  extendedMessage: false,
  enhancedRouteRefresh: false,
  families: [],
  ...more,
});
const internal = session({ peerType: 'internal' });
const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');
const encoded = (facts: OutboundSession, attributes = plain): string =>
  hex(outletFor('ipv4', [ip('192.0.2.1')], facts).encode(attributes)?.others);

describe('path attributes', () => {
  it('RFC 4271 §5.1.1: the ORIGIN is IGP, as in MetalLB', () => {
    expect(pathAttributes(plain, session()).origin).toBe('igp');
  });

  it('RFC 4271 §5.1.2: AS_PATH has our AS for external peers, and is empty for internal ones', () => {
    expect(pathAttributes(plain, session()).asPath).toEqual([{ kind: 'sequence', asns: [64_512] }]);
    expect(pathAttributes(plain, internal).asPath).toEqual([]);
  });

  it('RFC 4271 §5.1.5: LOCAL_PREF to internal peers only, 100 where it is not given', () => {
    expect(pathAttributes({ ...plain, localPref: 200 }, session()).localPref).toBeUndefined();
    expect(pathAttributes({ ...plain, localPref: 200 }, internal).localPref).toBe(200);
    expect(pathAttributes({ ...plain, localPref: 0 }, internal).localPref).toBe(0);
    expect(pathAttributes(plain, internal).localPref).toBe(100);
  });

  it('RFC 1997, RFC 8092: communities by their kind, absent where there are none', () => {
    const large = { kind: 'large', global: 64_512, local1: 1, local2: 2 } as const;
    const said = pathAttributes(
      { ...plain, communities: [{ kind: 'standard', value: 0xfc00_0001 }, large] },
      session(),
    );
    expect(said.communities).toEqual([0xfc00_0001]);
    expect(said.largeCommunities).toEqual([large]);
    expect(pathAttributes(plain, session())).toMatchObject({ communities: undefined, largeCommunities: undefined });
  });

  it.each<[string, Partial<OutboundSession>, bigint]>([
    ['transitive to an external peer', {}, 0x0004_fc00_4040_0000n],
    ['not transitive to an internal one', { peerType: 'internal' }, 0x4004_fc00_4040_0000n],
    ['AS_TRANS where the AS needs four octets', { localAsn: 70_000 }, 0x0004_5ba0_4040_0000n],
  ])('RFC 10005 §2: link bandwidth of three endpoints: %s', (_name, more, community) => {
    const said = pathAttributes({ ...plain, linkBandwidth: 3 }, session(more));
    expect(said.extendedCommunities).toEqual([community]);
  });

  it('no weight, no link bandwidth', () => {
    expect(pathAttributes(plain, session()).extendedCommunities).toBeUndefined();
  });

  it.each<[BgpRole | undefined, boolean]>([
    ['provider', true],
    ['peer', true],
    ['rs-server', true],
    ['customer', false],
    ['rs-client', false],
    [undefined, false],
  ])('RFC 9234 §5: Only to Customer from a %s: %s', (role, told) => {
    const otc = { type: 35, flags: 0xc0, value: Uint8Array.of(0, 0, 0xfc, 0) };
    expect(pathAttributes(plain, session({ role })).unknown).toEqual(told ? [otc] : undefined);
    expect(pathAttributes(plain, session({ role, peerType: 'internal' })).unknown).toBeUndefined();
  });
});

describe('path attributes on the wire', () => {
  it('RFC 4271 §4.3: in ascending order of their type', () => {
    expect(encoded(session())).toBe(`40010100${'40020602010000fc00'}${'400304c0000201'}`);
    expect(encoded(internal, { ...plain, localPref: 1 })).toBe(
      `40010100${'400200'}${'400304c0000201'}${'40050400000001'}`,
    );
  });

  it('RFC 6793 §4.2.2: AS_TRANS and AS4_PATH for a peer that knows two octets only', () => {
    const old = session({ as4: false, localAsn: 70_000 });
    expect(encoded(old)).toBe(
      `40010100${'4002040201 5ba0'.replace(' ', '')}${'400304c0000201'}${'c01106020100011170'}`,
    );
    expect(encoded(session({ as4: false }))).toBe(`40010100${'40020402 01fc00'.replace(' ', '')}${'400304c0000201'}`);
  });

  it.each<[string, 'ipv4' | 'ipv6', string[], string]>([
    [
      'RFC 4760 §3, RFC 2545 §3: a global next hop',
      'ipv6',
      ['2001:db8::1'],
      `00020110${'20010db8000000000000000000000001'}00`,
    ],
    [
      'RFC 2545 §3: and the link-local one behind it',
      'ipv6',
      ['2001:db8::1', 'fe80::1'],
      `00020120${'20010db8000000000000000000000001'}${'fe800000000000000000000000000001'}00`,
    ],
    [
      'RFC 8950 §3: IPv4 prefixes with an IPv6 next hop',
      'ipv4',
      ['fe80::1', 'fe80::1'],
      `00010120${'fe800000000000000000000000000001'.repeat(2)}00`,
    ],
  ])('%s', (_name, family, nextHop, reach) => {
    const outlet = outletFor(family, nextHop.map(ip), session());
    expect(outlet.multiprotocol).toBe(true);
    expect(hex(outlet.encode(plain)?.reach)).toBe(reach);
    expect(hex(outlet.encode(plain)?.others)).toBe(`40010100${'40020602010000fc00'}`);
  });

  it('IPv4 with an IPv4 next hop needs no MP_REACH_NLRI; IPv6 is withdrawn in MP_UNREACH_NLRI in any case', () => {
    const outlet = outletFor('ipv4', [ip('192.0.2.1')], session());
    expect(outlet.multiprotocol).toBe(false);
    expect(outlet.encode(plain)?.reach).toBeUndefined();
    expect(outletFor('ipv6', undefined, session()).multiprotocol).toBe(true);
    expect(outletFor('ipv6', undefined, session()).encode(plain)).toBeUndefined();
  });
});

describe('next hops', () => {
  const over = (
    transport: string,
    more: Partial<Record<'ipv4' | 'ipv6' | 'linkLocal', string>> = {},
  ): LocalAddresses => ({
    transport: ip(transport),
    ipv4: more.ipv4 === undefined ? undefined : ip(more.ipv4),
    ipv6: more.ipv6 === undefined ? undefined : ip(more.ipv6),
    linkLocal: more.linkLocal === undefined ? undefined : ip(more.linkLocal),
  });
  const all = { ipv4: '192.0.2.9', ipv6: '2001:db8::9', linkLocal: 'fe80::9' };

  it.each<[string, 'ipv4' | 'ipv6', LocalAddresses, boolean, string[] | undefined]>([
    ['RFC 4271 §5.1.3: IPv4 over IPv4: our end', 'ipv4', over('192.0.2.1', all), false, ['192.0.2.1']],
    ['the same, though RFC 8950 is agreed', 'ipv4', over('192.0.2.1', all), true, ['192.0.2.1']],
    ['RFC 2545 §3: IPv6 over IPv6 on a link', 'ipv6', over('2001:db8::1', all), false, ['2001:db8::1', 'fe80::9']],
    ['RFC 2545 §3: IPv6 over several hops', 'ipv6', over('2001:db8::1'), false, ['2001:db8::1']],
    ['RFC 8950: IPv4 over IPv6, agreed', 'ipv4', over('2001:db8::1', all), true, ['2001:db8::1', 'fe80::9']],
    ['IPv4 over IPv6, not agreed: the interface', 'ipv4', over('2001:db8::1', all), false, ['192.0.2.9']],
    ['IPv4 over IPv6, not agreed, no IPv4 here', 'ipv4', over('2001:db8::1'), false, undefined],
    ['IPv6 over IPv4: the interface', 'ipv6', over('192.0.2.1', all), false, ['2001:db8::9', 'fe80::9']],
    ['IPv6 over IPv4 over several hops', 'ipv6', over('192.0.2.1', { ipv6: '2001:db8::9' }), false, ['2001:db8::9']],
    ['IPv6 over IPv4, no IPv6 here', 'ipv6', over('192.0.2.1', { ipv4: '192.0.2.1' }), false, undefined],
    [
      'unnumbered: the global address of the interface first',
      'ipv6',
      over('fe80::1', all),
      true,
      ['2001:db8::9', 'fe80::1'],
    ],
    [
      'unnumbered without a global address',
      'ipv6',
      over('fe80::1', { linkLocal: 'fe80::1' }),
      true,
      ['fe80::1', 'fe80::1'],
    ],
    ['RFC 8950: unnumbered IPv4', 'ipv4', over('fe80::1', { linkLocal: 'fe80::1' }), true, ['fe80::1', 'fe80::1']],
  ])('%s', (_name, family, local, extendedNextHop, expected) => {
    expect(nextHopFor(family, local, extendedNextHop)).toEqual(expected?.map(ip));
  });
});
