import { describe, expect, it } from 'vitest';
import { ms, seconds } from '../../src/base/clock.ts';
import { decoded, malformed } from '../../src/base/decoded.ts';
import type { StreamHandlers, StreamNetwork } from '../../src/network/ports.ts';
import { GRACEFUL, KEEPALIVE, RawBgpPeer, rawOpen } from '../support/raw-bgp-peer.ts';
import { ip, link, peerOf, prefix, route, Scene } from './driver-scene.ts';

describe('an active session', () => {
  it('comes up, tells every route and then End-of-RIB, and says so in its report', async () => {
    const scene = new Scene();
    scene.setPeers(peerOf('192.0.2.1'));
    scene.setRoutes('203.0.113.1/32', '203.0.113.2/32', '2001:db8:99::1/128');
    const router = scene.router().listen();
    const session = await router.establish();
    expect(session.kinds.startsWith('open keepalive update')).toBe(true);
    expect(session.prefixes).toEqual(['2001:db8:99::1/128', '203.0.113.1/32', '203.0.113.2/32']);
    expect(session.table.get('203.0.113.1/32')).toMatchObject({
      nextHop: ip('192.0.2.10'),
      asPath: [{ kind: 'sequence', asns: [64_512] }],
    });
    expect(session.table.get('2001:db8:99::1/128')?.mpReach?.nextHops).toEqual([ip('2001:db8:2::10'), ip('fe80::10')]);
    expect(session.endsOfRib.sort()).toEqual(['ipv4', 'ipv6']);
    expect(scene.report).toMatchObject({
      name: 'tor',
      remote: '192.0.2.1',
      local: '192.0.2.10',
      state: 'established',
      localAsn: 64_512,
      peerAsn: 64_500,
      peerRouterId: '192.0.2.1',
      lastError: undefined,
      flaps: 0,
      families: [
        { family: 'ipv4', sent: 2, pending: 0, receivedAndDropped: 0 },
        { family: 'ipv6', sent: 1, pending: 0, receivedAndDropped: 0 },
      ],
      negotiated: { holdTime: 90_000, peerType: 'external', as4: true, routeRefresh: true },
    });
    expect(scene.reported.map(({ state }) => state)).toContain('established');
  });

  it('sends differences only, and a withdrawal in the same turn', async () => {
    const scene = new Scene();
    scene.setPeers(peerOf('192.0.2.1'));
    scene.setRoutes('203.0.113.1/32', '203.0.113.2/32');
    const session = await scene.router().listen().establish();
    const before = session.heard.length;
    scene.bgp.changeRoutes(new Map([['tor', { set: [route('203.0.113.3/32')], remove: [prefix('203.0.113.1/32')] }]]));
    await scene.settle(1);
    expect(session.heard.slice(before)).toHaveLength(2);
    expect(session.prefixes).toEqual(['203.0.113.2/32', '203.0.113.3/32']);
    scene.setRoutes('203.0.113.2/32', '203.0.113.3/32');
    await scene.settle(1);
    expect(session.heard.slice(before)).toHaveLength(2);
  });

  it('counts what it is told and drops it', async () => {
    const scene = new Scene();
    scene.setPeers(peerOf('192.0.2.1'));
    const session = await scene.router().listen().establish();
    session.say({
      kind: 'update',
      withdrawn: { family: { afi: 1, safi: 1 }, addPath: false, bytes: new Uint8Array(0) },
      announced: { family: { afi: 1, safi: 1 }, addPath: false, bytes: Uint8Array.of(8, 10, 16, 172, 16) },
      attributes: { origin: 'igp', asPath: [{ kind: 'sequence', asns: [64_500] }], nextHop: ip('192.0.2.1') },
    });
    await scene.settle();
    expect(scene.report.families[0]).toMatchObject({ family: 'ipv4', receivedAndDropped: 2 });
    expect(scene.report.messages.received).toMatchObject({ open: 1, update: 1 });
  });

  it('says what stands in the way, in words, once in the log, and tries again', async () => {
    const scene = new Scene();
    scene.setPeers(peerOf('192.0.2.1'));
    scene.router();
    await scene.settle(60_000);
    expect(scene.report).toMatchObject({
      state: expect.stringMatching(/active|connect/),
      lastError: expect.any(String),
    });
    expect(scene.report.lastError).toContain('refuses connections');
    expect(scene.logged.filter(({ fields }) => String(fields?.['why']).includes('refuses'))).toHaveLength(1);
    const router = scene.router().listen();
    await scene.settle(15_000);
    router.last.say(rawOpen());
    router.last.say(KEEPALIVE);
    await scene.settle();
    expect(scene.report.state).toBe('established');
  });

  it.each([
    ['EADDRNOTAVAIL', { source: ip('192.0.2.99') }, 'this node does not have the sourceAddress 192.0.2.99'],
  ] as const)('an attempt that cannot even be made: %s', async (_code, transport, words) => {
    const scene = new Scene();
    scene.setPeers(peerOf('192.0.2.1', { transport }));
    await scene.settle();
    expect(scene.report.lastError).toContain(words);
    expect(scene.report.state).not.toBe('established');
  });

  it('a NOTIFICATION comes out before the connection closes, and is remembered', async () => {
    const scene = new Scene();
    scene.setPeers(peerOf('192.0.2.1'));
    const router = scene.router().listen();
    const session = await router.establish({ asn: 65_000 });
    expect(session.notification).toMatchObject({ code: 2, subcode: 2 });
    expect(session.closed).toBe('fin');
    expect(scene.report).toMatchObject({
      lastNotificationSent: { code: 2, subcode: 2, name: 'open-message-error/bad-peer-as' },
      lastError: expect.stringContaining('65000'),
    });
  });

  it('a NOTIFICATION of the router is its word, and the session comes back', async () => {
    const scene = new Scene();
    scene.setPeers(peerOf('192.0.2.1'));
    const router = scene.router().listen();
    const session = await router.establish();
    session.notify(6, 2, Uint8Array.of(3, 0x79, 0x65, 0x73));
    await scene.settle();
    expect(scene.report).toMatchObject({
      flaps: 1,
      lastNotificationReceived: { name: 'cease/administrative-shutdown', communication: 'yes' },
    });
    await scene.settle(30_000);
    await router.establish();
    expect(scene.report.state).toBe('established');
  });
});

