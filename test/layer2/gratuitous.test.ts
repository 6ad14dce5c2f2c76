import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Milliseconds, ms, seconds } from '../../src/base/clock.ts';
import { DueQueue } from '../../src/base/due-queue.ts';
import { GratuitousSchedule } from '../../src/layer2/gratuitous.ts';
import { seededRandom } from '../support/seeded-random.ts';

interface Target {
  readonly name: string;
  readonly address: { readonly family: 'ipv4' | 'ipv6' };
}
const target = (name: string, family: 'ipv4' | 'ipv6' = 'ipv6'): Target => ({ name, address: { family } });
const settings = { rounds: 3, interval: seconds(1), refresh: seconds(60), ratePerSecond: 100 };
const schedule = (change: Partial<typeof settings> = {}) =>
  new GratuitousSchedule<Target>({ ...settings, ...change }, seededRandom(7), ms(0));

/** Runs the schedule as the driver does, until `end`; what was sent, and when. */
function run(one: GratuitousSchedule<Target>, from: number, end: number): { at: number; what: string }[] {
  const sent: { at: number; what: string }[] = [];
  for (let now: Milliseconds | undefined = ms(from); now !== undefined && now <= end; now = one.nextDue(now)) {
    for (let task = one.take(now); task !== undefined; task = one.take(now))
      sent.push({ at: now, what: `${task.kind} ${task.target.name}` });
  }
  return sent;
}

describe('the schedule', () => {
  test('a claim: the rounds, then refreshes with jitter of a quarter', () => {
    const one = schedule();
    one.claim(target('a'), ms(0));
    const times = run(one, 0, 200_000).map(({ at }) => at);
    expect(times.slice(0, 3)).toEqual([0, 1000, 2000]);
    for (let i = 3; i < times.length; i++) {
      expect(times[i]! - times[i - 1]!).toBeGreaterThanOrEqual(45_000);
      expect(times[i]! - times[i - 1]!).toBeLessThanOrEqual(75_000);
    }
    expect(times.length).toBeGreaterThan(5);
  });

  test('never more frames than the rate allows, an ARP announcement counting as two', () => {
    const one = schedule({ ratePerSecond: 50 });
    for (let i = 0; i < 200; i++) one.claim(target(`${i}`, i % 2 === 0 ? 'ipv4' : 'ipv6'), ms(0));
    const sent = run(one, 0, 60_000);
    for (let start = 0; start < 50_000; start += 500) {
      const frames = sent
        .filter(({ at }) => at >= start && at < start + 1000)
        .reduce((sum, { what }) => sum + (Number(what.split(' ')[1]) % 2 === 0 ? 2 : 1), 0);
      expect(frames).toBeLessThanOrEqual(50 + 5 + 2);
    }
  });

  test('first rounds go before probes, probes before later rounds, those before refreshes', () => {
    const one = schedule({ ratePerSecond: 1, rounds: 2 });
    const [a, b, c] = [target('a'), target('b'), target('c')];
    one.claim(a, ms(0));
    one.probe(b, ms(0));
    expect(run(one, 0, 0)).toEqual([
      { at: 0, what: 'announce a' },
      { at: 0, what: 'probe b' },
    ]);
    one.probe(b, ms(1000));
    one.claim(c, ms(1000));
    expect(run(one, 2000, 5000).map(({ what }) => what)).toEqual(['announce c', 'probe b', 'announce a', 'announce c']);
  });

  test('what was withdrawn is silent, and its probe with it', () => {
    const one = schedule();
    const [a, b] = [target('a'), target('b')];
    one.claim(a, ms(0));
    one.probe(b, ms(0));
    one.withdraw(a);
    one.withdraw(b);
    expect(one.nextDue(ms(0))).toBeUndefined();
    one.announceOnce(a, ms(0));
    expect(run(one, 0, 100_000)).toEqual([]);
  });

  test('a defence is one more round and leaves the others where they are', () => {
    const one = schedule();
    const a = target('a');
    one.claim(a, ms(0));
    run(one, 0, 30_000);
    one.announceOnce(a, ms(30_000));
    expect(run(one, 30_000, 40_000)).toEqual([{ at: 30_000, what: 'announce a' }]);
  });

  test('without refresh nothing is left after the rounds', () => {
    const one = schedule({ refresh: seconds(0) });
    one.claim(target('a'), ms(0));
    expect(run(one, 0, 1_000_000)).toHaveLength(3);
    expect(one.nextDue(ms(1_000_000))).toBeUndefined();
  });

  test('refresh switched on later holds for what was announced before', () => {
    const one = schedule({ refresh: seconds(0) });
    one.claim(target('a'), ms(0));
    run(one, 0, 10_000);
    one.configure(settings, ms(10_000));
    expect(run(one, 10_000, 90_000).length).toBeGreaterThan(0);
  });
});

test('the queue gives keys in order of time, then of setting, however they were moved and deleted', () => {
  const change = fc.tuple(fc.nat(15), fc.option(fc.nat(20), { nil: undefined }));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 80 }), (changes) => {
      const queue = new DueQueue<number>();
      const model = new Map<number, { due: number; order: number }>();
      changes.forEach(([key, due], order) => {
        model.delete(key);
        if (due === undefined) queue.delete(key);
        else {
          queue.set(key, ms(due));
          model.set(key, { due, order });
        }
      });
      const expected = [...model].sort(([, a], [, b]) => a.due - b.due || a.order - b.order).map(([key]) => key);
      const got: number[] = [];
      for (let key = queue.peek(ms(99)); key !== undefined; key = queue.peek(ms(99))) {
        got.push(key);
        queue.delete(key);
      }
      expect(got).toEqual(expected);
    }),
  );
});
