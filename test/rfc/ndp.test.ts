import { describe, expect, test } from 'vitest';
import { ipAddressToBytes } from '../../src/base/ip-address.ts';
import type { MacAddress } from '../../src/base/mac-address.ts';
import { ALL_NODES, Ipv6Offset, icmpv6Checksum, solicitedNodeGroup } from '../../src/layer2/wire/ipv6.ts';
import { decodeNdp, type NdpMalformed, NdpOffset } from '../../src/layer2/wire/ndp.ts';
import {
  advertisement,
  hold,
  holding,
  ip,
  OTHER_MAC,
  OUR_MAC,
  prepare,
  SETTINGS,
  scene,
  solicitation,
} from '../layer2/scene.ts';

const VIP = '2001:db8::50';
const UNSPECIFIED = ip('::');
const CHECKSUM = NdpOffset.checksum;

function answersTo(frame: Uint8Array): readonly unknown[] {
  const one = holding(VIP);
  one.station.send(frame);
  return one.take().ndp;
}

/** Changes bytes, then makes the checksum right again, so that only the rule under test is broken. */
function altered(frame: Uint8Array, ...changes: readonly (readonly [at: number, ...bytes: number[]])[]): Uint8Array {
  const copy = frame.slice();
  for (const [at, ...bytes] of changes) copy.set(bytes, at);
  copy.set([0, 0], CHECKSUM);
  const sum = icmpv6Checksum(copy);
  copy.set([sum >> 8, sum & 255], CHECKSUM);
  return copy;
}
/** With one more option of these bytes. */
function withOption(frame: Uint8Array, ...option: number[]): Uint8Array {
  const longer = Uint8Array.of(...frame, ...option);
  const length = longer.length - Ipv6Offset.payload;
  return altered(longer, [Ipv6Offset.payloadLength, length >> 8, length & 255]);
}
const bare = (frame: Uint8Array): Uint8Array =>
  altered(frame.slice(0, NdpOffset.options), [Ipv6Offset.payloadLength, 0, 24]);

const probe = solicitation(VIP, { source: UNSPECIFIED, sourceLinkLayer: undefined });
const valid = solicitation(VIP);

const broken: readonly (readonly [string, Uint8Array, NdpMalformed])[] = [
  ['§7.1.1: hop limit below 255', altered(valid, [Ipv6Offset.hopLimit, 254]), 'hop-limit'],
  ['§7.1.1: wrong checksum', Uint8Array.from(valid, (byte, i) => (i === CHECKSUM ? byte ^ 1 : byte)), 'checksum'],
  ['§7.1.1: code other than 0', altered(valid, [NdpOffset.code, 1]), 'code'],
  ['§7.1.1: fewer than 24 bytes', altered(valid.slice(0, 77), [Ipv6Offset.payloadLength, 0, 23]), 'icmp-length'],
  ['§7.1.1: multicast target', altered(valid, [NdpOffset.target, 0xff]), 'multicast-target'],
  ['§7.1.1: an option of length 0', altered(valid, [NdpOffset.options + 1, 0]), 'option-length-zero'],
  ['§4.6: an option beyond the end', altered(valid, [NdpOffset.options + 1, 2]), 'option-overrun'],
  ['§4.6: half an option header', withOption(valid, 1), 'option-overrun'],
  [
    '§7.1.1: unspecified source, destination not solicited-node',
    altered(probe, [Ipv6Offset.destination, ...ipAddressToBytes(ALL_NODES)]),
    'unspecified-source-destination',
  ],
  [
    '§7.1.1: unspecified source with source link-layer option',
    withOption(probe, 1, 1, 2, 0, 0, 0, 0, 9),
    'unspecified-source-link-layer',
  ],
  [
    '§7.1.2: advertisement with hop limit below 255',
    altered(advertisement(VIP), [Ipv6Offset.hopLimit, 1]),
    'hop-limit',
  ],
  [
    '§7.1.2: advertisement with an option of length 0',
    altered(advertisement(VIP), [NdpOffset.options + 1, 0]),
    'option-length-zero',
  ],
  [
    '§7.1.2: advertisement to a group with Solicited set',
    advertisement(VIP, { solicited: true }),
    'solicited-multicast',
  ],
  [
    '§7.1.2: advertisement for a multicast target',
    altered(advertisement(VIP), [NdpOffset.target, 0xff]),
    'multicast-target',
  ],
];

