import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ipAddress } from '../../src/base/ip-address.ts';
import { macAddressFromBytes } from '../../src/base/mac-address.ts';
import { type ArpFrame, decodeArp, encodeArp } from '../../src/layer2/wire/arp.ts';
import { ALL_NODES, multicastMac, solicitedNodeGroup } from '../../src/layer2/wire/ipv6.ts';
import { decodeNdp, encodeNdp, type NdpFrame } from '../../src/layer2/wire/ndp.ts';
import { bytesOf, vectors } from '../vectors/frames.ts';
import { ip } from './scene.ts';

const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => macAddressFromBytes(bytes));
const ipv4 = fc.bigInt({ min: 0n, max: 0xffffffffn }).map((value) => ipAddress('ipv4', value));
const unicast6 = fc.bigInt({ min: 1n, max: (0xffn << 120n) - 1n }).map((value) => ipAddress('ipv6', value));

const arpFrame: fc.Arbitrary<ArpFrame> = fc.record({
  source: mac,
  destination: mac,
  operation: fc.integer({ min: 0, max: 0xffff }),
  senderMac: mac,
  senderIp: ipv4,
  targetMac: mac,
  targetIp: ipv4,
});
const header = { sourceMac: mac, destinationMac: mac, source: unicast6, destination: unicast6, target: unicast6 };
const linkLayer = fc.option(mac, { nil: undefined });
const ndpFrame: fc.Arbitrary<NdpFrame> = fc.oneof(
  fc.record({
    kind: fc.constant('neighbor-solicitation' as const),
    ...header,
    hopLimit: fc.constant(255),
    sourceLinkLayer: linkLayer,
  }),
  fc.record({
    kind: fc.constant('neighbor-advertisement' as const),
    ...header,
    hopLimit: fc.constant(255),
    router: fc.boolean(),
    solicited: fc.boolean(),
    override: fc.boolean(),
    targetLinkLayer: linkLayer,
  }),
);

describe('two ways', () => {
  test.each(vectors)('$name', ({ hex, value }) => {
    const bytes = bytesOf(hex);
    const read = 'operation' in value ? decodeArp(bytes) : decodeNdp(bytes);
    expect(read).toEqual({ ok: true, value });
    expect('operation' in value ? encodeArp(value) : encodeNdp(value)).toEqual(bytes);
  });

  test('every ARP frame reads back as it was written, padding or not', () => {
    fc.assert(
      fc.property(arpFrame, fc.integer({ min: 0, max: 1500 }), (value, padding) => {
        const padded = new Uint8Array(42 + padding);
        padded.set(encodeArp(value));
        expect(decodeArp(padded)).toEqual({ ok: true, value });
      }),
    );
  });

  test('every solicitation and advertisement reads back as it was written', () => {
    fc.assert(
      fc.property(ndpFrame, fc.integer({ min: 0, max: 40 }), (value, padding) => {
        const frame = encodeNdp(value);
        const padded = new Uint8Array(frame.length + padding);
        padded.set(frame);
        expect(decodeNdp(padded)).toEqual({ ok: true, value });
      }),
    );
  });
});

describe('hostile bytes', () => {
  test('nothing throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(decodeArp(bytes).ok && decodeNdp(bytes).ok).toBe(false);
      }),
    );
  });

  test('a frame cut anywhere is refused', () => {
    fc.assert(
      fc.property(arpFrame, ndpFrame, fc.nat(), (arp, ndp, cut) => {
        const [one, other] = [encodeArp(arp), encodeNdp(ndp)];
        expect(decodeArp(one.subarray(0, cut % one.length)).ok).toBe(false);
        expect(decodeNdp(other.subarray(0, cut % other.length)).ok).toBe(false);
      }),
    );
  });

  test('one flipped bit from the IPv6 source on never goes unnoticed', () => {
    fc.assert(
      fc.property(ndpFrame, fc.nat(), fc.integer({ min: 0, max: 7 }), (value, at, bit) => {
        const frame = encodeNdp(value);
        // From the IPv6 source on, the checksum covers everything.
        const index = 22 + (at % (frame.length - 22));
        frame[index]! ^= 1 << bit;
        expect(decodeNdp(frame).ok).toBe(false);
      }),
    );
  });
});

test('RFC 4291 §2.7.1: the solicited-node group has the last 24 bits', () => {
  expect(solicitedNodeGroup(ip('2001:db8::aabb:ccdd'))).toEqual(ip('ff02::1:ffbb:ccdd'));
});

test('RFC 2464 §7: a group is sent to 33:33 and its last 32 bits', () => {
  expect(multicastMac(ALL_NODES)).toBe('33:33:00:00:00:01');
  expect(multicastMac(ip('ff02::1:ffbb:ccdd'))).toBe('33:33:ff:bb:cc:dd');
});
