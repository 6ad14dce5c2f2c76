import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compareIpAddress,
  formatIpAddress,
  type IpAddress,
  ipAddress,
  ipAddressFromBytes,
  ipAddressToBytes,
  isLinkLocalIpv6,
  lastValueOf,
  parseIpAddress,
} from '../../src/base/ip-address.ts';

const anyAddress: fc.Arbitrary<IpAddress> = fc.oneof(
  fc.bigInt(0n, lastValueOf('ipv4')).map((value) => ipAddress('ipv4', value)),
  fc.bigInt(0n, lastValueOf('ipv6')).map((value) => ipAddress('ipv6', value)),
);

/** What is read, and how it is written back (RFC 5952). */
const both: readonly (readonly [string, string, bigint])[] = [
  ['0.0.0.0', '0.0.0.0', 0n],
  ['192.0.2.1', '192.0.2.1', 0xc0000201n],
  ['255.255.255.255', '255.255.255.255', 0xffffffffn],
  ['::', '::', 0n],
  ['::1', '::1', 1n],
  ['2001:DB8::1', '2001:db8::1', 0x20010db8000000000000000000000001n],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1', 0x20010db8000000000001000000000001n],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1', 0x20010db8000000010001000100010001n],
  ['1::', '1::', 1n << 112n],
  ['1:2:3:4:5:6:7:0', '1:2:3:4:5:6:7:0', 0x00010002000300040005000600070000n],
];

test.each(both)('%s is read and written as %s', (text, written, value) => {
  const parsed = parseIpAddress(text);
  expect(parsed).toMatchObject({ ok: true, value: { value } });
  if (parsed.ok) expect(formatIpAddress(parsed.value)).toBe(written);
});

test.each([
  ['', 'not an IP address'],
  ['10.0.0', 'not an IP address'],
  ['127.1', 'not an IP address'],
  ['0x7f.0.0.1', 'not an IP address'],
  ['192.0.2.01', 'leading zero'],
  ['192.0.2.256', 'above 255'],
  ['10.0.0.5/24', 'prefix length'],
  ['fe80::1%eth0', 'zone identifier'],
  ['::1%', 'zone identifier'],
  ['::ffff:192.0.2.1', 'IPv4-mapped'],
  ['::ffff:c000:201', 'IPv4-mapped'],
  ['1:2:3', 'not an IPv6 address'],
  ['1::2::3', 'not an IPv6 address'],
  [' 192.0.2.1', 'not an IP address'],
  ['192.0.2.1\n', 'not an IP address'],
])('%j is refused: %s', (text, why) => {
  const parsed = parseIpAddress(text);
  expect(parsed.ok).toBe(false);
  if (!parsed.ok) expect(parsed.error).toContain(why);
});

describe('properties', () => {
  test('what is written is read back, and Node agrees that it is IPv6', () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        const text = formatIpAddress(address);
        if (address.family === 'ipv6') expect(isIPv6(text)).toBe(true);
        // IPv4-mapped addresses are written, but nobody may write them to us.
        fc.pre(!(address.family === 'ipv6' && address.value >> 32n === 0xffffn));
        expect(parseIpAddress(text)).toEqual({ ok: true, value: address });
      }),
    );
  });
  test('bytes there and back', () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        expect(ipAddressFromBytes(ipAddressToBytes(address))).toEqual(address);
      }),
    );
  });
  test('any text gives a value or a reason', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const parsed = parseIpAddress(text);
        expect(parsed.ok || parsed.error.length > 0).toBe(true);
      }),
    );
  });
  test('the order is total: IPv4 first, then by value', () => {
    fc.assert(
      fc.property(anyAddress, anyAddress, (a, b) => {
        expect(Math.sign(compareIpAddress(a, b))).toBe(-Math.sign(compareIpAddress(b, a)) + 0);
      }),
    );
    expect(compareIpAddress(ipAddress('ipv4', 9n), ipAddress('ipv6', 1n))).toBe(-1);
  });
});

test('RFC 4291 §2.5.6: link-local is fe80::/10', () => {
  const isLinkLocal = (text: string): boolean => {
    const parsed = parseIpAddress(text);
    return parsed.ok && isLinkLocalIpv6(parsed.value);
  };
  expect(['fe80::1', 'febf::1', 'fec0::1', '2001:db8::1', '169.254.0.1'].map(isLinkLocal)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});
