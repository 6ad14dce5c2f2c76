import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatIpAddress, ipAddressFromBytes } from '../../src/base/ip-address.ts';
import { macAddressToBytes } from '../../src/base/mac-address.ts';
import { loadAddon } from '../../src/network/addon.ts';
import { linuxNetwork } from '../../src/network/linux.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import {
  acceptOnly,
  addressOf,
  ETHER_TYPE,
  expectValue,
  frameOf,
  listen,
  networkContract,
  OWN_MAC,
  PEER_MAC,
  until,
  type World,
} from './contract.ts';

const ip = (command: string, input?: string): string =>
  execFileSync('ip', command.split(' '), {
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(input && { input }),
  });

const hostOrder = (length: number, write: (view: DataView) => void): Uint8Array => {
  const view = new DataView(new ArrayBuffer(length));
  write(view);
  return new Uint8Array(view.buffer);
};

const PROBE_ETHER_TYPE = 0x88b7;
const ALL_PROTOCOLS = 3;

/** A packet socket without any code of ours but the addon: all protocols, no filter, our own frames marked as such. */
function rawPeer(interfaceName: string, etherType = ETHER_TYPE, protocol = ALL_PROTOCOLS) {
  const addon = expectValue(loadAddon());
  const fd = addon.socket(17, 3, 0);
  const PACKET_OUTGOING = 4;
  const address = hostOrder(20, (view) => {
    view.setUint16(0, 17, true);
    view.setUint16(2, protocol);
    view.setInt32(4, addon.interfaceIndex(interfaceName), true);
  });
  expect(addon.bind(fd, address)).toBe(0);
  const received: Uint8Array[] = [];
  const [buffer, sender] = [new Uint8Array(2048), new Uint8Array(20)];
  return {
    send: (frame: Uint8Array): void => expect(addon.send(fd, frame)).toBe(frame.length),
    trySend: (frame: Uint8Array): number => addon.send(fd, frame),
    received: (): readonly Uint8Array[] => {
      for (;;) {
        const length = addon.receive(fd, buffer, sender);
        if (length < 0) return received;
        const ours = buffer[12] === etherType >> 8 && buffer[13] === (etherType & 255);
        if (ours && sender[10] !== PACKET_OUTGOING) received.push(buffer.slice(0, length));
      }
    },
    /** How many frames came to this socket, read or not. */
    count: (): number => {
      const statistics = new Uint32Array(2);
      expect(addon.getsockopt(fd, 263, 6, new Uint8Array(statistics.buffer))).toBe(8);
      return statistics[0] ?? 0;
    },
    close: (): number => addon.close(fd),
  };
}

/** A veth; the peer is the other end. Deleting one end deletes the other, so the peer's socket is made anew with it. */
let worlds = 0;
function makeWorld(): World {
  const id = `${process.pid % 10_000}x${worlds++ % 100}`;
  const [name, far] = [`nw${id}`, `nq${id}`];
  let current = name;
  let station: ReturnType<typeof rawPeer> | undefined;
  /** Link up is not instantaneous: until the kernel has seen to it, frames are dropped. */
  const linked = (): void => {
    const near = rawPeer(current, PROBE_ETHER_TYPE);
    const other = rawPeer(far, PROBE_ETHER_TYPE);
    const probe = frameOf(0, undefined, undefined, PROBE_ETHER_TYPE);
    for (const limit = performance.now() + 3000; performance.now() < limit; ) {
      for (const end of [near, other]) end.trySend(probe);
      // Gently: too many at once, and the kernel drops them before any socket sees them.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      if (near.received().length > 0 && other.received().length > 0) break;
    }
    for (const end of [near, other]) end.close();
  };
  const create = (): void => {
    const commands = [
      `link add ${name} address ${OWN_MAC} type veth peer name ${far} address ${PEER_MAC}`,
      `link set ${far} up`,
      `link set ${name} up`,
    ];
    ip('-batch -', `${commands.join('\n')}\n`);
    current = name;
    station?.close();
    station = rawPeer(far);
    linked();
  };
  create();
  return {
    network: expectValue(linuxNetwork()),
    name,
    peer: { send: (frame) => station?.send(frame), received: () => station?.received() ?? [] },
    setUp: (up) => {
      ip(`link set ${current} ${up ? 'up' : 'down'}`);
      if (up) linked();
    },
    setMac: (mac) => ip(`link set ${current} address ${mac}`),
    addAddress: (text) => ip(`addr add ${text} dev ${current}`),
    removeAddress: (text) => ip(`addr del ${text} dev ${current}`),
    rename: (to) => {
      ip(`link set ${current} name ${to}`);
      current = to;
    },
    remove: () => ip(`link del ${current}`),
    create,
    solicitedNodeGroups: () =>
      readFileSync('/proc/net/igmp6', 'utf8')
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        // The group of the link-local address is the kernel's.
        .filter(([, link, group]) => link === current && /^ff0200000000000000000001ff0000a/.test(group ?? ''))
        .map(([, , group]) => formatIpAddress(ipAddressFromBytes(Buffer.from(group ?? '', 'hex'))))
        .sort(),
    end: () => {
      station?.close();
      try {
        ip(`link del ${far}`);
      } catch {
        // A test deleted it.
      }
    },
  };
}