describe('a change of configuration', () => {
  it('that changes nothing that was negotiated leaves the session alone', async () => {
    const scene = new Scene();
    scene.setPeers(peerOf('192.0.2.1'));
    const router = scene.router().listen();
    const session = await router.establish();
    scene.setPeers(peerOf('192.0.2.1', { session: { connectTime: seconds(99) } }));
    await scene.settle();
    expect(session.closed).toBe('no');
    expect(scene.report).toMatchObject({ state: 'established', flaps: 0 });
  });

  it.each([
    ['the hold time', { session: { holdTime: seconds(30) } }],
    ['the TTL', { transport: { reach: { kind: 'multihop', ttl: 5 } } }],
  ] as const)('%s: the session is made anew, of that peer alone', async (_what, overrides) => {
    const scene = new Scene();
    const other = peerOf('192.0.2.2', { session: { name: 'other' } });
    scene.setPeers(peerOf('192.0.2.1'), other);
    const router = scene.router().listen();
    const second = scene.router('192.0.2.2').listen();
    await router.establish();
    const kept = await second.establish({ routerId: '192.0.2.2' });
    scene.setPeers(peerOf('192.0.2.1', overrides), other);
    await scene.settle();
    expect(router.connections[0]?.notification).toMatchObject({ code: 6, subcode: 6 });
    await scene.settle(3000);
    await router.establish();
    expect(scene.report.state).toBe('established');
    expect(kept.closed).toBe('no');
    expect(scene.reportOf('other').flaps).toBe(0);
  });

  it('a peer that is gone hears so, and nothing of it is left', async () => {
    const scene = new Scene();
    scene.setPeers(peerOf('192.0.2.1'));
    const session = await scene.router().listen().establish();
    scene.setPeers();
    await scene.settle();
    expect(session.notification).toMatchObject({ code: 6 });
    expect(session.closed).toBe('fin');
    expect(scene.bgp.reports()).toEqual([]);
    expect(scene.clock.pending().filter((timer) => timer.startsWith('bgp'))).toEqual([]);
  });

  it('a peer that goes and comes back finds its routes as they are by then', async () => {
    const scene = new Scene();
    scene.setPeers(peerOf('192.0.2.1'));
    scene.setRoutes('203.0.113.1/32', '203.0.113.2/32');
    const router = scene.router().listen();
    await router.establish();
    scene.setPeers();
    scene.bgp.changeRoutes(new Map([['tor', { set: [route('203.0.113.3/32')], remove: [prefix('203.0.113.1/32')] }]]));
    await scene.settle();
    scene.setPeers(peerOf('192.0.2.1'));
    const session = await router.establish();
    expect(session.prefixes).toEqual(['203.0.113.2/32', '203.0.113.3/32']);
  });

  it('new next hops are told without a new session', async () => {
    const scene = new Scene();
    scene.interfaces = [link('eth0', 2, ['192.0.2.10/24'])];
    scene.setPeers(peerOf('192.0.2.1'));
    scene.setRoutes('203.0.113.1/32', '2001:db8:99::1/128');
    const session = await scene.router().listen().establish();
    expect(session.prefixes).toEqual(['203.0.113.1/32']);
    scene.changeInterfaces([link('eth0', 2, ['192.0.2.10/24', '2001:db8:2::10/64'])]);
    await scene.settle();
    expect(session.prefixes).toEqual(['2001:db8:99::1/128', '203.0.113.1/32']);
    expect(session.closed).toBe('no');
  });
});

