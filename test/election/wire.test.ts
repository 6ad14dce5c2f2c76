import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ms } from '../../src/base/clock.ts';
import { type IpAddress, ipAddress } from '../../src/base/ip-address.ts';
import { CLAIM_CAUSES, MAX_TERM } from '../../src/election/claim.ts';
import { inParts } from '../../src/election/outbox.ts';
import { KINDS, MAX_PAYLOAD } from '../../src/election/wire/constants.ts';
import type { OwnClaim } from '../../src/election/wire/fields.ts';
import { decodeMessage, encodeMessage, type Message } from '../../src/election/wire/message.ts';
import { MAX_PAYLOAD as MEMBERSHIP_CARRIES } from '../../src/membership/wire/constants.ts';
import { cable, instance, vip } from './rig.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const v6: IpAddress = ipAddress('ipv6', 0x20010db8000000000000000000000001n);
const own = (more: Partial<OwnClaim> = {}): OwnClaim => ({
  address: vip(1),
  term: 7,
  phase: 'held',
  weak: false,
  cause: 'first',
  ...more,
});
const part = { sequence: 9, index: 0, count: 1 };

/** What a speaker of this version says. Never edit a line: speakers of two versions live together in every upgrade. */
const ROWS: readonly (readonly [string, Message])[] = [
  [
    '01 01 00000003 07 00000000 04 74657374 0001 04 65746830 020000000001 07 0001 00 08 0a000001',
    {
      kind: 'facts',
      sequence: 3,
      settled: true,
      strong: true,
      facts: { interfaces: [cable(1)], draining: true, apiViewAge: ms(0), version: 'test' },
    },
  ],
  ['01 02 000004d2 00000001 00000002', { kind: 'ask', asleep: 1234, digest: { high: 1, low: 2 } }],
  [
    `01 03 00000009 0000 0001 00 02 0001 01 61 ${instance('a')} 0001 00 00 00000007 0a010001`,
    {
      kind: 'table',
      part,
      standing: 'joining',
      strong: true,
      claims: [{ ...own(), node: 'a', instance: instance('a') }],
    },
  ],
  [
    '01 04 00000005 0002 06 01 00000007 0a010001 01 03 00000001 20010db8000000000000000000000001',
    {
      kind: 'claims',
      sequence: 5,
      claims: [
        own({ phase: 'vacated', weak: true, cause: 'failover' }),
        own({ address: v6, term: 1, cause: 'hand-over' }),
      ],
    },
  ],
  ['01 05 00000009 0000 0001 0000', { kind: 'own', part, claims: [] }],
  ['01 06 ffffffff 00000000 01', { kind: 'check', digest: { high: 0xffffffff, low: 0 }, mutual: true }],
  ['01 07', { kind: 'ask-own' }],
  [
    '01 08 00c8 0001 04 00000008 0a010001',
    { kind: 'offers', expiry: 200, offers: [{ address: vip(1), term: 8, weak: true }] },
  ],
  ['01 09 0001 00 00000008 0a010001', { kind: 'declines', declines: [{ address: vip(1), term: 8 }] }],
  ['01 0a 0001 00 00000008 0a010001', { kind: 'terms', terms: [{ address: vip(1), term: 8 }] }],
  ['01 0b 0001 00 00000008 0a010001', { kind: 'requests', requests: [{ address: vip(1), term: 8 }] }],
];

