import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { seconds, systemClock } from '../../src/base/clock.ts';
import { ipAddress } from '../../src/base/ip-address.ts';
import { systemRandom } from '../../src/base/random.ts';
import { Bgp } from '../../src/bgp/driver.ts';
import { noLiveness } from '../../src/bgp/liveness.ts';
import type { SessionReport } from '../../src/bgp/session-report.ts';
import { encodeMessage } from '../../src/bgp/wire/codec.ts';
import type { Message } from '../../src/bgp/wire/message.ts';
import { Lab } from '../../src/lab/lab.ts';
import { linuxNetwork } from '../../src/network/linux.ts';
import { linuxStreams } from '../../src/network/stream-network.ts';
import { ip, peerOf, route } from '../bgp/driver-scene.ts';
import { FakeNeighbours } from '../support/fake-neighbours.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { KEEPALIVE, RawBgpPeer, rawOpen } from '../support/raw-bgp-peer.ts';
import { until } from '../support/until.ts';
import { pause } from './scene.ts';

/** A scripted router over the kernel's own TCP (node:net), for what no real one does; on addresses of the private tree. */
const US = '198.18.65.10';
const PORT = 17_965;

class RawRouter {
  readonly address: string;
  readonly connections: RawBgpPeer[] = [];
  readonly sockets: Socket[] = [];
  readonly #server: Server;

  constructor(address: string) {
    this.address = address;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.setNoDelay(true);
      const peer = new RawBgpPeer({
        write: (bytes) => void socket.write(bytes),
        end: () => void socket.end(),
        reset: () => void socket.resetAndDestroy(),
        pause: () => void socket.pause(),
        resume: () => void socket.resume(),
      });
      socket.on('data', (bytes) => peer.data(bytes));
      socket.on('end', () => {
        peer.closed = 'fin';
        socket.end();
      });
      socket.on('error', ({ message }) => (peer.closed = message));
      this.sockets.push(socket);
      this.connections.push(peer);
    });
  }

  listen(): Promise<void> {
    return new Promise((resolve) => void this.#server.listen(PORT, this.address, resolve));
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
  }

  async next(): Promise<RawBgpPeer> {
    const count = this.connections.length;
    await until('a connection', seconds(8), () => this.connections.length > count);
    return this.connections.at(-1)!;
  }
}