describe('passwords', () => {
  it('the same on both sides, changed while the session is up, and a wrong one looks like silence', async () => {
    const scene = new Scene();
    const peer = (...passwords: string[]) => peerOf('192.0.2.1', { transport: { passwords } });
    scene.setPeers(peer('old'));
    const router = scene.router().listen('192.0.2.10', ['old']);
    const session = await router.establish();
    expect(scene.report.state).toBe('established');
    scene.setPeers(peer('old', 'new'));
    await scene.settle();
    expect(scene.report.state).toBe('established');
    expect(session.closed).toBe('no');
    scene.setPeers(peer('old'));
    await scene.settle();
    expect(scene.report).toMatchObject({ state: 'established', flaps: 0 });
  });

  it('a wrong one: the report names it among the causes', async () => {
    const scene = new Scene();
    scene.setPeers(peerOf('192.0.2.1', { transport: { passwords: ['mine'] }, session: { connectTime: seconds(200) } }));
    scene.router().listen('192.0.2.10', ['theirs']);
    await scene.settle(300_000);
    expect(scene.report.lastError).toContain('password');
  });
});

describe('a passive peer', () => {
  const passive = peerOf('192.0.2.1', { session: { passive: true } });

  it('is listened for, on its port, and only then', async () => {
    const scene = new Scene();
    scene.setPeers(peerOf('192.0.2.1'));
    expect(scene.host.listeners.size).toBe(0);
    scene.setPeers(passive);
    expect([...scene.host.listeners].map(({ local }) => local.port)).toEqual([179]);
    expect(scene.report.listener).toEqual({ at: '0.0.0.0:179', error: undefined });
    scene.setPeers();
    expect(scene.host.listeners.size).toBe(0);
  });

  it('connects to us, and the session comes up', async () => {
    const scene = new Scene();
    scene.setPeers(passive);
    scene.setRoutes('203.0.113.1/32');
    const router = scene.router();
    router.connect();
    const session = await router.establish();
    expect(session.prefixes).toEqual(['203.0.113.1/32']);
    expect(scene.report.state).toBe('established');
  });

  it('a port that is taken is its trouble alone, and is tried again', async () => {
    const scene = new Scene();
    scene.host.failures.set('listen', 'EADDRINUSE');
    scene.setPeers(passive, peerOf('192.0.2.2', { session: { name: 'other' } }));
    const other = scene.router('192.0.2.2').listen();
    await other.establish({ routerId: '192.0.2.2' });
    expect(scene.reportOf('other').state).toBe('established');
    expect(scene.report).toMatchObject({
      listener: { at: '0.0.0.0:179', error: expect.stringContaining('another process listens at port 179') },
      lastError: expect.stringContaining('another process listens at port 179'),
    });
    scene.host.failures.delete('listen');
    await scene.settle(6000);
    expect(scene.report.listener?.error).toBeUndefined();
    const router = scene.router();
    router.connect();
    await router.establish();
    expect(scene.report.state).toBe('established');
  });

  it('both connect at once: one connection is left (RFC 4271 §6.8)', async () => {
    const scene = new Scene();
    scene.setPeers(peerOf('192.0.2.1'), peerOf('192.0.2.9', { session: { name: 'waits', passive: true } }));
    const router = scene.router().listen();
    router.connect();
    await scene.settle(2);
    expect(router.connections).toHaveLength(2);
    for (const connection of router.connections) connection.say(rawOpen());
    await scene.settle();
    for (const connection of router.connections) if (connection.closed === 'no') connection.say(KEEPALIVE);
    await scene.settle();
    // 192.0.2.10 is more than 192.0.2.1: what we made is kept.
    expect(router.connections.map(({ closed }) => closed).sort()).toEqual(['fin', 'no']);
    expect(router.connections.find(({ closed }) => closed === 'fin')?.notification).toMatchObject({
      code: 6,
      subcode: 7,
    });
    expect(scene.report).toMatchObject({ state: 'established', lastError: undefined });
  });
});

