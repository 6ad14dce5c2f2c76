import { describe, expect, test } from 'vitest';
import { FAST_PROFILE } from '../../src/membership/settings.ts';
import { addressOf, nameOf, seedsOf } from './membership-node.ts';
import { detection, MembershipWorld, quantile } from './membership-world.ts';

/** Memberships of whole clusters on virtual time. More hours: CLARION_SIMULATION_HOURS=24. */
const HOURS = Number(process.env['CLARION_SIMULATION_HOURS'] ?? 1);
const LOSS = { conditions: { loss: 0.05 } };
const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i + 1);

describe('detection, at 5 % loss', () => {
  // p50, p99 and maximum of election.md, with room for chance.
  test.each([
    ['3 nodes', { count: 3 }, 300, 300, 425, 440],
    ['3 nodes, fast', { count: 3, profile: FAST_PROFILE }, 300, 125, 170, 180],
    ['100 nodes', { count: 100 }, 12, 380, 800, 1100],
  ] as const)('%s', { timeout: 120_000 }, (_title, options, trials, p50, p99, most) => {
    const times = range(trials).map((seed) => detection({ ...options, ...LOSS, seed }).first);
    expect(quantile(times, 0.5)).toBeLessThan(p50);
    expect(quantile(times, 0.99)).toBeLessThan(p99);
    expect(Math.max(...times)).toBeLessThan(most);
  });

  test('the others learn it at once from the one that noticed', () => {
    const later = range(100).map((seed) => {
      const { first, last } = detection({ count: 3, seed });
      return last - first;
    });
    expect(Math.max(...later)).toBeLessThan(150);
    expect(quantile(later, 0.5)).toBeLessThan(2);
  });
});

describe('nobody is called dead who lives', () => {
  test.each([
    ['3 nodes', { count: 3 }, 1],
    ['3 nodes, 2 % of the timers 30 ms late', { count: 3, late: { part: 0.02, by: 30 } }, 1],
    ['10 nodes', { count: 10 }, 0.1],
    ['3 nodes, fast', { count: 3, profile: FAST_PROFILE }, 0.2],
  ] as const)('%s', (_title, options, share) => {
    const world = new MembershipWorld({ ...options, ...LOSS, seed: 1 });
    world.run(HOURS * share * 3_600_000);
    expect(world.changes('dead')).toEqual([]);
    expect(world.suspicions).toBeGreaterThan(0);
    expect(world.whole()).toBe(true);
  });

  test('a node stalls for less than it takes', () => {
    const world = new MembershipWorld({ count: 3, seed: 2 });
    for (let i = 0; i < 300; i++) {
      world.run(1000 + 10 * i);
      world.node(1).freeze();
      world.run(200);
      world.node(1).thaw();
    }
    expect(world.changes('dead')).toEqual([]);
  });
});

test('in the steady state: 20 datagrams a second of at most 110 octets with headers, however many nodes', () => {
  for (const count of [3, 50]) {
    const world = new MembershipWorld({ count, seed: 3 });
    world.run(10_000);
    for (const node of world.nodes) node.measure();
    world.run(10_000);
    for (const { sent, octets } of world.nodes) {
      expect(sent).toBeLessThan(230);
      expect(octets / sent).toBeLessThan(110);
    }
  }
});

