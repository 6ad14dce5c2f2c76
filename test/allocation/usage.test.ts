import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countAddresses, findSegment, isBuggy, segmentsOf } from '../../src/allocation/segments.ts';
import { has, pool, Rig, require, reserved, wants } from './rig.ts';

describe('usage', () => {
  test('exact, by family, reserved and buggy addresses in none of the counts', () => {
    const rig = new Rig(
      pool('b', ['10.0.0.0/8', '2001:db8::/32'], {
        avoidBuggyIPs: true,
        reserved: [reserved('10.0.0.0/24'), reserved('10.1.0.1', 'shop/web')],
      }),
      pool('a', ['192.0.2.0/30']),
    );
    rig.set({ web: {}, x: { wantedPool: 'b' }, y: { ...require, wantedPool: 'b' }, z: {} });
    expect(rig.at('web')).toBe('10.1.0.1');
    const total4 = 65_535n * 254n - 1n;
    expect(rig.allocation.usage()).toEqual([
      {
        name: 'a',
        total: 4n,
        used: 1n,
        available: 3n,
        ipv4: { total: 4n, used: 1n, available: 3n },
        ipv6: { total: 0n, used: 0n, available: 0n },
      },
      {
        name: 'b',
        total: total4 + 2n ** 96n,
        used: 3n,
        available: total4 + 2n ** 96n - 3n,
        ipv4: { total: total4, used: 2n, available: total4 - 2n },
        ipv6: { total: 2n ** 96n, used: 1n, available: 2n ** 96n - 1n },
      },
    ]);
  });

  test('addresses that are kept against the rules are in no count, before and after a reload', () => {
    const rig = new Rig(pool('p', ['192.0.2.0/24'], { avoidBuggyIPs: true }));
    rig.set({ a: has('192.0.2.255'), b: wants('192.0.2.5') });
    for (let i = 0; i < 2; i++) {
      expect(rig.allocation.usage()[0]).toMatchObject({ total: 254n, used: 1n, available: 253n });
      rig.configure(pool('p', ['192.0.2.0/24'], { avoidBuggyIPs: true, labels: { n: `${i}` } }));
    }
    expect(rig.remove('a', 'b').allocation.usage()[0]).toMatchObject({ used: 0n });
  });
});

describe('segments', () => {
  const ranges = fc.array(
    fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 40 })).map(([first, length]) => ({
      family: 'ipv4' as const,
      first: BigInt(first),
      last: BigInt(first + length),
    })),
    { maxLength: 8 },
  );
  const setOf = (list: readonly { readonly first: bigint; readonly last: bigint }[]): Set<number> => {
    const set = new Set<number>();
    for (const { first, last } of list) for (let value = Number(first); value <= Number(last); value++) set.add(value);
    return set;
  };

  test('cutting, searching and counting agree with plain sets', () => {
    fc.assert(
      fc.property(ranges, ranges, (given, cuts) => {
        const without = setOf(cuts);
        const expected = [...setOf(given)].filter((value) => !without.has(value)).sort((a, b) => a - b);
        const segments = segmentsOf(given, cuts);
        const listed: number[] = [];
        for (const { first, last } of segments)
          for (let value = first; value <= last; value++) listed.push(Number(value));
        expect(listed).toEqual(expected);
        expect(countAddresses(segments, false)).toBe(BigInt(expected.length));
        expect(countAddresses(segments, true)).toBe(BigInt(expected.filter((value) => !isBuggy(BigInt(value))).length));
        for (let value = 0; value < 350; value++)
          expect(findSegment(segments, BigInt(value)) >= 0).toBe(expected.includes(value));
      }),
    );
  });
});