describe('an unnumbered peer', () => {
  const unnumbered = peerOf('192.0.2.1', {
    session: { extendedNextHop: true, peerAsn: 'external' },
    transport: { remote: { kind: 'interface', interface: 'eth0' } },
  });
  const neighbour = { address: ip('fe80::1'), mac: undefined, router: true, usable: true };

  it('is asked for, found, and spoken to over its link-local address', async () => {
    const scene = new Scene({}, 65_536, ['fe80::10']);
    scene.neighbours.addInterface('eth0');
    scene.setPeers(unnumbered);
    scene.setRoutes('203.0.113.1/32');
    await scene.settle(1500);
    expect(scene.neighbours.solicited.length).toBeGreaterThan(1);
    expect(scene.report).toMatchObject({ remote: 'eth0', state: 'idle', lastError: undefined });
    const router = scene.router('fe80::1').listen('fe80::10');
    scene.neighbours.set('eth0', neighbour);
    await scene.settle();
    const session = await router.establish({
      capabilities: [{ kind: 'extended-next-hop', families: [{ family: { afi: 1, safi: 1 }, nextHopAfi: 2 }] }],
    });
    expect(scene.report).toMatchObject({ remote: 'fe80::1%eth0', state: 'established', peerAsn: 64_500 });
    expect(session.prefixes).toEqual(['203.0.113.1/32']);
    expect(session.table.get('203.0.113.1/32')?.mpReach?.nextHops).toEqual([ip('2001:db8:2::10'), ip('fe80::10')]);
  });

  it('on another interface is another router, also where its address is the same', async () => {
    const scene = new Scene({}, 65_536, ['fe80::10']);
    scene.interfaces = [link('eth0', 2, ['fe80::10/64']), link('eth1', 3, ['fe80::10/64'])];
    scene.neighbours.addInterface('eth0');
    scene.neighbours.addInterface('eth1');
    scene.neighbours.set('eth0', neighbour);
    scene.setPeers(unnumbered);
    const session = await scene.router('fe80::1').listen('fe80::10').establish();
    scene.setPeers(
      peerOf('192.0.2.1', {
        session: { extendedNextHop: true, peerAsn: 'external' },
        transport: { remote: { kind: 'interface', interface: 'eth1' } },
      }),
    );
    await scene.settle();
    expect(session.closed).not.toBe('no');
    expect(scene.report).toMatchObject({ remote: 'eth1' });
    scene.neighbours.set('eth1', neighbour);
    await scene.settle();
    expect(scene.report.remote).toBe('fe80::1%eth1');
  });

  it('an interface that is not there is said, and one that comes is used', async () => {
    const scene = new Scene({}, 65_536, ['fe80::10']);
    scene.interfaces = [];
    scene.setPeers(unnumbered);
    await scene.settle();
    expect(scene.report.lastError).toBe('this node has no interface eth0');
    scene.neighbours.addInterface('eth0');
    scene.changeInterfaces([link('eth0', 5, ['fe80::10/64'])]);
    scene.neighbours.set('eth0', neighbour);
    const router = scene.router('fe80::1').listen('fe80::10');
    await scene.settle(12_000);
    await router.establish();
    expect(scene.report.state).toBe('established');
  });
});

describe('liveness', () => {
  const profile = {
    ...{ name: 'fast', receiveInterval: ms(300), transmitInterval: ms(300), detectMultiplier: 3 },
    ...{ echoInterval: ms(50), echoMode: false, passiveMode: false, minimumTtl: 254, authentication: undefined },
  };

  it('is watched from the first session on; down after up ends the session', async () => {
    const scene = new Scene();
    scene.setPeers(peerOf('192.0.2.1', { bfd: profile }));
    expect(scene.liveness.watched).toEqual([]);
    expect(scene.report.bfd).toBe('unwatched');
    const router = scene.router().listen();
    const session = await router.establish();
    expect(scene.liveness.watched).toEqual([
      { remote: ip('192.0.2.1'), local: ip('192.0.2.10'), interface: 'eth0', multihop: false, profile },
    ]);
    scene.liveness.say('down');
    await scene.settle();
    expect(scene.report.state).toBe('established');
    scene.liveness.say('up');
    expect(scene.report.bfd).toEqual({ kind: 'up', reason: undefined });
    scene.liveness.say('down', 'control detection time expired');
    await scene.settle();
    expect(session.notification).toMatchObject({ code: 6, subcode: 10 });
    expect(scene.report.lastError).toContain('control detection time expired');
  });

  it('AdminDown of the router is no failure (RFC 5882 §3.2)', async () => {
    const scene = new Scene();
    scene.setPeers(peerOf('192.0.2.1', { bfd: profile }));
    await scene.router().listen().establish();
    scene.liveness.say('up');
    scene.liveness.say('admin-down');
    await scene.settle();
    expect(scene.report.state).toBe('established');
  });
});

