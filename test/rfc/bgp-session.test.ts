import { describe, expect, test } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import type { SessionConfig } from '../../src/bgp/session-config.ts';
import type { ConnectionId, SessionEffect } from '../../src/bgp/session-events.ts';
import type { Capability, Message, MessageError, Open } from '../../src/bgp/wire/message.ts';
import { cease, notification } from '../../src/bgp/wire/notification.ts';
import { CONFIG, established, type Host, started, THEIR_OPEN } from '../bgp/session-support.ts';

const KEEPALIVE: Message = { kind: 'keepalive' };
const UPDATE: Message = {
  kind: 'update',
  withdrawn: { family: { afi: 1, safi: 1 }, addPath: false, bytes: Uint8Array.of(8, 10) },
  attributes: {},
  announced: { family: { afi: 1, safi: 1 }, addPath: false, bytes: new Uint8Array() },
};
const refresh = (afi: number, subtype = 0): Message => ({ kind: 'route-refresh', family: { afi, safi: 1 }, subtype });
const error = (code: number, subcode: number): MessageError => ({
  handling: 'reset',
  code,
  subcode,
  data: Uint8Array.of(1, 2),
  message: 'what was found',
});
const restarts = (notificationBit: boolean, restarting = false): Capability => ({
  kind: 'graceful-restart',
  restarting,
  notification: notificationBit,
  restartTime: 60,
  families: [],
});
const opened = (...capabilities: Capability[]): Open => ({
  ...THEIR_OPEN,
  capabilities: [...THEIR_OPEN.capabilities, ...capabilities],
});

/** "6/2", "6/9 of 6/2", with the data. */
const codes = (host: Host): string[] =>
  host.sent().flatMap((message) => {
    if (message.kind !== 'notification') return [];
    const inner = message.code === 6 && message.subcode === 9 ? ` of ${message.data[0]}/${message.data[1]}` : '';
    return [`${message.code}/${message.subcode}${inner}`];
  });
const kinds = (host: Host): string[] => host.sent().map(({ kind }) => kind);
const only = (host: Host): ConnectionId => [...host.connections][0]!;
const find = <K extends SessionEffect['kind']>(host: Host, kind: K): Extract<SessionEffect, { kind: K }> | undefined =>
  host.log.findLast((effect): effect is Extract<SessionEffect, { kind: K }> => effect.kind === kind);

/** Up, and the log empty. */
function up(config: Partial<SessionConfig> = {}, open: Open = THEIR_OPEN): Host {
  const host = established({ ...CONFIG, ...config }, open);
  host.log.length = 0;
  return host;
}
/** In OpenSent. */
function sent(config: Partial<SessionConfig> = {}): Host {
  const host = started({ ...CONFIG, ...config });
  host.step({ kind: 'connected', connection: only(host) });
  host.log.length = 0;
  return host;
}
/** In OpenConfirm. */
function confirming(config: Partial<SessionConfig> = {}, open: Open = THEIR_OPEN): Host {
  const host = sent(config);
  host.receive(only(host), open);
  host.log.length = 0;
  return host;
}

describe('how a session comes up', () => {
  test('RFC 4271 §8.2.2: connect, OPEN, OPEN and KEEPALIVE, KEEPALIVE', () => {
    const host = started();
    expect(host.state).toBe('connect');
    host.step({ kind: 'connected', connection: 'out 0' });
    expect([host.state, kinds(host)]).toEqual(['open-sent', ['open']]);
    host.receive('out 0', THEIR_OPEN);
    expect([host.state, kinds(host)]).toEqual(['open-confirm', ['open', 'keepalive']]);
    host.receive('out 0', KEEPALIVE);
    expect([host.state, host.up, kinds(host)]).toEqual(['established', 'out 0', ['open', 'keepalive']]);
  });
  test('RFC 4271 §8.1.1: a passive session waits for the peer', () => {
    const host = started({ ...CONFIG, passive: true });
    expect([host.state, host.timers(), host.log.some(({ kind }) => kind === 'connect')]).toEqual(['active', [], false]);
    host.clock.advance(3_600_000);
    const connection = host.accept();
    expect([host.state, kinds(host)]).toEqual(['open-sent', ['open']]);
    host.receive(connection, THEIR_OPEN);
    host.receive(connection, KEEPALIVE);
    expect(host.up).toBe(connection);
  });
  test('RFC 4271 §8.2.2, event 9: an attempt without answer is given up after ConnectRetryTime, and made again', () => {
    const host = started();
    host.clock.advance(5000);
    expect(host.log.filter(({ kind }) => kind === 'connect').length).toBe(2);
    expect(host.connections).toEqual(new Set(['out 1']));
    expect(find(host, 'attempt-failed')?.end.kind).toBe('no-answer');
  });
  test('RFC 4271 §8.2.2: a peer that refuses us may come itself; we try again after ConnectRetryTime', () => {
    const host = started();
    host.step({ kind: 'connect-failed', connection: 'out 0', message: 'refused' });
    expect([host.state, host.connections.size]).toEqual(['active', 0]);
    host.clock.advance(5000);
    expect(host.state).toBe('connect');
    host.step({ kind: 'connect-failed', connection: 'out 1', message: 'refused' });
    host.accept();
    expect(host.state).toBe('open-sent');
  });
  test('RFC 4271 §8.2.2: a connection lost in OpenSent means Active', () => {
    const host = sent();
    host.step({ kind: 'closed', connection: 'out 0', message: 'reset' });
    expect([host.state, host.timers()]).toEqual(['active', ['connect-retry 0']]);
  });
});

