import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type IpFamily, ipAddress } from '../../src/base/ip-address.ts';
import { formatPrefix, type Prefix, prefixOf } from '../../src/base/prefix.ts';
import { FamilyIndex, PrefixIndex } from '../../src/bgp/prefix-index.ts';
import { nlriOf } from '../../src/bgp/wire/nlri.ts';

/** Few enough that they meet again, of every length. */
const prefixes = (family: IpFamily): fc.Arbitrary<Prefix> =>
  fc
    .tuple(
      fc.constantFrom(0n, 1n, 5n, 255n, 256n, 0x0a00_0001n, 0xffff_ffffn),
      fc.constantFrom(0, 1, 7, 8, 9, 24, 31, 32),
    )
    .map(([value, length]) => prefixOf(ipAddress(family, family === 'ipv4' ? value : value << 90n), length));

const found = (index: FamilyIndex, prefix: Prefix): number | undefined => {
  const ids = new Int32Array(1);
  return index.find([prefix], 0, ids) === 1 ? ids[0] : undefined;
};

const octetsOf = (index: FamilyIndex, id: number): number[] => {
  const target = new Uint8Array(40).fill(0xee);
  const end = 3 + index.sizeOf(id);
  expect(index.write(Int32Array.of(id), 1, target, 3, end - 1)).toEqual({ end: 3, count: 0 });
  expect(index.write(Int32Array.of(id), 1, target, 3, end)).toEqual({ end, count: 1 });
  expect([...target.subarray(end)].every((octet) => octet === 0xee)).toBe(true);
  return [...target.subarray(3, end)];
};

describe.each<IpFamily>(['ipv4', 'ipv6'])('the index of %s prefixes', (family) => {
  it('RFC 4271 §4.3: keeps a prefix as its length and as many octets as that needs', () => {
    fc.assert(
      fc.property(prefixes(family), (prefix) => {
        const index = new PrefixIndex()[family];
        expect(octetsOf(index, index.hold(prefix))).toEqual([...nlriOf(family, [prefix]).bytes]);
      }),
    );
  });

  it('is a table with holders, whatever comes and goes', () => {
    const step = fc.record({ prefix: prefixes(family), hold: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const index = new FamilyIndex(family);
        const model = new Map<string, { readonly prefix: Prefix; readonly id: number; holders: number }>();
        for (const { prefix, hold } of steps) {
          const key = formatPrefix(prefix);
          const known = model.get(key);
          expect(found(index, prefix)).toBe(known?.id);
          if (hold) {
            const id = index.hold(prefix);
            if (known === undefined) model.set(key, { prefix, id, holders: 1 });
            else known.holders++;
          } else if (known !== undefined) {
            index.release(known.id);
            if (--known.holders === 0) model.delete(key);
          }
        }
        const ids = new Set<number>();
        for (const { prefix, id } of model.values()) {
          expect(found(index, prefix)).toBe(id);
          expect(octetsOf(index, id)).toEqual([...nlriOf(family, [prefix]).bytes]);
          ids.add(id);
        }
        expect(ids.size).toBe(model.size);
      }),
    );
  });

  it('uses numbers again: they stay as small as there are prefixes', () => {
    const index = new FamilyIndex(family);
    let highest = 0;
    for (let round = 0; round < 40; round++) {
      const ids = Array.from({ length: 300 }, (_, i) =>
        index.hold(prefixOf(ipAddress(family, BigInt(round * 1000 + i)), family === 'ipv4' ? 32 : 128)),
      );
      highest = Math.max(highest, ...ids);
      for (const id of ids) index.release(id);
    }
    // A thousand that nobody holds are kept, in case that they come back.
    expect(highest).toBeLessThan(2000);
  });
});
