import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ms } from '../../src/base/clock.ts';
import { type Logger, silentLogger } from '../../src/base/logger.ts';
import { INITIAL_LEASE, type LeaseEvent, type LeaseState, step } from '../../src/cluster/lease.ts';
import { runLease } from '../../src/cluster/lease-driver.ts';
import type { LeaseRecord, LeaseStore } from '../../src/cluster/ports.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const timing = { duration: ms(15_000), renewDeadline: ms(10_000), retryPeriod: ms(2000) };
const config = { identity: 'me', timing };
const record = (holder: string, transitions = 3): LeaseRecord => ({
  holder,
  durationSeconds: 15,
  acquired: 'then',
  renewed: 'now',
  transitions,
});
const active: LeaseState = {
  role: 'active',
  observed: { record: record('me'), version: '5', at: ms(0) },
  renewedAt: ms(0),
};
const standby: LeaseState = {
  role: 'standby',
  observed: { record: record('you'), version: '5', at: ms(0) },
  renewedAt: ms(0),
};
const kinds = (state: LeaseState, event: LeaseEvent, now: number): string[] =>
  step(state, event, config, ms(now)).effects.map((effect) => effect.kind);
const wasRead = (holder: string, version = '5'): LeaseEvent => ({
  kind: 'was-read',
  found: { record: record(holder), version },
});

describe('the rules of the lease', () => {
  const rows: readonly (readonly [string, LeaseState, LeaseEvent, number, readonly string[]])[] = [
    ['at the start the lease is read', INITIAL_LEASE, { kind: 'due' }, 0, ['read']],
    ['where there is none, it is made', INITIAL_LEASE, { kind: 'was-read', found: undefined }, 0, ['write']],
    ['one that is held by another is waited for', INITIAL_LEASE, wasRead('you'), 99_000, ['wait']],
    ['one that was given back is taken', INITIAL_LEASE, wasRead(''), 0, ['write']],
    ['one that did not change for its duration is taken', standby, wasRead('you'), 15_000, ['write']],
    ['not a moment before', standby, wasRead('you'), 14_999, ['wait']],
    ['and not when it changed just now', standby, wasRead('you', '6'), 15_000, ['wait']],
    ['a write makes active', standby, { kind: 'was-written', begun: ms(7) }, 8, ['become-active', 'wait']],
    ['the active one renews', active, wasRead('me'), 2000, ['write']],
    ['a renewal changes no role', active, { kind: 'was-written', begun: ms(7) }, 8, ['wait']],
    ['a failure before the deadline is tried again', active, { kind: 'failed' }, 9999, ['wait']],
    ['a failure at the deadline ends it', active, { kind: 'failed' }, 10_000, ['become-standby', 'wait']],
    ['the deadline ends it, whatever is under way', active, { kind: 'deadline-passed' }, 10_000, ['become-standby']],
    ['the deadline of an earlier renewal ends nothing', active, { kind: 'deadline-passed' }, 9999, []],
    ['who slept asks before it acts', active, { kind: 'due' }, 60_000, ['become-standby', 'read']],
    ['who finds another holder stands down at once', active, wasRead('you', '6'), 2000, ['become-standby', 'wait']],
    ['a stop is silence first, then release', active, { kind: 'stopped' }, 5, ['become-standby', 'release']],
    ['a standby has nothing to release', standby, { kind: 'stopped' }, 5, []],
    ['after the stop nothing happens', { ...active, role: 'stopped' }, { kind: 'due' }, 5, []],
  ];
  it.each(rows)('%s', (_title, state, event, now, effects) => {
    expect(kinds(state, event, now)).toEqual(effects);
  });

  it('a renewal keeps the time of acquisition and the count, a take-over does not', () => {
    expect(step(active, wasRead('me'), config, ms(1)).effects).toEqual([
      { kind: 'write', version: '5', transitions: 3, acquired: 'then' },
    ]);
    expect(step(standby, wasRead(''), config, ms(1)).effects).toEqual([
      { kind: 'write', version: '5', transitions: 4, acquired: undefined },
    ]);
  });
});

/** A store in memory that can be cut off from a process. */
function memoryStore() {
  const leases = new Map<string, { record: LeaseRecord; version: number }>();
  const cutOff = new Set<string>();
  const asSeenBy = (process: string): LeaseStore => ({
    async read(name) {
      if (cutOff.has(process)) throw new Error('no answer');
      const found = leases.get(name);
      return found && { record: found.record, version: String(found.version) };
    },
    async write(name, record, version) {
      if (cutOff.has(process)) throw new Error('no answer');
      const found = leases.get(name);
      if (String(found?.version) !== String(version)) return 'conflict';
      leases.set(name, { record, version: (found?.version ?? 0) + 1 });
      return 'written';
    },
  });
  return { leases, cutOff, asSeenBy };
}

function election() {
  const clock = new VirtualClock();
  const store = memoryStore();
  const roles = new Map<string, 'active' | 'standby'>();
  const run = (process: string) =>
    runLease({
      store: store.asSeenBy(process),
      name: 'controller',
      identity: process,
      clock,
      random: seededRandom(process.charCodeAt(0)),
      logger: silentLogger,
      onActive: () => roles.set(process, 'active'),
      onStandby: () => void roles.set(process, 'standby'),
    });
  const advance = async (by: number): Promise<void> => {
    for (let passed = 0; passed < by; passed += 100) {
      clock.advance(100);
      for (let i = 0; i < 10; i++) await Promise.resolve();
    }
  };
  const activeOnes = (): string[] => [...roles].filter(([, role]) => role === 'active').map(([process]) => process);
  return { clock, store, run, advance, activeOnes };
}