describe('a stop', () => {
  it('for good: withdraws, then Cease/Administrative Shutdown with its communication', async () => {
    const scene = new Scene();
    scene.setPeers(peerOf('192.0.2.1'));
    scene.setRoutes('203.0.113.1/32');
    const session = await scene.router().listen().establish();
    const stopped = scene.bgp.stop('for-good', 'maintenance');
    await scene.settle();
    await scene.settle(2000);
    await stopped;
    expect(session.prefixes).toEqual([]);
    expect(session.kinds.endsWith('update notification')).toBe(true);
    expect(session.notification).toMatchObject({ code: 6, subcode: 2 });
    expect(new TextDecoder().decode(session.notification?.data.subarray(1))).toBe('maintenance');
    expect(scene.clock.pending().filter((timer) => timer.startsWith('bgp'))).toEqual([]);
  });

  it.each([
    ['the N bit agreed: Cease/Administrative Reset', true, { code: 6, subcode: 4 }],
    ['without the N bit: not a word', false, undefined],
  ] as const)('that keeps routes, %s', async (_what, notification, heard) => {
    const scene = new Scene();
    const profile = {
      ...{ name: 'fast', receiveInterval: ms(300), transmitInterval: ms(300), detectMultiplier: 3 },
      ...{ echoInterval: ms(50), echoMode: false, passiveMode: false, minimumTtl: 254, authentication: undefined },
    };
    scene.setPeers(peerOf('192.0.2.1', { session: { gracefulRestart: { restartTime: seconds(120) } }, bfd: profile }));
    scene.setRoutes('203.0.113.1/32');
    const session = await scene
      .router()
      .listen()
      .establish({ capabilities: [{ ...GRACEFUL, notification } as never] });
    const stopped = scene.bgp.stop('keep-routes');
    await scene.settle();
    await scene.settle(2000);
    await stopped;
    expect(scene.liveness.log).toEqual(['admin-down', 'close']);
    expect(session.prefixes).toEqual(['203.0.113.1/32']);
    if (heard === undefined) expect(session.notification).toBeUndefined();
    else expect(session.notification).toMatchObject(heard);
    expect(session.closed).not.toBe('no');
  });

  it.each([
    ['the peers of the first list', true],
    ['a peer that comes later', false],
  ] as const)('and the process after it says that it restarts (RFC 4724 §4.1) to %s', async (_what, first) => {
    const scene = new Scene({ restart: { forwarding: true } });
    if (!first) scene.setPeers();
    scene.setPeers(peerOf('192.0.2.1', { session: { gracefulRestart: { restartTime: seconds(120) } } }));
    const session = await scene
      .router()
      .listen()
      .establish({ capabilities: [GRACEFUL] });
    const capability = session.open?.capabilities.find(({ kind }) => kind === 'graceful-restart');
    expect(capability).toMatchObject({ restarting: first, families: [{ forwarding: first }, { forwarding: first }] });
  });

  it('that keeps routes, to a router without graceful restart: as for good', async () => {
    const scene = new Scene();
    scene.setPeers(peerOf('192.0.2.1', { session: { gracefulRestart: { restartTime: seconds(120) } } }));
    scene.setRoutes('203.0.113.1/32');
    const session = await scene.router().listen().establish();
    const stopped = scene.bgp.stop('keep-routes');
    await scene.settle();
    await scene.settle(2000);
    await stopped;
    expect(session.prefixes).toEqual([]);
    expect(session.notification).toMatchObject({ code: 6, subcode: 2 });
  });

  it('does not wait for a router that reads nothing', async () => {
    const scene = new Scene({}, 16_384);
    scene.setPeers(peerOf('192.0.2.1'));
    const session = await scene.router().listen().establish();
    session.pipe.pause();
    scene.setRoutes(...many(20_000));
    const stopped = scene.bgp.stop('for-good');
    await scene.settle(3500);
    await scene.settle(2000);
    await stopped;
    expect(scene.report.state).toBe('idle');
  });
});

