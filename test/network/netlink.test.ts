import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatIpAddress } from '../../src/base/ip-address.ts';
import { InterfaceTable } from '../../src/network/interface-table.ts';
import {
  decodeAttributes,
  decodeMessages,
  encodeMessage,
  type NetlinkMessage,
} from '../../src/network/netlink/message.ts';
import { decodeRouteDatagram, encodeDumpRequest, type RouteMessage } from '../../src/network/netlink/route.ts';

const LITTLE = endianness() === 'LE';
const recorded: readonly Uint8Array[] = readFileSync(new URL('recordings/route-dump.hex', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => Uint8Array.from(Buffer.from(line, 'hex')));

type Attribute = readonly [type: number, value: Uint8Array];
const u32 = (value: number): Uint8Array => {
  const view = new DataView(new ArrayBuffer(4));
  view.setInt32(0, value, LITTLE);
  return new Uint8Array(view.buffer);
};
const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(`${value}\0`));
const attribute = ([type, value]: Attribute): Uint8Array => {
  const bytes = new Uint8Array((4 + value.length + 3) & ~3);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 4 + value.length, LITTLE);
  view.setUint16(2, type, LITTLE);
  bytes.set(value, 4);
  return bytes;
};
const join = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));
const message = (type: number, body: Uint8Array, flags = 0): Uint8Array =>
  encodeMessage({ type, flags, sequence: 1, body });

/** struct ifinfomsg and attributes. */
function linkBody(index: number, attributes: readonly Attribute[], { family = 0, type = 1, flags = 0x1_0043 } = {}) {
  const header = new DataView(new ArrayBuffer(16));
  header.setUint8(0, family);
  header.setUint16(2, type, LITTLE);
  header.setInt32(4, index, LITTLE);
  header.setUint32(8, flags, LITTLE);
  return join(new Uint8Array(header.buffer), ...attributes.map(attribute));
}
/** struct ifaddrmsg and attributes. */
const addressBody = (index: number, family: number, length: number, attributes: readonly Attribute[]): Uint8Array =>
  join(Uint8Array.of(family, length, 0, 0), u32(index), ...attributes.map(attribute));

const only = (datagram: Uint8Array): RouteMessage | undefined => {
  const { messages } = decodeRouteDatagram(datagram);
  expect(messages.length).toBeLessThanOrEqual(1);
  return messages[0];
};
const NAME: Attribute = [3, text('eth0')];
const MAC: Attribute = [1, Uint8Array.of(2, 0, 0, 0, 0, 9)];

describe('messages and attributes', () => {
  const messages = fc.record({
    type: fc.nat(0xffff),
    flags: fc.nat(0xffff),
    sequence: fc.nat(0xffff_ffff),
    body: fc.uint8Array({ maxLength: 64 }),
  });

  test('what is encoded is decoded again, several to a datagram', () => {
    fc.assert(
      fc.property(fc.array(messages, { maxLength: 5 }), (several: readonly NetlinkMessage[]) => {
        const back = decodeMessages(join(...several.map(encodeMessage)));
        expect(back.map((each) => ({ ...each, body: [...each.body] }))).toEqual(
          several.map((each) => ({ ...each, body: [...each.body] })),
        );
      }),
    );
  });

  test('a length that does not fit ends the reading, what came before counts', () => {
    const good = message(16, u32(1));
    for (const length of [0, 15, 21, 0xffff_ffff]) {
      const bad = message(17, u32(2));
      new DataView(bad.buffer).setUint32(0, length, LITTLE);
      expect(decodeMessages(join(good, bad)).map(({ type }) => type)).toEqual([16]);
    }
    const attributes = join(attribute([1, u32(7)]), Uint8Array.of(3, 0, 2, 0), attribute([5, u32(1)]));
    expect([...decodeAttributes(attributes).keys()]).toEqual([1]);
  });

  test('the flags in the type of an attribute do not count', () => {
    expect([...decodeAttributes(attribute([0x8000 | 18, u32(7)])).keys()]).toEqual([18]);
  });

  test('a dump request is what the kernel expects', () => {
    const [links] = decodeMessages(encodeDumpRequest('links', 7));
    expect(links).toEqual({ type: 18, flags: 0x301, sequence: 7, body: new Uint8Array(16) });
    const [addresses] = decodeMessages(encodeDumpRequest('addresses', 8));
    expect(addresses).toEqual({ type: 22, flags: 0x301, sequence: 8, body: new Uint8Array(8) });
  });
});

