import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ipAddress } from '../../../src/base/ip-address.ts';
import { formatPrefix, type Prefix, prefixOf } from '../../../src/base/prefix.ts';
import { encodeAttributes } from '../../../src/bgp/wire/attribute-encoder.ts';
import { decodeMessage, encodeMessage } from '../../../src/bgp/wire/codec.ts';
import { AS_TRANS } from '../../../src/bgp/wire/constants.ts';
import type { Update, WireContext } from '../../../src/bgp/wire/message.ts';
import { arePrefixes, countPrefixes, prefixesOf, writePrefix } from '../../../src/bgp/wire/nlri.ts';
import { cease, notification } from '../../../src/bgp/wire/notification.ts';
import { bgpVectors } from '../../vectors/bgp.ts';
import { anyContext, anyMessage, anyPrefix } from './messages.ts';
import { bytesOf, CONTEXT, hexOf, message, OPEN, prefixTexts, ROUTE_REFRESH, readUpdate } from './octets.ts';

describe('two ways', () => {
  test.each(bgpVectors)('$name', ({ hex, context, value }) => {
    const bytes = bytesOf(hex);
    const agreed: WireContext = { ...CONTEXT, ...context };
    expect(decodeMessage(bytes, agreed)).toEqual({ ok: true, message: value });
    expect(hexOf(encodeMessage(value, agreed))).toBe(hexOf(bytes));
  });

  test('every message that can be written reads back the same', () => {
    fc.assert(
      fc.property(
        anyContext.chain((context) => fc.tuple(fc.constant(context), anyMessage(context))),
        ([context, value]) => {
          expect(decodeMessage(encodeMessage(value, context), context)).toEqual({ ok: true, message: value });
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('prefixes', () => {
  const write = (prefixes: readonly Prefix[]): Uint8Array => {
    const target = new Uint8Array(prefixes.length * 17);
    let at = 0;
    for (const prefix of prefixes) at = writePrefix(target, at, prefix);
    return target.subarray(0, at);
  };

  test.each(['ipv4', 'ipv6'] as const)('%s: read as they were written, and counted', (family) => {
    fc.assert(
      fc.property(fc.array(anyPrefix(family)), (prefixes) => {
        const nlri = { family: { afi: family === 'ipv4' ? 1 : 2, safi: 1 }, addPath: false, bytes: write(prefixes) };
        expect(arePrefixes(nlri.bytes, 0, nlri.bytes.length, family, false)).toBe(true);
        expect(prefixesOf(nlri).map(({ prefix }) => formatPrefix(prefix))).toEqual(prefixes.map(formatPrefix));
        expect(countPrefixes(nlri)).toBe(prefixes.length);
      }),
    );
  });

  test('bits behind the length mean nothing', () => {
    const nlri = { family: { afi: 1, safi: 1 }, addPath: false, bytes: bytesOf('09 0aff 00') };
    expect(prefixTexts(nlri)).toEqual(['10.128.0.0/9', '0.0.0.0/0']);
  });

  test('of a family that we do not read there are none', () => {
    const nlri = { family: { afi: 25, safi: 70 }, addPath: false, bytes: bytesOf('09 0aff 00') };
    expect([prefixesOf(nlri), countPrefixes(nlri)]).toEqual([[], 0]);
  });

  test('every length from 0 to the whole address', () => {
    const all = ipAddress('ipv6', (1n << 128n) - 1n);
    const prefixes = Array.from({ length: 129 }, (_, length) => prefixOf(all, length));
    const bytes = write(prefixes);
    expect(bytes.length).toBe(129 + 8 * 136);
    expect(prefixTexts({ family: { afi: 2, safi: 1 }, addPath: false, bytes })).toEqual(prefixes.map(formatPrefix));
  });
});

describe('what we write', () => {
  const update = (attributes: Update['attributes']): Update => ({
    kind: 'update',
    withdrawn: { family: { afi: 1, safi: 1 }, addPath: false, bytes: new Uint8Array(0) },
    announced: { family: { afi: 1, safi: 1 }, addPath: false, bytes: bytesOf('080a') },
    attributes,
  });
  const nextHop = ipAddress('ipv4', 0xc0000201n);

  test('a segment of more than 255 AS numbers is cut', () => {
    const asns = Array.from({ length: 300 }, (_, i) => i + 1);
    const path = [{ kind: 'sequence' as const, asns }];
    const read = readUpdate(encodeMessage(update({ origin: 'igp', asPath: path, nextHop }), CONTEXT));
    expect(read.attributes.asPath?.map((segment) => segment.asns.length)).toEqual([255, 45]);
    expect(read.attributes.asPath?.flatMap((segment) => segment.asns)).toEqual(asns);
  });

  test('attributes alone are the same octets as in an UPDATE', () => {
    const attributes = update({
      origin: 'igp',
      asPath: [],
      nextHop,
      communities: Array.from({ length: 100 }, () => 1),
    }).attributes;
    const whole = hexOf(encodeMessage(update(attributes), CONTEXT));
    expect(whole.endsWith(`${hexOf(encodeAttributes(attributes, CONTEXT))}080a`)).toBe(true);
  });

  test('without four-octet AS numbers nothing is carried along that fits', () => {
    const attributes = { origin: 'igp', asPath: [{ kind: 'sequence', asns: [65_000] }], nextHop } as const;
    expect(hexOf(encodeAttributes(attributes, { as4: false }))).toBe('400101004002040201fde8400304c0000201');
    expect(AS_TRANS).toBe(0x5ba0);
  });

  test('the data of a NOTIFICATION is cut where the message would be too large', () => {
    const bytes = encodeMessage(notification(3, 9, new Uint8Array(5000).fill(7)), CONTEXT);
    expect(bytes.length).toBe(4096);
    expect(decodeMessage(bytes, CONTEXT).ok).toBe(true);
  });

  test('a shutdown communication is cut between two characters', () => {
    const { data } = cease(2, `${'a'.repeat(254)}é`);
    expect([data[0], data.length]).toEqual([254, 255]);
  });

  test('a message of ours that is larger than was agreed is a mistake of ours', () => {
    const communities = Array.from({ length: 1100 }, (_, i) => i);
    const large = update({ origin: 'igp', asPath: [], nextHop, communities });
    expect(() => encodeMessage(large, CONTEXT)).toThrow('4096 were agreed');
    expect(encodeMessage(large, { ...CONTEXT, extendedMessage: true }).length).toBeGreaterThan(4096);
  });
});

test('types that are read by their own rules', () => {
  expect([OPEN, ROUTE_REFRESH].map((type) => decodeMessage(message(type, ''), CONTEXT).ok)).toEqual([false, false]);
});
