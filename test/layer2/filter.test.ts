import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ipAddress } from '../../src/base/ip-address.ts';
import type { MacAddress } from '../../src/base/mac-address.ts';
import { coverOf, covers, coverWith, mergedTo } from '../../src/layer2/address-cover.ts';
import { encodeArp } from '../../src/layer2/wire/arp.ts';
import { arpFilter, FILTER_LIMIT, ndpFilter, SPAN_LIMIT } from '../../src/layer2/wire/filter.ts';
import { encodeNdp } from '../../src/layer2/wire/ndp.ts';
import { faultOfProgram, runProgram } from '../support/bpf-interpreter.ts';

const OURS = '02:00:00:00:00:01' as MacAddress;
const THEIRS = '02:00:00:00:00:02' as MacAddress;

const arp = (sender: bigint, target: bigint): Uint8Array =>
  encodeArp({
    source: THEIRS,
    destination: OURS,
    operation: 1,
    senderMac: THEIRS,
    senderIp: ipAddress('ipv4', sender),
    targetMac: OURS,
    targetIp: ipAddress('ipv4', target),
  });
const solicitation = (target: bigint, hopLimit = 255): Uint8Array =>
  encodeNdp({
    kind: 'neighbor-solicitation',
    sourceMac: THEIRS,
    destinationMac: OURS,
    source: ipAddress('ipv6', 1n),
    destination: ipAddress('ipv6', target),
    hopLimit,
    target: ipAddress('ipv6', target),
    sourceLinkLayer: THEIRS,
  });

/** Addresses that lie close together as often as far apart, so that spans, gaps and word borders all occur. */
function clustered(bits: number): fc.Arbitrary<bigint> {
  const last = (1n << BigInt(bits)) - 1n;
  return fc.oneof(
    fc.bigInt({ min: 0n, max: last }),
    fc.bigInt({ min: 0n, max: 40n }),
    fc.bigInt({ min: last - 40n, max: last }),
    fc.bigInt({ min: 0n, max: 40n }).map((n) => (last >> 1n) - 20n + n),
    fc.bigInt({ min: 0n, max: 40n }).map((n) => ((1n << 32n) - 20n + n) & last),
    fc.bigInt({ min: 0n, max: 40n }).map((n) => ((1n << 96n) * 5n - 20n + n) & last),
  );
}