describe('rtnetlink', () => {
  test.skipIf(!LITTLE)('a recorded dump gives these interfaces (skipped on big-endian machines)', () => {
    expect(recorded.length).toBeGreaterThan(10);
    const table = new InterfaceTable();
    for (const datagram of recorded) for (const each of decodeRouteDatagram(datagram).messages) table.apply(each);
    const rows = table.list().map(({ addresses, ...link }) => ({
      ...link,
      addresses: addresses.map(({ address, prefixLength }) => `${formatIpAddress(address)}/${prefixLength}`),
    }));
    const common = { up: true, loopback: false, broadcast: true, master: undefined, mtu: 1500 };
    expect(rows).toEqual([
      {
        ...common,
        index: 1,
        name: 'lo',
        mac: undefined,
        loopback: true,
        broadcast: false,
        mtu: 65536,
        addresses: ['127.0.0.1/8', '::1/128'],
      },
      { ...common, index: 2, name: 'br9', mac: '02:00:00:00:00:09', up: false, addresses: [] },
      {
        ...common,
        index: 3,
        name: 'vw9',
        mac: expect.any(String),
        addresses: ['192.0.2.1/24', '192.0.2.7/32', '2001:db8::1/64', 'fe80::d06c:cbff:fed3:3b44/64'],
      },
      {
        ...common,
        index: 4,
        name: 'vv9',
        mac: '02:00:00:00:00:09',
        master: 2,
        addresses: ['fe80::ff:fe00:9/64'],
      },
    ]);
  });

  test.each([
    [
      'a link',
      message(16, linkBody(3, [NAME, MAC, [4, u32(9000)]])),
      { up: true, broadcast: true, mac: '02:00:00:00:00:09', mtu: 9000, name: 'eth0', index: 3 },
    ],
    ['administratively down', message(16, linkBody(3, [NAME], { flags: 0x1_0002 })), { up: false, mac: undefined }],
    ['without carrier', message(16, linkBody(3, [NAME], { flags: 0x3 })), { up: false }],
    ['with ARP off', message(16, linkBody(3, [NAME], { flags: 0x1_00c3 })), { broadcast: false }],
    [
      'a tunnel, whose hardware address is an IP address',
      message(16, linkBody(3, [NAME, [1, u32(7)]], { type: 768, flags: 0x1_0001 })),
      { mac: undefined, broadcast: false },
    ],
    ['InfiniBand', message(16, linkBody(3, [NAME, [1, new Uint8Array(20)]], { type: 32 })), { mac: undefined }],
    ['in a bond', message(16, linkBody(3, [NAME, [10, u32(8)], [18, attribute([4, text('bond')])]])), { master: 8 }],
    [
      'in a VRF',
      message(16, linkBody(3, [NAME, [10, u32(8)], [18, attribute([4, text('vrf')])]])),
      { master: undefined },
    ],
  ])('%s', (_, datagram, link) => {
    expect(only(datagram)).toMatchObject({ kind: 'link', link });
  });

  test.each([
    ['a link without a name', message(16, linkBody(3, [MAC]))],
    ['a link of a bridge, which repeats it', message(16, linkBody(3, [NAME], { family: 7 }))],
    ['a port leaving a bridge', message(17, linkBody(3, [NAME], { family: 7 }))],
    ['a link too short', message(16, new Uint8Array(15))],
    ['a removal too short', message(17, new Uint8Array(15))],
    ['an address too short', message(20, new Uint8Array(7))],
    ['an address of another family', message(20, addressBody(3, 7, 24, [[2, u32(1)]]))],
    ['an address of the wrong length', message(20, addressBody(3, 10, 24, [[1, u32(1)]]))],
    ['an address without any', message(20, addressBody(3, 2, 24, []))],
    ['a prefix too long', message(20, addressBody(3, 2, 33, [[2, u32(1)]]))],
    ['a message of another kind', message(24, new Uint8Array(40))],
  ])('left out: %s', (_, datagram) => {
    expect(decodeRouteDatagram(datagram).messages).toEqual([]);
  });

  test('removals, ends of dumps, interruptions', () => {
    expect(only(message(17, linkBody(3, [NAME])))).toEqual({ kind: 'link-removed', index: 3 });
    const removed = only(
      message(
        21,
        addressBody(3, 2, 24, [
          [2, Uint8Array.of(192, 0, 2, 1)],
          [1, Uint8Array.of(192, 0, 2, 1)],
        ]),
      ),
    );
    expect(removed).toMatchObject({ kind: 'address-removed', index: 3, address: { prefixLength: 24 } });
    expect(only(message(3, u32(0)))).toEqual({ kind: 'done', error: 0 });
    expect(only(message(3, new Uint8Array(0)))).toEqual({ kind: 'done', error: 0 });
    expect(only(message(2, join(u32(-16), new Uint8Array(16))))).toEqual({ kind: 'done', error: -16 });
    expect(decodeRouteDatagram(message(3, u32(0), 0x12)).interrupted).toBe(true);
    expect(decodeRouteDatagram(message(3, u32(0), 0x02)).interrupted).toBe(false);
  });

  test('no octets make it throw, and a recording with damage neither', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void decodeRouteDatagram(bytes)));
    const damage = fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 8 });
    fc.assert(
      fc.property(fc.constantFrom(...recorded), damage, fc.nat(2000), (datagram, changes, cut) => {
        const copy = datagram.slice(0, Math.max(1, cut));
        for (const [at, octet] of changes) copy[at % copy.length] = octet;
        const table = new InterfaceTable();
        for (const each of decodeRouteDatagram(copy).messages) table.apply(each);
        expect(table.list().length).toBeLessThanOrEqual(1);
      }),
    );
  });
});