describe('DelayOpen', () => {
  const delaying = (passive = false): Host => {
    const host = started({ ...CONFIG, passive, delayOpenTime: seconds(3) });
    if (passive) host.accept();
    else host.step({ kind: 'connected', connection: 'out 0' });
    return host;
  };
  test('RFC 4271 §8.2.2, event 12: the OPEN is sent when the DelayOpenTimer expires', () => {
    const host = delaying();
    expect([host.state, kinds(host)]).toEqual(['connect', []]);
    host.clock.advance(3000);
    expect([host.state, kinds(host)]).toEqual(['open-sent', ['open']]);
  });
  test('RFC 4271 §8.2.2, event 20: or when the OPEN of the peer comes before', () => {
    const host = delaying(true);
    host.receive('in 0', THEIR_OPEN);
    expect([host.state, kinds(host)]).toEqual(['open-confirm', ['open', 'keepalive']]);
  });
  test('RFC 4271 §8.1.1, SendNOTIFICATIONwithoutOPEN: a wrong OPEN is told so before ours was sent', () => {
    const host = delaying();
    host.receive('out 0', { ...THEIR_OPEN, capabilities: [], as2: 7 });
    expect([codes(host), kinds(host)]).toEqual([['2/2'], ['notification']]);
  });
});

describe('errors', () => {
  test.each([
    [1, 1],
    [1, 2],
    [1, 3],
    [3, 1],
    [3, 11],
    [7, 1],
  ])('RFC 4271 §6.1, §6.3, RFC 7313 §5: %d/%d is what the NOTIFICATION says, data and all', (code, subcode) => {
    const host = up();
    host.step({ kind: 'malformed', connection: 'out 0', error: error(code, subcode) });
    expect(host.sent()).toEqual([notification(code, subcode, Uint8Array.of(1, 2))]);
    expect([host.up, host.connections.size]).toEqual([undefined, 0]);
  });
  test('RFC 4271 §6.2: an OPEN that is wrong', () => {
    const host = sent();
    host.step({ kind: 'malformed', connection: 'out 0', error: error(2, 6) });
    expect(codes(host)).toEqual(['2/6']);
  });
  test('RFC 4271 §6.5: silence for the whole hold time', () => {
    const host = up();
    host.clock.advance(89_999);
    expect(host.up).toBe('out 0');
    host.clock.advance(1);
    expect([codes(host), host.up]).toEqual([['4/0'], undefined]);
  });
  test('RFC 4271 §8.2.2: each KEEPALIVE and each UPDATE restarts the hold timer', () => {
    const host = up();
    for (const message of [KEEPALIVE, UPDATE, KEEPALIVE]) {
      host.clock.advance(80_000);
      host.receive('out 0', message);
    }
    expect(host.up).toBe('out 0');
    host.clock.advance(90_000);
    expect(codes(host)).toEqual(['4/0']);
  });
  test('RFC 4271 §8.2.2: a peer that never sends its OPEN has four minutes', () => {
    const host = sent();
    host.clock.advance(239_999);
    expect(codes(host)).toEqual([]);
    host.clock.advance(1);
    expect(codes(host)).toEqual(['4/0']);
  });
  test.each([
    ['OpenSent', () => sent(), KEEPALIVE, 4],
    ['OpenSent', () => sent(), UPDATE, 2],
    ['OpenSent', () => sent(), refresh(1), 5],
    ['OpenConfirm', () => confirming(), THEIR_OPEN, 1],
    ['OpenConfirm', () => confirming(), UPDATE, 2],
    ['OpenConfirm', () => confirming(), refresh(1), 5],
    ['Established', () => up(), THEIR_OPEN, 1],
  ] as const)('RFC 6608 §4: in %s an unexpected message', (state, make, message, type) => {
    const host = make();
    host.receive('out 0', message);
    const subcode = { OpenSent: 1, OpenConfirm: 2, Established: 3 }[state];
    expect(host.sent()).toEqual([notification(5, subcode, Uint8Array.of(type))]);
  });
  test.each([
    ['OpenSent', () => sent()],
    ['OpenConfirm', () => confirming()],
    ['Established', () => up()],
  ] as const)('RFC 4271 §6.4: a NOTIFICATION in %s is not answered', (_state, make) => {
    const host = make();
    host.receive('out 0', cease(2));
    expect([kinds(host), host.connections.size]).toEqual([[], 0]);
  });
});

