import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ipAddress } from '../../src/base/ip-address.ts';
import type { MacAddress } from '../../src/base/mac-address.ts';
import { coverOf } from '../../src/layer2/address-cover.ts';
import { AddressIndex } from '../../src/layer2/address-index.ts';
import { type Outcome, Responder, type Watched } from '../../src/layer2/responder.ts';
import { decodeArp } from '../../src/layer2/wire/arp.ts';
import { arpFilter, ndpFilter, SPAN_LIMIT } from '../../src/layer2/wire/filter.ts';
import { icmpv6Checksum } from '../../src/layer2/wire/ipv6.ts';
import { decodeNdp } from '../../src/layer2/wire/ndp.ts';
import { runProgram } from '../support/bpf-interpreter.ts';
import { advertisement, ip, OUR_MAC, request, solicitation } from './scene.ts';

const HELD = ['192.0.2.50', '192.0.2.51', '2001:db8::50', '2001:db8::51'];
const PREPARED = ['192.0.2.60', '2001:db8::60'];

function responder(): Responder<Watched> {
  const one = new Responder<Watched>(OUR_MAC, (mac) => mac === OUR_MAC);
  for (const address of HELD) one.watch({ address: ip(address), answering: true });
  for (const address of PREPARED) one.watch({ address: ip(address), answering: false });
  return one;
}

