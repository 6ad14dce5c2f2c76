import { describe, expect, test } from 'vitest';
import { decodeControlPacket, encodeControlPacket } from '../../src/bfd/wire/control-packet.ts';
import { packet } from '../bfd/scene.ts';

/** RFC 5880 §6.8.6, the part that needs no session: each rule breaks one octet of a good packet. */
const GOOD = encodeControlPacket(packet('up'));
const AUTHENTICATED = encodeControlPacket(
  packet('up', { authentication: { type: 'keyed-sha1', keyId: 1, sequenceNumber: 1, digest: new Uint8Array(20) } }),
);
const PASSWORD = encodeControlPacket(
  packet('up', { authentication: { type: 'simple-password', keyId: 1, password: Uint8Array.of(1) } }),
);

type Break = Readonly<Record<number, number>>;
function reasonOf(good: Uint8Array, octets: Break = {}, ttl = 255, leastTtl = 255): string | undefined {
  const bytes = good.slice();
  for (const [at, value] of Object.entries(octets)) bytes[Number(at)] = value;
  const read = decodeControlPacket(bytes, { ttl, leastTtl });
  return read.ok ? undefined : read.error.reason;
}

describe('RFC 5880 §6.8.6: discarded before a session is looked for', () => {
  test('the good ones are taken', () => {
    for (const good of [GOOD, AUTHENTICATED, PASSWORD]) expect(reasonOf(good)).toBeUndefined();
  });
  test.each([0, 2, 3, 7])('the version number is %i', (version) => {
    expect(reasonOf(GOOD, { 0: version << 5 })).toBe('version');
  });
  test.each([0, 1, 23])('length %i is less than 24', (length) => {
    expect(reasonOf(GOOD, { 3: length })).toBe('length');
  });
  test.each([24, 25])('length %i is less than 26 with the A bit', (length) => {
    expect(reasonOf(AUTHENTICATED, { 3: length })).toBe('length');
  });
  test.each([25, 255])('length %i is more than the payload', (length) => {
    expect(reasonOf(GOOD, { 3: length })).toBe('truncated');
  });
  test('the detection multiplier is zero', () => expect(reasonOf(GOOD, { 2: 0 })).toBe('detect-multiplier'));
  test('the multipoint bit is set', () => expect(reasonOf(GOOD, { 1: GOOD[1]! | 1 })).toBe('multipoint'));
  test('My Discriminator is zero', () => {
    expect(reasonOf(GOOD, { 4: 0, 5: 0, 6: 0, 7: 0 })).toBe('my-discriminator');
  });
  test('Your Discriminator is zero and the state neither Down nor AdminDown', () => {
    const unknown = { 8: 0, 9: 0, 10: 0, 11: 0 };
    const inState = (state: number): string | undefined => reasonOf(GOOD, { ...unknown, 1: state << 6 });
    expect([0, 1, 2, 3].map(inState)).toEqual([undefined, undefined, 'your-discriminator', 'your-discriminator']);
  });
});

describe('RFC 5880 §4.2 to §4.4: authentication sections', () => {
  test.each([0, 6, 255])('there is no type %i', (type) => {
    expect(reasonOf(AUTHENTICATED, { 24: type })).toBe('authentication-type');
  });
  test.each([0, 8, 27])('SHA1 of length %i', (length) => {
    expect(reasonOf(AUTHENTICATED, { 25: length })).toBe('authentication-length');
  });
  test('§4.3: MD5 has 24 octets', () => {
    expect(reasonOf(AUTHENTICATED, { 24: 2 })).toBe('authentication-length');
    expect(reasonOf(AUTHENTICATED, { 24: 3, 25: 24 })).toBeUndefined();
  });
  test.each([29, 255])('it ends beyond the packet: %i', (length) => {
    expect(reasonOf(AUTHENTICATED, { 25: length })).toBe('truncated-authentication');
  });
  test.each([0, 3, 20])('a password section of %i octets', (length) => {
    const room = new Uint8Array(48).fill(7);
    room.set(PASSWORD);
    room[3] = 48;
    expect(reasonOf(room, { 25: length })).toBe('authentication-length');
  });
});

test('RFC 5881 §5: a single hop has TTL or hop limit 255, whatever else is right', () => {
  expect([255, 254, 1, 0].map((ttl) => reasonOf(GOOD, {}, ttl))).toEqual([undefined, 'ttl', 'ttl', 'ttl']);
});
test('RFC 5883 §5: of several hops the least TTL is configured', () => {
  expect([255, 254, 250, 249].map((ttl) => reasonOf(GOOD, {}, ttl, 250))).toEqual([
    undefined,
    undefined,
    undefined,
    'ttl',
  ]);
});