const many = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}/32`);

describe('a router that', () => {
  it('reads slowly holds no more than a portion, hears the last state, and disturbs nobody', async () => {
    const scene = new Scene({}, 16_384);
    scene.setPeers(peerOf('192.0.2.1'), peerOf('192.0.2.2', { session: { name: 'other' } }));
    const other = scene.router('192.0.2.2').listen();
    const slow = await scene.router().listen().establish();
    const quick = await other.establish({ routerId: '192.0.2.2' });
    slow.pipe.pause();
    const routes = many(30_000).map((text) => route(text));
    scene.bgp.setRoutes(
      new Map([
        ['tor', routes],
        ['other', routes],
      ]),
    );
    await scene.settle(500);
    for (let round = 0; round < 400 && quick.table.size < 30_000; round++) await scene.settle(50);
    expect(quick.table.size).toBe(30_000);
    expect(scene.report.families[0]!.pending).toBeGreaterThan(0);
    expect(slow.octets).toBeLessThan(60_000);
    // What it never heard of costs nothing when it goes.
    scene.setRoutes('10.0.0.1/32');
    slow.pipe.resume();
    for (let round = 0; round < 400 && scene.report.families[0]!.pending > 0; round++) await scene.settle(50);
    await scene.settle(500);
    expect(slow.prefixes).toEqual(['10.0.0.1/32']);
    expect(slow.octets).toBeLessThan(1_000_000);
  });

  it('acknowledges nothing for the send hold time is given up (RFC 9687)', async () => {
    // The kernel takes all that we say, and the router sends KEEPALIVEs but reads nothing.
    let handlers: StreamHandlers | undefined;
    let written = 0;
    const said: Uint8Array[] = [];
    const end = (text: string) => ({ address: ip(text), port: 179 });
    const streams: StreamNetwork = {
      connect(_options, given) {
        handlers = given;
        return decoded({
          ...{ local: end('192.0.2.10'), remote: end('192.0.2.1') },
          write(parts) {
            for (const part of parts) {
              written += part.length;
              said.push(part.slice());
            }
            return 0;
          },
          ...{ unacknowledged: () => written, setPasswords: () => undefined },
          ...{ pause() {}, resume() {}, close() {}, reset() {} },
        });
      },
      listen: () => malformed({ code: 'EADDRINUSE', message: 'none here' }),
    };
    const scene = new Scene({ streams });
    const router = new RawBgpPeer({
      write: (bytes) => handlers?.data(bytes),
      ...{ end() {}, reset() {}, pause() {}, resume() {} },
    });
    scene.setPeers(peerOf('192.0.2.1'));
    handlers?.connected();
    router.say(rawOpen());
    router.say(KEEPALIVE);
    expect(scene.report.state).toBe('established');
    while (scene.report.state === 'established' && scene.clock.now() < 20 * 60_000) {
      router.say(KEEPALIVE);
      await scene.settle(10_000);
    }
    expect(scene.report.lastNotificationSent).toMatchObject({ code: 8, name: 'send-hold-timer-expired' });
    expect(scene.clock.now()).toBeGreaterThanOrEqual(8 * 60_000);
    expect(said.length).toBeGreaterThan(10);
  });
});

describe('an operator', () => {
  it('resets softly: everything is announced again', async () => {
    const scene = new Scene();
    scene.setPeers(peerOf('192.0.2.1'));
    scene.setRoutes('203.0.113.1/32');
    const session = await scene.router().listen().establish();
    const before = session.heard.length;
    expect(scene.bgp.reset('tor', 'soft')).toBe(true);
    await scene.settle();
    expect(session.heard.length).toBeGreaterThan(before);
    expect(session.closed).toBe('no');
    expect(scene.bgp.reset('nobody', 'soft')).toBe(false);
  });

  it('resets hard: Cease/Administrative Reset and a new session', async () => {
    const scene = new Scene();
    scene.setPeers(peerOf('192.0.2.1'));
    const router = scene.router().listen();
    const session = await router.establish();
    scene.bgp.reset('tor', 'hard');
    await scene.settle();
    expect(session.notification).toMatchObject({ code: 6, subcode: 4 });
    await scene.settle(2000);
    await router.establish();
    expect(scene.report).toMatchObject({ state: 'established', flaps: 1 });
  });
});
