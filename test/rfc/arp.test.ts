import { describe, expect, test } from 'vitest';
import { ms } from '../../src/base/clock.ts';
import type { MacAddress } from '../../src/base/mac-address.ts';
import { decodeArp } from '../../src/layer2/wire/arp.ts';
import {
  hold,
  holding,
  ip,
  isArpProbe,
  isGratuitous,
  OTHER_MAC,
  OUR_MAC,
  request,
  SETTINGS,
  scene,
} from '../layer2/scene.ts';

const VIP = '192.0.2.50';
const ZERO_MAC = '00:00:00:00:00:00' as MacAddress;

function answersTo(frame: Uint8Array): readonly unknown[] {
  const one = holding(VIP);
  one.station.send(frame);
  return one.take().arp;
}
/** The request with some of its bytes changed. */
function changed(at: number, ...bytes: number[]): Uint8Array {
  const frame = request(VIP);
  frame.set(bytes, at);
  return frame;
}

describe('RFC 826', () => {
  test('"Packet Reception": another hardware type is not looked at', () => {
    expect(decodeArp(changed(14, 0, 6))).toMatchObject({
      ok: false,
      error: { kind: 'other', reason: 'other-hardware' },
    });
    expect(answersTo(changed(14, 0, 6))).toEqual([]);
  });
  test('"Packet Reception": another protocol type is not looked at', () => {
    expect(decodeArp(changed(16, 0x81, 0x37))).toMatchObject({ ok: false, error: { reason: 'other-protocol' } });
    expect(answersTo(changed(16, 0x81, 0x37))).toEqual([]);
  });
  test('"Packet Reception": the address lengths are checked', () => {
    expect(decodeArp(changed(18, 8, 4))).toMatchObject({ ok: false, error: { reason: 'address-lengths' } });
    expect(answersTo(changed(18, 6, 16))).toEqual([]);
  });
  test('"Packet Reception": only a request is answered', () => {
    for (const operation of [0, 2, 3, 9, 65_535]) expect(answersTo(request(VIP, { operation }))).toEqual([]);
  });
  test('"Packet Reception": a request for an address of ours: fields swapped, our hardware address, sent to who asked', () => {
    expect(answersTo(request(VIP))).toEqual([
      {
        source: OUR_MAC,
        destination: OTHER_MAC,
        operation: 2,
        senderMac: OUR_MAC,
        senderIp: ip(VIP),
        targetMac: OTHER_MAC,
        targetIp: ip('192.0.2.100'),
      },
    ]);
  });
  test('"Packet Reception": also when it was sent to us alone', () => {
    expect(answersTo(request(VIP, { destination: OUR_MAC }))).toHaveLength(1);
  });
  test('"Packet Reception": not for an address that is not ours', () => {
    expect(answersTo(request('192.0.2.51'))).toEqual([]);
  });
  test('"Packet Generation": the padding of Ethernet behind the packet does not matter', () => {
    const padded = new Uint8Array(60);
    padded.set(request(VIP));
    expect(answersTo(padded)).toHaveLength(1);
  });
});

