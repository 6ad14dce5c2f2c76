import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ms } from '../../src/base/clock.ts';
import { Authenticator } from '../../src/bfd/authenticator.ts';
import type { BfdKey } from '../../src/bfd/session-config.ts';
import { decodeControlPacket } from '../../src/bfd/wire/control-packet.ts';
import { packet } from './scene.ts';

const METICULOUS: BfdKey = { type: 'meticulous-keyed-sha1', keyId: 3, key: 'a shared secret' };
const KEYED: BfdKey = { ...METICULOUS, type: 'keyed-sha1' };

/** Two ends with a time of their own; `hears` says why a packet was refused. */
class Pair {
  readonly sender: Authenticator;
  readonly receiver: Authenticator;
  now = 0;

  constructor(key: BfdKey, first = 0) {
    this.sender = new Authenticator(key, first);
    this.receiver = new Authenticator(key, 12345);
  }

  seal(rest: Parameters<typeof packet>[1] = {}): Uint8Array {
    return this.sender.seal(packet('up', rest));
  }
  hears(bytes: Uint8Array): string | undefined {
    const read = decodeControlPacket(bytes, { ttl: 255, leastTtl: 255 });
    if (!read.ok) return read.error.reason;
    const refused = this.receiver.refuse(bytes, read.value, ms(this.now));
    if (refused === undefined) this.receiver.heard(ms(this.now), ms(900));
    return refused;
  }
  /** So many that are lost on the way. */
  lose(count: number): this {
    for (let i = 0; i < count; i++) this.seal();
    return this;
  }
}
const sequenceOf = (bytes: Uint8Array): number => Buffer.from(bytes).readUInt32BE(28);

describe('RFC 5880 §6.7.4: SHA1', () => {
  test('the digest is that of the packet with the key, padded, in its place', () => {
    const bytes = Buffer.from(new Pair(METICULOUS).seal());
    const whole = Buffer.concat([bytes.subarray(0, 32), Buffer.from('a shared secret'), Buffer.alloc(5)]);
    expect(bytes.subarray(32).toString('hex')).toBe(createHash('sha1').update(whole).digest('hex'));
    expect([bytes[3], bytes[24], bytes[25], bytes[26], bytes[27]]).toEqual([52, 5, 28, 3, 0]);
  });
  test('meticulous: the number grows with each packet, around 2^32 too', () => {
    const pair = new Pair(METICULOUS, 0xfffffffd);
    expect([1, 2, 3, 4].map(() => sequenceOf(pair.seal()))).toEqual([0xfffffffe, 0xffffffff, 0, 1]);
  });
  test('keyed: with each packet that says something new', () => {
    const pair = new Pair(KEYED);
    const numbers = [{}, {}, { poll: true }, { poll: true }, {}].map((rest) => sequenceOf(pair.seal(rest)));
    expect(numbers).toEqual([1, 1, 2, 2, 3]);
  });
  test('a replayed packet: meticulous refuses it, keyed takes it as long as nothing newer came', () => {
    for (const [key, again] of [
      [METICULOUS, 'sequence-number'],
      [KEYED, undefined],
    ] as const) {
      const pair = new Pair(key);
      const old = pair.seal();
      expect([pair.hears(old), pair.hears(old)]).toEqual([undefined, again]);
      pair.hears(pair.seal({ poll: true }));
      expect(pair.hears(old)).toBe('sequence-number');
    }
  });
  test('the window: three times the multiplier may be lost, no more', () => {
    for (const [lost, refused] of [
      [8, undefined],
      [9, 'sequence-number'],
    ] as const) {
      const pair = new Pair(METICULOUS, 0xfffffffa);
      pair.hears(pair.seal());
      expect(pair.lose(lost).hears(pair.seal())).toBe(refused);
    }
  });
  test('§6.8.1: after twice the detection time of silence any number is a good one', () => {
    const pair = new Pair(METICULOUS);
    pair.hears(pair.seal());
    pair.lose(100).now = 1799;
    expect(pair.hears(pair.seal())).toBe('sequence-number');
    pair.now = 1800;
    expect(pair.hears(pair.seal())).toBeUndefined();
  });
  test('a forged packet does not move the window', () => {
    const pair = new Pair(METICULOUS);
    const forged = new Pair({ ...METICULOUS, key: 'guess' }, 1_000_000).seal();
    expect(pair.hears(forged)).toBe('wrong-digest');
    expect([pair.hears(pair.seal()), pair.hears(forged), pair.hears(pair.seal())]).toEqual([
      undefined,
      'sequence-number',
      undefined,
    ]);
  });
  test.each([KEYED, METICULOUS])('no bit of a sealed packet may change ($type)', (key) => {
    const pair = new Pair(key);
    const sealed = pair.seal();
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const flipped = Uint8Array.from(sealed);
      flipped[bit >> 3]! ^= 0x80 >> (bit & 7);
      expect(pair.hears(flipped), `bit ${bit}`).toBeDefined();
    }
    expect(pair.hears(sealed)).toBeUndefined();
  });
  test('octets after the packet are not part of it, and what was received is not written to', () => {
    const pair = new Pair(METICULOUS);
    const sealed = Buffer.concat([pair.seal(), Buffer.alloc(8, 1)]);
    const copy = Buffer.from(sealed);
    expect(pair.hears(sealed)).toBeUndefined();
    expect(sealed.equals(copy)).toBe(true);
  });
});

describe('RFC 5880 §6.7.2: a password', () => {
  const PASSWORD: BfdKey = { type: 'simple-password', keyId: 9, key: 'sesame' };
  test.each([
    [PASSWORD, undefined],
    [{ ...PASSWORD, key: 'sesamE' }, 'wrong-password'],
    [{ ...PASSWORD, key: 'sesame2' }, 'wrong-password'],
    [{ ...PASSWORD, keyId: 8 }, 'unknown-key'],
    [KEYED, 'other-authentication-type'],
    [undefined, 'not-authenticated'],
  ] as const)('%j: %s', (key, refused) => {
    expect(new Pair(PASSWORD).hears(new Authenticator(key, 0).seal(packet('up')))).toBe(refused);
  });
});

test('RFC 5880 §6.8.6: authentication where none is in use', () => {
  const none = new Authenticator(undefined, 0);
  const bytes = new Pair(KEYED).seal();
  const read = decodeControlPacket(bytes, { ttl: 255, leastTtl: 255 });
  expect(read.ok && none.refuse(bytes, read.value, ms(0))).toBe('unexpected-authentication');
});
