import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeMessage, encodeMessage } from '../../../src/bgp/wire/codec.ts';
import type { WireContext } from '../../../src/bgp/wire/message.ts';
import { bgpVectors } from '../../vectors/bgp.ts';
import { anyContext, anyMessage } from './messages.ts';
import { mutated } from './mutation.ts';
import { bytesOf, CONTEXT, verdictOf } from './octets.ts';
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

function mustBeSound(bytes: Uint8Array): void {
  for (const context of CONTEXTS) {
    const fault = unsoundness(bytes, context);
    if (fault !== undefined) expect.fail(`${Buffer.from(bytes).toString('hex')}: ${fault}`);
  }
}

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
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.slice(0, length);
      mustBeSound(cut);
      expect(verdictOf(cut, agreed)).toBe('reset 1/2');
      if (length >= 19) mustBeSound(withHeaderLength(cut));
    }
  });

  test('octets behind the end', () => {
    const longer = Uint8Array.of(...bytes, 0);
    expect(verdictOf(longer, agreed)).toBe('reset 1/2');
    mustBeSound(withHeaderLength(longer));
  });

  test('every bit flip', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 0x80 >> (bit & 7);
      mustBeSound(flipped);
      if (bit < 16 * 8) expect(verdictOf(flipped, agreed)).toBe('reset 1/1');
    }
  });

  test('every octet, and every two together, at the boundaries of what a length can be', () => {
    for (let at = 16; at < bytes.length; at++) {
      const { [at]: value = 0, [at + 1]: next = 0 } = bytes;
      for (const boundary of [0, 1, value - 1, value + 1, 0x7f, 0x80, 0xfe, 0xff]) {
        const changed = bytes.slice();
        changed[at] = boundary;
        mustBeSound(changed);
      }
      if (at + 1 === bytes.length) continue;
      const both = value * 256 + next;
      for (const boundary of [0, both - 1, both + 1, 0x00ff, 0x0100, 0x0fff, 0x1000, 0x1001, 0x7fff, 0x8000, 0xffff]) {
        const changed = bytes.slice();
        changed[at] = boundary >> 8;
        changed[at + 1] = boundary;
        mustBeSound(changed);
      }
    }
  });
});

describe('what nobody wrote', () => {
  test('random octets behind a good header', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 7 }), fc.uint8Array({ maxLength: 200 }), (type, body) => {
        const bytes = Uint8Array.of(...Array.from({ length: 16 }, () => 0xff), 0, 0, type, ...body);
        mustBeSound(withHeaderLength(bytes));
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
          const fault = unsoundness(bytes, context);
          if (fault !== undefined) expect.fail(`${Buffer.from(bytes).toString('hex')}: ${fault}`);
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
    mustBeSound(bytes);
    for (const context of CONTEXTS) expect(decodeMessage(bytes, context).error).toBeDefined();
  });
});
