import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Framed, Framer } from '../../../src/bgp/wire/framer.ts';
import { bgpVectors } from '../../vectors/bgp.ts';
import { bytesOf, hexOf, KEEPALIVE, MANDATORY, message, UPDATE, update, withLength } from './octets.ts';

const NORMAL = { extendedMessage: false };
const EXTENDED = { extendedMessage: true };
const MESSAGES = bgpVectors.map(({ hex }) => bytesOf(hex));
const STREAM = Uint8Array.from(MESSAGES.flatMap((bytes) => [...bytes]));

/** All that comes out of the stream in these pieces: hex digits, or what is wrong with the rest. */
function framesOf(pieces: readonly Uint8Array[], limits = NORMAL): readonly string[] {
  const framer = new Framer();
  const frames: string[] = [];
  for (const piece of pieces) {
    framer.add(piece);
    for (let next = framer.next(limits); next !== undefined; next = framer.next(limits)) {
      frames.push(shown(next));
      if (next.kind === 'error') return frames;
    }
  }
  return frames;
}
const shown = (framed: Framed): string =>
  framed.kind === 'message' ? hexOf(framed.bytes) : `error ${framed.error.code}/${framed.error.subcode}`;

describe('a stream cut anywhere', () => {
  const whole = MESSAGES.map(hexOf);

  test('all at once', () => expect(framesOf([STREAM])).toEqual(whole));
  test('octet by octet', () => {
    expect(framesOf(Array.from(STREAM, (octet) => Uint8Array.of(octet)))).toEqual(whole);
  });
  test('in two pieces, wherever the cut is', () => {
    for (let at = 0; at <= STREAM.length; at++)
      expect(framesOf([STREAM.subarray(0, at), STREAM.subarray(at)])).toEqual(whole);
  });
  test('in any pieces, the empty ones among them', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: STREAM.length })), (cuts) => {
        const ends = [...cuts.toSorted((a, b) => a - b), STREAM.length];
        expect(framesOf(ends.map((end, i) => STREAM.slice(ends[i - 1] ?? 0, end)))).toEqual(whole);
      }),
    );
  });
});

describe('what is no message', () => {
  test('is known by the first octet that is wrong', () => {
    expect(framesOf([bytesOf('474554')])).toEqual(['error 1/1']);
    expect(framesOf([bytesOf('ff'.repeat(15)), bytesOf('fe')])).toEqual(['error 1/1']);
  });
  test('is known by its header, long before all of it is there', () => {
    expect(framesOf([withLength(UPDATE, 4097)])).toEqual(['error 1/2']);
    expect(framesOf([withLength(UPDATE, 18)])).toEqual(['error 1/2']);
    expect(framesOf([withLength(9, 4000)])).toEqual(['error 1/3']);
  });
  test('does not take away what was before it, and is said again', () => {
    const framer = new Framer();
    framer.add(Uint8Array.of(...message(KEEPALIVE, ''), 0));
    expect(shown(framer.next(NORMAL)!)).toBe(hexOf(message(KEEPALIVE, '')));
    for (let times = 0; times < 3; times++) expect(shown(framer.next(NORMAL)!)).toBe('error 1/1');
    framer.add(message(KEEPALIVE, ''));
    expect(shown(framer.next(NORMAL)!)).toBe('error 1/1');
  });
});

describe('RFC 8654', () => {
  const large = update(`${MANDATORY} d0 63 fe00 ${'00'.repeat(0xfe00)}`);
  test('the limit is the one of the moment at which a message is asked for', () => {
    const framer = new Framer();
    framer.add(Uint8Array.of(...message(KEEPALIVE, ''), ...large));
    expect(framer.next(NORMAL)?.kind).toBe('message');
    expect(framer.next(EXTENDED)?.kind).toBe('message');
    expect(framer.next(EXTENDED)).toBeUndefined();
  });
  test('a large message octet by octet is not copied for each of them', () => {
    const framer = new Framer();
    const started = process.cpuUsage().user;
    for (const octet of large) {
      framer.add(Uint8Array.of(octet));
      if (framer.next(EXTENDED) !== undefined) break;
    }
    // 65,000 copies of half of it would be 2 GB, which takes seconds.
    expect(process.cpuUsage(undefined).user - started).toBeLessThan(1_000_000);
    expect(framer.next(EXTENDED)).toBeUndefined();
  });
});