describe('messages, both ways', () => {
  test.each(ROWS)('%s', (text, message) => {
    expect(hex(encodeMessage(message))).toBe(text.replaceAll(' ', ''));
    expect(decodeMessage(bytesOf(text))).toEqual({ ok: true, value: message });
  });

  test('every kind has a row', () => {
    expect(new Set(ROWS.map(([, { kind }]) => kind))).toEqual(new Set(Object.keys(KINDS)));
  });

  test.each(ROWS)('cut short anywhere it is refused: %s', (text) => {
    const bytes = bytesOf(text);
    for (let length = 0; length < bytes.length; length++)
      expect(decodeMessage(bytes.subarray(0, length)).ok, `${length} octets`).toBe(false);
  });

  test.each(ROWS)('what a newer speaker puts behind it does no harm: %s', (text, message) => {
    expect(decodeMessage(bytesOf(`${text} 0102030405`))).toEqual({ ok: true, value: message });
  });

  test.each(['01 63 0102', '02 01 0102'])('a kind or version that is not known is skipped: %s', (text) => {
    expect(decodeMessage(bytesOf(text))).toEqual({ ok: true, value: 'unknown' });
  });

  test('a cause that is not known leaves the claim as good', () => {
    const bytes = bytesOf('01 04 00000005 0001 00 fe 00000007 0a010001');
    expect(decodeMessage(bytes)).toEqual({
      ok: true,
      value: { kind: 'claims', sequence: 5, claims: [own({ cause: 'vacancy' })] },
    });
  });

  test('a term after which nobody could claim is refused', () => {
    expect(decodeMessage(bytesOf('01 0a 0001 00 ffffffff 0a010001'))).toEqual({
      ok: false,
      error: 'a field has an impossible value',
    });
  });

  test('whatever arrives, nothing throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 0, max: 12 }), (bytes, kind) => {
        decodeMessage(bytes);
        decodeMessage(Uint8Array.of(1, kind, ...bytes));
        expect(decodeMessage(Uint8Array.of(2, kind, ...bytes)).ok).toBe(true);
      }),
    );
  });
});

describe('size', () => {
  const anyClaim = fc.record({
    address: fc.oneof(
      fc.bigInt(0n, 2n ** 32n - 1n).map((value) => ipAddress('ipv4', value)),
      fc.bigInt(0n, 2n ** 128n - 1n).map((value) => ipAddress('ipv6', value)),
    ),
    term: fc.integer({ min: 0, max: MAX_TERM }),
    phase: fc.constantFrom('held' as const, 'vacated' as const),
    weak: fc.boolean(),
    cause: fc.constantFrom(...CLAIM_CAUSES),
    maker: fc.nat(3),
  });

  test('lists of any length fit into payloads, in parts that add up', () => {
    fc.assert(
      fc.property(fc.array(anyClaim, { maxLength: 400 }), (list) => {
        const claims = list.map(({ maker, ...rest }) => ({
          ...rest,
          node: `worker-${maker}.${'x'.repeat(200)}`,
          instance: instance(`${maker}`),
        }));
        const messages = inParts(claims, 3, (where, some) => ({
          kind: 'table',
          part: where,
          standing: 'joining',
          strong: true,
          claims: some,
        }));
        const back = messages.flatMap((message) => {
          const payload = encodeMessage(message);
          expect(payload.length).toBeLessThanOrEqual(MAX_PAYLOAD);
          const read = decodeMessage(payload);
          return read.ok && read.value !== 'unknown' && read.value.kind === 'table' ? read.value.claims : [];
        });
        expect(back).toEqual(claims);
        expect(messages.length).toBeGreaterThan(0);
      }),
      { numRuns: 30 },
    );
  });

  test('a payload fits into what membership carries', () => {
    expect(MAX_PAYLOAD).toBeLessThanOrEqual(MEMBERSHIP_CARRIES);
  });

  test('facts of a node with hundreds of interfaces and addresses fit, the first ones told', () => {
    const addresses = Array.from({ length: 100 }, (_, i) => ({
      address: { ...v6, value: v6.value + BigInt(i) },
      prefixLength: 64,
    }));
    const interfaces = Array.from({ length: 300 }, (_, i) => cable(1, { name: `eth${i}`, addresses }));
    const facts = { interfaces, draining: false, apiViewAge: ms(5), version: 'v'.repeat(500) };
    const payload = encodeMessage({ kind: 'facts', sequence: 1, settled: true, strong: true, facts });
    expect(payload.length).toBeLessThanOrEqual(MAX_PAYLOAD);
    const read = decodeMessage(payload);
    expect(read).toMatchObject({ ok: true, value: { facts: { interfaces: [{ name: 'eth0' }, { name: 'eth1' }] } } });
  });
});