describe('RFC 4861', () => {
  test.each(broken)('%s: discarded', (_name, frame, reason) => {
    expect(decodeNdp(frame)).toMatchObject({ ok: false, error: { kind: 'malformed', reason } });
    const one = holding(VIP);
    one.station.send(frame);
    expect(one.take().ndp).toEqual([]);
    expect(one.reports).toEqual([]);
  });
  test('§7.1.1: unknown options are ignored, and what is behind them is read', () => {
    const frame = withOption(bare(valid), 200, 1, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 0x44);
    expect(answersTo(frame)).toMatchObject([{ destinationMac: '02:00:00:00:00:44' }]);
  });
  test('§7.1.1: the reserved field is ignored', () => {
    expect(answersTo(altered(valid, [NdpOffset.flags, 0xff, 0xff, 0xff, 0xff]))).toHaveLength(1);
  });
  test('§7.2.3: nothing is said for a target that is not ours', () => {
    expect(answersTo(solicitation('2001:db8::51'))).toEqual([]);
  });
  test('§7.2.4: the answer goes to the source, Solicited and Override set, with our link-layer address', () => {
    expect(answersTo(valid)).toEqual([
      {
        kind: 'neighbor-advertisement',
        sourceMac: OUR_MAC,
        destinationMac: OTHER_MAC,
        source: ip(VIP),
        destination: ip('2001:db8::100'),
        hopLimit: 255,
        router: false,
        solicited: true,
        override: true,
        target: ip(VIP),
        targetLinkLayer: OUR_MAC,
      },
    ]);
  });
  test('§7.2.4: an unspecified source is answered at all nodes, Solicited zero, Override set', () => {
    expect(answersTo(probe)).toMatchObject([
      {
        destination: ALL_NODES,
        destinationMac: '33:33:00:00:00:01',
        solicited: false,
        override: true,
        targetLinkLayer: OUR_MAC,
      },
    ]);
  });
  test('§7.2.6: an unsolicited advertisement goes to all nodes, Solicited zero, Override set', () => {
    const one = scene();
    one.layer2.apply([hold(VIP)], SETTINGS);
    one.clock.advance(60);
    expect(one.take().ndp.filter(({ kind }) => kind === 'neighbor-advertisement')).toMatchObject([
      {
        source: ip(VIP),
        destination: ALL_NODES,
        router: false,
        solicited: false,
        override: true,
        targetLinkLayer: OUR_MAC,
      },
    ]);
  });
  test('§7.3.3: an unreachability probe, unicast and without the option, is answered to where it came from', () => {
    const frame = solicitation(VIP, { destinationMac: OUR_MAC, destination: ip(VIP), sourceLinkLayer: undefined });
    expect(answersTo(frame)).toMatchObject([
      { destinationMac: OTHER_MAC, destination: ip('2001:db8::100'), solicited: true },
    ]);
  });
  test('§4.4: an advertisement of another machine for our address is a conflict, defended', () => {
    const one = holding(VIP);
    one.station.send(advertisement(VIP));
    expect(one.reports).toMatchObject([{ state: { kind: 'conflict', mac: OTHER_MAC, defending: true } }]);
    expect(one.take().ndp).toMatchObject([
      { kind: 'neighbor-advertisement', sourceMac: OUR_MAC, destination: ALL_NODES },
    ]);
  });
  test('no answer goes to a group address, whatever the option says', () => {
    expect(answersTo(solicitation(VIP, { sourceLinkLayer: '33:33:00:00:00:01' as MacAddress }))).toEqual([]);
  });
  test('a message behind a VLAN tag or an extension header is not for us', () => {
    expect(decodeNdp(altered(valid, [12, 0x81, 0x00]))).toMatchObject({
      error: { kind: 'other', reason: 'vlan-tagged' },
    });
    expect(decodeNdp(altered(valid, [Ipv6Offset.nextHeader, 0]))).toMatchObject({
      error: { reason: 'other-next-header' },
    });
  });
});

describe('RFC 4862', () => {
  test('§5.4.2: the probe comes from the unspecified address, to the solicited-node group, which was joined before', () => {
    const one = scene();
    one.layer2.apply([prepare(VIP)], SETTINGS);
    expect(one.network.groupsOf('eth0')).toContain('ff02::1:ff00:50');
    expect(one.take().ndp).toMatchObject([
      {
        kind: 'neighbor-solicitation',
        source: UNSPECIFIED,
        destination: solicitedNodeGroup(ip(VIP)),
        target: ip(VIP),
        sourceLinkLayer: undefined,
      },
      // And beside it the question of RFC 4861 §7.2.2, for who answers no other.
      { kind: 'neighbor-solicitation', source: ip('fe80::11'), target: ip(VIP), sourceLinkLayer: OUR_MAC },
    ]);
  });
  test('§5.4: a tentative address is not answered for', () => {
    const one = scene();
    one.layer2.apply([hold(VIP)], SETTINGS);
    one.take();
    one.station.send(valid);
    expect(one.take().ndp).toEqual([]);
  });
  test('§5.4.3: a solicitation from the unspecified address meanwhile: the address is not unique', () => {
    const one = scene();
    one.layer2.apply([hold(VIP)], SETTINGS);
    one.station.send(probe);
    expect(one.layer2.reports()[0]!.state).toMatchObject({ kind: 'conflict', mac: OTHER_MAC, defending: false });
  });
  test('§5.4.3: a solicitation of somebody who only looks for the address says nothing', () => {
    const one = scene();
    one.layer2.apply([hold(VIP)], SETTINGS);
    one.station.send(valid);
    one.clock.advance(60);
    expect(one.layer2.reports()[0]!.state.kind).toBe('announced');
  });
  test('§5.4.3: our own solicitation that comes back does not count', () => {
    const one = scene();
    one.layer2.apply([hold(VIP)], SETTINGS);
    one.station.send(one.station.received[0]!);
    one.clock.advance(60);
    expect(one.layer2.reports()[0]!.state.kind).toBe('announced');
  });
  test('§5.4.4: an advertisement for the tentative address: it is taken', () => {
    const one = scene();
    one.layer2.apply([hold(VIP)], SETTINGS);
    one.station.send(advertisement(VIP));
    one.clock.advance(900);
    expect(one.layer2.reports()[0]!.state).toMatchObject({ kind: 'conflict', defending: false });
    expect(one.take().ndp.filter(({ kind }) => kind === 'neighbor-advertisement')).toEqual([]);
  });
});
