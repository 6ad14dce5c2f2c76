import { describe, expect, test } from 'vitest';
import { internetChecksum } from '../../src/base/checksum.ts';
import type { MacAddress } from '../../src/base/mac-address.ts';
import { EchoFunction } from '../../src/bfd/echo/driver.ts';
import { encodeEchoFrame, readUdpFrame } from '../../src/bfd/wire/echo-frame.ts';
import type { InterfaceWatch } from '../../src/network/ports.ts';
import { FakeNetwork, FakeSegment } from '../support/fake-network.ts';
import { ip } from './scene.ts';

const OURS = '02:00:00:00:00:01' as MacAddress;
const ROUTER = '02:00:00:00:00:02' as MacAddress;
const SECRET = Uint8Array.from({ length: 12 }, (_, at) => at + 1);

/** As a router sees them, with the fields that a test wants otherwise. */
function control(from: string, mac: MacAddress, ttl = 255): Uint8Array {
  const address = ip(from);
  const frame = encodeEchoFrame({ sourceMac: mac, destinationMac: OURS, address, payload: new Uint8Array(24) });
  const v4 = address.family === 'ipv4';
  frame[v4 ? 22 : 21] = ttl;
  frame.set([0x0e, 0xc8], v4 ? 36 : 56);
  return frame;
}

class Scene {
  readonly events: string[] = [];
  readonly segment = new FakeSegment();
  readonly network = new FakeNetwork();
  readonly echo: EchoFunction<string>;
  /** A router that forwards what is for somebody else. */
  loops = true;
  readonly router = this.segment.addStation((frame) => {
    if (!this.loops) return;
    const back = frame.slice();
    back.set(frame.subarray(0, 6), 6);
    back.set(frame.subarray(6, 12), 0);
    back[frame[14]! >> 4 === 4 ? 22 : 21]!--;
    this.router.send(back);
  });

  constructor() {
    this.network.addInterface({ name: 'eth0', segment: this.segment, mac: OURS });
    this.echo = new EchoFunction(this.network, () => SECRET, {
      possible: (session, possible) => void this.events.push(`${session} ${possible ? 'possible' : 'impossible'}`),
      returned: (session) => void this.events.push(`${session} returned`),
      error: ({ code }) => void this.events.push(code),
    });
  }
  follow(local: string, remote: string): this {
    const watch = this.network.watchInterfaces(() => {});
    const link = (watch as { readonly value: InterfaceWatch }).value.list()[0]!;
    this.echo.follow('s', { local: ip(local), remote: ip(remote), link });
    return this;
  }
}

describe.each([
  ['IPv4', '192.0.2.1', '192.0.2.2'],
  ['IPv6', '2001:db8::1', '2001:db8::2'],
])('echo over %s', (_, local, remote) => {
  test('RFC 5881 §4: from us to us, port 3785, TTL 255, to the MAC that the control packets come from', () => {
    const scene = new Scene().follow(local, remote);
    expect(scene.echo.send('s')).toBe(false);
    scene.router.send(control(remote, ROUTER));
    expect([scene.events, scene.echo.send('s')]).toEqual([['s possible', 's returned'], true]);
    const [frame] = scene.router.received;
    expect(readUdpFrame(frame!, ip(local).family)).toEqual({
      sourceMac: OURS,
      from: ip(local),
      to: ip(local),
      ttl: 255,
      port: 3785,
      payload: SECRET,
    });
    expect([...frame!.subarray(0, 6)]).toEqual([2, 0, 0, 0, 0, 2]);
  });

  test('nothing else is taken for an echo, nor for the neighbour', () => {
    const scene = new Scene().follow(local, remote);
    scene.router.send(control(local, ROUTER));
    scene.router.send(control(remote, ROUTER, 254));
    expect(scene.events).toEqual([]);
    scene.router.send(control(remote, ROUTER));
    const forged = (payload: Uint8Array) =>
      encodeEchoFrame({ sourceMac: ROUTER, destinationMac: OURS, address: ip(local), payload });
    scene.router.send(forged(SECRET.subarray(0, 11)));
    scene.router.send(forged(new Uint8Array(12)));
    const far = forged(SECRET);
    far[ip(local).family === 'ipv4' ? 22 : 21] = 253;
    scene.router.send(far);
    expect(scene.events).toEqual(['s possible']);
    scene.router.send(forged(SECRET));
    expect(scene.events).toEqual(['s possible', 's returned']);
  });

  test('a router that takes the place of another is followed', () => {
    const scene = new Scene().follow(local, remote);
    scene.router.send(control(remote, ROUTER));
    scene.router.send(control(remote, '02:00:00:00:00:99' as MacAddress));
    scene.echo.send('s');
    expect(scene.router.received.at(-1)?.[5]).toBe(0x99);
  });

  test('a link that goes away ends it, and nothing stays open', () => {
    const scene = new Scene().follow(local, remote);
    scene.router.send(control(remote, ROUTER));
    scene.network.removeInterface('eth0');
    expect([scene.events.includes('s impossible'), scene.echo.send('s')]).toEqual([true, false]);
    scene.router.send(control(remote, ROUTER));
    expect(scene.events.at(-1)).toBe('s impossible');
  });
});

describe('frames', () => {
  test('checksums are right', () => {
    for (const address of [ip('192.0.2.1'), ip('2001:db8::1')]) {
      const frame = encodeEchoFrame({ sourceMac: OURS, destinationMac: ROUTER, address, payload: SECRET });
      const v4 = address.family === 'ipv4';
      if (v4) expect(internetChecksum([frame.subarray(14, 34)])).toBe(0);
      const udp = frame.subarray(v4 ? 34 : 54);
      const pseudo = Uint8Array.of(0, 0, udp.length >> 8, udp.length & 255, 0, 0, 0, 17);
      expect(internetChecksum([v4 ? frame.subarray(26, 34) : frame.subarray(22, 54), pseudo, udp])).toBe(0);
    }
  });
  test('no truncation and no octets whatever make the reader throw', () => {
    for (const family of ['ipv4', 'ipv6'] as const) {
      const address = ip(family === 'ipv4' ? '192.0.2.1' : '2001:db8::1');
      const frame = encodeEchoFrame({ sourceMac: OURS, destinationMac: ROUTER, address, payload: SECRET });
      for (let length = 0; length < frame.length - SECRET.length; length++)
        expect(readUdpFrame(frame.subarray(0, length), family)).toBeUndefined();
      for (let bit = 0; bit < frame.length * 8; bit++) {
        const flipped = frame.slice();
        flipped[bit >> 3]! ^= 0x80 >> (bit & 7);
        const read = readUdpFrame(flipped, family);
        expect(read === undefined || read.payload.length <= frame.length).toBe(true);
      }
    }
  });
});
