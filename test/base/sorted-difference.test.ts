import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareNames } from '../../src/base/name-order.ts';
import { sortedDifference } from '../../src/base/sorted-difference.ts';

const named = fc.record({ namespace: fc.constantFrom('a', 'b'), name: fc.constantFrom('x', 'y', 'z') });
/** Each name once, some of them the same objects in both lists, some copies. */
const lists = fc
  .tuple(
    fc.uniqueArray(named, { comparator: (a, b) => compareNames(a, b) === 0 }),
    fc.array(fc.constantFrom('before', 'now', 'both', 'copy')),
  )
  .map(([objects, where]) => {
    const sorted = objects.toSorted(compareNames);
    const placed = sorted.map((object, i) => ({ object, place: where[i] ?? 'both' }));
    return {
      before: placed.filter(({ place }) => place !== 'now').map(({ object }) => object),
      now: placed
        .filter(({ place }) => place !== 'before')
        .map(({ object, place }) => (place === 'copy' ? { ...object } : object)),
    };
  });

describe('the difference of two sorted lists', () => {
  it('property: is what is in one of them only', () => {
    fc.assert(
      fc.property(lists, ({ before, now }) => {
        const { gone, come } = sortedDifference(before, now);
        expect(gone).toEqual(before.filter((object) => !now.includes(object)));
        expect(come).toEqual(now.filter((object) => !before.includes(object)));
      }),
    );
  });
});
