import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bfdJson } from '../../src/bfd/packet-json.ts';
import type { AuthenticationSection } from '../../src/bfd/wire/authentication-section.ts';
import { SESSION_STATES } from '../../src/bfd/wire/constants.ts';
import { type ControlPacket, decodeControlPacket, encodeControlPacket } from '../../src/bfd/wire/control-packet.ts';
import { packet } from './scene.ts';

const ON_LINK = { ttl: 255, leastTtl: 255 };
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'));
const read = (hex: string | Uint8Array) => decodeControlPacket(typeof hex === 'string' ? bytesOf(hex) : hex, ON_LINK);
const reasonOf = (hex: string | Uint8Array): string | undefined => {
  const result = read(hex);
  return result.ok ? undefined : result.error.reason;
};

const MD5 = '000102030405060708090a0b0c0d0e0f';
const SHA1 = `${MD5}10111213`;
const digest = bytesOf;

/** Both ways. The octets were put together by hand from RFC 5880 §4. */
const TABLE: readonly (readonly [string, string, ControlPacket])[] = [
  [
    'the first packet of a session: Down, nobody known',
    '20 40 03 18 00000001 00000000 000f4240 000493e0 00000000',
    packet('down', { myDiscriminator: 1, yourDiscriminator: 0 }),
  ],
  [
    'Up with Poll, a diagnostic, echo offered',
    '21 e0 05 18 00000007 ffffffff 000493e0 0000c350 0000c350',
    packet('up', {
      diagnostic: 1,
      poll: true,
      detectMultiplier: 5,
      myDiscriminator: 7,
      yourDiscriminator: 0xffffffff,
      requiredMinRxUs: 50_000,
      requiredMinEchoRxUs: 50_000,
    }),
  ],
  [
    'Init with Final, control plane independent, demand',
    '3f 9a 01 18 80000000 00000002 ffffffff 00000000 00000001',
    packet('init', {
      diagnostic: 31,
      final: true,
      controlPlaneIndependent: true,
      demand: true,
      detectMultiplier: 1,
      myDiscriminator: 0x80000000,
      yourDiscriminator: 2,
      desiredMinTxUs: 0xffffffff,
      requiredMinRxUs: 0,
      requiredMinEchoRxUs: 1,
    }),
  ],
  [
    'RFC 5880 §4.2: a password',
    '27 04 03 21 0000004d 00000001 000f4240 000493e0 00000000 01 09 02 736563726574',
    packet('admin-down', {
      diagnostic: 7,
      authentication: { type: 'simple-password', keyId: 2, password: digest('736563726574') },
    }),
  ],
  ...([2, 3] as const).map(
    (code) =>
      [
        `RFC 5880 §4.3: MD5, type ${code}`,
        `20 c4 03 30 0000004d 00000001 000493e0 000493e0 00000000 0${code} 18 ff 00 fffffffe ${MD5}`,
        packet('up', {
          authentication: {
            type: code === 2 ? 'keyed-md5' : 'meticulous-keyed-md5',
            keyId: 255,
            sequenceNumber: 0xfffffffe,
            digest: digest(MD5),
          },
        }),
      ] as const,
  ),
  ...([4, 5] as const).map(
    (code) =>
      [
        `RFC 5880 §4.4: SHA1, type ${code}`,
        `20 c4 03 34 0000004d 00000001 000493e0 000493e0 00000000 0${code} 1c 00 00 00000001 ${SHA1}`,
        packet('up', {
          authentication: {
            type: code === 4 ? 'keyed-sha1' : 'meticulous-keyed-sha1',
            keyId: 0,
            sequenceNumber: 1,
            digest: digest(SHA1),
          },
        }),
      ] as const,
  ),
];

describe('control packets, both ways', () => {
  test.each(TABLE)('%s', (_, hex, value) => {
    expect(read(hex)).toEqual({ ok: true, value });
    expect(Buffer.from(encodeControlPacket(value)).toString('hex')).toBe(hex.replace(/\s/g, ''));
  });

  test.each(TABLE)('octets after the length are not looked at: %s', (_, hex, value) => {
    expect(read(`${hex} ffff`)).toEqual({ ok: true, value });
  });
});

const octets = (most: number, least = most) => fc.uint8Array({ minLength: least, maxLength: most });
const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const octet = fc.integer({ min: 0, max: 255 });
const digested = (types: readonly Exclude<AuthenticationSection['type'], 'simple-password'>[], length: number) =>
  fc.record({ type: fc.constantFrom(...types), keyId: octet, sequenceNumber: uint32, digest: octets(length) });
