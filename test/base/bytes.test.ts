import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader } from '../../src/base/byte-reader.ts';
import { ByteWriter } from '../../src/base/byte-writer.ts';
import { internetChecksum } from '../../src/base/checksum.ts';
import { macAddressFromBytes, macAddressToBytes, parseMacAddress } from '../../src/base/mac-address.ts';

test('what is written is read back, in network byte order', () => {
  const bytes = new ByteWriter(1)
    .uint8(1)
    .uint16(0x0203)
    .uint32(0x04050607)
    .bytes(Uint8Array.of(8, 9))
    .zeros(2)
    .finish();
  expect([...bytes]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0]);
  const reader = new ByteReader(bytes);
  expect([reader.uint8(), reader.uint16(), reader.uint32(), ...reader.rest()]).toEqual([
    1, 0x0203, 0x04050607, 8, 9, 0, 0,
  ]);
  expect(reader.failed).toBe(false);
});

test('a read past the end fails once and for all, and never throws', () => {
  const reader = new ByteReader(Uint8Array.of(1, 2, 3));
  expect([reader.uint16(), reader.uint16(), reader.uint8()]).toEqual([0x0102, 0, 0]);
  expect(reader.failed).toBe(true);
  expect(reader.bytes(1)).toHaveLength(0);
});

test('a length is patched when it is known', () => {
  const writer = new ByteWriter().uint16(0).uint8(7);
  expect([...writer.patchUint16(0, writer.length).finish()]).toEqual([0, 3, 7]);
});

test('RFC 1071: the example of §3, and a sum that verifies is zero', () => {
  const words = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
  expect(internetChecksum([words])).toBe(~0xddf2 & 0xffff);
  expect(internetChecksum([words, Uint8Array.of(~0xdd & 0xff, ~0xf2 & 0xff)])).toBe(0);
});

test('RFC 1071: parts of any length sum like one', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
      expect(internetChecksum([a, b])).toBe(internetChecksum([Uint8Array.from([...a, ...b])]));
    }),
  );
});

test('MAC addresses: one way of writing, read in any case', () => {
  expect(parseMacAddress('02:00:00:00:00:AB')).toEqual({ ok: true, value: '02:00:00:00:00:ab' });
  expect(parseMacAddress('2:0:0:0:0:1').ok).toBe(false);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
      expect(macAddressToBytes(macAddressFromBytes(bytes))).toEqual(bytes);
    }),
  );
});
