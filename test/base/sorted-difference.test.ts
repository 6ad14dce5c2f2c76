import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareNames } from '../../src/base/name-order.ts';
import { derived, sortedDifference } from '../../src/base/sorted-difference.ts';
import { SortedObjects } from '../../src/cluster/sorted-objects.ts';

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

  it('property: of lists that were made of each other it is the same without a walk', () => {
    const step = fc.array(fc.tuple(named, fc.constantFrom('put', 'remove')), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), fc.nat(8), (all, from) => {
        const objects = new SortedObjects<{ readonly namespace: string; readonly name: string }>();
        const versions = [objects.list()];
        for (const changes of all) {
          for (const [object, what] of changes)
            objects.put(`${object.namespace}/${object.name}`, what === 'put' ? { ...object } : undefined);
          versions.push(objects.list());
        }
        const [before, now] = [versions[Math.min(from, versions.length - 1)]!, versions.at(-1)!];
        const { gone, come } = sortedDifference(before, now);
        expect(gone.toSorted(compareNames)).toEqual(before.filter((object) => !now.includes(object)));
        expect(come.toSorted(compareNames)).toEqual(now.filter((object) => !before.includes(object)));
      }),
    );
  });

  it('takes what it was told of how a list was made, and looks at neither', () => {
    const unreadable = new Proxy<never[]>([], {
      get: () => {
        throw new Error('somebody looks at it');
      },
    });
    const object = { namespace: 'a', name: 'x' };
    const before: readonly (typeof object)[] = [object];
    derived(before, unreadable, { gone: [object], come: [] });
    expect(sortedDifference(before, unreadable)).toEqual({ gone: [object], come: [] });
    expect(() => sortedDifference([object], unreadable)).toThrow('somebody looks at it');
  });
});