const section: fc.Arbitrary<AuthenticationSection> = fc.oneof(
  fc.record({ type: fc.constant('simple-password' as const), keyId: octet, password: octets(16, 1) }),
  digested(['keyed-md5', 'meticulous-keyed-md5'], 16),
  digested(['keyed-sha1', 'meticulous-keyed-sha1'], 20),
);
const anyPacket: fc.Arbitrary<ControlPacket> = fc
  .record({
    diagnostic: fc.integer({ min: 0, max: 31 }),
    state: fc.constantFrom(...SESSION_STATES),
    poll: fc.boolean(),
    final: fc.boolean(),
    controlPlaneIndependent: fc.boolean(),
    demand: fc.boolean(),
    detectMultiplier: fc.integer({ min: 1, max: 255 }),
    myDiscriminator: fc.integer({ min: 1, max: 0xffffffff }),
    yourDiscriminator: uint32,
    desiredMinTxUs: uint32,
    requiredMinRxUs: uint32,
    requiredMinEchoRxUs: uint32,
    authentication: fc.option(section, { nil: undefined }),
  })
  .filter(({ state, yourDiscriminator }) => yourDiscriminator > 0 || state === 'down' || state === 'admin-down');

describe('properties', () => {
  test('what is encoded is decoded', () => {
    fc.assert(
      fc.property(anyPacket, (value) => {
        expect(read(encodeControlPacket(value))).toEqual({ ok: true, value });
      }),
    );
  });

  test.each(TABLE)('no truncation is accepted: %s', (_, hex) => {
    const whole = bytesOf(hex);
    for (let length = 0; length < whole.length; length++)
      expect(reasonOf(whole.subarray(0, length)), `${length} octets`).toBe('truncated');
  });

  test.each(TABLE)('every bit flipped is read as something else, or refused: %s', (_, hex, value) => {
    const whole = bytesOf(hex);
    let same = 0;
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const flipped = whole.slice();
      flipped[bit >> 3]! ^= 0x80 >> (bit & 7);
      const result = read(flipped);
      bfdJson(flipped, ON_LINK);
      if (result.ok && JSON.stringify(result.value) === JSON.stringify(value)) same++;
    }
    // The reserved octet of RFC 5880 §4.3 is ignored; nothing else is.
    expect(same).toBe(value.authentication === undefined || value.authentication.type === 'simple-password' ? 0 : 8);
  });

  test('no octets whatever make it throw', () => {
    fc.assert(
      fc.property(octets(80, 0), fc.boolean(), (bytes, patched) => {
        if (patched && bytes.length > 3) bytes.set([0x20, bytes[1]!, 3, bytes.length]);
        const result = read(bytes);
        expect(result.ok || result.error.reason.length > 0).toBe(true);
        expect(bfdJson(bytes, ON_LINK)['type']).toBe('BFD');
      }),
      { numRuns: 2000 },
    );
  });
});

describe('clarion decode bfd', () => {
  test('every field, as documented', () => {
    expect(bfdJson(bytesOf('20 c0 03 18 00000001 00000002 000493e0 000493e0 00000000'), ON_LINK)).toEqual({
      type: 'BFD',
      version: 1,
      diagnostic: 0,
      state: 'up',
      poll: false,
      final: false,
      controlPlaneIndependent: false,
      authentication: null,
      demand: false,
      multipoint: false,
      detectMultiplier: 3,
      myDiscriminator: 1,
      yourDiscriminator: 2,
      desiredMinTxUs: 300000,
      requiredMinRxUs: 300000,
      requiredMinEchoRxUs: 0,
    });
  });
  test('the authentication section', () => {
    expect(bfdJson(bytesOf(TABLE[3]![1]), ON_LINK)['authentication']).toEqual({
      type: 'simple-password',
      keyId: 2,
      password: '736563726574',
    });
    expect(bfdJson(bytesOf(TABLE[7]![1]), ON_LINK)['authentication']).toEqual({
      type: 'meticulous-keyed-sha1',
      keyId: 0,
      sequenceNumber: 1,
      digest: SHA1,
    });
  });
  test('what is refused tells why, and what could be read', () => {
    const far = bfdJson(bytesOf(TABLE[0]![1]), { ttl: 64, leastTtl: 255 });
    expect(far).toMatchObject({ type: 'BFD', error: { handling: 'ignore', reason: 'ttl' }, state: 'down', version: 1 });
    expect(bfdJson(bytesOf('20c003'), ON_LINK)).toEqual({
      type: 'BFD',
      error: { handling: 'ignore', reason: 'truncated', message: expect.stringContaining('§6.8.6') },
    });
    expect(bfdJson(bytesOf(TABLE[0]![1]), { ttl: 250, leastTtl: 250 })).not.toHaveProperty('error');
  });
});
