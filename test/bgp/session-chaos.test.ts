import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import type { SessionConfig } from '../../src/bgp/session-config.ts';
import type { ConnectionId } from '../../src/bgp/session-events.ts';
import type { Message, MessageError, Open } from '../../src/bgp/wire/message.ts';
import { cease, hardReset, notification } from '../../src/bgp/wire/notification.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { CONFIG, Host, routerId, THEIR_OPEN } from './session-support.ts';

/** One session and a router that does anything at any time. Host sees to it that the session keeps its promises. */
const nothing = { family: { afi: 1, safi: 1 }, addPath: false, bytes: new Uint8Array() };
const restart = {
  kind: 'graceful-restart',
  restarting: false,
  notification: true,
  restartTime: 60,
  families: [],
} as const;
const MESSAGES: readonly Message[] = [
  THEIR_OPEN,
  THEIR_OPEN,
  { ...THEIR_OPEN, capabilities: [...THEIR_OPEN.capabilities, restart] } satisfies Open,
  { ...THEIR_OPEN, holdTime: 0 },
  { ...THEIR_OPEN, as2: 7, capabilities: [] },
  { kind: 'keepalive' },
  { kind: 'keepalive' },
  { kind: 'keepalive' },
  { kind: 'update', withdrawn: nothing, announced: nothing, attributes: {} },
  { kind: 'route-refresh', family: { afi: 1, safi: 1 }, subtype: 0 },
  notification(2, 4),
  cease(5),
  cease(7),
  hardReset(cease(2)),
];
const error = (code: number): MessageError => ({
  handling: 'reset',
  code,
  subcode: 1,
  data: new Uint8Array(),
  message: 'x',
});
const CONFIGS: readonly SessionConfig[] = [
  CONFIG,
  { ...CONFIG, passive: true },
  { ...CONFIG, delayOpenTime: seconds(2) },
  { ...CONFIG, gracefulRestart: undefined, routerId: routerId('10.0.0.9') },
  { ...CONFIG, families: ['ipv6'], holdTime: seconds(0) },
];
const index = fc.nat();
const action = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('accept' as const) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('connected' as const), which: index }) },
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant('receive' as const),
      which: index,
      message: fc.constantFrom(...MESSAGES),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('closed' as const), which: index }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('malformed' as const), which: index, code: fc.constantFrom(1, 2, 3, 7) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('written' as const), which: index }) },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), time: fc.constantFrom(1, 500, 5000, 90_000, 400_000) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('start' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('stop' as const),
      how: fc.constantFrom('for-good' as const, 'keep-routes' as const, 'deconfigured' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('reset' as const),
      how: fc.constantFrom('hard' as const, 'soft' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('configured' as const),
      config: fc.constantFrom(...CONFIGS),
      reconnect: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('liveness' as const) }) },
);

class Router {
  readonly host: Host;
  /** Ours that the router has answered; the rest are attempts. */
  readonly #there = new Set<ConnectionId>();

  constructor(config: SessionConfig, seed: number) {
    this.host = new Host(config, new VirtualClock(), seededRandom(seed));
  }

  do(what: typeof action extends fc.Arbitrary<infer A> ? A : never): void {
    const { host } = this;
    const pick = (which: number, there: boolean): ConnectionId | undefined => {
      const some = [...host.connections].filter((id) => (id.startsWith('in') || this.#there.has(id)) === there);
      return some[which % Math.max(1, some.length)];
    };
    switch (what.kind) {
      case 'accept':
        host.accept();
        return;
      case 'connected': {
        const connection = pick(what.which, false);
        if (connection === undefined) return;
        this.#there.add(connection);
        host.step({ kind: 'connected', connection });
        return;
      }
      case 'wait':
        host.clock.advance(what.time);
        return;
      case 'start':
        host.step({ kind: 'start', restarting: true, forwarding: true });
        return;
      case 'stop':
        host.step({ kind: 'stop', how: what.how, communication: 'bye' });
        return;
      case 'reset':
        host.step({ kind: 'reset', how: what.how });
        return;
      case 'configured':
        host.step({ kind: 'configured', config: what.config, reconnect: what.reconnect });
        return;
      case 'liveness':
        host.step({ kind: 'liveness-lost', message: 'down' });
        return;
      case 'receive':
      case 'closed':
      case 'malformed':
      case 'written': {
        const connection = pick(what.which, true);
        if (connection === undefined) return;
        if (what.kind === 'receive') host.receive(connection, what.message);
        else if (what.kind === 'closed') host.step({ kind: 'closed', connection, message: 'reset' });
        else if (what.kind === 'written') host.step({ kind: 'written', connection });
        else host.step({ kind: 'malformed', connection, error: error(what.code) });
      }
    }
  }
}

test('whatever a router does, the session keeps its promises, and a stop leaves nothing behind', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.constantFrom(...CONFIGS), fc.nat(), fc.array(action, { maxLength: 60 }), (config, seed, actions) => {
      const router = new Router(config, seed);
      const { host } = router;
      host.step({ kind: 'start', restarting: false, forwarding: false });
      for (const each of actions) {
        router.do(each);
        seen.add(host.state);
        expect(host.connections.size).toBeLessThanOrEqual(2);
        expect(host.up !== undefined).toBe(host.state === 'established');
        expect(host.timers().length).toBeLessThanOrEqual(6);
      }
      host.step({ kind: 'stop', how: 'for-good' });
      expect([host.state, host.up, host.connections.size, host.timers()]).toEqual(['idle', undefined, 0, []]);
      expect(host.clock.pending()).toEqual([]);
    }),
    { numRuns: 2000 },
  );
  expect(seen).toEqual(new Set(['idle', 'connect', 'active', 'open-sent', 'open-confirm', 'established']));
});

test('a session that is wanted never falls asleep: it connects, listens, or waits for a while', () => {
  fc.assert(
    fc.property(fc.nat(), fc.array(action, { maxLength: 40 }), (seed, actions) => {
      const router = new Router(CONFIG, seed);
      for (const each of actions) router.do(each);
      router.host.step({ kind: 'configured', config: CONFIG, reconnect: false });
      router.host.step({ kind: 'start', restarting: false, forwarding: false });
      // Nobody answers from now on: what is open dies of its timers, and then there are attempts.
      router.host.clock.advance(1_000_000);
      router.host.log.length = 0;
      router.host.clock.advance(130_000);
      if (router.host.up === undefined) expect(router.host.log.some(({ kind }) => kind === 'connect')).toBe(true);
    }),
    { numRuns: 500 },
  );
});
