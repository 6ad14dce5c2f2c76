import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ms, seconds } from '../../src/base/clock.ts';
import type { Random } from '../../src/base/random.ts';
import type { SessionConfig } from '../../src/bgp/session-config.ts';
import type { ConnectionId } from '../../src/bgp/session-events.ts';
import type { Message } from '../../src/bgp/wire/message.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { CONFIG, Host, routerId } from './session-support.ts';

/** Two sessions that talk to each other over connections with delays of their own; whatever happens, in order of each connection. */
type Side = 'a' | 'b';
const other = (side: Side): Side => (side === 'a' ? 'b' : 'a');

interface Link {
  readonly ends: Partial<Record<Side, ConnectionId>>;
  /** When the last thing that was sent to that side arrives. */
  readonly arrival: Record<Side, number>;
}

class Pair {
  readonly clock = new VirtualClock();
  readonly hosts: Record<Side, Host>;
  readonly #links = new Map<string, Link>();
  readonly #random: Random;
  readonly #slow: number;
  readonly #listens: Record<Side, boolean>;
  cut = false;

  constructor(configs: Record<Side, SessionConfig>, seed: number, slow: number, listens: Record<Side, boolean>) {
    this.#random = seededRandom(seed);
    this.#slow = slow;
    this.#listens = listens;
    const host = (side: Side) =>
      new Host(configs[side], this.clock, this.#random, {
        connect: (connection) => this.#connect(side, connection),
        close: (connection) => this.#close(side, connection),
        send: (connection, message) => this.#send(side, connection, message),
      });
    this.hosts = { a: host('a'), b: host('b') };
  }

  /** The network loses this connection. */
  breakConnection(side: Side): void {
    const [connection] = this.hosts[side].connections;
    const link = connection && this.#linkOf(side, connection);
    if (link === undefined) return;
    for (const end of ['a', 'b'] as const) {
      const id = link.ends[end];
      delete link.ends[end];
      if (id !== undefined) this.hosts[end].step({ kind: 'closed', connection: id, message: 'reset' });
    }
  }

  #connect(from: Side, connection: ConnectionId): void {
    const link: Link = { ends: { [from]: connection }, arrival: { a: 0, b: 0 } };
    this.#links.set(`${from} ${connection}`, link);
    const to = other(from);
    this.#later(link, to, () => {
      if (link.ends[from] === undefined) return;
      if (this.cut || !this.#listens[to]) {
        this.#later(link, from, () => this.#failed(link, from));
        return;
      }
      link.ends[to] = `in ${this.#links.size + 1000}` as ConnectionId;
      this.#later(link, from, () => this.#tell(link, from, (id) => ({ kind: 'connected', connection: id })));
      this.hosts[to].connections.add(link.ends[to]);
      this.hosts[to].step({ kind: 'accepted', connection: link.ends[to] });
    });
  }

  #failed(link: Link, side: Side): void {
    this.#tell(link, side, (connection) => ({ kind: 'connect-failed', connection, message: 'refused' }));
  }

  #send(from: Side, connection: ConnectionId, message: Message): void {
    const link = this.#linkOf(from, connection);
    if (link === undefined) return;
    const to = other(from);
    this.#later(link, to, () => {
      this.#tell(link, from, (id) => ({ kind: 'written', connection: id }));
      this.#tell(link, to, (id) => ({ kind: 'received', connection: id, message }));
    });
  }

  #close(from: Side, connection: ConnectionId): void {
    const link = this.#linkOf(from, connection);
    if (link === undefined) return;
    delete link.ends[from];
    const to = other(from);
    this.#later(link, to, () => this.#tell(link, to, (id) => ({ kind: 'closed', connection: id, message: 'closed' })));
  }

  #tell(link: Link, to: Side, event: (id: ConnectionId) => Parameters<Host['step']>[0]): void {
    const id = link.ends[to];
    if (id !== undefined && this.hosts[to].connections.has(id)) this.hosts[to].step(event(id));
  }

  #linkOf(side: Side, connection: ConnectionId): Link | undefined {
    return [...this.#links.values()].find((link) => link.ends[side] === connection);
  }

  #later(link: Link, to: Side, run: () => void): void {
    const draw = this.#random.fraction();
    const delay = draw ** 4 * this.#slow;
    const at = Math.max(link.arrival[to], this.clock.now() + delay);
    link.arrival[to] = at;
    this.clock.startTimer('network', ms(at - this.clock.now()), run);
  }

  /** What a healthy pair looks like: one connection, the same at both ends. */
  verdict(): unknown {
    const { a, b } = this.hosts;
    const link = [...this.#links.values()].find(({ ends }) => ends.a === a.up && ends.b === b.up);
    return {
      states: [a.state, b.state],
      same: a.up !== undefined && link !== undefined,
      connections: [a.connections.size, b.connections.size],
    };
  }
}
/** More by hand: CLARION_RUNS=20000 npx vitest run test/bgp/session-pair.test.ts */
const RUNS = Number(process.env['CLARION_RUNS'] ?? 600);
/** The longest way there: an OPEN that is lost with its connection is waited for four minutes. */
const SETTLED = 250_000;
const HEALTHY = { states: ['established', 'established'], same: true, connections: [1, 1] };

const A: SessionConfig = { ...CONFIG, name: 'b', peerAsn: 64512 };
const B: SessionConfig = { ...CONFIG, name: 'a', myAsn: 64512, peerAsn: 64500, routerId: routerId('10.0.0.2') };