describe('joining', () => {
  test('a cluster that starts together is whole within 100 ms, at 5 % loss within half a second', () => {
    for (const seed of range(20)) {
      const world = new MembershipWorld({ count: 10, seed });
      world.run(100);
      expect(world.whole(), `seed ${seed}`).toBe(true);
      const lossy = new MembershipWorld({ count: 10, seed, ...LOSS });
      lossy.run(500);
      expect(lossy.whole(), `seed ${seed}`).toBe(true);
    }
  });

  test('a restart is a new instance at once: the old one is void, without waiting for its silence', () => {
    const world = new MembershipWorld({ count: 3, seed: 4 });
    world.run(1000);
    const before = world.view(2, 1)!.instance;
    world.node(1).die();
    world.run(5);
    const again = world.start(1);
    const restarted = world.time.now;
    world.run(50);
    expect(world.view(2, 1)).toMatchObject({ instance: again.instance, status: 'alive' });
    expect(world.view(3, 1)).toMatchObject({ instance: again.instance, status: 'alive' });
    const [dead] = world.changes('dead', 1).filter(({ by }) => by === nameOf(2));
    expect(dead).toMatchObject({ report: { member: { instance: before }, before: 'alive' } });
    expect(dead!.at - restarted).toBeLessThan(5);
    const fresh = world.changes('alive', 1).filter(({ by }) => by === nameOf(2));
    expect(fresh.at(-1)).toMatchObject({ report: { before: undefined } });
  });

  test('a node returns under its name with a new address', () => {
    const world = new MembershipWorld({ count: 3, seed: 5 });
    world.run(1000);
    world.node(1).die();
    world.run(20);
    const moved = world.start(1, nameOf(1), 9);
    world.run(400);
    expect(world.view(2, 1)).toMatchObject({ instance: moved.instance, addresses: [addressOf(9)], status: 'alive' });
    expect(world.view(3, 1)).toMatchObject({ instance: moved.instance, status: 'alive' });
    expect(world.seen.filter(({ report }) => report.kind === 'duplicate-name')).toEqual([]);
  });

  test('two live nodes with one name: the first one keeps it, both hear of it, and seldom', () => {
    const world = new MembershipWorld({ count: 3, seed: 6 });
    world.run(1000);
    const first = world.node(1).instance;
    const second = world.start(4, nameOf(1), 9);
    world.run(5000);
    expect(world.view(2, 1)).toMatchObject({ instance: first, status: 'alive' });
    expect(world.view(3, 1)).toMatchObject({ instance: first, status: 'alive' });
    const told = world.seen.filter(({ report }) => report.kind === 'duplicate-name');
    expect(new Set(told.map(({ by }) => by))).toEqual(new Set([nameOf(1), nameOf(2), nameOf(3)]));
    expect(told.filter(({ by }) => by === nameOf(2))).toHaveLength(1);
    expect(world.changes('dead')).toEqual([]);
    expect(second.fsm.members().length).toBeGreaterThan(0);
    world.run(10_000);
    world.node(1).die();
    world.run(5000);
    // Now the name is free.
    expect(world.view(2, 1)).toMatchObject({ instance: second.instance, status: 'alive' });
  });

  test('a node that leaves the Node list is a member while it lives, and then forgotten', () => {
    const world = new MembershipWorld({ count: 3, seed: 7 });
    world.run(1000);
    world.node(2).step({ kind: 'seeds-changed', seeds: seedsOf(3).slice(1) });
    world.run(1000);
    expect(world.view(2, 1)?.status).toBe('alive');
    world.node(1).die();
    world.run(2000);
    expect(world.view(2, 1)).toBeUndefined();
    expect(world.view(3, 1)?.status).toBe('dead');
    expect(world.seen.some(({ by, report }) => by === nameOf(2) && report.kind === 'member-forgotten')).toBe(true);
  });
});

test('who leaves is believed at once, by all, and nobody suspects it', () => {
  for (const count of [3, 100]) {
    const world = new MembershipWorld({ count, seed: 8 });
    world.run(3000);
    const left = world.time.now;
    world.node(1).step({ kind: 'leave' });
    world.run(70);
    const told = world.changes('left', 1);
    expect(told).toHaveLength(count - 1);
    expect(told.every(({ at }) => at - left < 50)).toBe(true);
    expect(world.seen.filter(({ report }) => report.kind === 'departed')).toHaveLength(1);
    world.run(1000);
    expect(world.changes('dead')).toEqual([]);
  }
});

test('above 128 members who hears of a departure passes it on', () => {
  const world = new MembershipWorld({ count: 150, seed: 8 });
  world.run(3000);
  world.node(1).step({ kind: 'leave' });
  world.run(20);
  expect(world.changes('left', 1).length).toBeGreaterThan(140);
  world.run(1500);
  expect(world.changes('left', 1)).toHaveLength(149);
  expect(world.changes('dead')).toEqual([]);
});

describe('partitions', () => {
  test.each([2, 3, 10, 40])('%i nodes: each side is complete, and after healing all are within a second', (count) => {
    for (const seed of range(5)) {
      const world = new MembershipWorld({ count, seed });
      world.run(2000);
      const half = Math.ceil(count / 2);
      const left = range(count).slice(0, half);
      const right = range(count).slice(half);
      world.network.part(left.map(nameOf), right.map(nameOf));
      world.run(10_000);
      expect(world.whole(left) && world.whole(right)).toBe(true);
      expect(left.every((by) => right.every((of) => world.view(by, of)?.status === 'dead'))).toBe(true);
      world.network.mendAll();
      world.run(1000);
      expect(world.whole(), `seed ${seed}`).toBe(true);
      // The same processes: nobody became another instance.
      expect(world.view(left[0]!, right[0]!)?.instance).toBe(world.node(right[0]!).instance);
      world.run(5000);
      expect(world.whole()).toBe(true);
      const voided = world.seen.filter(({ report }) => report.kind === 'standing' && report.standing === 'void');
      expect(new Set(voided.map(({ by }) => by)).size).toBe(count);
    }
  });

  test('one direction of one link is cut: the others bridge it', () => {
    const world = new MembershipWorld({ count: 3, seed: 9 });
    world.run(1000);
    world.network.cut(nameOf(1), nameOf(2));
    world.run(60_000);
    expect(world.changes('dead')).toEqual([]);
  });

  test.each([3, 4, 10])('%i nodes: one that sends but does not hear is found out, and kills nobody', (count) => {
    for (const seed of range(10)) {
      const world = new MembershipWorld({ count, seed });
      world.run(1000);
      for (const other of range(count).slice(1)) world.network.cut(nameOf(other), nameOf(1));
      world.run(5000);
      const others = range(count).slice(1);
      expect(world.whole(others), `seed ${seed}`).toBe(true);
      expect(
        others.every((by) => world.view(by, 1)?.status === 'dead'),
        `seed ${seed}`,
      ).toBe(true);
      const wrong = world
        .changes('dead')
        .filter(({ by, report }) => by !== nameOf(1) && report.member.node !== nameOf(1));
      expect(wrong).toEqual([]);
    }
  });
});

