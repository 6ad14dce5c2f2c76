import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeMessage, encodeMessage } from '../../../src/bgp/wire/codec.ts';
import type { WireContext } from '../../../src/bgp/wire/message.ts';
import { bgpVectors } from '../../vectors/bgp.ts';
import { anyContext, anyMessage } from './messages.ts';
import { mutated } from './mutation.ts';
import { bytesOf, CONTEXT, hexOf, verdictOf } from './octets.ts';
import { unsoundness } from './soundness.ts';

/** What was agreed does not change what must hold; each damaged message is read with all of these. */
const CONTEXTS: readonly WireContext[] = [
  CONTEXT,
  { ...CONTEXT, as4: false, peerType: 'internal' },
  {
    as4: true,
    addPath: { ipv4: true, ipv6: true },
    extendedMessage: true,
    extendedNextHop: true,
    peerType: 'confederation',
  },
];

/** What does not hold, of all of them. */
const faultsOf = (damaged: Iterable<Uint8Array>, contexts = CONTEXTS): readonly string[] =>
  Array.from(damaged, (bytes) =>
    contexts.flatMap((context) => {
      const fault = unsoundness(bytes, context);
      return fault === undefined ? [] : [`${hexOf(bytes)}: ${fault}`];
    }),
  ).flat();

const withHeaderLength = (bytes: Uint8Array): Uint8Array => {
  const whole = bytes.slice();
  whole[16] = whole.length >> 8;
  whole[17] = whole.length;
  return whole;
};

describe.each(bgpVectors)('$name', ({ hex, context }) => {
  const bytes = bytesOf(hex);
  const agreed = { ...CONTEXT, ...context };

  test('every truncation', () => {
    const cut = Array.from({ length: bytes.length }, (_, length) => bytes.slice(0, length));
    expect(faultsOf([...cut, ...cut.slice(19).map(withHeaderLength)])).toEqual([]);
    expect(new Set(cut.map((one) => verdictOf(one, agreed)))).toEqual(new Set(['reset 1/2']));
  });

  test('an octet behind the end', () => {
    const longer = Uint8Array.of(...bytes, 0);
    expect(verdictOf(longer, agreed)).toBe('reset 1/2');
    expect(faultsOf([withHeaderLength(longer)])).toEqual([]);
  });

  test('every bit flip', () => {
    const flipped = Array.from({ length: bytes.length * 8 }, (_, bit) =>
      bytes.with(bit >> 3, bytes[bit >> 3]! ^ (0x80 >> (bit & 7))),
    );
    expect(faultsOf(flipped)).toEqual([]);
    const ofMarker = flipped.slice(0, 16 * 8).map((one) => verdictOf(one, agreed));
    expect(new Set(ofMarker)).toEqual(new Set(['reset 1/1']));
  });

  test('every octet, and every two together, at the boundaries of what a length can be', () => {
    const damaged: Uint8Array[] = [];
    for (let at = 16; at < bytes.length; at++) {
      const value = bytes[at]!;
      for (const boundary of [0, 1, value - 1, value + 1, 0x7f, 0x80, 0xfe, 0xff])
        damaged.push(bytes.with(at, boundary));
      if (at + 1 === bytes.length) continue;
      const both = value * 256 + bytes[at + 1]!;
      for (const boundary of [0, both - 1, both + 1, 0x00ff, 0x0100, 0x0fff, 0x1000, 0x1001, 0x7fff, 0x8000, 0xffff])
        damaged.push(bytes.with(at, boundary >> 8).with(at + 1, boundary));
    }
    expect(faultsOf(damaged)).toEqual([]);
  });
});

describe('what nobody wrote', () => {
  test('random octets behind a good header', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 7 }), fc.uint8Array({ maxLength: 200 }), (type, body) => {
        const bytes = Uint8Array.of(...Array.from({ length: 16 }, () => 0xff), 0, 0, type, ...body);
        expect(faultsOf([withHeaderLength(bytes)])).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  test('valid messages, cut, doubled, spliced and shuffled', () => {
    fc.assert(
      fc.property(
        anyContext.chain((context) => fc.tuple(fc.constant(context), anyMessage(context))),
        fc.array(fc.nat(), { minLength: 4, maxLength: 40 }),
        ([context, message], dice) => {
          let thrown = 0;
          const roll = (sides: number): number => (dice[thrown++ % dice.length]! * 31 + thrown) % sides;
          const bytes = mutated(encodeMessage(message, context), roll);
          expect(faultsOf([bytes], [context])).toEqual([]);
        },
      ),
      { numRuns: 1500 },
    );
  });
});

describe('messages that brought down somebody, here or elsewhere', () => {
  const file = new URL('../../vectors/bgp-crashers.txt', import.meta.url);
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.split('#'))
    .filter(([hex]) => hex!.trim() !== '');

  test('there are some', () => expect(lines.length).toBeGreaterThan(0));
  test.each(lines.map(([hex, story]) => [story!.trim(), hex!] as const))('%s', (_, hex) => {
    const bytes = bytesOf(hex);
    expect(faultsOf([bytes])).toEqual([]);
    for (const context of CONTEXTS) expect(decodeMessage(bytes, context).error).toBeDefined();
  });
});