describe('a lease that runs', () => {
  it('is valid until the deadline for renewing, whatever timers have not run yet', async () => {
    const { clock, store, run, advance } = election();
    const lease = run('a');
    expect(lease.valid()).toBe(false);
    await advance(100);
    expect(lease.valid()).toBe(true);
    await advance(20_000);
    expect(lease.valid()).toBe(true);
    store.cutOff.add('a');
    // As after SIGSTOP and SIGCONT: the clock went on, and nothing else did.
    const now = clock.now.bind(clock);
    clock.now = () => ms(now() + 20_000);
    expect(lease.valid()).toBe(false);
    clock.now = now;
    expect(lease.valid()).toBe(true);
    await lease.stop();
    expect(lease.valid()).toBe(false);
  });

  it('is given back when nothing is under way any more, and not before', async () => {
    const { store, clock, advance } = election();
    let over = (): void => {};
    const lease = runLease({
      store: store.asSeenBy('a'),
      name: 'controller',
      identity: 'a',
      clock,
      random: seededRandom(1),
      logger: silentLogger,
      onActive() {},
      onStandby: () => new Promise((resolve) => (over = resolve)),
    });
    await advance(100);
    const stopped = lease.stop();
    await advance(1000);
    expect(store.leases.get('controller')?.record.holder).toMatch(/^a_/);
    over();
    await stopped;
    expect(store.leases.get('controller')?.record.holder).toBe('');
  });
});

describe('a store that refuses', () => {
  const lines: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    info: (message) => void lines.push(`info ${message}`),
    warn: (message) => void lines.push(`warn ${message}`),
  };
  const REFUSED = 'warn the lease cannot be read or written';
  const AGAIN = 'info the lease can be read and written again';
  const ACTIVE = 'info active controller now';

  /** A process of its own, whose requests of that kind are refused as long as `refusing` has them. */
  const start = (refused: 'read' | 'write') => {
    lines.length = 0;
    const { store, clock, run, advance } = election();
    const refusing = new Set([refused]);
    const mine = store.asSeenBy('a');
    const lease = runLease({
      store: {
        read: async (...words) => (refusing.has('read') ? Promise.reject(new Error('forbidden')) : mine.read(...words)),
        write: async (...words) =>
          refusing.has('write') ? Promise.reject(new Error('forbidden')) : mine.write(...words),
      },
      name: 'controller',
      identity: 'a',
      clock,
      random: seededRandom(1),
      logger,
      onActive() {},
      onStandby() {},
    });
    return { refusing, lease, run, advance };
  };

  it.each(['read', 'write'] as const)('%s: is told once while it lasts, and that it is over', async (what) => {
    const { refusing, lease, advance } = start(what);
    await advance(60_000);
    expect(lines).toEqual([REFUSED]);
    refusing.clear();
    await advance(5000);
    expect(lines).toEqual([REFUSED, AGAIN, ACTIVE]);
    refusing.add(what);
    await advance(60_000);
    expect(lines.filter((line) => line === REFUSED)).toHaveLength(2);
    await lease.stop();
  });

  it('is over as well when another one holds the lease, so that there is nothing to write', async () => {
    const { lease, run, advance } = start('write');
    await advance(5000);
    const other = run('b');
    await advance(5000);
    expect(lines).toEqual([REFUSED, AGAIN]);
    await other.stop();
    await advance(5000);
    expect(lines).toEqual([REFUSED, AGAIN, REFUSED]);
    await lease.stop();
  });
});

describe('several controllers', () => {
  it('have one active among them, and another one takes over within seconds of its stop', async () => {
    const { clock, run, advance, activeOnes } = election();
    const a = run('a');
    await advance(100);
    const b = run('b');
    await advance(60_000);
    expect(activeOnes()).toEqual(['a']);
    await a.stop();
    expect(activeOnes()).toEqual([]);
    await advance(2500);
    expect(activeOnes()).toEqual(['b']);
    await b.stop();
    expect(clock.pending()).toEqual([]);
  });

  it('that cannot reach the store stop to act before another one begins', async () => {
    const { store, run, advance, activeOnes } = election();
    run('a');
    await advance(100);
    run('b');
    await advance(5000);
    store.cutOff.add('a');
    await advance(9000);
    expect(activeOnes()).toEqual(['a']);
    await advance(3000);
    expect(activeOnes()).toEqual([]);
    await advance(8000);
    expect(activeOnes()).toEqual(['b']);
    store.cutOff.delete('a');
    await advance(30_000);
    expect(activeOnes()).toEqual(['b']);
  });

  it('are never two, whoever is cut off from the store and when', async () => {
    const cut = fc.record({
      process: fc.constantFrom('a', 'b', 'c'),
      away: fc.boolean(),
      wait: fc.integer({ min: 1, max: 200 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(cut, { maxLength: 8 }), async (cuts) => {
        const { store, run, advance, activeOnes } = election();
        for (const process of ['a', 'b', 'c']) run(process);
        for (const { process, away, wait } of cuts) {
          if (away) store.cutOff.add(process);
          else store.cutOff.delete(process);
          for (let i = 0; i < wait; i++) {
            await advance(100);
            expect(activeOnes().length).toBeLessThanOrEqual(1);
          }
        }
        store.cutOff.clear();
        await advance(20_000);
        expect(activeOnes()).toHaveLength(1);
      }),
      { numRuns: 25 },
    );
  });
});
