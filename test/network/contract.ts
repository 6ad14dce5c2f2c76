import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatIpAddress, type IpAddress, parseIpAddress } from '../../src/base/ip-address.ts';
import { type MacAddress, macAddressToBytes, parseMacAddress } from '../../src/base/mac-address.ts';
import type { BpfInstruction, FrameSocket, Network, NetworkInterface } from '../../src/network/ports.ts';

/**
 * What every Network promises, whoever implements it: run against the fake of the unit tests and against the kernel.
 * A `World` is one interface of the network under test, and a machine at the other end of its cable.
 */
export interface World {
  readonly network: Network;
  /** The interface at the start of the test; it has the MAC `OWN_MAC`, MTU 1500 and is up. */
  readonly name: string;
  readonly peer: { send(frame: Uint8Array): void; received(): readonly Uint8Array[] };
  setUp(up: boolean): void;
  setMac(mac: MacAddress): void;
  addAddress(text: string): void;
  removeAddress(text: string): void;
  rename(to: string): void;
  /** Deleted; `create` makes another one with the same name and MAC. */
  remove(): void;
  create(): void;
  /** Groups of the interface that go with `ff02::1:ff..:....`, as text, sorted. */
  solicitedNodeGroups(): readonly string[];
  end(): void;
}

export const macOf = (text: string): MacAddress => expectValue(parseMacAddress(text));
export const addressOf = (text: string): IpAddress => expectValue(parseIpAddress(text));
export const OWN_MAC = macOf('02:00:00:00:0a:01');
export const PEER_MAC = macOf('02:00:00:00:0b:02');
const OTHER_MAC = macOf('02:00:00:00:0c:03');
const BROADCAST = macOf('ff:ff:ff:ff:ff:ff');

/** IEEE 802 "local experimental": no kernel sends or answers it. */
export const ETHER_TYPE = 0x88b5;
const ACCEPT_ALL: readonly BpfInstruction[] = [{ code: 0x06, jt: 0, jf: 0, k: 0xffff }];
/** Lets those frames through whose first octet after the header is `octet`. */
export const acceptOnly = (octet: number): readonly BpfInstruction[] => [
  { code: 0x30, jt: 0, jf: 0, k: 14 },
  { code: 0x15, jt: 0, jf: 1, k: octet },
  { code: 0x06, jt: 0, jf: 0, k: 0xffff },
  { code: 0x06, jt: 0, jf: 0, k: 0 },
];

/** A frame of 60 octets, the least on a wire, with that first octet of payload. */
export function frameOf(payload: number, destination = OWN_MAC, source = PEER_MAC, etherType = ETHER_TYPE): Uint8Array {
  const frame = new Uint8Array(60);
  frame.set(macAddressToBytes(destination));
  frame.set(macAddressToBytes(source), 6);
  frame.set([etherType >> 8, etherType & 255, payload], 12);
  return frame;
}

export async function until(what: string, condition: () => boolean, limitMs = 3000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await nextTurn();
  }
}

export function expectValue<T>(outcome: { ok: true; value: T } | { ok: false; error: unknown }): T {
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.error));
  return outcome.value;
}

/** A socket, and what it was told: first octets of payload, and codes of errors. */
export interface Listener {
  readonly socket: FrameSocket;
  readonly payloads: number[];
  readonly frames: Uint8Array[];
  readonly errors: string[];
}

export function listen(network: Network, interfaceName: string, filter = ACCEPT_ALL, etherType = ETHER_TYPE): Listener {
  const payloads: number[] = [];
  const frames: Uint8Array[] = [];
  const errors: string[] = [];
  const socket = expectValue(
    network.openFrameSocket(
      { interfaceName, etherType, filter },
      {
        frame: (bytes) => {
          payloads.push(bytes[14]!);
          frames.push(bytes.slice());
        },
        error: ({ code }) => errors.push(code),
      },
    ),
  );
  return { socket, payloads, frames, errors };
}

const SENTINEL = 0x7e;