describe('timers', () => {
  test('RFC 4271 §10: what we start ourselves is jittered by 0.75 to 1, the hold timer is not', () => {
    const host = started();
    host.step({ kind: 'connected', connection: 'out 0' });
    host.receive('out 0', THEIR_OPEN);
    const ranges = host.log.flatMap((effect) =>
      effect.kind === 'start-timer' ? [[effect.timer, effect.atLeast, effect.atMost]] : [],
    );
    expect(ranges).toEqual([
      ['connect-retry 0', 3750, 5000],
      ['hold 0', 240_000, 240_000],
      ['hold 0', 90_000, 90_000],
      ['keepalive 0', 22_500, 30_000],
    ]);
  });
  test('RFC 4271 §4.4: a KEEPALIVE each keepalive time', () => {
    const host = up({ keepaliveTime: seconds(10) });
    for (let i = 0; i < 9; i++) {
      host.clock.advance(10_000);
      host.receive('out 0', KEEPALIVE);
    }
    expect(kinds(host).length).toBe(9);
  });
  test('RFC 4271 §4.2: with a hold time of zero neither runs', () => {
    const host = up({}, { ...THEIR_OPEN, holdTime: 0 });
    expect(host.timers()).toEqual([]);
    host.clock.advance(86_400_000);
    expect([host.up, kinds(host)]).toEqual(['out 0', []]);
  });
  test('but an OPEN that is never confirmed is not waited for without end', () => {
    const host = confirming({}, { ...THEIR_OPEN, holdTime: 0 });
    host.clock.advance(240_000);
    expect([codes(host), host.connections.size]).toEqual([['4/0'], 0]);
  });
  test('RFC 9687 §4.3: a peer that takes nothing for the send hold time', () => {
    const host = up();
    for (let i = 0; i < 8; i++) {
      host.clock.advance(59_999);
      host.receive('out 0', KEEPALIVE);
    }
    expect(host.up).toBe('out 0');
    host.clock.advance(8);
    expect(codes(host)).toEqual(['8/0']);
    expect(find(host, 'close')).toEqual({ kind: 'close', connection: 'out 0', how: 'abort' });
  });
  test('RFC 9687 §4.3: what the socket takes restarts it', () => {
    const host = up();
    for (let i = 0; i < 20; i++) {
      host.clock.advance(60_000);
      host.receive('out 0', KEEPALIVE);
      host.step({ kind: 'written', connection: 'out 0' });
    }
    expect(host.up).toBe('out 0');
  });
  test('RFC 9687 §6: eight minutes, or twice the hold time where that is more', () => {
    const range = (holdTime: number): unknown => {
      const host = established({ ...CONFIG, holdTime: seconds(holdTime) }, { ...THEIR_OPEN, holdTime });
      const start = host.log.find((effect) => effect.kind === 'start-timer' && effect.timer.startsWith('send-hold'));
      return start?.kind === 'start-timer' ? start.atLeast : undefined;
    };
    expect([range(90), range(3600)]).toEqual([480_000, 7_200_000]);
  });
});

