import { describe, expect, test } from 'vitest';
import { hopFilter } from '../../src/network/hop-filter.ts';
import type { BpfInstruction } from '../../src/network/ports.ts';
import { faultOfProgram } from '../support/bpf-interpreter.ts';
import { addressOf } from './contract.ts';

/** The few instructions that it is made of, over an IP header. */
function verdict(program: readonly BpfInstruction[], header: Uint8Array): 'taken' | 'dropped' {
  const view = new DataView(header.buffer);
  let a = 0;
  for (let at = 0; ; at++) {
    const { code, jt, jf, k } = program[at]!;
    if (code === 0x20) a = view.getUint32(k - 0xfff0_0000);
    else if (code === 0x30) a = view.getUint8(k - 0xfff0_0000);
    else if (code === 0x15) at += a === k ? jt : jf;
    else if (code === 0x35) at += a >= k ? jt : jf;
    else return k === 0 ? 'dropped' : 'taken';
  }
}

const ipv4 = (source: readonly number[], ttl: number): Uint8Array => {
  const header = new Uint8Array(20);
  header[8] = ttl;
  header.set(source, 12);
  return header;
};
const ipv6 = (last: number, hopLimit: number): Uint8Array => {
  const header = new Uint8Array(40);
  header[7] = hopLimit;
  header.set([0x20, 0x01, 0x0d, 0xb8], 8);
  header[23] = last;
  return header;
};

describe('RFC 5082 §3: each peer by its own minimum', () => {
  const rules4 = [
    { address: addressOf('192.0.2.1'), minimum: 255 },
    { address: addressOf('192.0.2.2'), minimum: 250 },
  ];
  test.each([
    [1, 255, 'taken'],
    [1, 254, 'dropped'],
    [2, 250, 'taken'],
    [2, 249, 'dropped'],
    [3, 1, 'taken'],
  ] as const)('IPv4: 192.0.2.%i with TTL %i is %s', (host, ttl, expected) => {
    expect(verdict(hopFilter('ipv4', rules4), ipv4([192, 0, 2, host], ttl))).toBe(expected);
  });

  const rules6 = [
    { address: addressOf('2001:db8::1'), minimum: 255 },
    { address: addressOf('2001:db8::2'), minimum: 250 },
  ];
  test.each([
    [1, 255, 'taken'],
    [1, 254, 'dropped'],
    [2, 250, 'taken'],
    [2, 249, 'dropped'],
    [3, 1, 'taken'],
  ] as const)('IPv6: 2001:db8::%i with hop limit %i is %s', (host, hopLimit, expected) => {
    expect(verdict(hopFilter('ipv6', rules6), ipv6(host, hopLimit))).toBe(expected);
  });

  test.each([
    ['ipv4', '192.0.2.'],
    ['ipv6', '2001:db8::'],
  ] as const)('the kernel takes it (%s)', (family, start) => {
    const rules = Array.from({ length: 200 }, (_, i) => ({ address: addressOf(`${start}${i}`), minimum: 255 }));
    expect(faultOfProgram(hopFilter(family, rules))).toBeUndefined();
  });
});
