import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ipAddress } from '../../src/base/ip-address.ts';
import { type GroupKey, parseKeyFile } from '../../src/membership/keys.ts';
import { type Instance, instanceFromBytes, type TransportAddress } from '../../src/membership/member.ts';
import { decodeMessages, encodeMessages, lengthOfUpdate } from '../../src/membership/wire/codec.ts';
import { HEADER, MAX_DATAGRAM, MAX_PAYLOAD, MessageKind, TAG } from '../../src/membership/wire/constants.ts';
import { Opener, Sealer } from '../../src/membership/wire/datagram.ts';
import type { MemberUpdate, Message, ProbeState, SelfRecord } from '../../src/membership/wire/message.ts';
import { ReplayWindow } from '../../src/membership/wire/replay-window.ts';

const A = 'a0'.repeat(16) as Instance;
const B = 'b0'.repeat(16) as Instance;
const C = 'c0'.repeat(16) as Instance;
const keysOf = (text: string): readonly GroupKey[] => {
  const keys = parseKeyFile(text);
  if (!keys.ok) throw new Error(keys.error);
  return keys.value;
};
const KEYS = keysOf('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
const OTHER_KEYS = keysOf('ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
const addresses: readonly TransportAddress[] = [
  { address: ipAddress('ipv4', 0xc000_0201n), port: 7946 },
  { address: ipAddress('ipv6', (0x2001_0db8n << 96n) | 1n), port: 7946 },
];
const self: SelfRecord = { node: 'node-a', incarnation: 2, addresses };
const nonce = new Uint8Array(16).fill(7);
const state: ProbeState = {
  incarnation: 2,
  deaf: false,
  payloadDigest: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  memberDigest: 0xdeadbeef,
};
const update: MemberUpdate = {
  node: 'node-c',
  instance: C,
  incarnation: 1,
  addresses: addresses.slice(0, 1),
  status: 'dead',
  confirmed: true,
};
const ping: Message = { kind: 'ping', sequence: 258, state };
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const always = (): boolean => true;

describe('messages', () => {
  const rows: readonly Message[] = [
    { kind: 'hello', self, nonce },
    { kind: 'challenge', self, echoed: nonce, nonce: nonce.map((byte) => byte + 1) },
    { kind: 'echo', self: { ...self, addresses: [] }, echoed: nonce },
    ping,
    { kind: 'ack', sequence: 0xffff_ffff, state: { ...state, deaf: true } },
    { kind: 'ping-req', sequence: 1, instance: C },
    { kind: 'relayed-ack', sequence: 2 },
    { kind: 'nack', sequence: 3 },
    { kind: 'updates', updates: [update, { ...update, status: 'alive', confirmed: false, addresses }] },
    { kind: 'sync', reply: true, updates: [{ ...update, status: 'left' }] },
    { kind: 'sync', reply: false, updates: [] },
    { kind: 'payload', sequence: 4, payload: Uint8Array.of(1, 2, 3) },
    { kind: 'payload-ack', sequence: 4 },
    { kind: 'duplicate', addresses },
  ];
  test.each(rows)('$kind is read as it was written', (message) => {
    expect(decodeMessages(encodeMessages([message]))).toEqual({ ok: true, value: [message] });
  });

  /** Recorded of version 1: never edit a line, speakers of two versions live together in every upgrade. */
  const recorded: readonly string[] = [
    '0100380707070707070707070707070707070700000002066e6f64652d61020406c00002011f0a061220010db80000000000000000000000011f0a',
    '020048070707070707070707070707070707070808080808080808080808080808080800000002066e6f64652d61020406c00002011f0a061220010db80000000000000000000000011f0a',
    '03001c0707070707070707070707070707070700000002066e6f64652d6100',
    '0400150000010200000002000102030405060708deadbeef',
    '050015ffffffff00000002010102030405060708deadbeef',
    '06001400000001c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0',
    '07000400000002',
    '08000400000003',
    '09006600020026020100000001c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0066e6f64652d63010406c00002011f0a003a000000000001c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0066e6f64652d63020406c00002011f0a061220010db80000000000000000000000011f0a',
    '0a002b0100010026030100000001c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0066e6f64652d63010406c00002011f0a',
    '0a0003000000',
    '0b000700000004010203',
    '0c000400000004',
    '0d001d020406c00002011f0a061220010db80000000000000000000000011f0a',
  ];

  test('each kind is written as recorded, and read as that', () => {
    expect(rows.map((message) => Buffer.from(encodeMessages([message])).toString('hex'))).toEqual(recorded);
    expect(new Set(rows.map(({ kind }) => kind))).toEqual(new Set(Object.keys(MessageKind)));
  });

  test('several in one datagram, in order', () => {
    expect(decodeMessages(encodeMessages(rows))).toEqual({ ok: true, value: rows });
  });

  test('kinds and fields of a newer speaker are skipped', () => {
    const newer = Uint8Array.of(0xc8, 0, 3, 1, 2, 3, ...encodeMessages([ping]));
    expect(decodeMessages(newer)).toEqual({ ok: true, value: [ping] });
    const longer = encodeMessages([ping]);
    const withField = Buffer.concat([longer, hex('aabb')]);
    withField.writeUInt16BE(longer.length - 3 + 2, 1);
    expect(decodeMessages(new Uint8Array(withField))).toEqual({ ok: true, value: [ping] });
  });

  test('an address family that does not exist yet is skipped', () => {
    const bytes = Buffer.from(encodeMessages([{ kind: 'duplicate', addresses }]));
    // Kind, length, number of addresses, then family and length of the first.
    bytes[4] = 9;
    expect(decodeMessages(bytes)).toEqual({ ok: true, value: [{ kind: 'duplicate', addresses: addresses.slice(1) }] });
  });

  test('whatever the bytes, nothing is thrown; and a message cut short is none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        decodeMessages(bytes);
      }),
    );
    for (const message of rows) {
      const bytes = encodeMessages([message]);
      for (let length = 1; length < bytes.length; length++)
        expect(decodeMessages(bytes.subarray(0, length)).ok).toBe(false);
    }
  });

  test('the length of an update is what it takes in a datagram', () => {
    const one = encodeMessages([{ kind: 'updates', updates: [update] }]);
    const two = encodeMessages([{ kind: 'updates', updates: [update, update] }]);
    expect(two.length - one.length).toBe(lengthOfUpdate(update));
  });
});

