import { describe, expect, test } from 'vitest';
import { ms } from '../../src/base/clock.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { config } from './scene.ts';
import { World } from './world.ts';

/**
 * Two whole speakers on virtual time, on a line that loses and delays, in processes that stand still now and then: stories
 * drawn from a seed, which is in the name of the test that fails.
 */
const SEEDS = Array.from({ length: Number(process.env['CLARION_BFD_SEEDS'] ?? 12) }, (_, i) => i + 1);

interface Story {
  readonly world: World;
  readonly interval: number;
  readonly multiplier: number;
  /** From 0 to below 1. */
  readonly chance: () => number;
  readonly failures: () => number;
}

function storyOf(seed: number, delay: number): Story {
  const random = seededRandom(seed);
  const chance = (): number => random.fraction();
  const pick = <T>(of: readonly T[]): T => of[Math.floor(chance() * of.length)]!;
  const world = new World(seed);
  const interval = pick([20, 50, 300, 1000]);
  const multiplier = pick([3, 4, 5]);
  const type = pick([undefined, 'keyed-sha1', 'meticulous-keyed-sha1'] as const);
  world.start({
    timing: config({ transmitInterval: ms(interval), receiveInterval: ms(interval), detectMultiplier: multiplier })
      .timing,
    authentication: type === undefined ? undefined : { type, keyId: 1, key: 'secret' },
  });
  /** Never so many in a row that the neighbour may give up. */
  const inARow = new Map<string, number>();
  world.net.lose = (from) => {
    world.net.delay = delay * interval * chance();
    const before = inARow.get(from) ?? 0;
    const lost = before < multiplier - 2 && chance() < 0.2;
    inARow.set(from, lost ? before + 1 : 0);
    return lost;
  };
  const failures = (): number =>
    [world.left, world.right].reduce((sum, { bfd }) => sum + (bfd.reports()[0]?.counters.failures ?? 0), 0);
  return { world, interval, multiplier, chance, failures };
}

describe.each(SEEDS)('story %i', (seed) => {
  test('loss, delays that overtake each other, and short pauses bring nothing down', () => {
    const { world, interval, chance, failures } = storyOf(seed, 0.4);
    world.run(20_000);
    expect(world.states).toEqual(['up', 'up']);
    for (let i = 0; i < 40; i++) {
      const process = chance() < 0.5 ? world.left : world.right;
      process.freeze();
      world.run(0.4 * interval * chance());
      process.thaw();
      world.run(5 * interval * chance());
    }
    expect([world.states, failures()]).toEqual([['up', 'up'], 0]);
  });

  test('a change of timers under loss costs no session, and both agree in the end', () => {
    const { world, interval, multiplier, chance, failures } = storyOf(seed, 0.1);
    world.run(20_000);
    for (let i = 0; i < 5; i++) {
      const timing = (factor: number) =>
        config({
          transmitInterval: ms(interval * (1 + Math.floor(chance() * factor))),
          receiveInterval: ms(interval * (1 + Math.floor(chance() * factor))),
          detectMultiplier: multiplier,
        }).timing;
      const authentication = world.left.bfd.reports()[0]!.authentication;
      const key =
        authentication === undefined ? undefined : ({ type: authentication, keyId: 1, key: 'secret' } as never);
      world.start({ timing: timing(4), authentication: key }, { timing: timing(4), authentication: key });
      world.run(interval * 60 * chance());
    }
    world.run(interval * 300);
    const [left, right] = [world.left.bfd.reports()[0]!, world.right.bfd.reports()[0]!];
    expect([left.state, right.state, failures()]).toEqual(['up', 'up', 0]);
    expect([left.transmitInterval, left.receiveInterval]).toEqual([right.receiveInterval, right.transmitInterval]);
  });

  test('a death is noticed within the detection time, and not sooner than packets may be missing', () => {
    const { world, interval, multiplier, chance, failures } = storyOf(seed, 0.1);
    world.run(20_000 + 500 * chance());
    expect(failures()).toBe(0);
    const died = world.clock.now();
    world.right.freeze();
    while (world.left.state() === 'up') world.run(1);
    const took = world.clock.now() - died;
    // The last packet was sent up to an interval (or, with losses, several) ago, and may still have been under way.
    expect(took).toBeLessThanOrEqual(multiplier * interval + 0.1 * interval + 2);
    expect(took).toBeGreaterThanOrEqual(1);
    world.run(60_000);
    const silent = 60_000 + took;
    world.right.thaw();
    world.run(20_000);
    expect([world.states, silent > 60_000]).toEqual([['up', 'up'], true]);
  });
});