export function networkContract(implementation: string, makeWorld: () => World): void {
  describe(`the network contract, by ${implementation}`, () => {
    let world: World;
    const open: (() => void)[] = [];

    beforeEach(() => {
      world = makeWorld();
    });
    afterEach(() => {
      for (const close of open.splice(0)) close();
      world.end();
    });

    const listener = (filter = ACCEPT_ALL, etherType = ETHER_TYPE): Listener => {
      const made = listen(world.network, world.name, filter, etherType);
      open.push(() => made.socket.close());
      return made;
    };
    const arrived = (at: Listener, count: number): Promise<void> =>
      until(`${count} frames, not ${at.payloads.length}`, () => at.payloads.length >= count);
    /** Everything sent before is through, once the sentinel is. */
    const settled = async (at: Listener): Promise<void> => {
      await until('the sentinel', () => at.payloads.includes(SENTINEL));
      at.payloads.splice(at.payloads.indexOf(SENTINEL), 1);
    };

    describe('frame sockets', () => {
      test('frames arrive whole and unchanged, both ways', async () => {
        const here = listener();
        const sent = Uint8Array.from({ length: 1514 }, (_, i) => (i < 14 ? frameOf(1)[i]! : i & 255));
        world.peer.send(sent);
        await arrived(here, 1);
        expect(here.frames[0]).toEqual(sent);

        const answer = frameOf(2, PEER_MAC, OWN_MAC);
        expect(here.socket.send(answer)).toBeUndefined();
        await until('the answer', () => world.peer.received().length > 0);
        expect(world.peer.received()).toEqual([answer]);
      });

      test('broadcast arrives, frames for another machine do not', async () => {
        const here = listener();
        world.peer.send(frameOf(1, BROADCAST));
        world.peer.send(frameOf(2, OTHER_MAC));
        world.peer.send(frameOf(SENTINEL));
        await settled(here);
        expect(here.payloads).toEqual([1]);
      });

      test('only frames of the EtherType arrive', async () => {
        const here = listener();
        world.peer.send(frameOf(1, OWN_MAC, PEER_MAC, 0x88b6));
        world.peer.send(frameOf(SENTINEL));
        await settled(here);
        expect(here.payloads).toEqual([]);
      });

      test('own frames do not arrive, neither at the socket that sent them nor at another one', async () => {
        const here = listener();
        const other = listener();
        expect(here.socket.send(frameOf(1, BROADCAST, OWN_MAC))).toBeUndefined();
        world.peer.send(frameOf(SENTINEL));
        await Promise.all([settled(here), settled(other)]);
        expect([here.payloads, other.payloads]).toEqual([[], []]);
      });

      test('every socket of the interface gets the frame', async () => {
        const both = [listener(acceptOnly(1)), listener(acceptOnly(1))];
        world.peer.send(frameOf(1, BROADCAST));
        await Promise.all(both.map((each) => arrived(each, 1)));
        expect(both.map(({ payloads }) => payloads)).toEqual([[1], [1]]);
      });

      test('the filter decides, and can be replaced', async () => {
        const here = listener([...acceptOnly(1)]);
        for (const payload of [2, 1]) world.peer.send(frameOf(payload));
        await arrived(here, 1);
        expect(here.socket.setFilter(acceptOnly(2))).toBeUndefined();
        for (const payload of [1, 2]) world.peer.send(frameOf(payload));
        await arrived(here, 2);
        expect(here.payloads).toEqual([1, 2]);
      });

      test('a program starts with A and X zero', async () => {
        const here = listener([
          { code: 0x15, jt: 0, jf: 2, k: 0 },
          { code: 0x87, jt: 0, jf: 0, k: 0 },
          { code: 0x15, jt: 1, jf: 0, k: 0 },
          { code: 0x06, jt: 0, jf: 0, k: 0 },
          { code: 0x06, jt: 0, jf: 0, k: 0xffff },
        ]);
        world.peer.send(frameOf(3));
        await arrived(here, 1);
        expect(here.payloads).toEqual([3]);
      });

      test('a program keeps as many octets as it returns', async () => {
        const here = listener([{ code: 0x06, jt: 0, jf: 0, k: 20 }]);
        world.peer.send(frameOf(5));
        await arrived(here, 1);
        expect(here.frames).toEqual([frameOf(5).subarray(0, 20)]);
      });

      test.each([
        ['empty', []],
        ['without return', [{ code: 0x30, jt: 0, jf: 0, k: 14 }]],
        ['jumping past its end', [{ code: 0x05, jt: 0, jf: 0, k: 1 }, ...ACCEPT_ALL]],
        ['of too many instructions', Array.from({ length: 4093 }, () => ACCEPT_ALL[0]!)],
        ['of an unknown instruction', [{ code: 0xff, jt: 0, jf: 0, k: 0 }, ...ACCEPT_ALL]],
      ])('a filter %s is refused, and the old one stays', async (_, program) => {
        const options = { interfaceName: world.name, etherType: ETHER_TYPE, filter: program };
        const refused = world.network.openFrameSocket(options, { frame: () => {}, error: () => {} });
        expect(refused).toMatchObject({ ok: false, error: { code: 'EINVAL' } });
        const here = listener(acceptOnly(1));
        expect(here.socket.setFilter(program)).toMatchObject({ code: 'EINVAL' });
        for (const payload of [2, 1]) world.peer.send(frameOf(payload));
        await arrived(here, 1);
        expect(here.payloads).toEqual([1]);
      });

      test('frames too short or too long are refused as a value', () => {
        const { socket } = listener();
        expect(socket.send(new Uint8Array(13))).toMatchObject({ code: 'EINVAL' });
        expect(socket.send(new Uint8Array(9000))).toMatchObject({ code: 'EMSGSIZE' });
      });

      test('an interface that does not exist is refused as a value', () => {
        const options = { interfaceName: 'no-such-link', etherType: ETHER_TYPE, filter: ACCEPT_ALL };
        const refused = world.network.openFrameSocket(options, { frame: () => {}, error: () => {} });
        expect(refused).toMatchObject({ ok: false, error: { code: 'ENODEV' } });
        expect(!refused.ok && refused.error.message).toContain('no-such-link');
      });

      test('a handler may close its socket: nothing comes after it', async () => {
        const seen: number[] = [];
        const other = listener();
        const options = { interfaceName: world.name, etherType: ETHER_TYPE, filter: ACCEPT_ALL };
        const frame = (bytes: Uint8Array): void => {
          seen.push(bytes[14]!);
          socket.close();
        };
        const socket = expectValue(world.network.openFrameSocket(options, { frame, error: () => {} }));
        for (const payload of [1, 2, SENTINEL]) world.peer.send(frameOf(payload));
        await settled(other);
        expect(seen).toEqual([1]);
        socket.close();
        expect(socket.send(frameOf(1))).toMatchObject({ code: 'EBADF' });
        expect(socket.setFilter(ACCEPT_ALL)).toMatchObject({ code: 'EBADF' });
        expect(socket.takeDropped()).toBe(0);
      });

      test('nothing was dropped when everything was read', async () => {
        const here = listener();
        world.peer.send(frameOf(1));
        await arrived(here, 1);
        expect(here.socket.takeDropped()).toBe(0);
      });

      test('link down is told once; the socket lives, and works again after link up', async () => {
        const here = listener();
        world.setUp(false);
        await until('the error', () => here.errors.length > 0);
        expect(here.socket.send(frameOf(1, PEER_MAC, OWN_MAC))).toMatchObject({ code: 'ENETDOWN' });
        world.setUp(true);
        world.peer.send(frameOf(2));
        await arrived(here, 1);
        expect(here.socket.send(frameOf(3, PEER_MAC, OWN_MAC))).toBeUndefined();
        await until('the frame', () => world.peer.received().length > 0);
        expect(here).toMatchObject({ errors: ['ENETDOWN'], payloads: [2] });
        for (const up of [false, true]) world.setUp(up);
        await until('the second error', () => here.errors.length > 1);
        world.peer.send(frameOf(4));
        await arrived(here, 2);
        expect(here).toMatchObject({ errors: ['ENETDOWN', 'ENETDOWN'], payloads: [2, 4] });
      });

      test('a socket may be opened while the link is down', async () => {
        world.setUp(false);
        const here = listener();
        world.setUp(true);
        world.peer.send(frameOf(1));
        await arrived(here, 1);
        expect(here).toMatchObject({ errors: ['ENETDOWN'], payloads: [1] });
      });

      test('a deleted interface is told once, and a socket on the new one works', async () => {
        const here = listener();
        world.remove();
        await until('the error', () => here.errors.includes('ENODEV'));
        expect(here.socket.send(frameOf(1, PEER_MAC, OWN_MAC))).toMatchObject({ code: 'ENXIO' });
        world.create();
        const again = listener();
        world.peer.send(frameOf(2));
        await arrived(again, 1);
        expect(again).toMatchObject({ payloads: [2], errors: [] });
        expect(here.payloads).toEqual([]);
        expect(here.errors.filter((code) => code === 'ENODEV')).toEqual(['ENODEV']);
        expect(here.errors.filter((code) => code !== 'ENODEV' && code !== 'ENETDOWN')).toEqual([]);
      });

      test('another MAC address: unicast to it arrives, to the old one no more', async () => {
        const here = listener();
        world.setMac(OTHER_MAC);
        world.peer.send(frameOf(1, OWN_MAC));
        world.peer.send(frameOf(2, OTHER_MAC));
        world.peer.send(frameOf(SENTINEL, BROADCAST));
        await settled(here);
        expect(here).toMatchObject({ payloads: [2], errors: [] });
      });

      test('a renamed interface keeps its sockets', async () => {
        const here = listener();
        world.rename(`${world.name}x`);
        world.peer.send(frameOf(1));
        await arrived(here, 1);
        expect(here).toMatchObject({ payloads: [1], errors: [] });
      });
    });

    describe('interface watch', () => {
      /** The interface as listed, and whether `changed` was called since the last look. */
      function watched(): { now(): NetworkInterface | undefined; changes(): number; close(): void } {
        let changes = 0;
        const watch = expectValue(
          world.network.watchInterfaces(() => {
            changes++;
          }),
        );
        open.push(() => watch.close());
        const names = new Set([world.name, `${world.name}x`]);
        return {
          now: () => watch.list().find(({ name }) => names.has(name)),
          changes: () => changes,
          close: () => watch.close(),
        };
      }
      const addressesOf = (link: NetworkInterface | undefined): string[] =>
        (link?.addresses ?? [])
          .map(({ address, prefixLength }) => `${formatIpAddress(address)}/${prefixLength}`)
          .filter((text) => !text.startsWith('fe80:'));

      test('it starts with what there is', () => {
        expect(watched().now()).toMatchObject({
          name: world.name,
          mac: OWN_MAC,
          up: true,
          loopback: false,
          broadcast: true,
          master: undefined,
          mtu: 1500,
        });
      });

      test('down, up, MAC address, name: each is told after the list shows it', async () => {
        const watch = watched();
        const index = watch.now()?.index;
        const shows = async (part: Partial<NetworkInterface>, change: () => void): Promise<void> => {
          const before = watch.changes();
          change();
          await until(JSON.stringify(part), () =>
            Object.entries(part).every(([key, value]) => watch.now()?.[key as keyof NetworkInterface] === value),
          );
          expect(watch.changes()).toBeGreaterThan(before);
        };
        await shows({ up: false }, () => world.setUp(false));
        await shows({ up: true }, () => world.setUp(true));
        await shows({ mac: OTHER_MAC }, () => world.setMac(OTHER_MAC));
        await shows({ name: `${world.name}x`, index: index! }, () => world.rename(`${world.name}x`));
        await shows({ name: world.name }, () => world.rename(world.name));
      });

      test('addresses come and go, sorted', async () => {
        const watch = watched();
        for (const text of ['2001:db8::5/64', '192.0.2.9/24', '192.0.2.3/25']) world.addAddress(text);
        await until('three addresses', () => addressesOf(watch.now()).length === 3);
        expect(addressesOf(watch.now())).toEqual(['192.0.2.3/25', '192.0.2.9/24', '2001:db8::5/64']);
        world.removeAddress('192.0.2.9/24');
        await until('two addresses', () => addressesOf(watch.now()).length === 2);
        expect(addressesOf(watch.now())).toEqual(['192.0.2.3/25', '2001:db8::5/64']);
      });

      test('an interface that did not change stays the same object', async () => {
        const watch = watched();
        world.addAddress('192.0.2.1/24');
        await until('the address', () => addressesOf(watch.now()).length === 1);
        const entry = watch.now();
        world.addAddress('192.0.2.2/24');
        await until('the other address', () => addressesOf(watch.now()).length === 2);
        expect(watch.now()).not.toBe(entry);
        const later = watch.now();
        world.setUp(true);
        await nextTurn();
        expect(watch.now()).toBe(later);
      });

      test('deleted and made again it has another index', async () => {
        const watch = watched();
        const before = watch.now();
        world.remove();
        await until('it is gone', () => watch.now() === undefined);
        expect(watch.changes()).toBeGreaterThan(0);
        world.create();
        await until('it is back', () => watch.now()?.up === true);
        expect(watch.now()?.index).not.toBe(before?.index);
        expect(watch.now()?.mac).toBe(OWN_MAC);
      });

      test('two watches are both told, a closed one no more', async () => {
        const [closed, other] = [watched(), watched()];
        closed.close();
        closed.close();
        world.setUp(false);
        await until('it is down', () => other.now()?.up === false);
        expect([closed.changes(), other.changes() > 0]).toEqual([0, true]);
      });
    });

    describe('multicast groups', () => {
      const [first, second] = [addressOf('ff02::1:ff00:a1'), addressOf('ff02::1:ff00:a2')];
      const has = (group: IpAddress): boolean => world.solicitedNodeGroups().includes(formatIpAddress(group));

      test('joined and left, each by itself', () => {
        expect(world.network.joinGroup(world.name, first)).toBeUndefined();
        expect(world.network.joinGroup(world.name, second)).toBeUndefined();
        expect([has(first), has(second)]).toEqual([true, true]);
        world.network.leaveGroup(world.name, first);
        expect([has(first), has(second)]).toEqual([false, true]);
        world.network.leaveGroup(world.name, second);
        expect([has(first), has(second)]).toEqual([false, false]);
      });

      test('joined twice it must be left twice, and leaving once more is no harm', () => {
        for (let i = 0; i < 2; i++) expect(world.network.joinGroup(world.name, first)).toBeUndefined();
        world.network.leaveGroup(world.name, first);
        expect(has(first)).toBe(true);
        for (let i = 0; i < 2; i++) world.network.leaveGroup(world.name, first);
        expect(has(first)).toBe(false);
      });

      test('a membership outlives link down', () => {
        expect(world.network.joinGroup(world.name, first)).toBeUndefined();
        for (const up of [false, true]) world.setUp(up);
        expect(has(first)).toBe(true);
        world.network.leaveGroup(world.name, first);
      });

      test('the interface made again: joined again, by the same call', () => {
        expect(world.network.joinGroup(world.name, first)).toBeUndefined();
        world.remove();
        expect(world.network.joinGroup(world.name, first)).toMatchObject({ code: 'ENODEV' });
        world.create();
        expect(has(first)).toBe(false);
        expect(world.network.joinGroup(world.name, first)).toBeUndefined();
        expect(has(first)).toBe(true);
        world.network.leaveGroup(world.name, first);
        expect(has(first)).toBe(false);
      });

      test('the interface renamed: joined by the new name, then left by the old one', () => {
        expect(world.network.joinGroup(world.name, first)).toBeUndefined();
        world.rename(`${world.name}x`);
        expect(world.network.joinGroup(`${world.name}x`, first)).toBeUndefined();
        world.network.leaveGroup(world.name, first);
        expect(has(first)).toBe(true);
        world.network.leaveGroup(`${world.name}x`, first);
        expect(has(first)).toBe(false);
      });

      test('what cannot be joined is refused as a value', () => {
        expect(world.network.joinGroup('no-such-link', first)).toMatchObject({ code: 'ENODEV' });
        expect(world.network.joinGroup(world.name, addressOf('224.0.0.251'))).toMatchObject({ code: 'EAFNOSUPPORT' });
      });
    });
  });
}
