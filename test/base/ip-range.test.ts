import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lastValueOf, parseIpAddress } from '../../src/base/ip-address.ts';
import {
  formatIpRange,
  type IpRange,
  parseIpRange,
  prefixesOfRange,
  rangeContains,
  rangeOfPrefix,
  rangeSize,
  rangesOverlap,
} from '../../src/base/ip-range.ts';
import { formatPrefix, parsePrefix, prefixCovers } from '../../src/base/prefix.ts';

const range = (text: string): IpRange => {
  const parsed = parseIpRange(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};

test.each([
  ['192.0.2.0/24', '192.0.2.0/24', 256n],
  ['10.20.30.40/24', '10.20.30.0/24', 256n],
  ['192.0.2.10-192.0.2.20', '192.0.2.10-192.0.2.20', 11n],
  ['192.0.2.10 - 192.0.2.11', '192.0.2.10/31', 2n],
  ['192.0.2.7-192.0.2.7', '192.0.2.7/32', 1n],
  ['0.0.0.0/0', '0.0.0.0/0', 2n ** 32n],
  ['2001:db8::/64', '2001:db8::/64', 2n ** 64n],
  ['::/0', '::/0', 2n ** 128n],
])('%s is %s with %s addresses', (text, written, size) => {
  expect(formatIpRange(range(text))).toBe(written);
  expect(rangeSize(range(text))).toBe(size);
});

test.each([
  ['192.0.2.1', 'no prefix length'],
  ['192.0.2.0/33', '0 to 32'],
  ['2001:db8::/129', '0 to 128'],
  ['192.0.2.0/', 'not a prefix length'],
  ['192.0.2.0/024', 'not a prefix length'],
  ['192.0.2.20-192.0.2.10', 'ends before it starts'],
  ['192.0.2.1-2001:db8::1', 'mixes'],
  ['1.2.3.4-5-6', 'more than one hyphen'],
  ['100.200.300.400/24', 'above 255'],
  ['::ffff:10.0.0.0/120', 'IPv4-mapped'],
])('%s is refused: %s', (text, why) => {
  const parsed = parseIpRange(text);
  expect(parsed.ok).toBe(false);
  if (!parsed.ok) expect(parsed.error).toContain(why);
});

test.each([
  ['40.0.0.150-40.0.0.200', '150/31 152/29 160/27 192/29 200/32'],
  ['40.0.0.210-40.0.0.240', '210/31 212/30 216/29 224/28 240/32'],
  ['3.3.3.2-3.3.3.254', '2/31 4/30 8/29 16/28 32/27 64/26 128/26 192/27 224/28 240/29 248/30 252/31 254/32'],
])('the fewest prefixes of %s, as MetalLB summarises it', (text, expected) => {
  const short = prefixesOfRange(range(text)).map((prefix) => formatPrefix(prefix).split('.')[3]);
  expect(short.join(' ')).toBe(expected);
});

test('the prefixes of a range cover it exactly, and in order', () => {
  const ends = fc.oneof(
    fc.tuple(fc.constant('ipv4' as const), fc.bigInt(0n, lastValueOf('ipv4')), fc.bigInt(0n, lastValueOf('ipv4'))),
    fc.tuple(fc.constant('ipv6' as const), fc.bigInt(0n, lastValueOf('ipv6')), fc.bigInt(0n, lastValueOf('ipv6'))),
  );
  fc.assert(
    fc.property(ends, ([family, a, b]) => {
      const whole = { family, first: a < b ? a : b, last: a < b ? b : a };
      let next = whole.first;
      for (const prefix of prefixesOfRange(whole)) {
        const part = rangeOfPrefix(prefix);
        expect(part.first).toBe(next);
        next = part.last + 1n;
      }
      expect(next).toBe(whole.last + 1n);
    }),
  );
});

test('overlap and containment', () => {
  expect(rangesOverlap(range('10.0.0.0/8'), range('10.1.0.0/16'))).toBe(true);
  expect(rangesOverlap(range('10.0.0.0/24'), range('10.0.1.0/24'))).toBe(false);
  expect(rangesOverlap(range('0.0.0.0/0'), range('::/0'))).toBe(false);
  const inside = parseIpAddress('10.0.0.255');
  expect(inside.ok && rangeContains(range('10.0.0.0/24'), inside.value)).toBe(true);
  const prefix = parsePrefix('10.0.0.0/25');
  expect(prefix.ok && inside.ok && prefixCovers(prefix.value, inside.value)).toBe(false);
});