interface Setting {
  readonly seed: number;
  readonly slow: number;
  readonly passive: Side | undefined;
  readonly deaf: Side | undefined;
  readonly delayOpen: readonly [boolean, boolean];
  readonly gracefulRestart: readonly [boolean, boolean];
  readonly sameId: boolean;
  readonly aLower: boolean;
}
const settings: fc.Arbitrary<Setting> = fc.record({
  seed: fc.nat(),
  slow: fc.constantFrom(1, 50, 2000),
  passive: fc.constantFrom(undefined, 'a' as const, 'b' as const),
  deaf: fc.constantFrom(undefined, undefined, 'a' as const, 'b' as const),
  delayOpen: fc.tuple(fc.boolean(), fc.boolean()),
  gracefulRestart: fc.tuple(fc.boolean(), fc.boolean()),
  sameId: fc.boolean(),
  aLower: fc.boolean(),
});

function pairOf(setting: Setting): Pair {
  const { seed, slow, passive, deaf, delayOpen, gracefulRestart, sameId, aLower } = setting;
  const side = (config: SessionConfig, at: 0 | 1, is: Side): SessionConfig => ({
    ...config,
    passive: passive === is,
    delayOpenTime: delayOpen[at] ? seconds(1) : undefined,
    gracefulRestart: gracefulRestart[at] ? { restartTime: seconds(60) } : undefined,
    routerId: sameId ? A.routerId : (is === 'a') === aLower ? A.routerId : B.routerId,
  });
  // A passive side listens, and so does whoever has a passive neighbour only by chance: one deaf side at most, never the passive one.
  const listens = { a: deaf !== 'a' || passive !== undefined, b: deaf !== 'b' || passive !== undefined };
  return new Pair({ a: side(A, 0, 'a'), b: side(B, 1, 'b') }, seed, slow, listens);
}

function start(pair: Pair, setting: Setting): void {
  const apart = setting.seed % 3 === 0 ? 0 : setting.seed % 400;
  pair.hosts.a.step({ kind: 'start', restarting: false, forwarding: false });
  pair.clock.advance(apart);
  pair.hosts.b.step({ kind: 'start', restarting: false, forwarding: false });
}

describe('two sessions against each other', () => {
  test('come up with exactly one connection, whatever the interleaving', () => {
    fc.assert(
      fc.property(settings, (setting) => {
        const pair = pairOf(setting);
        start(pair, setting);
        pair.clock.advance(SETTLED);
        expect(pair.verdict()).toEqual(HEALTHY);
        // And nothing happens to it after that.
        for (const { log } of Object.values(pair.hosts)) log.length = 0;
        pair.clock.advance(400_000);
        for (const { log } of Object.values(pair.hosts))
          expect(log.filter(({ kind }) => kind === 'session-down' || kind === 'connect' || kind === 'close')).toEqual(
            [],
          );
      }),
      { numRuns: RUNS },
    );
  });

  const disturbances = fc.array(
    fc.record({
      after: fc.integer({ min: 0, max: 20_000 }),
      side: fc.constantFrom('a' as const, 'b' as const),
      what: fc.constantFrom('break', 'reset', 'soft', 'liveness', 'stop', 'keep', 'cut', 'reconnect', 'garbage'),
    }),
    { maxLength: 12 },
  );
  test('and again after whatever happens to them', () => {
    fc.assert(
      fc.property(settings, disturbances, (setting, stories) => {
        const pair = pairOf(setting);
        start(pair, setting);
        for (const { after, side, what } of stories) {
          pair.clock.advance(after);
          disturb(pair, side, what);
        }
        pair.cut = false;
        for (const side of ['a', 'b'] as const)
          pair.hosts[side].step({ kind: 'start', restarting: true, forwarding: true });
        pair.clock.advance(1_200_000);
        expect(pair.verdict()).toEqual(HEALTHY);
      }),
      { numRuns: RUNS / 2 },
    );
  });

  test('stopped they are silent: no connection, no timer', () => {
    fc.assert(
      fc.property(settings, fc.nat(20_000), (setting, after) => {
        const pair = pairOf(setting);
        start(pair, setting);
        pair.clock.advance(after);
        for (const side of ['a', 'b'] as const) pair.hosts[side].step({ kind: 'stop', how: 'for-good' });
        pair.clock.advance(60_000);
        for (const { state, connections, up } of Object.values(pair.hosts))
          expect({ state, connections: connections.size, up }).toEqual({
            state: 'idle',
            connections: 0,
            up: undefined,
          });
        expect(pair.clock.pending()).toEqual([]);
      }),
      { numRuns: RUNS / 2 },
    );
  });
});

function disturb(pair: Pair, side: Side, what: string): void {
  const host = pair.hosts[side];
  const [connection] = host.connections;
  switch (what) {
    case 'break':
      pair.breakConnection(side);
      return;
    case 'reset':
      host.step({ kind: 'reset', how: 'hard' });
      return;
    case 'soft':
      host.step({ kind: 'reset', how: 'soft' });
      return;
    case 'liveness':
      host.step({ kind: 'liveness-lost', message: 'BFD is down' });
      return;
    case 'stop':
      host.step({ kind: 'stop', how: 'for-good' });
      return;
    case 'keep':
      host.step({ kind: 'stop', how: 'keep-routes' });
      return;
    case 'cut':
      pair.cut = !pair.cut;
      return;
    case 'reconnect':
      host.step({ kind: 'configured', config: side === 'a' ? A : B, reconnect: true });
      return;
    default: {
      if (connection === undefined) return;
      const error = { handling: 'reset', code: 1, subcode: 3, data: Uint8Array.of(9), message: 'type 9' } as const;
      host.step({ kind: 'malformed', connection, error });
    }
  }
}