describe('a process that did not run', () => {
  test('briefly: a member says that all is as before', () => {
    const world = new MembershipWorld({ count: 3, seed: 10 });
    world.run(1000);
    world.node(1).freeze();
    world.run(150);
    world.node(1).thaw();
    world.run(20);
    const standing = world.seen.filter(({ report }) => report.kind === 'standing');
    expect(standing).toMatchObject([{ by: nameOf(1), report: { standing: 'current' } }]);
    expect(world.changes('dead')).toEqual([]);
  });

  test('for long: it is told that it was dead, before any of its own timers has a say', () => {
    for (const count of [2, 3, 10]) {
      const world = new MembershipWorld({ count, seed: 11 });
      world.run(1000);
      world.node(1).freeze();
      world.run(5000);
      expect(world.changes('dead', 1)).toHaveLength(count - 1);
      world.node(1).thaw();
      world.run(300);
      const ours = world.seen.filter(({ by }) => by === nameOf(1));
      expect(ours.some(({ report }) => report.kind === 'standing' && report.standing === 'void')).toBe(true);
      expect(ours.some(({ report }) => report.kind === 'member-changed' && report.member.status === 'dead')).toBe(
        false,
      );
      expect(world.whole()).toBe(true);
    }
  });
});

describe('payloads', () => {
  const payloadsAt = (world: MembershipWorld, node: number): readonly number[] =>
    world.seen.flatMap(({ by, report }) =>
      by === nameOf(node) && report.kind === 'payload'
        ? [new DataView(report.payload.slice().buffer).getUint16(0)]
        : [],
    );
  const numbered = (number: number): Uint8Array => Uint8Array.of(number >> 8, number & 255);

  test('a thousand arrive at 30 % loss, with duplicates and out of order', () => {
    const world = new MembershipWorld({ count: 2, seed: 12 });
    world.run(500);
    world.network.conditions = { loss: 0.3, duplicate: 0.1, delay: [0.1, 5] };
    for (const number of range(1000)) world.node(1).step({ kind: 'send', to: nameOf(2), payload: numbered(number) });
    world.run(10_000);
    expect(new Set(payloadsAt(world, 2)).size).toBe(1000);
  });

  test('what is lost is repeated within 20 ms', () => {
    const world = new MembershipWorld({ count: 2, seed: 13 });
    world.run(500);
    world.network.cut(nameOf(1), nameOf(2));
    world.node(1).step({ kind: 'send', to: nameOf(2), payload: numbered(7) });
    world.run(10);
    world.network.mendAll();
    world.run(12);
    expect(payloadsAt(world, 2)).toEqual([7]);
  });

  test('for a dead member they are forgotten, and nothing is left running', () => {
    const world = new MembershipWorld({ count: 2, seed: 14 });
    world.run(500);
    world.node(2).die();
    world.node(1).step({ kind: 'send', to: nameOf(2), payload: numbered(7) });
    world.run(2000);
    expect(
      world
        .node(1)
        .timers()
        .filter((timer) => timer.startsWith('payload')),
    ).toEqual([]);
    world.start(2);
    world.run(1000);
    expect(payloadsAt(world, 2)).toEqual([]);
  });

  test('a digest that differs is told on both sides, and only while it differs', () => {
    const world = new MembershipWorld({ count: 3, seed: 15 });
    world.run(500);
    world.node(1).step({ kind: 'payload-digest', digest: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) });
    world.run(400);
    const told = () => world.seen.filter(({ report }) => report.kind === 'digest-differs');
    expect(new Set(told().map(({ by }) => by))).toEqual(new Set([nameOf(1), nameOf(2), nameOf(3)]));
    for (const number of [2, 3])
      world.node(number).step({ kind: 'payload-digest', digest: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) });
    const before = told().length;
    world.run(5000);
    expect(told()).toHaveLength(before);
  });
});

test('the same seed tells the same story', () => {
  const story = () => {
    const world = new MembershipWorld({
      count: 5,
      seed: 16,
      conditions: { loss: 0.2, duplicate: 0.1, delay: [0, 30] },
    });
    world.run(20_000);
    return world.seen.map(({ at, by, report }) => [at, by, report.kind]);
  };
  expect(story()).toEqual(story());
});