describe('what we say when we end it', () => {
  test('RFC 4486 §4, RFC 9003 §2: stopped for good', () => {
    const host = up();
    host.step({ kind: 'stop', how: 'for-good', communication: 'node is retired' });
    expect(host.sent()).toEqual([cease(2, 'node is retired')]);
    expect([host.state, host.timers(), host.connections.size]).toEqual(['idle', [], 0]);
  });
  test('RFC 4486 §4: no peer of ours any more', () => {
    const host = up();
    host.step({ kind: 'stop', how: 'deconfigured' });
    expect(codes(host)).toEqual(['6/3']);
  });
  test('RFC 4486 §4: reset by the operator, and a new session at once', () => {
    const host = up();
    host.step({ kind: 'reset', how: 'hard', communication: 'again' });
    expect(host.sent()).toEqual([cease(4, 'again')]);
    expect(host.state).toBe('connect');
  });
  test('RFC 4486 §4: another configuration', () => {
    const host = up();
    host.step({ kind: 'configured', config: { ...CONFIG, families: ['ipv4'] }, reconnect: false });
    expect(codes(host)).toEqual(['6/6']);
  });
  test('RFC 4486 §4: who connects while we wait after failures is rejected', () => {
    const host = up();
    for (let i = 0; i < 3; i++) {
      host.step({ kind: 'malformed', connection: only(host), error: error(1, 1) });
      if (host.state === 'idle') break;
      host.clock.advance(1000);
      host.step({ kind: 'connected', connection: only(host) });
    }
    expect(host.state).toBe('idle');
    host.log.length = 0;
    host.accept();
    expect([codes(host), host.connections.size]).toEqual([['6/5'], 0]);
  });
  test('RFC 9384 §3: BFD is down', () => {
    const host = up();
    host.step({ kind: 'liveness-lost', message: 'BFD says that the path is down' });
    expect(codes(host)).toEqual(['6/10']);
  });
  test.each([
    ['for good', '6/9 of 6/2', (host: Host) => host.step({ kind: 'stop', how: 'for-good' })],
    ['deconfigured', '6/9 of 6/3', (host: Host) => host.step({ kind: 'stop', how: 'deconfigured' })],
    ['reset by hand', '6/9 of 6/4', (host: Host) => host.step({ kind: 'reset', how: 'hard' })],
    ['BFD down (RFC 9384 §4)', '6/9 of 6/10', (host: Host) => host.step({ kind: 'liveness-lost', message: 'BFD' })],
  ] as const)('RFC 8538 §5: with the N bit, a hard reset where no routes are to be kept: %s', (_why, code, end) => {
    const host = up({}, opened(restarts(true)));
    end(host);
    expect(codes(host)).toEqual([code]);
    expect(find(host, 'session-down')?.peerKeepsRoutes).toBe(false);
  });
});

