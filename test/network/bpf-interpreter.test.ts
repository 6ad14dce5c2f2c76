import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadAddon } from '../../src/network/addon.ts';
import { encodeFilter } from '../../src/network/packet-filter.ts';
import type { BpfInstruction } from '../../src/network/ports.ts';
import { faultOfProgram, runProgram } from '../support/bpf-interpreter.ts';
import { expectValue } from './contract.ts';

/**
 * The interpreter judges layer 2's filters, so the kernel judges the interpreter: random programs on a datagram socket of
 * this machine, which needs no privilege.
 */
const [AF_UNIX, SOCK_DGRAM, EAGAIN] = [1, 2, -11];
const addon = expectValue(loadAddon());
const [sender, receiver] = [addon.socket(AF_UNIX, SOCK_DGRAM, 0), addon.socket(AF_UNIX, SOCK_DGRAM, 0)];
/** In the abstract namespace: no file. */
const address = Buffer.from(`\x01\x00\x00clarion-bpf-${process.pid}-${process.env['VITEST_WORKER_ID']}`);

beforeAll(() => void addon.bind(receiver, address));
afterAll(() => {
  for (const fd of [sender, receiver]) addon.close(fd);
});

const CODES = [
  0x00, 0x01, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x60, 0x61, 0x80, 0x81, 0xb1, 0x02, 0x03, 0x04, 0x0c, 0x14, 0x1c,
  0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74, 0x7c, 0x84, 0x94, 0x9c, 0xa4, 0xac, 0x05, 0x15,
  0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d, 0x06, 0x16, 0x07, 0x87,
];
const RETURN: BpfInstruction = { code: 0x16, jt: 0, jf: 0, k: 0 };
/** Mostly small, for offsets, scratch words, jumps and shifts; the offsets near 2^32 have meanings of their own (ancillary loads). */
const operand = fc.oneof({ weight: 6, arbitrary: fc.nat(20) }, { weight: 1, arbitrary: fc.nat(0x7fff_ffff) });
const jump = fc.oneof({ weight: 9, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(255) });
const instruction = (code: fc.Arbitrary<number>): fc.Arbitrary<BpfInstruction> =>
  fc.record({ code, jt: jump, jf: jump, k: operand });
const programs = fc.oneof(
  { weight: 8, arbitrary: fc.array(instruction(fc.constantFrom(...CODES)), { maxLength: 12 }) },
  { weight: 1, arbitrary: fc.array(instruction(fc.nat(255)), { maxLength: 4 }) },
);

test('the kernel takes exactly the programs without a fault, and runs them to the same end', () => {
  let [taken, passed] = [0, 0];
  fc.assert(
    fc.property(programs, fc.uint8Array({ minLength: 1, maxLength: 60 }), (body, data) => {
      const program = [...body, RETURN, RETURN, RETURN, RETURN];
      const attached = addon.attachFilter(receiver, encodeFilter(program));
      // Zero where there is no fault, else EINVAL.
      expect({ program, attached }).toEqual({ program, attached: faultOfProgram(program) === undefined ? 0 : -22 });
      if (attached !== 0) return;
      expect(addon.send(sender, data, address)).toBe(data.length);
      const kept = runProgram(program, data);
      expect(addon.receive(receiver, new Uint8Array(100))).toBe(kept === 0 ? EAGAIN : kept);
      taken++;
      if (kept > 0) passed++;
    }),
    { numRuns: 20_000 },
  );
  expect(taken).toBeGreaterThan(500);
  expect(passed).toBeGreaterThan(100);
});

test.each([
  ['empty', []],
  ['too long', Array.from({ length: 4097 }, () => RETURN)],
])('a program that is %s has a fault', (_, program) => {
  expect(faultOfProgram(program)).toBeDefined();
  expect(addon.attachFilter(receiver, encodeFilter(program))).toBe(-22);
});
