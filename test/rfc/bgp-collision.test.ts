import { describe, expect, test } from 'vitest';
import type { SessionConfig } from '../../src/bgp/session-config.ts';
import type { Message, Open } from '../../src/bgp/wire/message.ts';
import { cease } from '../../src/bgp/wire/notification.ts';
import { CONFIG, established, type Host, routerId, started, THEIR_OPEN } from '../bgp/session-support.ts';

const KEEPALIVE: Message = { kind: 'keepalive' };

/** Both connections are there, and no OPEN has come. The peer is 10.0.0.2, AS 64512. */
function both(config: Partial<SessionConfig> = {}): Host {
  const host = started({ ...CONFIG, ...config });
  host.accept();
  host.step({ kind: 'connected', connection: 'out 0' });
  expect([...host.connections].sort()).toEqual(['in 0', 'out 0']);
  return host;
}
const LOWER = { routerId: routerId('10.0.0.1') };
const HIGHER = { routerId: routerId('10.0.0.3') };

describe('connection collision', () => {
  test.each([
    ['lower', LOWER, 'out 0', 'in 0', 'in 0'],
    ['lower', LOWER, 'in 0', 'out 0', 'in 0'],
    ['higher', HIGHER, 'out 0', 'in 0', 'out 0'],
    ['higher', HIGHER, 'in 0', 'out 0', 'out 0'],
  ] as const)(
    'RFC 4271 §6.8: our identifier is %s, the OPEN comes first on %s',
    (_what, config, first, second, kept) => {
      const host = both(config);
      host.receive(first, THEIR_OPEN);
      expect(host.connections.size).toBe(2);
      host.receive(second, THEIR_OPEN);
      expect([...host.connections]).toEqual([kept]);
      const lost = kept === 'in 0' ? 'out 0' : 'in 0';
      expect(host.sent(lost).at(-1)).toEqual(cease(7));
      host.receive(kept, KEEPALIVE);
      expect([host.up, host.state, host.timers().length]).toEqual([kept, 'established', 3]);
    },
  );

  test.each([
    [64400, 'in 0'],
    [64600, 'out 0'],
  ])('RFC 6286 §2.3: the same identifier: the connection of the higher AS (ours: %d) is kept', (myAsn, kept) => {
    const host = both({ myAsn, routerId: routerId('10.0.0.2') });
    host.receive('out 0', THEIR_OPEN);
    host.receive('in 0', THEIR_OPEN);
    expect([...host.connections]).toEqual([kept]);
  });

  test.each([LOWER, HIGHER])('RFC 4271 §6.8: an established session stays, whatever the identifiers (%o)', (config) => {
    const host = both(config);
    host.receive('out 0', THEIR_OPEN);
    host.receive('out 0', KEEPALIVE);
    expect(host.up).toBe('out 0');
    host.receive('in 0', THEIR_OPEN);
    expect(host.sent('in 0').at(-1)).toEqual(cease(7));
    expect([[...host.connections], host.up]).toEqual([['out 0'], 'out 0']);
  });

  test('RFC 4271 §6.8: also where it came up over the connection of the peer', () => {
    const host = both(HIGHER);
    host.receive('in 0', THEIR_OPEN);
    host.receive('in 0', KEEPALIVE);
    host.receive('out 0', THEIR_OPEN);
    expect([[...host.connections], host.up]).toEqual([['in 0'], 'in 0']);
  });

  test('RFC 4271 §8.2.1: a connection that comes while we still try is a state machine of its own', () => {
    const host = started();
    const incoming = host.accept();
    expect([host.state, host.connections.size]).toEqual(['open-sent', 2]);
    host.receive(incoming, THEIR_OPEN);
    host.receive(incoming, KEEPALIVE);
    expect([host.up, [...host.connections]]).toEqual([incoming, [incoming]]);
    expect(host.timers().map((timer) => timer.split(' ')[0])).toEqual(['hold', 'keepalive', 'send-hold']);
  });

  test('RFC 4271 §6.8: whoever of two does not come through leaves the other one alone', () => {
    for (const [lost, kept] of [
      ['out 0', 'in 0'],
      ['in 0', 'out 0'],
    ] as const) {
      const host = both();
      host.step({ kind: 'closed', connection: lost, message: 'reset' });
      host.receive(kept, THEIR_OPEN);
      host.receive(kept, KEEPALIVE);
      expect([host.up, host.connections.size]).toEqual([kept, 1]);
    }
  });

  test('RFC 4271 §6.8: a wrong OPEN on one of two ends that one only', () => {
    const host = both();
    host.receive('in 0', { ...THEIR_OPEN, as2: 7, capabilities: [] });
    expect([...host.connections]).toEqual(['out 0']);
    host.receive('out 0', THEIR_OPEN);
    host.receive('out 0', KEEPALIVE);
    expect(host.up).toBe('out 0');
  });

  test('a peer that connects a second time in OpenSent has given up the first connection', () => {
    const host = started({ ...CONFIG, passive: true });
    const [first, second] = [host.accept(), host.accept()];
    host.receive(second, THEIR_OPEN);
    host.receive(second, KEEPALIVE);
    expect(host.up).toBe(second);
    host.receive(first, THEIR_OPEN);
    expect([...host.connections]).toEqual([second]);
  });

  test('a peer cannot have more than two connections, however often it connects', () => {
    const host = started({ ...CONFIG, passive: true });
    for (let i = 0; i < 50; i++) host.accept();
    expect(host.connections.size).toBe(2);
  });
});

describe('a router that restarted without telling', () => {
  test('the established session is tried as soon as it connects anew', () => {
    const host = established();
    host.log.length = 0;
    host.accept();
    expect(host.sent('out 0')).toEqual([KEEPALIVE]);
    host.step({ kind: 'closed', connection: 'out 0', message: 'reset' });
    host.receive('in 0', THEIR_OPEN);
    host.receive('in 0', KEEPALIVE);
    expect([host.up, host.connections.size]).toEqual(['in 0', 1]);
  });

  test('RFC 4271 §6.8: without graceful restart the old one stays as long as it lives', () => {
    const host = established();
    host.clock.advance(60_000);
    const fresh = host.accept();
    host.receive(fresh, THEIR_OPEN);
    expect([host.up, [...host.connections]]).toEqual(['out 0', ['out 0']]);
  });

  test('with it a connection right after the session came up is a late one of two, no restart', () => {
    const capability = {
      kind: 'graceful-restart',
      restarting: false,
      notification: true,
      restartTime: 60,
      families: [],
    };
    const open = { ...THEIR_OPEN, capabilities: [...THEIR_OPEN.capabilities, capability] } as Open;
    const host = established(CONFIG, open);
    host.clock.advance(5000);
    host.receive(host.accept(), open);
    expect([host.up, [...host.connections]]).toEqual(['out 0', ['out 0']]);
  });
});