describe('graceful restart', () => {
  test('RFC 8538 §4: a stop that keeps routes says Administrative Reset where the N bit is agreed', () => {
    const host = up({}, opened(restarts(true)));
    host.step({ kind: 'stop', how: 'keep-routes' });
    expect([codes(host), find(host, 'session-down')?.peerKeepsRoutes]).toEqual([['6/4'], true]);
  });
  test('RFC 4724 §4: without the N bit nothing is said, since a NOTIFICATION would end the restart', () => {
    const host = up({}, opened(restarts(false)));
    host.step({ kind: 'stop', how: 'keep-routes' });
    expect([kinds(host), host.connections.size, find(host, 'session-down')?.peerKeepsRoutes]).toEqual([[], 0, true]);
    expect(find(host, 'close')?.how).toBe('flush');
  });
  test('a peer that does not know graceful restart is told that we stop', () => {
    const host = up();
    host.step({ kind: 'stop', how: 'keep-routes' });
    expect([codes(host), find(host, 'session-down')?.peerKeepsRoutes]).toEqual([['6/2'], false]);
  });
  test('RFC 4724 §4: what an earlier session left with the peer is not spoiled by a stop in the middle of the next', () => {
    const host = sent();
    host.step({ kind: 'stop', how: 'keep-routes' });
    expect([kinds(host), host.connections.size]).toEqual([[], 0]);
  });
  test.each([
    ['RFC 4724 §4.2: the connection breaks', false, undefined, true],
    ['RFC 4724 §4: a NOTIFICATION without the N bit', false, cease(4), false],
    ['RFC 8538 §4: a NOTIFICATION with it', true, cease(4), true],
    ['RFC 8538 §4: a hard reset', true, notification(6, 9, Uint8Array.of(6, 4)), false],
  ] as const)('%s', (_what, bit, message, kept) => {
    const host = up({}, opened(restarts(bit)));
    if (message === undefined) host.step({ kind: 'closed', connection: 'out 0', message: 'reset' });
    else host.receive('out 0', message);
    expect(find(host, 'session-down')?.peerKeepsRoutes).toBe(kept);
  });
  test.each([
    [true, true],
    [false, false],
  ])('RFC 8538 §4: so does the hold timer (N bit %s)', (bit, kept) => {
    const host = up({}, opened(restarts(bit)));
    host.clock.advance(90_000);
    expect(find(host, 'session-down')?.peerKeepsRoutes).toBe(kept);
  });
  test('RFC 4724 §4.1: the R bit is set until the first session is up, the F bit from then on', () => {
    const host = started(CONFIG, { restarting: true, forwarding: false });
    const bits = (): unknown => {
      const open = host.sent().findLast((message): message is Open => message.kind === 'open');
      const said = open?.capabilities.find((each) => each.kind === 'graceful-restart');
      return said?.kind === 'graceful-restart' ? [said.restarting, said.families[0]?.forwarding] : undefined;
    };
    host.step({ kind: 'connected', connection: 'out 0' });
    expect(bits()).toEqual([true, false]);
    host.step({ kind: 'closed', connection: 'out 0', message: 'reset' });
    host.clock.advance(5000);
    host.step({ kind: 'connected', connection: 'out 1' });
    expect(bits()).toEqual([true, false]);
    host.receive('out 1', opened(restarts(true)));
    host.receive('out 1', KEEPALIVE);
    host.step({ kind: 'closed', connection: 'out 1', message: 'reset' });
    host.clock.advance(5000);
    host.step({ kind: 'connected', connection: 'out 2' });
    expect(bits()).toEqual([false, true]);
  });
  test('RFC 4724 §4.2: a peer that opens a new connection has lost the old one, which is closed without a word', () => {
    const host = up({}, opened(restarts(true)));
    host.clock.advance(60_000);
    host.log.length = 0;
    const fresh = host.accept();
    expect(host.up).toBe('out 0');
    host.receive(fresh, opened(restarts(true, true)));
    expect(host.sent('out 0')).toEqual([KEEPALIVE]);
    expect(find(host, 'session-down')).toMatchObject({ connection: 'out 0', peerKeepsRoutes: true });
    host.receive(fresh, KEEPALIVE);
    expect([host.up, [...host.connections]]).toEqual([fresh, [fresh]]);
  });
  test('RFC 4724 §2: End-of-RIB of the peer is noted, for each family', () => {
    const host = up();
    const none = { family: { afi: 1, safi: 1 }, addPath: false, bytes: new Uint8Array() };
    const ipv6 = { ...none, family: { afi: 2, safi: 1 } };
    host.receive('out 0', { kind: 'update', withdrawn: none, announced: none, attributes: {} });
    host.receive('out 0', { kind: 'update', withdrawn: none, announced: none, attributes: { mpUnreach: ipv6 } });
    host.receive('out 0', UPDATE);
    const ended = host.log.flatMap((effect) => (effect.kind === 'end-of-rib' ? [effect.family] : []));
    expect(ended).toEqual(['ipv4', 'ipv6']);
  });
});

describe('route refresh', () => {
  const asked = (host: Host): string[] =>
    host.log.flatMap((effect) => (effect.kind === 'refresh' ? [effect.family] : []));
  test('RFC 2918 §4: the peer asks for a family again', () => {
    const host = up();
    host.receive('out 0', refresh(2));
    expect(asked(host)).toEqual(['ipv6']);
  });
  test('RFC 2918 §4: what was not agreed upon is ignored', () => {
    const host = up({ families: ['ipv4'] });
    host.receive('out 0', refresh(2));
    host.receive('out 0', refresh(25));
    expect([asked(host), host.up]).toEqual([[], 'out 0']);
  });
  test('RFC 7313 §4: begin and end of the peer, and subtypes that nobody knows, ask for nothing', () => {
    const host = up();
    for (const subtype of [1, 2, 3, 255]) host.receive('out 0', refresh(1, subtype));
    expect([asked(host), host.up]).toEqual([[], 'out 0']);
  });
  test('a soft reset by the operator is the same for every family', () => {
    const host = up();
    host.step({ kind: 'reset', how: 'soft' });
    expect([asked(host), host.up]).toEqual([['ipv4', 'ipv6'], 'out 0']);
  });
});

describe('what the peer does not understand', () => {
  test('RFC 5492 §3: after Unsupported Optional Parameter the next OPEN has no capabilities, the one after that has', () => {
    const host = sent();
    const capabilities = (): number | undefined => {
      const open = host.sent().findLast((message): message is Open => message.kind === 'open');
      return open?.capabilities.length;
    };
    const again = (): void => {
      host.receive(only(host), notification(2, 4));
      host.clock.advance(5000);
      host.step({ kind: 'connected', connection: only(host) });
    };
    again();
    expect(capabilities()).toBe(0);
    again();
    expect(capabilities()).toBeGreaterThan(3);
  });
});
