import { beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../src/base/clock.ts';
import { ipAddress } from '../../src/base/ip-address.ts';
import type { Logger } from '../../src/base/logger.ts';
import { MembershipDriver, type MembershipReport } from '../../src/membership/driver.ts';
import { parseKeyFile } from '../../src/membership/keys.ts';
import { instanceFromBytes, type TransportAddress } from '../../src/membership/member.ts';
import { DEFAULT_PROFILE } from '../../src/membership/settings.ts';
import { Sealer } from '../../src/membership/wire/datagram.ts';
import { FakeDatagrams } from '../support/fake-datagrams.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** What the driver adds to the membership: pauses, sockets before timers, refusals, families, logs. */
const keysOf = (secret: string) => {
  const keys = parseKeyFile(Buffer.from(secret.padEnd(32)).toString('base64'));
  if (!keys.ok) throw new Error(keys.error);
  return keys.value;
};
const v4 = (last: number): TransportAddress => ({
  address: ipAddress('ipv4', 0x0a00_0000n + BigInt(last)),
  port: 7946,
});
const v6 = (last: number): TransportAddress => ({
  address: ipAddress('ipv6', (0xfd00n << 112n) + BigInt(last)),
  port: 7946,
});

class Paused implements Clock {
  /** Its timers do not fire while it is paused: those that were due fire late. */
  readonly #clock: Clock;
  #held: (() => void)[] = [];
  #paused = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }
  now = () => this.#clock.now();
  wallTime = () => this.#clock.wallTime();
  startTimer: Clock['startTimer'] = (name, after, fire) =>
    this.#clock.startTimer(name, after, () => {
      if (this.#paused) this.#held.push(fire);
      else fire();
    });
  pause(): void {
    this.#paused = true;
  }
  resume(): void {
    this.#paused = false;
    for (const fire of this.#held.splice(0)) fire();
  }
}

let clock: VirtualClock;
let net: FakeDatagrams;
beforeEach(() => {
  clock = new VirtualClock();
  net = new FakeDatagrams(clock);
});

async function start(number: number, at: readonly TransportAddress[] = [v4(number)], secret = 'secret') {
  const reports: MembershipReport[] = [];
  const story: string[] = [];
  const lines: string[] = [];
  const log: Logger['info'] = (message) => void lines.push(message);
  const own = new Paused(clock);
  const host = net.host();
  const driver = await MembershipDriver.open({
    node: `node-${number}`,
    profile: DEFAULT_PROFILE,
    keys: keysOf(secret),
    listen: at,
    addresses: at,
    network: host,
    clock: own,
    random: seededRandom(number),
    logger: { debug() {}, info: log, warn: log, error: log },
    onReport: (report) => {
      reports.push(report);
      story.push(report.kind === 'standing' ? report.standing : report.kind);
    },
    onWoke: (gap) => void story.push(`woke after ${Math.round(gap)}`),
  });
  const status = (other: number) => driver.members().find(({ node }) => node === `node-${other}`)?.status;
  const pause = (): void => {
    own.pause();
    host.pause();
  };
  const resume = (): void => {
    host.resume();
    own.resume();
  };
  /** Timers wait, datagrams do not: as while a backlog of them is read. */
  const withLateTimers = (work: () => void): void => {
    own.pause();
    work();
    own.resume();
  };
  return { driver, reports, story, lines, status, pause, resume, withLateTimers, at };
}
type Started = Awaited<ReturnType<typeof start>>;
const seed = (...started: readonly Started[]): void => {
  const seeds = started.map(({ at }, i) => ({ node: `node-${i + 1}`, addresses: at }));
  for (const { driver } of started) driver.setSeeds(seeds);
};

describe('a pause of the process', () => {
  test('is noticed before anything else, and ends with what a member says', async () => {
    const [a, b] = [await start(1), await start(2)];
    seed(a, b);
    clock.advance(1000);
    a.story.splice(0);
    a.pause();
    clock.advance(200);
    expect(a.story).toEqual([]);
    a.resume();
    clock.advance(5);
    expect(a.story[0]).toMatch(/^woke after (1|2)\d\d$/);
    expect(a.story).toContain('current');
    expect(a.driver.counters().pauses).toBe(1);
    clock.advance(5000);
    expect(a.driver.counters().pauses).toBe(1);
    expect([a.status(2), b.status(1)]).toEqual(['alive', 'alive']);
  });

  test('that lasted too long: the others said that it was dead, and it calls nobody dead itself', async () => {
    const [a, b] = [await start(1), await start(2)];
    seed(a, b);
    clock.advance(1000);
    a.pause();
    clock.advance(3000);
    expect(b.status(1)).toBe('dead');
    a.story.splice(0);
    a.resume();
    clock.advance(500);
    expect(a.story[0]).toMatch(/^woke after/);
    expect(a.story).toContain('void');
    expect([a.status(2), b.status(1)]).toEqual(['alive', 'alive']);
    expect(a.reports.some((report) => report.kind === 'member-changed' && report.member.status === 'dead')).toBe(false);
  });

  test('is none while datagrams are read, however late the timers: reading them would only become more', async () => {
    const [a, b] = [await start(1), await start(2)];
    seed(a, b);
    clock.advance(1000);
    a.withLateTimers(() => {
      for (let i = 0; i < 50; i++) {
        b.driver.send('node-1', new Uint8Array(1000));
        clock.advance(10);
      }
    });
    clock.advance(5);
    expect(a.driver.counters().pauses).toBe(0);
  });

  test('what waits in the sockets is looked at before timers: nobody is suspected for an answer that is there', async () => {
    const [a, b] = [await start(1), await start(2)];
    seed(a, b);
    clock.advance(1000);
    const before = a.driver.counters().suspicions;
    for (let i = 0; i < 100; i++) {
      a.pause();
      clock.advance(70);
      a.resume();
      clock.advance(133);
    }
    expect(a.driver.counters().suspicions).toBe(before);
    expect(a.driver.counters().pauses).toBe(0);
  });
});

test('a process that is gone on a host that lives is found out by its refusal, sooner', async () => {
  const [a, b, c] = [await start(1), await start(2), await start(3)];
  seed(a, b, c);
  clock.advance(1000);
  c.driver.stop();
  let took = 0;
  while (a.status(3) !== 'dead' || b.status(3) !== 'dead') {
    clock.advance(1);
    if (++took > 500) break;
  }
  // A turn of 200 ms at most, 40 ms to the knock, a third of the suspicion, and as much again at the other one.
  expect(took).toBeLessThan(350);
});

test('dual-stack: when one family is cut off, the other one carries it', async () => {
  const [a, b] = [await start(1, [v4(1), v6(1)]), await start(2, [v4(2), v6(2)])];
  seed(a, b);
  clock.advance(1000);
  net.lose = (from) => from.address.family === 'ipv4';
  clock.advance(10_000);
  net.lose = (from) => from.address.family === 'ipv6';
  clock.advance(10_000);
  const dead = [a, b].flatMap(({ reports }) =>
    reports.filter((report) => report.kind === 'member-changed' && report.member.status === 'dead'),
  );
  expect(dead).toEqual([]);
  expect([a.status(2), b.status(1)]).toEqual(['alive', 'alive']);
});

test('a node of one family only is reached at that one', async () => {
  const [a, b] = [await start(1, [v4(1), v6(1)]), await start(2, [v6(2)])];
  seed(a, b);
  clock.advance(1000);
  expect([a.status(2), b.status(1)]).toEqual(['alive', 'alive']);
});

test('a wrong key is one line a minute, however many datagrams', async () => {
  const [a, b] = [await start(1), await start(2, [v4(2)], 'another secret')];
  seed(a, b);
  clock.advance(30_000);
  expect(a.driver.counters().dropped['unknown-key']).toBeGreaterThan(50);
  expect(a.lines.filter((line) => line.includes('refused'))).toHaveLength(1);
  clock.advance(60_000);
  expect(a.lines.filter((line) => line.includes('refused'))).toHaveLength(2);
});

test('for instances that nobody knows there is a bounded amount of work, and more of it for addresses of the Node list', async () => {
  const [a, b] = [await start(1), await start(2)];
  seed(a, b);
  clock.advance(1000);
  const flood = (from: TransportAddress): void => {
    const random = seededRandom(9);
    for (let i = 0; i < 3000; i++) {
      const bytes = new Sealer(instanceFromBytes(random.bytes(16)), keysOf('secret')).seal([], a.driver.instance);
      bytes[bytes.length - 1]! ^= 1;
      net.transmit(bytes, from, v4(1));
    }
    clock.advance(1);
  };
  flood(v4(99));
  expect(a.driver.counters().dropped).toMatchObject({ unauthentic: 50, 'over-budget': 2950 });
  flood(v4(2));
  expect(a.driver.counters().dropped).toMatchObject({ unauthentic: 1050, 'over-budget': 4950 });
  clock.advance(1000);
  expect([a.status(2), b.status(1)]).toEqual(['alive', 'alive']);
});

test('a departure is told to all, and then there is silence and no timer', async () => {
  const [a, b] = [await start(1), await start(2)];
  seed(a, b);
  clock.advance(1000);
  const left = a.driver.leave();
  clock.advance(100);
  await left;
  expect(b.status(1)).toBe('left');
  b.driver.stop();
  clock.advance(5);
  expect(clock.pending()).toEqual([]);
  a.driver.send('node-2', Uint8Array.of(1));
  await a.driver.leave();
  expect(clock.pending()).toEqual([]);
});

test('an address that is taken is an error in words', async () => {
  await start(1);
  await expect(start(1)).rejects.toThrow('free the port');
});
