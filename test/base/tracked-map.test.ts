import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Follower, TrackedMap } from '../../src/base/tracked-map.ts';

describe('a map that knows what changed', () => {
  it('tells each follower what it has not seen yet', () => {
    const map = new TrackedMap<string, number>([['a', 1]]);
    const [early, late] = [new Follower<string, number>(), new Follower<string, number>()];
    expect([...early.changed(map)]).toEqual(['a']);
    early.seen();
    map.set('b', 2);
    expect([...early.changed(map)]).toEqual(['b']);
    expect([...late.changed(map)]).toEqual(['a', 'b']);
  });

  it('touches nothing where the value stays the same', () => {
    const map = new TrackedMap<string, number | undefined>([['a', 1]]);
    const follower = new Follower<string, number | undefined>();
    follower.changed(map);
    follower.seen();
    map.set('a', 1);
    map.delete('b');
    expect([...follower.changed(map)]).toEqual([]);
    map.set('b', undefined);
    expect([...follower.changed(map)]).toEqual(['b']);
  });

  it('finds again what was looked at and not seen to the end', () => {
    const map = new TrackedMap<string, number>();
    const follower = new Follower<string, number>();
    map.set('a', 1);
    follower.changed(map);
    map.set('b', 2);
    expect([...follower.changed(map)]).toEqual(['a', 'b']);
  });

  it('compares one map with another, and follows only the new one', () => {
    const first = new TrackedMap<string, number>([
      ['a', 1],
      ['b', 2],
    ]);
    const second = new TrackedMap<string, number>([
      ['b', 2],
      ['c', 3],
    ]);
    const follower = new Follower<string, number>();
    follower.changed(first);
    follower.seen();
    expect([...follower.changed(second)].sort()).toEqual(['a', 'c']);
    follower.seen();
    first.set('z', 1);
    second.clear();
    expect([...follower.changed(second)].sort()).toEqual(['b', 'c']);
  });

  it('property: a copy that is brought up to date by what changed is the map, tracked or made anew each time', () => {
    const step = fc.record({
      writes: fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.option(fc.integer({ min: 0, max: 3 })))),
      anew: fc.boolean(),
      failed: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const tracked = new TrackedMap<number, number>();
        const follower = new Follower<number, number>();
        const copy = new Map<number, number>();
        for (const { writes, anew, failed } of steps) {
          for (const [key, value] of writes) {
            if (value === null) tracked.delete(key);
            else tracked.set(key, value);
          }
          const map: ReadonlyMap<number, number> = anew ? new Map(tracked) : tracked;
          const changed = follower.changed(map);
          if (failed) continue;
          for (const key of changed) {
            const value = map.get(key);
            if (value === undefined) copy.delete(key);
            else copy.set(key, value);
          }
          follower.seen();
          const sorted = (of: ReadonlyMap<number, number>): [number, number][] => [...of].sort(([a], [b]) => a - b);
          expect(sorted(copy)).toEqual(sorted(tracked));
        }
      }),
    );
  });
});