describe('the filter in the kernel', () => {
  test('ARP passes exactly when target or sender is ours, as long as the spans fit', () => {
    fc.assert(
      fc.property(fc.array(clustered(32), { maxLength: 60 }), clustered(32), clustered(32), (ours, sender, target) => {
        const spans = coverOf(ours, SPAN_LIMIT);
        const program = arpFilter(spans);
        expect(faultOfProgram(program)).toBeUndefined();
        for (const [from, to] of [[sender, target], ...ours.map((one) => [one, target])] as [bigint, bigint][]) {
          const frame = arp(from, to);
          expect(runProgram(program, frame)).toBe(covers(spans, from) || covers(spans, to) ? frame.length : 0);
        }
      }),
    );
  });

  test('NDP passes whatever is ours, and exactly that while the program fits', () => {
    fc.assert(
      fc.property(fc.array(clustered(128), { maxLength: 60 }), clustered(128), (ours, other) => {
        const program = ndpFilter(coverOf(ours, SPAN_LIMIT));
        expect(faultOfProgram(program)).toBeUndefined();
        expect(program.length).toBeLessThanOrEqual(FILTER_LIMIT);
        for (const target of ours) expect(runProgram(program, solicitation(target))).toBeGreaterThan(0);
        if (ours.length <= 10)
          expect(runProgram(program, solicitation(other)) > 0).toBe(ours.some((one) => one === other));
      }),
    );
  });

  test('spans that end in the middle of words, and whole words between them', () => {
    const first = (0xfd00n << 112n) | 0xfffffff0n;
    const last = (0xfd00n << 112n) | (3n << 64n) | 5n;
    const program = ndpFilter([{ first, last }]);
    for (const [target, passes] of [
      [first - 1n, false],
      [first, true],
      [first + 0x20n, true],
      [(0xfd00n << 112n) | (2n << 64n) | 77n, true],
      [last, true],
      [last + 1n, false],
    ] as const)
      expect(runProgram(program, solicitation(target)) > 0, target.toString(16)).toBe(passes);
  });

  test('10,000 scattered addresses stay below the limit of length, and none is lost', () => {
    const ours4 = Array.from({ length: 10_000 }, (_, i) => BigInt((i * 429_497) % 2 ** 32));
    const ours6 = Array.from({ length: 10_000 }, (_, i) => (BigInt(i) * 0x1234567n) << BigInt(i % 90));
    const arpProgram = arpFilter(coverOf(ours4, SPAN_LIMIT));
    const ndpProgram = ndpFilter(coverOf(ours6, SPAN_LIMIT));
    expect(arpProgram.length).toBeLessThanOrEqual(FILTER_LIMIT);
    expect(ndpProgram.length).toBeLessThanOrEqual(FILTER_LIMIT);
    for (const one of ours4) expect(runProgram(arpProgram, arp(7n, one))).toBe(42);
    for (const one of ours6) expect(runProgram(ndpProgram, solicitation(one))).toBeGreaterThan(0);
  });

  test('one pool becomes one span: its neighbours do not pass', () => {
    const pool = Array.from({ length: 256 }, (_, i) => 0xcb007100n + BigInt(i));
    const program = arpFilter(coverOf(pool, SPAN_LIMIT));
    expect(runProgram(program, arp(1n, 0xcb0070ffn))).toBe(0);
    expect(runProgram(program, arp(1n, 0xcb007200n))).toBe(0);
    expect(runProgram(program, arp(1n, 0xcb007100n))).toBe(42);
  });

  test('other frames do not pass: VLAN tag, another protocol, hop limit 254, another ICMPv6 type, no addresses at all', () => {
    const arpProgram = arpFilter(coverOf([9n], SPAN_LIMIT));
    const ndpProgram = ndpFilter(coverOf([9n], SPAN_LIMIT));
    const tagged = arp(1n, 9n);
    tagged.set([0x81, 0x00], 12);
    expect(runProgram(arpProgram, tagged)).toBe(0);
    const novell = arp(1n, 9n);
    novell.set([0x81, 0x37], 16);
    expect(runProgram(arpProgram, novell)).toBe(0);
    expect(runProgram(arpProgram, arp(1n, 9n).subarray(0, 41))).toBe(0);
    expect(runProgram(ndpProgram, solicitation(9n, 254))).toBe(0);
    const echo = solicitation(9n);
    echo[54] = 128;
    expect(runProgram(ndpProgram, echo)).toBe(0);
    expect(runProgram(arpFilter([]), arp(1n, 9n))).toBe(0);
    expect(runProgram(ndpFilter([]), solicitation(9n))).toBe(0);
  });
});

describe('the cover of addresses', () => {
  test('merging closes the narrowest gaps first', () => {
    const spans = coverOf([1n, 2n, 5n, 100n, 102n], 10);
    expect(spans).toEqual([
      { first: 1n, last: 2n },
      { first: 5n, last: 5n },
      { first: 100n, last: 100n },
      { first: 102n, last: 102n },
    ]);
    expect(mergedTo(spans, 2)).toEqual([
      { first: 1n, last: 5n },
      { first: 100n, last: 102n },
    ]);
  });

  test('adding one by one gives the same as all at once, while nothing was merged', () => {
    fc.assert(
      fc.property(fc.array(clustered(32), { maxLength: 40 }), (values) => {
        let spans = coverOf([], 64);
        for (const value of values) spans = coverWith(spans, value, 64);
        expect(spans).toEqual(coverOf(values, 64));
      }),
    );
  });

  test('whatever the limit, every value stays covered and the spans stay few', () => {
    fc.assert(
      fc.property(fc.array(clustered(128), { minLength: 1 }), fc.integer({ min: 1, max: 8 }), (values, limit) => {
        let grown = coverOf([], limit);
        for (const value of values) grown = coverWith(grown, value, limit);
        for (const spans of [grown, coverOf(values, limit)]) {
          expect(spans.length).toBeLessThanOrEqual(limit);
          for (const value of values) expect(covers(spans, value)).toBe(true);
        }
      }),
    );
  });
});