if (privateTree.inside) networkContract('the kernel', makeWorld);

describe.skipIf(!privateTree.inside)(`the network of Linux${skipNote}`, () => {
  let world: World;
  const FRAME = frameOf(1);
  beforeAll(() => {
    world = makeWorld();
  });
  afterAll(() => world.end());

  test('the filter is in force before the first frame, while a flood runs', async () => {
    // In a thread of its own, so that frames arrive in the middle of opening.
    const flood = new Worker(
      `const { parentPort, workerData: { addon, index, frame } } = require('node:worker_threads');
       const calls = require(addon);
       const fd = calls.socket(17, 3, 0);
       const address = Buffer.alloc(20);
       address.writeUInt16LE(17, 0);
       address.writeInt32LE(index, 4);
       calls.bind(fd, address);
       setInterval(() => { for (let i = 0; i < 2000; i++) calls.send(fd, frame); });
       parentPort.postMessage('started');`,
      {
        eval: true,
        workerData: {
          addon: new URL('../../dist/native.node', import.meta.url).pathname,
          index: expectValue(loadAddon()).interfaceIndex(world.name.replace('nw', 'nq')),
          frame: frameOf(2),
        },
      },
    );
    await new Promise((resolve) => flood.once('message', resolve));
    for (let i = 0; i < 20; i++) {
      const here = listen(world.network, world.name, acceptOnly(1));
      await nextTurn();
      expect(here.payloads).toEqual([]);
      here.socket.close();
    }
    await flood.terminate();
  });

  test('a frame of another VLAN is not for us, one with nothing but a priority is', async () => {
    const here = listen(world.network, world.name);
    const tagged = (vlan: number, payload: number): Uint8Array => {
      const frame = frameOf(payload);
      return Uint8Array.of(
        ...frame.subarray(0, 12),
        0x81,
        0x00,
        (5 << 5) | (vlan >> 8),
        vlan & 255,
        ...frame.subarray(12),
      );
    };
    world.peer.send(tagged(7, 1));
    world.peer.send(tagged(0, 2));
    world.peer.send(frameOf(3));
    await until('the last frame', () => here.payloads.includes(3));
    expect(here.payloads).toEqual([2, 3]);
    here.socket.close();
  });

  test('what arrives while the thread is busy is read or counted as dropped', async () => {
    const here = listen(world.network, world.name);
    // Never read: it only counts what the kernel hands to sockets, which may be less than was sent.
    const witness = rawPeer(world.name, ETHER_TYPE, ETHER_TYPE);
    for (let i = 0; i < 40_000; i++) world.peer.send(FRAME);
    let [dropped, came] = [0, 0];
    await until('all frames', () => {
      dropped += here.socket.takeDropped();
      came += witness.count();
      return here.payloads.length + dropped >= came && here.payloads.length > 100;
    });
    expect(here.payloads.length + dropped).toBe(came);
    expect(dropped).toBeGreaterThan(0);
    witness.close();
    here.socket.close();
  });

  test('a flooded socket leaves the others their turn', async () => {
    const here = listen(world.network, world.name);
    for (let i = 0; i < 3000; i++) world.peer.send(FRAME);
    const turns: number[] = [];
    for (let before = 0; before < 1000 || (turns.at(-1) !== 0 && turns.length < 5000); before = here.payloads.length) {
      await nextTurn();
      turns.push(here.payloads.length - before);
    }
    expect(Math.max(...turns)).toBe(64);
    here.socket.close();
  });

  test('the master of a bridge port is named; loopback is told from the rest', () => {
    const bridge = world.name.replace('nw', 'nb');
    ip('-batch -', `link add ${bridge} type bridge\nlink set ${world.name} master ${bridge}\n`);
    const watch = expectValue(world.network.watchInterfaces(() => {}));
    const link = (name: string) => watch.list().find((entry) => entry.name === name);
    expect(link(world.name)?.master).toBe(link(bridge)?.index);
    expect(link(bridge)?.master).toBeUndefined();
    expect(link('lo')).toMatchObject({ loopback: true, mac: undefined, broadcast: false });
    watch.close();
    ip(`link del ${bridge}`);
  });

  test('many changes in one go are told once or few times', async () => {
    let changes = 0;
    const watch = expectValue(
      world.network.watchInterfaces(() => {
        changes++;
      }),
    );
    const count = (): number =>
      watch
        .list()
        .find(({ name }) => name === world.name)
        ?.addresses.filter(({ prefixLength }) => prefixLength === 32).length ?? 0;
    const commands = Array.from({ length: 200 }, (_, i) => `addr add 198.18.0.${i}/32 dev ${world.name}`);
    ip('-batch -', `${commands.join('\n')}\n`);
    await until('200 addresses', () => count() === 200);
    expect(changes).toBeLessThan(20);
    ip('-batch -', `${commands.map((command) => command.replace('addr add', 'addr del')).join('\n')}\n`);
    await until('no address', () => count() === 0);
    watch.close();
  });

  test('events that the kernel had to drop: everything is listed again', async () => {
    const watch = expectValue(world.network.watchInterfaces(() => {}));
    const index = watch.list().find(({ name }) => name === world.name)?.index;
    // More events than the socket's buffer holds, while nothing reads it; the last ones are those that get lost.
    const noise = Array.from({ length: 15_000 }, (_, i) => `link set ${world.name} mtu ${1400 + (i % 2)}`);
    ip(
      '-batch -',
      `${[...noise, `addr add 198.18.7.1/24 dev ${world.name}`, `link set ${world.name} mtu 1500`].join('\n')}\n`,
    );
    const now = () => watch.list().find((link) => link.index === index);
    await until('the address', () => now()?.addresses.some(({ prefixLength }) => prefixLength === 24) === true);
    expect(now()?.mtu).toBe(1500);
    ip(`addr del 198.18.7.1/24 dev ${world.name}`);
    await until('it is gone', () => now()?.addresses.every(({ prefixLength }) => prefixLength !== 24) === true);
    watch.close();
  });

  test('more groups than one socket may hold', () => {
    const groups = Array.from({ length: 3000 }, (_, i) => addressOf(`ff02::1:ff77:${i.toString(16)}`));
    const joined = (): number => readFileSync('/proc/net/igmp6', 'utf8').split('1ff77').length - 1;
    for (const group of groups) expect(world.network.joinGroup(world.name, group)).toBeUndefined();
    expect(joined()).toBe(3000);
    for (const group of groups) world.network.leaveGroup(world.name, group);
    expect(joined()).toBe(0);
  });

  test('all that was opened is closed again, and closing does not hold up the thread', async () => {
    const sockets = (): number =>
      readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
        } catch {
          return false; // The one that listed the folder.
        }
      }).length;
    const before = sockets();
    const took: number[] = [];
    for (let i = 0; i < 20; i++) {
      const here = listen(world.network, world.name);
      const watch = expectValue(world.network.watchInterfaces(() => {}));
      world.network.joinGroup(world.name, addressOf('ff02::1:ff00:a7'));
      world.network.leaveGroup(world.name, addressOf('ff02::1:ff00:a7'));
      world.network.openFrameSocket(
        { interfaceName: world.name, etherType: ETHER_TYPE, filter: [] },
        { frame: () => {}, error: () => {} },
      );
      const start = performance.now();
      here.socket.close();
      watch.close();
      took.push(performance.now() - start);
    }
    // The kernel needs some 16 ms for a packet socket.
    expect(took.toSorted((a, b) => a - b)[10]).toBeLessThan(5);
    await until('all are closed', () => sockets() <= before);
  });

  test('the source address of a sent frame is what we wrote', async () => {
    const here = listen(world.network, world.name);
    const before = world.peer.received().length;
    here.socket.send(frameOf(1, PEER_MAC, OWN_MAC));
    await until('the frame', () => world.peer.received().length > before);
    expect(world.peer.received().at(-1)?.subarray(6, 12)).toEqual(macAddressToBytes(OWN_MAC));
    here.socket.close();
  });
});
