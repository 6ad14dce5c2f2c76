import { endianness } from 'node:os';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ipAddressToBytes } from '../../src/base/ip-address.ts';
import { encodeMessage } from '../../src/network/netlink/message.ts';
import { decodeNeighbourDatagram, encodeNeighbourDump } from '../../src/network/netlink/neighbour.ts';
import { addressOf } from './contract.ts';

const LITTLE = endianness() === 'LE';
const [NEW, DELETED, DONE] = [28, 29, 3];

interface Entry {
  readonly type: number;
  readonly family?: number;
  readonly state?: number;
  readonly flags?: number;
  readonly address?: string;
  readonly mac?: readonly number[];
}

/** struct ndmsg with NDA_DST and NDA_LLADDR. */
function entry({ type, family = 10, state = 2, flags = 0, address, mac }: Entry): Uint8Array {
  const header = new DataView(new ArrayBuffer(12));
  header.setUint8(0, family);
  header.setInt32(4, 7, LITTLE);
  header.setUint16(8, state, LITTLE);
  header.setUint8(10, flags);
  const attribute = (kind: number, value: Iterable<number>): number[] => {
    const octets = [...value];
    const start = new DataView(new ArrayBuffer(4));
    start.setUint16(0, 4 + octets.length, LITTLE);
    start.setUint16(2, kind, LITTLE);
    return [...new Uint8Array(start.buffer), ...octets, ...(octets.length % 4 === 0 ? [] : [0, 0])];
  };
  const body = [
    ...new Uint8Array(header.buffer),
    ...(address === undefined ? [] : attribute(1, ipAddressToBytes(addressOf(address)))),
    ...(mac === undefined ? [] : attribute(2, mac)),
  ];
  return encodeMessage({ type, flags: 0, sequence: 1, body: Uint8Array.from(body) });
}
const MAC = [2, 0, 0, 0, 0, 9];
const decode = (bytes: Uint8Array) => decodeNeighbourDatagram(bytes).messages;

test.each([
  ['reachable', 0x02, true],
  ['stale', 0x04, true],
  ['delay', 0x08, true],
  ['probe', 0x10, true],
  ['permanent', 0x80, true],
  ['incomplete', 0x01, false],
  ['failed', 0x20, false],
  ['none', 0x00, false],
])('an entry that is %s', (_, state, usable) => {
  expect(decode(entry({ type: NEW, state, address: 'fe80::1', mac: MAC }))).toEqual([
    {
      kind: 'neighbour',
      index: 7,
      neighbour: { address: addressOf('fe80::1'), mac: '02:00:00:00:00:09', router: false, usable },
    },
  ]);
});

test('a router, and one without MAC address that was removed', () => {
  const [router] = decode(entry({ type: NEW, flags: 0x80, address: 'fe80::1', mac: MAC }));
  expect(router).toMatchObject({ kind: 'neighbour', neighbour: { router: true } });
  const [removed] = decode(entry({ type: DELETED, state: 0x20, address: 'fe80::1' }));
  expect(removed).toMatchObject({ kind: 'neighbour-removed', neighbour: { mac: undefined, usable: false } });
});

test('IPv4, bridge ports, groups and entries without an address are left out', () => {
  expect(decode(entry({ type: NEW, family: 2, address: '192.0.2.1', mac: MAC }))).toEqual([]);
  expect(decode(entry({ type: NEW, family: 7, mac: MAC }))).toEqual([]);
  expect(decode(entry({ type: NEW, address: 'ff02::1', mac: MAC }))).toEqual([]);
  expect(decode(entry({ type: NEW, mac: MAC }))).toEqual([]);
});

test('the end of a dump, and one that was interrupted', () => {
  const error = new Uint8Array(4);
  new DataView(error.buffer).setInt32(0, -16, LITTLE);
  const end = encodeMessage({ type: DONE, flags: 0x10, sequence: 1, body: error });
  expect(decodeNeighbourDatagram(end)).toEqual({ messages: [{ kind: 'done', error: -16 }], interrupted: true });
});

test('whatever is cut off or changed, nothing is thrown', () => {
  const whole = entry({ type: NEW, flags: 0x80, address: 'fe80::1', mac: MAC });
  for (let length = 0; length < whole.length; length++) expect(decode(whole.subarray(0, length))).toEqual([]);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, octet) => {
      const damaged = whole.slice();
      damaged[at] = octet;
      expect(decode(damaged).length).toBeLessThanOrEqual(1);
    }),
  );
});

test('the request asks for a dump of IPv6', () => {
  const request = encodeNeighbourDump(5);
  const view = new DataView(request.buffer);
  expect([view.getUint32(0, LITTLE), view.getUint16(4, LITTLE), view.getUint16(6, LITTLE), request[16]]).toEqual([
    28, 30, 0x301, 10,
  ]);
});