describe('RFC 5227', () => {
  test('§2.1.1: a probe has sender IP zero and target hardware address zero, and goes to everybody', () => {
    const one = scene();
    one.layer2.apply([hold(VIP)], SETTINGS);
    expect(one.take().arp).toEqual([
      {
        source: OUR_MAC,
        destination: 'ff:ff:ff:ff:ff:ff',
        operation: 1,
        senderMac: OUR_MAC,
        senderIp: ip('0.0.0.0'),
        targetMac: ZERO_MAC,
        targetIp: ip(VIP),
      },
    ]);
  });
  test('§2.1.1: the address is not used before the probes are over', () => {
    const one = scene();
    one.layer2.apply([hold(VIP)], { ...SETTINGS, conflictProbe: { count: 3, wait: ms(1000) } });
    for (let i = 0; i < 29; i++) {
      one.clock.advance(100);
      one.station.send(request(VIP));
    }
    const { arp } = one.take();
    expect(arp.filter((frame) => !isArpProbe(frame))).toEqual([]);
    expect(arp).toHaveLength(3);
  });
  test.each([
    ['a reply', 2],
    ['a request', 1],
  ])('§2.1.1: %s from that address while we probe is a conflict', (_name, operation) => {
    const one = scene();
    one.layer2.apply([hold(VIP)], SETTINGS);
    one.station.send(request('192.0.2.1', { operation, senderIp: ip(VIP) }));
    one.clock.advance(900);
    expect(one.layer2.reports()[0]!.state).toMatchObject({ kind: 'conflict', defending: false });
    expect(one.take().arp.filter(isGratuitous)).toEqual([]);
  });
  test('§2.1.1: so is a probe of somebody else for the same address', () => {
    const one = scene();
    one.layer2.apply([hold(VIP)], SETTINGS);
    one.station.send(request(VIP, { senderIp: ip('0.0.0.0') }));
    expect(one.layer2.reports()[0]!.state).toMatchObject({ kind: 'conflict', mac: OTHER_MAC });
  });
  test('§2.1.1: our own probe that comes back is none', () => {
    const one = scene();
    one.layer2.apply([hold(VIP)], SETTINGS);
    one.station.send(one.station.received[0]!);
    one.clock.advance(60);
    expect(one.layer2.reports()[0]!.state.kind).toBe('announced');
    expect(one.layer2.counters().arp.dropped.own).toBe(1);
  });
  test('§2.1.1: a probe for an address in use is answered, so that the other gives up', () => {
    expect(answersTo(request(VIP, { senderIp: ip('0.0.0.0') }))).toMatchObject([
      { operation: 2, destination: OTHER_MAC, senderMac: OUR_MAC, senderIp: ip(VIP), targetIp: ip('0.0.0.0') },
    ]);
  });
  test('§2.3: an announcement has the address as sender and as target', () => {
    const one = scene();
    one.layer2.apply([hold(VIP)], SETTINGS);
    one.clock.advance(60);
    expect(one.take().arp.slice(2)).toMatchObject([
      {
        operation: 1,
        destination: 'ff:ff:ff:ff:ff:ff',
        senderMac: OUR_MAC,
        senderIp: ip(VIP),
        targetIp: ip(VIP),
        targetMac: ZERO_MAC,
      },
      {
        operation: 2,
        destination: 'ff:ff:ff:ff:ff:ff',
        senderMac: OUR_MAC,
        senderIp: ip(VIP),
        targetIp: ip(VIP),
        targetMac: OUR_MAC,
      },
    ]);
  });
  test('§2.4 (c): a held address is defended, at most every DEFEND_INTERVAL of 10 s', () => {
    const one = holding(VIP);
    for (let i = 0; i < 1000; i++) {
      one.station.send(request('192.0.2.1', { senderIp: ip(VIP) }));
      one.clock.advance(20);
    }
    expect(one.take().arp.filter(isGratuitous)).toHaveLength(2 * 2);
  });
  test('§2.4: a host with our address that asks for another of ours gets its answer all the same', () => {
    const one = scene();
    one.layer2.apply([hold(VIP), hold('192.0.2.51')], SETTINGS);
    one.clock.advance(10_000);
    one.take();
    one.station.send(request('192.0.2.51', { senderIp: ip(VIP) }));
    expect(one.take().arp.filter((frame) => !isGratuitous(frame))).toMatchObject([
      { operation: 2, senderIp: ip('192.0.2.51') },
    ]);
  });
});

test('no answer goes to a group address, whatever the sender says', () => {
  for (const senderMac of ['ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01', ZERO_MAC])
    expect(answersTo(request(VIP, { senderMac: senderMac as MacAddress }))).toEqual([]);
});

test('a request to another machine is not ours to answer', () => {
  expect(answersTo(request(VIP, { destination: '02:00:00:00:00:55' as MacAddress }))).toEqual([]);
});