describe.skipIf(!privateTree.inside)(`a router that does what no real one does${skipNote}`, () => {
  let host = 1;
  let router: RawRouter;
  let bgp: Bgp;
  const opened: (() => void)[] = [];
  afterEach(async () => {
    await bgp.stop('for-good');
    for (const close of opened.splice(0)) close();
  });

  // Loopback addresses would not do as next hops. A benchmark's prefix (RFC 2544), of which all are ours.
  beforeAll(() => new Lab('raw').run(undefined, ['ip', 'route', 'replace', 'local', '198.18.65.0/24', 'dev', 'lo']));

  async function start(
    announce: readonly string[] = [],
    session: Parameters<typeof peerOf>[1] = {},
  ): Promise<RawBgpPeer> {
    router = new RawRouter(`198.18.65.${100 + host++}`);
    await router.listen();
    opened.push(() => router.close());
    const network = linuxNetwork();
    const streams = linuxStreams(systemClock);
    if (!network.ok || !streams.ok) throw new Error('no network');
    bgp = new Bgp({
      streams: streams.value,
      neighbours: new FakeNeighbours(),
      network: network.value,
      clock: systemClock,
      random: systemRandom,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      liveness: noLiveness,
      onReport() {},
    });
    const transport = { port: PORT, source: ip(US), ...session.transport };
    const timing = { connectTime: seconds(1), ...session.session };
    bgp.setPeers([peerOf(router.address, { session: timing, transport })]);
    bgp.setRoutes(new Map([['tor', announce.map((text) => route(text))]]));
    return router.connections.at(-1) ?? router.next();
  }
  const report = (): SessionReport => bgp.reports().find(({ name }) => name === 'tor')!;
  const heard = (peer: RawBgpPeer, kind: Message['kind'], limit = seconds(3)): Promise<void> =>
    until(
      `${kind} heard`,
      limit,
      () => peer.heard.some((message) => message.kind === kind),
      () => Promise.resolve(peer.kinds),
    );

  /** Brings a connection to that state. */
  const reach: Readonly<Record<string, (peer: RawBgpPeer) => Promise<void>>> = {
    'open-sent': (peer) => heard(peer, 'open'),
    'open-confirm': async (peer) => {
      await heard(peer, 'open');
      peer.say(rawOpen());
      await heard(peer, 'keepalive');
    },
    established: async (peer) => {
      await reach['open-confirm']!(peer);
      peer.say(KEEPALIVE);
      await until(
        'established',
        seconds(3),
        () => report().state === 'established',
        () => Promise.resolve(report()),
      );
    },
  };
  const STATES = ['open-sent', 'open-confirm', 'established'];

  describe.each(STATES)('in %s', (state) => {
    test.each([
      ...[1, 2, 3].map((subcode) => [1, subcode] as const),
      ...[1, 2, 3, 4, 6, 7, 11].map((subcode) => [2, subcode] as const),
      ...[1, 2, 3, 4, 5, 6, 8, 9, 10, 11].map((subcode) => [3, subcode] as const),
      [4, 0] as const,
      ...[0, 1, 2, 3].map((subcode) => [5, subcode] as const),
      ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((subcode) => [6, subcode] as const),
      [7, 1] as const,
      [8, 0] as const,
      [99, 99] as const,
    ])('NOTIFICATION %i/%i ends it, is remembered, and is answered by none', async (code, subcode) => {
      const peer = await start();
      await reach[state]!(peer);
      peer.notify(code, subcode);
      await until('the end', seconds(3), () => peer.closed !== 'no');
      expect(report().lastNotificationReceived).toMatchObject({ code, subcode });
      // Before a session this only says that another connection was kept (RFC 4271 §6.8).
      if (state === 'established' || subcode !== 7 || code !== 6) expect(report().lastError).toBeDefined();
      expect(peer.notification).toBeUndefined();
    });

    test.each([
      ['FIN', (peer: RawBgpPeer) => peer.pipe.end()],
      ['RST', (peer: RawBgpPeer) => peer.pipe.reset()],
    ])('%s: the attempt is over, and another one follows', async (_what, close) => {
      const peer = await start();
      await reach[state]!(peer);
      close(peer);
      const again = await router.next();
      expect(report().lastError).toMatch(/without a NOTIFICATION/);
      await reach['established']!(again);
    });

    test('garbage: NOTIFICATION 1/1, and closed', async () => {
      const peer = await start();
      await reach[state]!(peer);
      peer.say(new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n'));
      await until('the end', seconds(3), () => peer.closed !== 'no');
      expect(peer.notification).toMatchObject({ code: 1, subcode: 1 });
    });

    test.each([
      ['a length of 18', [0, 18, 4], { code: 1, subcode: 2 }],
      ['a length of 4097', [16, 1, 2], { code: 1, subcode: 2 }],
      ['type 77', [0, 19, 77], { code: 1, subcode: 3 }],
    ])('%s', async (_what, header, expected) => {
      const peer = await start();
      await reach[state]!(peer);
      peer.say(Uint8Array.of(...Array<number>(16).fill(255), ...header));
      await until('the end', seconds(3), () => peer.closed !== 'no');
      expect(peer.notification).toMatchObject(expected);
    });
  });

  test('a router that closes before it says anything, again and again, is not asked without end', async () => {
    const peer = await start();
    peer.pipe.reset();
    for (let round = 0; round < 20; round++) {
      await pause(100);
      for (const connection of router.connections) if (connection.closed === 'no') connection.pipe.reset();
    }
    expect(router.connections.length).toBeLessThan(8);
  });

  test('octet by octet, both its words and its routes', async () => {
    const peer = await start(['203.0.113.1/32']);
    await heard(peer, 'open');
    const drip = async (message: Message): Promise<void> => {
      for (const byte of encodeMessage(message, peer.context)) {
        peer.say(Uint8Array.of(byte));
        await pause(0);
      }
    };
    await drip(rawOpen());
    await drip(KEEPALIVE);
    await until('established', seconds(5), () => report().state === 'established');
    await until('routes', seconds(3), () => peer.prefixes.join() === '203.0.113.1/32');
  });

  test('silence after the OPEN: the hold timer of the FSM ends it', async () => {
    const peer = await start([], { session: { holdTime: seconds(3), keepaliveTime: seconds(1) } });
    await heard(peer, 'open');
    peer.say(rawOpen({ holdTime: 3 }));
    await until('the end', seconds(6), () => peer.closed !== 'no');
    expect(peer.notification).toMatchObject({ code: 4, subcode: 0 });
  });

  test('silence once established: hold timer expired, 4/0', async () => {
    const peer = await start([], { session: { holdTime: seconds(3), keepaliveTime: seconds(1) } });
    await heard(peer, 'open');
    peer.say(rawOpen({ holdTime: 3 }));
    peer.say(KEEPALIVE);
    await until('the end', seconds(6), () => peer.closed !== 'no');
    expect(peer.notification).toMatchObject({ code: 4, subcode: 0 });
    expect(report().lastError).toMatch(/hold time/i);
  });

  test('100,000 prefixes to a router that reads nothing, and one that does beside it: bounded, and undisturbed', async () => {
    const slow = await start();
    await reach['established']!(slow);
    slow.pipe.pause();
    const other = new RawRouter('198.18.65.99');
    await other.listen();
    opened.push(() => other.close());
    const transport = { port: PORT, source: ip(US) };
    bgp.setPeers([
      peerOf(router.address, { session: { connectTime: seconds(1) }, transport }),
      peerOf(other.address, { session: { name: 'other' }, transport }),
    ]);
    const quick = await other.next();
    await heard(quick, 'open');
    quick.say(rawOpen({ routerId: '192.0.2.2' }));
    quick.say(KEEPALIVE);
    await until('established', seconds(3), () => bgp.reports().every(({ state }) => state === 'established'));
    const { attributes } = route('10.0.0.0/32');
    const address = (index: number) => ipAddress('ipv4', BigInt(0x0a00_0000 + index));
    const all = Array.from({ length: 100_000 }, (_, index) => ({
      prefix: { address: address(index), length: 32 },
      attributes,
    }));
    quick.deaf = true;
    const before = process.memoryUsage().arrayBuffers;
    let longest = 0;
    let last = systemClock.now();
    let watching = true;
    const watch = (): void => {
      const now = systemClock.now();
      longest = Math.max(longest, now - last);
      last = now;
      if (watching) setImmediate(watch);
    };
    bgp.setRoutes(
      new Map([
        ['tor', all],
        ['other', all],
      ]),
    );
    last = systemClock.now();
    watch();
    const told = (): boolean => bgp.reports()[0]!.families[0]!.pending === 0;
    await until('all of them at the one that reads', seconds(20), () => told() && quick.octets > 500_000);
    watching = false;
    expect(report()).toMatchObject({ state: 'established', flaps: 0 });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32_000_000);
    expect(longest).toBeLessThan(250);
  });
});
