import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { formatIpAddress } from '../../src/base/ip-address.ts';
import { systemRandom } from '../../src/base/random.ts';
import { Lab } from '../../src/lab/lab.ts';
import { linuxHopDatagrams } from '../../src/network/hop-datagrams.ts';
import { linuxNeighbours } from '../../src/network/neighbour-monitor.ts';
import type {
  ConnectOptions,
  HopDatagramOrigin,
  ListenerPeer,
  Neighbour,
  NeighbourWatch,
  SocketEndpoint,
} from '../../src/network/ports.ts';
import { linuxStreams } from '../../src/network/stream-network.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { addressOf, expectValue, until } from './contract.ts';
import { Recorder } from './stream-contract.ts';

/**
 * The new sockets over cables: machines `a` and `b` have the same addresses on two links, and `c` is one hop behind `a`.
 * Each runs a server that says who it is.
 */
const SERVER = `
const name = process.argv[1];
require('node:net').createServer((socket) => socket.on('error', () => {}).end(name)).listen({ host: '::', port: 1790 });
process.stdout.write('listening');
`;
const ADDON = fileURLToPath(new URL('../../dist/native.node', import.meta.url));
const direct = { passwords: [], hopLimit: 255 } as const;

describe.skipIf(!privateTree.inside)(`over real cables${skipNote}`, () => {
  const lab = new Lab('cables');
  const streams = expectValue(linuxStreams(systemClock));
  const hops = expectValue(linuxHopDatagrams(systemRandom));
  const neighbours = expectValue(linuxNeighbours());
  const open: { reset?(): void; close(): void }[] = [];

  beforeAll(async () => {
    await lab.build({
      hosts: ['a', 'b', 'c'],
      bridges: [],
      cables: [
        [
          { interface: 'cab-a', mac: '02:00:00:00:8a:01', addresses: ['10.81.0.1/24'] },
          { host: 'a', interface: 'eth0', mac: '02:00:00:00:8a:02', addresses: ['10.81.0.2/24'] },
        ],
        [
          { interface: 'cab-b', mac: '02:00:00:00:8b:01', addresses: ['10.81.0.1/24'] },
          { host: 'b', interface: 'eth0', mac: '02:00:00:00:8b:02', addresses: ['10.81.0.2/24'] },
        ],
        [
          { host: 'a', interface: 'eth1', addresses: ['10.81.9.1/24'] },
          { host: 'c', interface: 'eth0', addresses: ['10.81.9.2/24'] },
        ],
      ],
      routes: [{ host: 'c', to: '10.81.0.0/24', via: '10.81.9.1' }],
    });
    await lab.sysctl('a', { 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1 });
    await lab.run(undefined, ['ip', 'route', 'add', '10.81.9.0/24', 'via', '10.81.0.2', 'dev', 'cab-a']);
    const servers = ['a', 'b', 'c'].map((host) =>
      lab.spawn(host, [process.execPath, '-e', SERVER, host], { stdio: ['ignore', 'pipe', 'inherit'] }),
    );
    await Promise.all(servers.map((server) => new Promise((resolve) => server.stdout?.once('data', resolve))));
    // Until duplicate address detection is done, a link-local address is no source.
    await until('link-local addresses', () => {
      const text = execFileSync('ip', ['-6', 'addr', 'show', 'tentative'], { encoding: 'utf8' });
      return !/cab-[ab]/.test(text);
    });
  }, 20_000);
  afterAll(() => lab.stop());
  afterEach(() => {
    for (const each of open.splice(0)) {
      each.reset?.();
      each.close();
    }
  });

  const linkLocalOf = async (host: string, link: string): Promise<string> => {
    const text = await lab.run(host, ['ip', '-json', '-6', 'addr', 'show', 'dev', link, 'scope', 'link']);
    return JSON.parse(text)[0].addr_info[0].local;
  };
  const connecting = (remote: SocketEndpoint, options: Partial<ConnectOptions> = {}): Recorder => {
    const recorder = new Recorder();
    recorder.stream = expectValue(streams.connect({ remote, ...direct, ...options }, recorder));
    open.push(recorder.stream);
    return recorder;
  };
  const at = (text: string, zone?: string): SocketEndpoint => ({ address: addressOf(text), port: 1790, zone });
  const listening = (local: SocketEndpoint, peers: readonly ListenerPeer[], device?: string) => {
    const told = { accepted: [] as Recorder[], refused: [] as SocketEndpoint[], errors: [] as string[] };
    const listener = expectValue(
      streams.listen(
        { local, peers, device },
        {
          accepted: (stream) => {
            const recorder = new Recorder();
            recorder.stream = stream;
            told.accepted.push(recorder);
            open.push(stream);
            return recorder;
          },
          refused: (remote) => told.refused.push(remote),
          error: ({ message }) => told.errors.push(message),
        },
      ),
    );
    open.push(listener);
    return { listener, ...told };
  };
  /** A program of a machine that connects to us, says hello and waits. */
  const clientAt = (host: string, target: string, port: number, more = ''): void => {
    const script = `require('node:net').connect({ host: ${JSON.stringify(target)}, port: ${port}${more} }, function () { this.write('hello'); }).on('error', () => {});`;
    lab.spawn(host, [process.execPath, '-e', script]);
  };

  describe('streams', () => {
    test('bound to a device: the machine on that link, though both have the address', async () => {
      for (const name of ['a', 'b']) {
        const client = connecting(at('10.81.0.2'), { device: `cab-${name}` });
        await until('the name', () => client.events.includes('ended'));
        expect(client.text).toBe(name);
      }
      const options = { remote: at('10.81.0.2'), ...direct, device: 'no-such-link' };
      expect(streams.connect(options, new Recorder())).toMatchObject({ ok: false, error: { code: 'ENODEV' } });
    });

    test('link-local, with the interface as zone', async () => {
      for (const name of ['a', 'b']) {
        const client = connecting(at(await linkLocalOf(name, 'eth0'), `cab-${name}`));
        await until('the name', () => client.events.includes('ended'));
        expect(client.text).toBe(name);
        expect(formatIpAddress(client.open.local.address)).toMatch(/^fe80:/);
        expect(client.open.local.zone).toBe(`cab-${name}`);
      }
    });

    test('a link-local peer is accepted from its interface only, the other one is refused', async () => {
      const peer = { ...direct, address: addressOf(await linkLocalOf('a', 'eth0')), zone: 'cab-a' };
      const { listener, accepted, refused } = listening({ address: addressOf('::'), port: 0 }, [peer]);
      const own = JSON.parse(await lab.run(undefined, ['ip', '-json', '-6', 'addr', 'show', 'scope', 'link']));
      const ownOf = (link: string): string =>
        own.find(({ ifname }: { ifname: string }) => ifname === link).addr_info[0].local;
      clientAt('a', `${ownOf('cab-a')}%eth0`, listener.local.port);
      await until('accepted', () => accepted[0]?.text === 'hello');
      expect(accepted[0]?.open.remote.zone).toBe('cab-a');
      clientAt('b', `${ownOf('cab-b')}%eth0`, listener.local.port);
      await until('refused', () => refused.length > 0);
      expect(refused[0]?.zone).toBe('cab-b');
    });

    test('one link-local address on two interfaces with different passwords: the second is a problem, in words', () => {
      const peer = { ...direct, address: addressOf('fe80::1'), passwords: ['one'] };
      const { listener } = listening({ address: addressOf('::'), port: 0 }, []);
      const second = { ...peer, zone: 'cab-b', passwords: ['other'] };
      expect(listener.setPeers([{ ...peer, zone: 'cab-a' }, second])).toMatchObject([
        { peer: second, error: { code: 'EEXIST', message: expect.stringContaining('one password for an address') } },
      ]);
      expect(
        listener.setPeers([
          { ...peer, zone: 'cab-a' },
          { ...second, passwords: ['one'] },
        ]),
      ).toEqual([]);
    });

    test('a listener of a device hears that link only; two of them share a port', async () => {
      const peer = { ...direct, address: addressOf('10.81.0.2') };
      const first = listening({ address: addressOf('0.0.0.0'), port: 0 }, [peer], 'cab-a');
      const { port } = first.listener.local;
      const second = listening({ address: addressOf('0.0.0.0'), port }, [peer], 'cab-b');
      clientAt('b', '10.81.0.1', port);
      await until('accepted', () => second.accepted.length > 0);
      expect(first.accepted).toEqual([]);
      clientAt('a', '10.81.0.1', port);
      await until('accepted', () => first.accepted.length > 0);
      expect(second.accepted).toHaveLength(1);
    });

    test('TTL 1 does not reach past a router, TTL 2 does; GTSM hears nobody behind one', async () => {
      const near = connecting(at('10.81.9.2'), { hopLimit: 1 });
      await until('the error', () => near.error !== undefined);
      expect(near.error?.code).toBe('EHOSTUNREACH');
      const far = connecting(at('10.81.9.2'), { hopLimit: 2 });
      await until('the name', () => far.events.includes('ended'));
      expect(far.text).toBe('c');
      const guarded = connecting(at('10.81.9.2'), { minimumHopLimit: 255 });
      await pause(700);
      expect(guarded.events).toEqual([]);
      const peer = { ...direct, address: addressOf('10.81.9.2'), minimumHopLimit: 255 };
      const { listener, accepted, refused } = listening(at('10.81.0.1'), [peer], 'cab-a');
      clientAt('c', '10.81.0.1', listener.local.port);
      await pause(700);
      expect([accepted, refused]).toEqual([[], []]);
    });

    test('one peer with GTSM, one without, on one listener', async () => {
      const peersWith = (minimumHopLimit: number): ListenerPeer[] => [
        { ...direct, address: addressOf('10.81.0.2') },
        { ...direct, address: addressOf('10.81.9.2'), minimumHopLimit },
      ];
      const { listener, accepted } = listening({ ...at('10.81.0.1'), port: 0 }, peersWith(64), 'cab-a');
      // It sends with TTL 64, of which 63 arrives.
      clientAt('c', '10.81.0.1', listener.local.port);
      clientAt('a', '10.81.0.1', listener.local.port);
      await until('a', () => accepted[0]?.text === 'hello');
      expect(formatIpAddress(accepted[0]!.open.remote.address)).toBe('10.81.0.2');
      await pause(300);
      expect(accepted).toHaveLength(1);
      listener.setPeers(peersWith(63));
      await until('c, with its next SYN', () => accepted[1]?.text === 'hello', 5000);
    });

    test('nobody has the address: EHOSTUNREACH; no route: ENETUNREACH', async () => {
      const nobody = connecting(at('10.81.0.99'), { device: 'cab-a' });
      await until('the error', () => nobody.error !== undefined, 8000);
      expect(nobody.error?.code).toBe('EHOSTUNREACH');
      const noRoute = streams.connect({ remote: at('203.0.113.9'), ...direct }, new Recorder());
      expect(noRoute).toMatchObject({ ok: false, error: { code: 'ENETUNREACH' } });
      expect(!noRoute.ok && noRoute.error.message).toBe(
        'cannot connect to 203.0.113.9 port 1790: network is unreachable (ENETUNREACH)',
      );
    }, 10_000);

    test('half-open: the other machine forgets, and says so when it hears from us again', async () => {
      const peer = { ...direct, address: addressOf('10.81.0.2') };
      const { listener, accepted } = listening({ ...at('10.81.0.1'), port: 0 }, [peer], 'cab-a');
      clientAt('a', '10.81.0.1', listener.local.port);
      await until('accepted', () => accepted[0]?.text === 'hello');
      const server = accepted[0]!;
      await lab.nft('a', 'table inet cut { chain o { type filter hook output priority 0; tcp dport >= 1024 drop; }\n}');
      // Its FIN or RST is lost with the rest.
      await lab.run('a', ['sh', '-c', `kill -9 $(ss -Htnp state established | sed -n 's/.*pid=\\([0-9]*\\).*/\\1/p')`]);
      server.open.write([Buffer.from('are you there')]);
      await pause(700);
      expect(server.events).toEqual(['data']);
      expect(server.open.unacknowledged()).toBe(13);
      await lab.nft('a', 'flush ruleset');
      await until('the end', () => server.events.length > 1, 9000);
      expect(['ECONNRESET', 'ended']).toContain(server.events[1]);
    }, 15_000);

    test('without the capability: port 179 is refused in words', () => {
      const script = `
        import { systemClock } from './src/base/clock.ts';
        import { linuxStreams } from './src/network/stream-network.ts';
        const streams = linuxStreams(systemClock).value;
        const local = { address: { family: 'ipv4', value: 0n }, port: 179 };
        console.log(streams.listen({ local, peers: [] }, {}).error.message);`;
      const privileges = ['--inh-caps=-net_bind_service', '--bounding-set=-net_bind_service'];
      const child = spawnSync(
        'setpriv',
        [...privileges, process.execPath, '--import', 'tsx', '--input-type=module', '-e', script],
        { encoding: 'utf8', cwd: fileURLToPath(new URL('../..', import.meta.url)) },
      );
      expect(child.stderr).toBe('');
      expect(child.stdout.trim()).toBe(
        'cannot listen at 0.0.0.0 port 179: permission denied (EACCES); a port below 1024 needs the capability NET_BIND_SERVICE',
      );
    });
  });

  describe('hop datagrams', () => {
    test('link-local: the interface, the hop limit and both addresses are told', async () => {
      const origins: HopDatagramOrigin[] = [];
      const receiver = expectValue(
        hops.openHopReceiver(
          { family: 'ipv6', port: 0 },
          { datagram: (_, origin) => origins.push(origin), error: ({ message }) => expect.unreachable(message) },
        ),
      );
      open.push(receiver);
      const own = JSON.parse(
        await lab.run(undefined, ['ip', '-json', '-6', 'addr', 'show', 'dev', 'cab-a', 'scope', 'link']),
      );
      const target = own[0].addr_info[0].local;
      const script = `const s = require('node:dgram').createSocket('udp6');
        s.send('x', ${receiver.port}, '${target}%eth0', () => s.close());`;
      await lab.run('a', [process.execPath, '-e', script]);
      await until('it arrives', () => origins.length > 0);
      expect(origins[0]?.interfaceIndex).toBe(own[0].ifindex);
      expect(origins[0]?.hopLimit).toBe(64);
      expect(formatIpAddress(origins[0]!.to)).toBe(target);
      expect(formatIpAddress(origins[0]!.from)).toBe(await linkLocalOf('a', 'eth0'));
    });

    test('a hop less for each router', async () => {
      const hopLimits: number[] = [];
      const receiver = expectValue(
        hops.openHopReceiver(
          { family: 'ipv4', port: 0, device: 'cab-a' },
          {
            datagram: (_, { hopLimit }) => hopLimits.push(hopLimit),
            error: ({ message }) => expect.unreachable(message),
          },
        ),
      );
      open.push(receiver);
      const script = `const s = require('node:dgram').createSocket('udp4');
        s.bind(() => { s.setTTL(255); s.send('x', ${receiver.port}, '10.81.0.1', () => s.close()); });`;
      for (const host of ['a', 'c']) await lab.run(host, [process.execPath, '-e', script]);
      await until('both', () => hopLimits.length === 2);
      expect(hopLimits).toEqual([255, 254]);
    });
  });

  describe('neighbours', () => {
    const routersOf = (watch: NeighbourWatch): Neighbour[] => watch.list().filter(({ router }) => router);
    const watched = (): { watch: NeighbourWatch; changes: () => number } => {
      let changes = 0;
      const watch = expectValue(
        neighbours.watchNeighbours('cab-a', () => {
          changes++;
        }),
      );
      open.push(watch);
      return { watch, changes: () => changes };
    };
    /** A router that answers solicitations and advertises itself every second: as little as RFC 4861 asks for. */
    const advertise = async (host: string, sender: string, lifetime: number): Promise<void> => {
      const script = `
        const addon = require(${JSON.stringify(ADDON)});
        const fd = addon.socket(10, 3, 58);
        addon.setsockopt(fd, 41, 18, 255);
        const to = Buffer.alloc(28);
        to.writeUInt16LE(10, 0); to.set([0xff, 2], 8); to[23] = 1; to.writeUInt32LE(addon.interfaceIndex('eth0'), 24);
        const mac = ${JSON.stringify(sender)}.split(':').map((octet) => parseInt(octet, 16));
        const sent = addon.send(fd, Uint8Array.from([134, 0, 0, 0, 64, 0, 0, ${lifetime}, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, ...mac]), to);
        if (sent < 0) throw new Error('errno ' + sent);`;
      await lab.run(host, [process.execPath, '-e', script]);
    };
    const forget = (): void => {
      execFileSync('ip', ['-6', 'neigh', 'flush', 'dev', 'cab-a']);
    };

    test.each([
      [0, 0],
      [0, 1],
      [1, 1],
      [2, 1],
    ])(
      'a router advertisement makes it known as a router (accept_ra %i, forwarding %i)',
      async (accept, forwarding) => {
        for (const [key, value] of [
          ['accept_ra', accept],
          ['forwarding', forwarding],
        ])
          execFileSync('sh', ['-c', `echo ${value} >/proc/sys/net/ipv6/conf/cab-a/${key}`]);
        forget();
        const { watch, changes } = watched();
        await until('nobody', () => routersOf(watch).length === 0);
        const before = changes();
        await advertise('a', '02:00:00:00:8a:02', 0);
        await until('the router', () => routersOf(watch).length > 0);
        expect(changes()).toBeGreaterThan(before);
        const [router] = routersOf(watch);
        expect(router).toMatchObject({ mac: '02:00:00:00:8a:02', usable: true });
        expect(formatIpAddress(router!.address)).toBe(await linkLocalOf('a', 'eth0'));
      },
    );

    test('our solicitation and advertisement are valid to the other side: it learns of us from them', async () => {
      const watch = expectValue(neighbours.watchNeighbours('cab-b', () => {}));
      open.push(watch);
      const table = (): Promise<string> => lab.run('b', ['ip', '-6', 'neigh', 'show', 'dev', 'eth0']);
      const learnt = async (pattern: RegExp): Promise<void> => {
        for (let tries = 0; tries < 30 && !pattern.test(await table()); tries++) await pause(50);
        expect(await table()).toMatch(pattern);
      };
      await lab.sysctl('b', { 'net.ipv6.conf.eth0.forwarding': 1 });
      await lab.run('b', ['ip', '-6', 'neigh', 'flush', 'dev', 'eth0']);
      expect(watch.solicit()).toBeUndefined();
      await learnt(/^fe80::\S+ lladdr 02:00:00:00:8b:01 (STALE|DELAY|REACHABLE)/m);
      await lab.sysctl('b', { 'net.ipv6.conf.eth0.forwarding': 0 });
      expect(watch.advertise()).toBeUndefined();
      await learnt(/^fe80::\S+ lladdr 02:00:00:00:8b:01 router/m);
      expect(await lab.run('b', ['ip', '-6', 'route', 'show', 'default'])).toBe('');
    });

    test('an entry that goes is gone from the list; changes elsewhere are not told', async () => {
      const { watch, changes } = watched();
      const ip = (text: string) => execFileSync('ip', text.split(' '));
      ip('-6 neigh add fe80::77 lladdr 02:00:00:00:00:77 dev cab-a router');
      await until('it is there', () => watch.list().some(({ mac }) => mac === '02:00:00:00:00:77'));
      expect(watch.list().find(({ mac }) => mac === '02:00:00:00:00:77')).toEqual({
        address: addressOf('fe80::77'),
        mac: '02:00:00:00:00:77',
        router: true,
        usable: true,
      });
      const before = changes();
      const list = watch.list();
      ip('-6 neigh add fe80::78 lladdr 02:00:00:00:00:78 dev cab-b');
      await pause(50);
      expect([changes(), watch.list()]).toEqual([before, list]);
      ip('-6 neigh del fe80::77 dev cab-a');
      await until('it is gone', () => !watch.list().some(({ mac }) => mac === '02:00:00:00:00:77' && true));
    });

    test('an interface that is not there is refused; one that goes takes its neighbours with it', async () => {
      expect(neighbours.watchNeighbours('no-such-link', () => {})).toMatchObject({
        ok: false,
        error: { code: 'ENODEV' },
      });
      const ip = (text: string) => execFileSync('ip', text.split(' '));
      ip('link add cab-x type veth peer name cab-y');
      ip('link set cab-x up');
      ip('-6 neigh add fe80::77 lladdr 02:00:00:00:00:77 dev cab-x');
      const watch = expectValue(neighbours.watchNeighbours('cab-x', () => {}));
      open.push(watch);
      await until('it is there', () => watch.list().length > 0);
      ip('link del cab-x');
      await until('it is gone', () => watch.list().length === 0);
      expect(watch.solicit()).toMatchObject({ code: 'ENODEV' });
    });
  });

  describe('nothing leaks', () => {
    const sockets = (): number =>
      readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
        } catch {
          return false; // The one that listed the folder.
        }
      }).length;

    test('of 300 connections, 300 senders and 100 watches, ended in every way', async () => {
      await pause(50);
      const before = sockets();
      const { listener, accepted } = listening({ address: addressOf('127.0.0.1'), port: 0 }, [
        { ...direct, address: addressOf('127.0.0.1'), passwords: ['old', 'new'] },
      ]);
      for (let i = 0; i < 300; i++) {
        const client = connecting(listener.local, { passwords: ['old', 'new'] });
        if (i % 3 === 0) client.open.reset();
        else await until('connected', () => client.events.length > 0);
        if (i % 3 === 1) client.open.close();
        if (i % 3 === 2) client.open.reset();
      }
      await until('all were heard', () => accepted.every(({ events }) => events.length > 0));
      for (const { open: stream } of accepted) stream.close();
      listener.close();
      const to = { remote: { address: addressOf('127.0.0.1'), port: 3784 }, hopLimit: 255 };
      const senders = Array.from({ length: 300 }, () => expectValue(hops.openHopSender(to)));
      for (const sender of senders) sender.close();
      for (let i = 0; i < 100; i++) {
        const watch = expectValue(neighbours.watchNeighbours('cab-a', () => {}));
        if (i % 10 === 0) watch.solicit();
        watch.close();
      }
      await until('all are closed', () => sockets() <= before, 8000);
    }, 20_000);

    test('of a worker that is terminated in the middle of everything', async () => {
      const before = sockets();
      for (let round = 0; round < 3; round++) {
        const worker = new Worker(
          `const addon = require(${JSON.stringify(ADDON)});
           const { parentPort } = require('node:worker_threads');
           const address = Uint8Array.from([2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
           const listener = addon.socket(2, 1, 0);
           addon.bind(listener, address);
           addon.listen(listener, 16);
           addon.localAddress(listener, address);
           let count = 0;
           addon.startPolling(listener, () => {
             for (let fd; (fd = addon.accept(listener, new Uint8Array(28))) >= 0; ) {
               const poller = addon.startPolling(fd, () => addon.read(fd, new Uint8Array(64)), 3);
               if (count++ === 20) parentPort.postMessage('busy');
             }
           }, 1);
           setInterval(() => {
             const fd = addon.socket(2, 1, 0);
             addon.connect(fd, address);
             addon.startPolling(fd, () => addon.sendParts(fd, [new Uint8Array(1000)], 0, 0), 2);
           }, 1);
           const hops = addon.socket(2, 2, 0);
           addon.startPolling(hops, () => addon.receiveHops(hops, new Uint8Array(4096), new Uint8Array(480)), 1);`,
          { eval: true },
        );
        await new Promise((resolve) => worker.once('message', resolve));
        expect(await worker.terminate()).toBe(1);
      }
      await until('all are closed', () => sockets() <= before);
    });
  });

  test('5 MB in parts of 4 KiB go through in well under a second', async () => {
    const { listener, accepted } = listening({ address: addressOf('127.0.0.1'), port: 0 }, [
      { ...direct, address: addressOf('127.0.0.1') },
    ]);
    const client = connecting(listener.local);
    await until('both', () => client.events.length > 0 && accepted.length > 0);
    const parts = Array.from({ length: 1250 }, () => new Uint8Array(4000));
    const start = performance.now();
    client.open.write(parts);
    await until('all', () => accepted[0]?.octets === 5_000_000);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});
