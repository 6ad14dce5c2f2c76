import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { Followers } from '../../src/base/followers.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** A reader that takes `room` texts before it is full. */
class Reader extends EventEmitter {
  readonly got: string[] = [];
  destroyed = false;
  room: number;
  constructor(room = 1000) {
    super();
    this.room = room;
  }
  write(text: string): boolean {
    this.got.push(text);
    return --this.room > 0;
  }
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
  drain(room = 1000): void {
    this.room = room;
    this.emit('drain');
  }
}

const followers = (clock = new VirtualClock()) =>
  new Followers<number>({
    clock,
    nothingTold: () => {
      let told: number | undefined;
      return {
        news: (latest) => {
          const before = told;
          told = latest;
          if (before === undefined) return `all ${latest}`;
          return before % 10 === latest % 10 ? undefined : `${before}->${latest}`;
        },
      };
    },
  });

test('a follower is told what is so when it comes, then each difference', () => {
  const all = followers();
  const early = new Reader();
  all.add(early);
  all.publish(1);
  const late = new Reader();
  all.add(late);
  all.publish(2);
  expect(early.got).toEqual(['all 1', '1->2']);
  expect(late.got).toEqual(['all 1', '1->2']);
});

test('a value that is no news is not told, and is what the next difference is from', () => {
  const all = followers();
  const reader = new Reader();
  all.add(reader);
  for (const value of [1, 11, 2]) all.publish(value);
  expect(reader.got).toEqual(['all 1', '11->2']);
});

test('a slow follower is told one difference to the newest value when it has room, and delays nobody', () => {
  const all = followers();
  const [slow, fast] = [new Reader(1), new Reader()];
  all.add(slow);
  all.add(fast);
  for (let value = 1; value <= 9; value++) all.publish(value);
  expect(slow.got).toEqual(['all 1']);
  expect(fast.got).toHaveLength(9);
  slow.drain();
  expect(slow.got).toEqual(['all 1', '1->9']);
});

test('heartbeats come every 3 s as long as somebody follows; one that takes nothing for 30 s is let go', () => {
  const clock = new VirtualClock();
  const all = followers(clock);
  const [stuck, well] = [new Reader(1), new Reader()];
  all.add(stuck);
  all.add(well);
  all.publish(1);
  clock.advance(29_000);
  expect([stuck.destroyed, stuck.got.length, well.got.length]).toEqual([false, 1, 10]);
  clock.advance(1_000);
  expect([stuck.destroyed, all.count]).toEqual([true, 1]);
  well.emit('close');
  expect(clock.pending()).toEqual([]);
});

test('there is a limit to how many follow', () => {
  const all = followers();
  for (let i = 0; i < 16; i++) expect(all.add(new Reader())).toBe(true);
  expect(all.add(new Reader())).toBe(false);
  all.stop();
  expect([all.count, all.add(new Reader())]).toEqual([0, true]);
});