describe('datagrams', () => {
  test('recorded ones of version 1 are read by every later speaker', () => {
    // Written once, never to be changed: a rolling update has both versions in one cluster.
    const hello = hex(
      '01001375f441a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0000000000000000116466369f04114078c93134fec72ccd3140fb2446f31b40a2d854f9c' +
        '8691d45bb88d3da8ecff019b114edaca3b6c2fda10baf54c53b77e376bf3ceb2ea4e2e7a7c9808e57669ba19653696',
    );
    const probe = hex(
      '01011375f441a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a00000000000000002be7a0536918a7e642392f1e8f0412790ef859df7b33174b5f1248254' +
        '51b485474693be37c4ace6db09b711d0401802f6c88a61358a8e4a2e98de833b111ec49f706e503cb614017dfc4bd417187b1e2b0015d2ddb3',
    );
    const opener = new Opener(B, KEYS);
    expect(opener.open(hello, always)).toEqual({
      ok: true,
      value: { sender: A, messages: [{ kind: 'hello', self, nonce }] },
    });
    expect(opener.open(probe, always)).toEqual({
      ok: true,
      value: { sender: A, messages: [ping, { kind: 'updates', updates: [update] }] },
    });
  });

  test('only the instance that it is for can open it, and only once', () => {
    const bytes = new Sealer(A, KEYS).seal([ping], B);
    const opener = new Opener(B, KEYS);
    expect(opener.open(bytes, always).ok).toBe(true);
    expect(opener.open(bytes, always)).toEqual({ ok: false, error: 'replayed' });
    expect(new Opener(C, KEYS).open(bytes, always)).toEqual({ ok: false, error: 'unauthentic' });
    // The same node after a restart has another instance.
    expect(new Opener(instanceFromBytes(new Uint8Array(16)), KEYS).open(bytes, always).ok).toBe(false);
    expect(new Opener(A, KEYS).open(bytes, always)).toEqual({ ok: false, error: 'own' });
  });

  test('every bit counts', () => {
    const bytes = new Sealer(A, KEYS).seal([ping], B);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = bytes.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(new Opener(B, KEYS).open(changed, always).ok).toBe(false);
    }
  });

  test('too short, too long, of another version, of another group, not a hello though for all', () => {
    const sealer = new Sealer(A, KEYS);
    const opener = new Opener(B, KEYS);
    const error = (bytes: Uint8Array) => opener.open(bytes, always);
    expect(error(new Uint8Array(HEADER + TAG - 1))).toEqual({ ok: false, error: 'too-short' });
    expect(error(new Uint8Array(MAX_DATAGRAM + 1))).toEqual({ ok: false, error: 'too-long' });
    const other = sealer.seal([ping], B);
    other[0] = 2;
    expect(error(other)).toEqual({ ok: false, error: 'unknown-version' });
    expect(error(new Sealer(A, OTHER_KEYS).seal([ping], B))).toEqual({ ok: false, error: 'unknown-key' });
    expect(error(sealer.seal([ping], undefined))).toEqual({ ok: false, error: 'unbound' });
  });

  test('for an unknown instance there is work only while the budget lasts, for a known one always', () => {
    const sealer = new Sealer(A, KEYS);
    const opener = new Opener(B, KEYS);
    expect(opener.open(sealer.seal([ping], B), () => false)).toEqual({ ok: false, error: 'over-budget' });
    expect(opener.open(sealer.seal([ping], B), always).ok).toBe(true);
    expect(opener.open(sealer.seal([ping], B), () => false).ok).toBe(true);
  });

  test('a key is changed in three steps, and each pair of neighbours in time understands the other', () => {
    const steps = [KEYS, [...KEYS, ...OTHER_KEYS], [...OTHER_KEYS, ...KEYS], OTHER_KEYS];
    for (const [i, keys] of steps.entries())
      for (const others of steps.slice(Math.max(0, i - 1), i + 2))
        expect(new Opener(B, others).open(new Sealer(A, keys).seal([ping], B), always).ok).toBe(true);
    const opener = new Opener(B, KEYS);
    const sealer = new Sealer(A, KEYS);
    expect(opener.open(sealer.seal([ping], B), always).ok).toBe(true);
    opener.use(OTHER_KEYS);
    expect(opener.open(sealer.seal([ping], B), always)).toEqual({ ok: false, error: 'unknown-key' });
    sealer.use(OTHER_KEYS);
    expect(opener.open(sealer.seal([ping], B), always).ok).toBe(true);
  });

  test('the longest payload fills the longest datagram', () => {
    const bytes = new Sealer(A, KEYS).seal([{ kind: 'payload', sequence: 1, payload: new Uint8Array(MAX_PAYLOAD) }], B);
    expect(bytes).toHaveLength(MAX_DATAGRAM);
  });
});

test('RFC 4303 §3.4.3: a counter is good once, in any order, while it is within the window', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 3000 }), { maxLength: 200 }), (counters) => {
      const window = new ReplayWindow();
      const seen = new Set<number>();
      for (const counter of counters) {
        const newest = Math.max(-1, ...seen);
        expect(window.has(counter)).toBe(seen.has(counter) || counter <= newest - 1024);
        if (window.has(counter)) continue;
        window.add(counter);
        seen.add(counter);
      }
    }),
  );
});