/** Valid frames with a few bytes overwritten, cut or lengthened: they get further into the rules than random bytes do. */
const mutated = (frames: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> =>
  fc
    .record({
      frame: fc.constantFrom(...frames),
      changes: fc.array(fc.tuple(fc.nat(100), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
      length: fc.option(fc.nat(1600), { nil: undefined, freq: 4 }),
      mend: fc.boolean(),
    })
    .map(({ frame, changes, length, mend }) => {
      const copy = new Uint8Array(length ?? frame.length);
      copy.set(frame.subarray(0, copy.length));
      for (const [at, byte] of changes) if (at < copy.length) copy[at] = byte;
      if (mend && copy.length >= 86 && copy[12] === 0x86) {
        copy.set([0, 32], 18);
        copy.set([0, 0], 56);
        const sum = icmpv6Checksum(copy);
        copy.set([sum >> 8, sum & 255], 56);
      }
      return copy;
    });

const arpFrames = [...HELD.slice(0, 2), '192.0.2.60', '192.0.2.99'].flatMap((address) => [
  request(address),
  request(address, { senderIp: ip('0.0.0.0') }),
  request('192.0.2.50', { senderIp: ip(address) }),
  request(address, { operation: 2, destination: OUR_MAC, senderIp: ip(address) }),
]);
const ndpFrames = [...HELD.slice(2), '2001:db8::60', '2001:db8::99'].flatMap((address) => [
  solicitation(address),
  solicitation(address, { source: ip('::'), sourceLinkLayer: undefined }),
  advertisement(address),
]);

const isHeld = (value: bigint): boolean => HELD.some((address) => ip(address).value === value);

describe('hostile frames', () => {
  test('ARP: never throws; an answer is for a held address, from our MAC, to one machine', () => {
    const one = responder();
    fc.assert(
      fc.property(fc.oneof(mutated(arpFrames), fc.uint8Array({ maxLength: 100 })), (frame) => {
        const outcome = one.arp(frame);
        const reply = outcome.kind === 'drop' ? undefined : outcome.reply;
        if (reply === undefined) return;
        const asked = decodeArp(frame);
        const said = decodeArp(reply);
        if (!asked.ok || !said.ok) throw new Error('an answer to what cannot be read');
        expect(isHeld(said.value.senderIp.value)).toBe(true);
        expect(said.value).toEqual({
          source: OUR_MAC,
          destination: asked.value.senderMac,
          operation: 2,
          senderMac: OUR_MAC,
          senderIp: asked.value.targetIp,
          targetMac: asked.value.senderMac,
          targetIp: asked.value.senderIp,
        });
        expect(Number.parseInt(asked.value.senderMac.slice(0, 2), 16) & 1).toBe(0);
      }),
      { numRuns: 2000 },
    );
  });

  test('NDP: never throws; an answer is valid itself, for a held address, with our MAC', () => {
    const one = responder();
    fc.assert(
      fc.property(fc.oneof(mutated(ndpFrames), fc.uint8Array({ maxLength: 100 })), (frame) => {
        const outcome = one.ndp(frame);
        const reply = outcome.kind === 'drop' ? undefined : outcome.reply;
        if (reply === undefined) return;
        const asked = decodeNdp(frame);
        const said = decodeNdp(reply);
        if (!asked.ok || !said.ok || said.value.kind !== 'neighbor-advertisement')
          throw new Error('an answer to what cannot be read, or one that cannot be read');
        expect(isHeld(said.value.target.value)).toBe(true);
        expect(said.value).toMatchObject({ target: asked.value.target, targetLinkLayer: OUR_MAC, router: false });
        expect(said.value.solicited).toBe(asked.value.source.value !== 0n);
      }),
      { numRuns: 2000 },
    );
  });

  test('whatever the responder answers or reports, the filter lets pass', () => {
    const one = responder();
    const ours = [...HELD, ...PREPARED].map(ip);
    const spans = (family: 'ipv4' | 'ipv6') =>
      coverOf(
        ours.filter((address) => address.family === family).map(({ value }) => value),
        SPAN_LIMIT,
      );
    const [arp, ndp] = [arpFilter(spans('ipv4')), ndpFilter(spans('ipv6'))];
    fc.assert(
      fc.property(mutated(arpFrames), mutated(ndpFrames), (arpFrame, ndpFrame) => {
        if (one.arp(arpFrame).kind !== 'drop') expect(runProgram(arp, arpFrame)).toBe(arpFrame.length);
        if (one.ndp(ndpFrame).kind !== 'drop') expect(runProgram(ndp, ndpFrame)).toBe(ndpFrame.length);
      }),
      { numRuns: 2000 },
    );
  });
});

test('every drop has its reason', () => {
  const one = responder();
  const group = '01:00:00:00:00:01' as MacAddress;
  const reasonOf = (outcome: Outcome<Watched>): string => (outcome.kind === 'drop' ? outcome.reason : outcome.kind);
  const rows: readonly (readonly [Outcome<Watched>, string])[] = [
    [one.arp(request('192.0.2.50').subarray(0, 30)), 'malformed'],
    [one.arp(solicitation('2001:db8::50')), 'other-protocol'],
    [one.arp(request('192.0.2.50', { destination: '02:00:00:00:00:55' as MacAddress })), 'not-to-us'],
    [one.arp(request('192.0.2.99', { senderIp: ip('192.0.2.50'), senderMac: OUR_MAC })), 'own'],
    [one.arp(request('192.0.2.50', { senderMac: group })), 'bad-sender'],
    [one.arp(request('192.0.2.50', { operation: 2 })), 'not-a-request'],
    [one.arp(request('192.0.2.99')), 'not-held'],
    [one.arp(request('192.0.2.60')), 'not-held'],
    [one.arp(request('192.0.2.60', { senderIp: ip('0.0.0.0') })), 'conflict'],
    [one.ndp(solicitation('2001:db8::50').subarray(0, 70)), 'malformed'],
    [one.ndp(request('192.0.2.50')), 'other-protocol'],
    [one.ndp(solicitation('2001:db8::50', { destinationMac: '02:00:00:00:00:55' as MacAddress })), 'not-to-us'],
    [one.ndp(advertisement('2001:db8::99')), 'not-a-request'],
    [one.ndp(advertisement('2001:db8::50', { sourceMac: OUR_MAC })), 'own'],
    [one.ndp(solicitation('2001:db8::60')), 'not-held'],
    [one.ndp(solicitation('2001:db8::50', { sourceLinkLayer: group })), 'bad-sender'],
  ];
  expect(rows.map(([outcome]) => reasonOf(outcome))).toEqual(rows.map(([, reason]) => reason));
});

test('the index finds exactly what is in it, after any additions and removals', () => {
  const address = fc.oneof(
    fc.bigInt({ min: 0n, max: 20n }).map((value) => ipAddress('ipv4', value)),
    // Words that cancel each other in a careless hash.
    fc
      .tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(3))
      .map(([a, b, c, d]) =>
        ipAddress('ipv6', (BigInt(a) << 96n) | (BigInt(b) << 64n) | (BigInt(c) << 32n) | BigInt(d)),
      ),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(address, fc.boolean()), { maxLength: 60 }), (changes) => {
      const index = new AddressIndex<string>();
      const expected = new Map<string, string>();
      for (const [one, add] of changes) {
        const key = `${one.family} ${one.value}`;
        if (add) {
          index.set(one, key);
          expected.set(key, key);
        } else {
          index.delete(one);
          expected.delete(key);
        }
      }
      for (const [one] of changes) {
        const frame = new Uint8Array(20);
        const size = one.family === 'ipv4' ? 4 : 16;
        for (let i = 0; i < size; i++) frame[2 + i] = Number((one.value >> BigInt(8 * (size - 1 - i))) & 255n);
        const found = one.family === 'ipv4' ? index.ipv4At(frame, 2) : index.ipv6At(frame, 2);
        expect(found).toBe(expected.get(`${one.family} ${one.value}`));
      }
    }),
  );
});
