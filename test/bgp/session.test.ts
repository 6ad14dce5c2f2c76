import { describe, expect, test } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import type { SessionConfig } from '../../src/bgp/session-config.ts';
import type { ConnectionId, SessionEffect } from '../../src/bgp/session-events.ts';
import { cease, notification } from '../../src/bgp/wire/notification.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { CONFIG, established, Host, routerId, started, THEIR_OPEN } from './session-support.ts';

const only = (host: Host): ConnectionId => [...host.connections][0]!;
const connects = (host: Host): number => host.log.filter(({ kind }) => kind === 'connect').length;
const find = <K extends SessionEffect['kind']>(host: Host, kind: K): Extract<SessionEffect, { kind: K }> | undefined =>
  host.log.findLast((effect): effect is Extract<SessionEffect, { kind: K }> => effect.kind === kind);

/** From wherever it is to Established, by our own connection; how long it took until we connected. */
function comeUp(host: Host): number {
  const from = host.clock.now();
  while (host.connections.size === 0) host.clock.advance(50);
  const took = host.clock.now() - from;
  host.step({ kind: 'connected', connection: only(host) });
  host.receive(only(host), THEIR_OPEN);
  host.receive(only(host), { kind: 'keepalive' });
  return took;
}

describe('after a failure', () => {
  test('the first one costs at most a second, and the router may come itself at once', () => {
    const host = established();
    host.step({ kind: 'closed', connection: 'out 0', message: 'reset' });
    expect([host.state, host.timers()]).toEqual(['active', ['connect-retry 0']]);
    expect(find(host, 'start-timer')).toMatchObject({ atLeast: 250, atMost: 1000 });
    host.accept();
    expect(host.state).toBe('open-sent');
  });

  test('RFC 4271 §8.1.1, DampPeerOscillations: each further one waits twice as long, up to a minute', () => {
    const host = established();
    const waits = Array.from({ length: 10 }, () => {
      host.step({ kind: 'closed', connection: only(host), message: 'reset' });
      return Math.round(comeUp(host) / 1000);
    });
    expect(waits).toEqual([1, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  test('five minutes up, and the past is forgotten', () => {
    const host = established();
    for (let i = 0; i < 6; i++) {
      host.step({ kind: 'closed', connection: only(host), message: 'reset' });
      comeUp(host);
    }
    for (let i = 0; i < 10; i++) {
      host.clock.advance(30_000);
      host.receive(only(host), { kind: 'keepalive' });
    }
    host.step({ kind: 'closed', connection: only(host), message: 'reset' });
    expect(host.state).toBe('active');
    expect(comeUp(host)).toBeLessThanOrEqual(1000);
  });

  test('a path that flaps is damped', () => {
    const host = established();
    const states = Array.from({ length: 3 }, () => {
      host.step({ kind: 'liveness-lost', message: 'control detection time expired' });
      const { state } = host;
      comeUp(host);
      return state;
    });
    expect(states).toEqual(['active', 'idle', 'idle']);
    expect(find(host, 'session-down')?.end.message).toContain('BFD says that the path to the router is down (control');
  });

  test('a router that is not there is no failure that counts: always tried again after the connect time', () => {
    const host = started();
    for (let i = 0; i < 20; i++) {
      host.step({ kind: 'connect-failed', connection: only(host), message: 'refused' });
      expect(host.state).toBe('active');
      host.clock.advance(5000);
    }
    expect(connects(host)).toBe(21);
  });

  test('a router that wants nobody now is asked again after the connect time', () => {
    const host = started();
    for (let i = 0; i < 5; i++) {
      host.step({ kind: 'connected', connection: only(host) });
      host.receive(only(host), cease(5));
      expect(host.state).toBe('active');
      host.clock.advance(5000);
    }
    expect(host.state).toBe('connect');
  });

  test('an operator waits for no damping', () => {
    const host = established();
    for (let i = 0; i < 5; i++) {
      host.step({ kind: 'closed', connection: only(host), message: 'reset' });
      if (i < 4) comeUp(host);
    }
    expect([host.state, host.timers()]).toEqual(['idle', ['idle-hold']]);
    host.step({ kind: 'reset', how: 'hard' });
    expect([host.state, host.timers()]).toEqual(['connect', ['connect-retry 0']]);
  });

  test('a passive session waits as long, and then listens again', () => {
    const host = established({ ...CONFIG, passive: true });
    const again = (): void => {
      host.step({ kind: 'closed', connection: only(host), message: 'reset' });
    };
    again();
    expect([host.state, host.timers()]).toEqual(['active', []]);
    const connection = host.accept();
    host.receive(connection, THEIR_OPEN);
    host.receive(connection, { kind: 'keepalive' });
    again();
    expect([host.state, host.timers()]).toEqual(['idle', ['idle-hold']]);
    host.clock.advance(1000);
    expect([host.state, host.timers()]).toEqual(['active', []]);
  });
});

describe('a process that did not run', () => {
  /** The hold timer is due, and fires only now. */
  const late = (host: Host, by: number): void => {
    host.freeze(90_000 + by);
  };
  test('reads what the router said meanwhile before it calls it silent', () => {
    const host = established();
    late(host, 20_000);
    expect(host.up).toBe('out 0');
    host.receive('out 0', { kind: 'keepalive' });
    host.clock.advance(89_000);
    expect(host.up).toBe('out 0');
  });
  test('and calls it silent where there is nothing', () => {
    const host = established();
    late(host, 20_000);
    host.clock.advance(500);
    expect(host.sent('out 0').at(-1)).toEqual(notification(4, 0));
  });
  test('a timer that is a little late is a timer', () => {
    const host = established();
    late(host, 200);
    expect(host.up).toBeUndefined();
  });
});

describe('liveness', () => {
  test('before there is a connection it means nothing', () => {
    const host = started();
    expect(host.step({ kind: 'liveness-lost', message: 'down' })).toEqual([]);
    expect(host.state).toBe('connect');
  });
  test('it ends an attempt as well', () => {
    const host = started();
    host.step({ kind: 'connected', connection: 'out 0' });
    host.step({ kind: 'liveness-lost', message: 'down' });
    expect(host.sent('out 0').at(-1)).toEqual(cease(10));
  });
});

describe('another configuration', () => {
  const unchanged: readonly (readonly [string, Partial<SessionConfig>])[] = [
    ['nothing', {}],
    ['its name for people', { hostName: 'node-z' }],
    ['the connect time', { connectTime: seconds(60) }],
    ['the keepalive time', { keepaliveTime: seconds(5) }],
    ['the hold time, where the router has a shorter one', { holdTime: seconds(180) }],
    ['DelayOpen', { delayOpenTime: seconds(1) }],
    ['what the peer AS may be, and it is that', { peerAsn: 'external' }],
    ['myASN, where a local AS hides it', { myAsn: 64501, localAsn: 64500 }],
    ['a family that the router does not offer', { families: ['ipv4', 'ipv6'] }],
    ['IPv4 with IPv6 next hops, for a router that cannot', { extendedNextHop: true }],
  ];
  test.each(unchanged)('does not touch a session whose facts are the same: %s', (_what, change) => {
    const before: SessionConfig = change.families === undefined ? CONFIG : { ...CONFIG, families: ['ipv4'] };
    const host = established(before, change.families === undefined ? THEIR_OPEN : { ...THEIR_OPEN, capabilities: [] });
    host.log.length = 0;
    expect(host.step({ kind: 'configured', config: { ...before, ...change }, reconnect: false })).toEqual([]);
    expect(host.up).toBe('out 0');
  });

  test.each([
    ['the hold time', { holdTime: seconds(30) }],
    ['a family', { families: ['ipv4'] }],
    ['the router ID', { routerId: routerId('10.9.9.9') }],
    ['our AS', { myAsn: 64501 }],
    ['the AS of the peer', { peerAsn: 64513 }],
    ['a role', { role: 'customer' }],
    ['the restart time', { gracefulRestart: { restartTime: seconds(300) } }],
    ['graceful restart off', { gracefulRestart: undefined }],
    ['passive', { passive: true }],
  ] as readonly (readonly [string, Partial<SessionConfig>])[])(
    'resets one whose facts are others: %s',
    (_what, change) => {
      const host = established();
      host.log.length = 0;
      host.step({ kind: 'configured', config: { ...CONFIG, ...change }, reconnect: false });
      expect(host.sent('out 0')).toEqual([cease(6)]);
      expect(host.state).toBe(change.passive === true ? 'active' : 'connect');
    },
  );

  test('resets it where the connection must be another one, and connects at once', () => {
    const host = established();
    host.step({ kind: 'configured', config: CONFIG, reconnect: true });
    expect([host.state, connects(host)]).toEqual(['connect', 2]);
  });

  test('counts from the next attempt on where there is no session', () => {
    const host = started({ ...CONFIG, holdTime: seconds(30) });
    host.step({ kind: 'configured', config: CONFIG, reconnect: false });
    host.step({ kind: 'connected', connection: 'out 0' });
    expect(host.sent()[0]).toMatchObject({ kind: 'open', holdTime: 90 });
  });

  test('an OPEN that was already sent is taken back', () => {
    const host = started();
    host.step({ kind: 'connected', connection: 'out 0' });
    host.step({ kind: 'configured', config: { ...CONFIG, holdTime: seconds(30) }, reconnect: false });
    expect([host.sent('out 0').at(-1), host.state]).toEqual([cease(6), 'connect']);
  });

  test('wakes nobody who was stopped', () => {
    const host = established();
    host.step({ kind: 'stop', how: 'for-good' });
    host.log.length = 0;
    host.step({ kind: 'configured', config: { ...CONFIG, passive: true }, reconnect: true });
    expect([host.log, host.state]).toEqual([[], 'idle']);
  });
});

describe('orders that do not fit', () => {
  test('nothing happens before the start, and whoever connects is refused', () => {
    const host = new Host(CONFIG, new VirtualClock(), { fraction: () => 0, bytes: () => new Uint8Array() });
    for (const how of ['hard', 'soft'] as const) expect(host.step({ kind: 'reset', how })).toEqual([]);
    expect(host.step({ kind: 'stop', how: 'for-good' })).toEqual([]);
    host.accept();
    expect(host.sent()).toEqual([cease(5)]);
    expect(host.connections.size).toBe(0);
  });
  test('a second start changes nothing', () => {
    const host = established();
    expect(host.step({ kind: 'start', restarting: true, forwarding: true })).toEqual([]);
  });
  test('a soft reset without a session asks for nothing', () => {
    expect(started().step({ kind: 'reset', how: 'soft' })).toEqual([]);
  });
  test('what comes late of a connection that is closed is ignored', () => {
    const host = established();
    host.step({ kind: 'stop', how: 'for-good' });
    for (const event of [
      { kind: 'connected', connection: 'out 0' },
      { kind: 'closed', connection: 'out 0', message: 'late' },
      { kind: 'connect-failed', connection: 'out 0', message: 'late' },
      { kind: 'received', connection: 'out 0', message: notification(6, 4) },
      { kind: 'written', connection: 'out 0' },
      { kind: 'timer-fired', timer: 'hold 0' as never },
      { kind: 'timer-fired', timer: 'idle-hold' as never },
    ] as const)
      expect(host.step(event)).toEqual([]);
  });
});
