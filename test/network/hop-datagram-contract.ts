import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatIpAddress, type IpAddress } from '../../src/base/ip-address.ts';
import type {
  HopDatagramNetwork,
  HopDatagramOrigin,
  HopReceiver,
  HopReceiverOptions,
  HopSender,
  HopSenderOptions,
} from '../../src/network/ports.ts';
import { expectValue, until } from './contract.ts';

/** What every HopDatagramNetwork promises: run against the fake of the unit tests and against the kernel. */
export interface HopWorld {
  /** Both ends may be the same. */
  readonly here: HopDatagramNetwork;
  readonly there: HopDatagramNetwork;
  readonly hereAddress: IpAddress;
  readonly thereAddress: IpAddress;
  /** The interface that datagrams arrive at. */
  readonly device: string;
  readonly deviceIndex: number;
}

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

export function hopDatagramContract(implementation: string, makeWorld: () => HopWorld): void {
  describe(`the hop datagram contract, by ${implementation}`, () => {
    let world: HopWorld;
    const open: { close(): void }[] = [];
    beforeEach(() => {
      world = makeWorld();
    });
    afterEach(() => {
      for (const each of open.splice(0)) each.close();
    });

    interface Received {
      readonly receiver: HopReceiver;
      readonly texts: string[];
      readonly origins: HopDatagramOrigin[];
    }
    function receiving(options: Partial<HopReceiverOptions> = {}, each?: (text: string) => void): Received {
      const texts: string[] = [];
      const origins: HopDatagramOrigin[] = [];
      const receiver = expectValue(
        world.there.openHopReceiver(
          { family: world.thereAddress.family, port: 0, ...options },
          {
            datagram: (octets, origin) => {
              texts.push(Buffer.from(octets).toString('latin1'));
              origins.push(origin);
              each?.(texts.at(-1)!);
            },
            error: ({ message }) => expect.unreachable(message),
          },
        ),
      );
      open.push(receiver);
      return { receiver, texts, origins };
    }
    const optionsTo = ({ receiver }: Received): HopSenderOptions => ({
      remote: { address: world.thereAddress, port: receiver.port },
      source: world.hereAddress,
      hopLimit: 255,
    });
    function sending(to: Received, options: Partial<HopSenderOptions> = {}): HopSender {
      const sender = expectValue(world.here.openHopSender({ ...optionsTo(to), ...options }));
      open.push(sender);
      return sender;
    }

    test('a datagram arrives with all that is known of its way', async () => {
      const at = receiving();
      const sender = sending(at);
      expect(sender.send(bytes('hello'))).toBeUndefined();
      await until('it arrives', () => at.texts.length > 0);
      expect(at.texts).toEqual(['hello']);
      expect({ ...at.origins[0], from: undefined, to: undefined }).toEqual({
        from: undefined,
        to: undefined,
        fromPort: sender.local.port,
        hopLimit: 255,
        interfaceIndex: world.deviceIndex,
      });
      const { from, to } = at.origins[0]!;
      expect([from, to].map(formatIpAddress)).toEqual([world.hereAddress, world.thereAddress].map(formatIpAddress));
      expect(formatIpAddress(sender.local.address)).toBe(formatIpAddress(world.hereAddress));
    });

    test.each([1, 254, 255])('sent with hop limit %i, received with it', async (hopLimit) => {
      const at = receiving();
      sending(at, { hopLimit }).send(bytes('x'));
      await until('it arrives', () => at.texts.length > 0);
      expect(at.origins[0]?.hopLimit).toBe(hopLimit);
    });

    test('RFC 5881 §4: every session has a source port of its own, from 49152 to 65535', () => {
      const at = receiving();
      const ports = Array.from({ length: 200 }, () => sending(at).local.port);
      expect(new Set(ports).size).toBe(200);
      for (const port of ports) expect(port).toBeGreaterThanOrEqual(49_152);
      for (const port of ports) expect(port).toBeLessThanOrEqual(65_535);
    });

    test('without a source the kernel chooses one, once', () => {
      const at = receiving();
      const sender = sending(at, { source: undefined });
      expect(sender.local.address.family).toBe(world.hereAddress.family);
      expect(sender.local.address.value).not.toBe(0n);
    });

    test('many in one go arrive in order', async () => {
      const at = receiving();
      const sender = sending(at);
      const texts = Array.from({ length: 300 }, (_, i) => `datagram ${i}`);
      for (const text of texts) expect(sender.send(bytes(text))).toBeUndefined();
      await until('all', () => at.texts.length === 300);
      expect(at.texts).toEqual(texts);
      expect(at.receiver.takeDropped()).toBe(0);
    });

    test('of one that is longer than 512 octets those', async () => {
      const at = receiving();
      const sender = sending(at);
      sender.send(new Uint8Array(1000).fill(65));
      sender.send(bytes('next'));
      await until('both', () => at.texts.length === 2);
      expect(at.texts).toEqual(['A'.repeat(512), 'next']);
    });

    test('an empty one arrives', async () => {
      const at = receiving();
      sending(at).send(new Uint8Array(0));
      await until('it arrives', () => at.texts.length > 0);
      expect(at.texts).toEqual(['']);
    });

    test('nobody listens: no error, and who listens later is heard', async () => {
      const at = receiving();
      const sender = sending(at);
      at.receiver.close();
      for (let i = 0; i < 3; i++) {
        expect(sender.send(bytes('to nobody'))).toBeUndefined();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const again = receiving({ port: at.receiver.port });
      expect(sender.send(bytes('somebody'))).toBeUndefined();
      await until('it arrives', () => again.texts.includes('somebody'));
    });

    test('whenDrained: after all that had arrived', async () => {
      const at = receiving();
      const sender = sending(at);
      sender.send(bytes('first'));
      await until('it arrives', () => at.texts.length > 0);
      for (let i = 0; i < 200; i++) sender.send(bytes('more'));
      let seen = -1;
      await new Promise((resolve) => setTimeout(resolve, 0));
      const spin = performance.now();
      while (performance.now() - spin < 5);
      world.there.whenDrained(() => {
        seen = at.texts.length;
      });
      await until('it is run', () => seen >= 0);
      expect(seen).toBe(201);
    });

    test('whenDrained from a handler: after those that were read with it', async () => {
      const seen: number[] = [];
      const at = receiving({}, (text) => {
        if (text === 'ask') world.there.whenDrained(() => seen.push(at.texts.length));
      });
      const sender = sending(at);
      for (const text of ['ask', 'a', 'b', 'c']) sender.send(bytes(text));
      await until('it is run', () => seen.length > 0 && at.texts.length === 4);
      expect(seen).toHaveLength(1);
    });

    test('a handler may close its receiver: nothing comes after it', async () => {
      const at = receiving({}, () => at.receiver.close());
      const sender = sending(at);
      for (let i = 0; i < 5; i++) sender.send(bytes('x'));
      await until('one', () => at.texts.length > 0);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(at.texts).toEqual(['x']);
      expect(at.receiver.takeDropped()).toBe(0);
      at.receiver.close();
    });

    test('a port that is taken is refused as a value', () => {
      const at = receiving();
      const handlers = { datagram() {}, error() {} };
      const again = world.there.openHopReceiver(
        { family: world.thereAddress.family, port: at.receiver.port },
        handlers,
      );
      expect(again).toMatchObject({ ok: false, error: { code: 'EADDRINUSE' } });
    });

    test('bound to a device: what arrives there, and an unknown one is refused as a value', async () => {
      const at = receiving({ device: world.device });
      sending(at, { device: world.device }).send(bytes('x'));
      await until('it arrives', () => at.texts.length > 0);
      const handlers = { datagram() {}, error() {} };
      const unknown = { family: world.thereAddress.family, port: 0, device: 'no-such-link' };
      expect(world.there.openHopReceiver(unknown, handlers)).toMatchObject({ ok: false, error: { code: 'ENODEV' } });
      const sender = world.here.openHopSender({ ...optionsTo(at), device: 'no-such-link' });
      expect(sender).toMatchObject({ ok: false, error: { code: 'ENODEV' } });
    });

    test.each([0, 256])('a hop limit of %i is refused as a value', (hopLimit) => {
      const at = receiving();
      expect(world.here.openHopSender({ ...optionsTo(at), hopLimit })).toMatchObject({
        ok: false,
        error: { code: 'EINVAL' },
      });
    });

    test('a closed sender sends nothing and says so', () => {
      const sender = sending(receiving());
      sender.close();
      sender.close();
      expect(sender.send(bytes('x'))).toMatchObject({ code: 'EBADF' });
    });
  });
}
