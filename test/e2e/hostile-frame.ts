import { type IpAddress, ipAddressToBytes } from '../../src/base/ip-address.ts';
import { BROADCAST_MAC, type MacAddress, macAddressFromBytes } from '../../src/base/mac-address.ts';
import type { Random } from '../../src/base/random.ts';
import { lanMac } from '../../src/lab/plan.ts';
import { encodeArp } from '../../src/layer2/wire/arp.ts';
import { multicastMac, solicitedNodeGroup } from '../../src/layer2/wire/ipv6.ts';
import { encodeNdp } from '../../src/layer2/wire/ndp.ts';

/** Frames of a hostile or broken host, from the client of the lab: its MAC, so that the switch keeps its head. */
const CLIENT_MAC = lanMac(100) as MacAddress;
const NO_MAC = '00:00:00:00:00:00' as MacAddress;

export const arpRequest = (targetIp: IpAddress, senderIp: IpAddress, senderMac = CLIENT_MAC): Uint8Array =>
  encodeArp({
    source: CLIENT_MAC,
    destination: BROADCAST_MAC,
    operation: 1,
    senderMac,
    senderIp,
    targetMac: NO_MAC,
    targetIp,
  });

export const solicitation = (target: IpAddress, source: IpAddress, hopLimit = 255): Uint8Array =>
  encodeNdp({
    kind: 'neighbor-solicitation',
    sourceMac: CLIENT_MAC,
    destinationMac: multicastMac(solicitedNodeGroup(target)),
    source,
    destination: solicitedNodeGroup(target),
    hopLimit,
    target,
    sourceLinkLayer: CLIENT_MAC,
  });

/** The frame with a VLAN tag after its MACs (IEEE 802.1Q). */
export const tagged = (frame: Uint8Array, vlan: number): Uint8Array =>
  Uint8Array.of(...frame.subarray(0, 12), 0x81, 0x00, vlan >> 8, vlan & 0xff, ...frame.subarray(12));

const MTU_FRAME = 1514;

/** One of the kinds below, about one of the addresses that are held, or about any other. */
export function hostileFrame(random: Random, [vip4, vip6]: readonly [IpAddress, IpAddress]): Uint8Array {
  const below = (limit: number): number => Math.floor(random.fraction() * limit);
  const oneOf = <T>(values: readonly T[]): T => values[below(values.length)]!;
  const number = (bytes: number): bigint => BigInt(`0x${Buffer.from(random.bytes(bytes)).toString('hex')}`);
  const any4: IpAddress = { family: 'ipv4', value: number(4) };
  const near4: IpAddress = { family: 'ipv4', value: vip4.value - (vip4.value % 256n) + BigInt(below(256)) };
  const any6: IpAddress = { family: 'ipv6', value: number(16) };
  const near6: IpAddress = { family: 'ipv6', value: vip6.value + BigInt(below(1 << 16)) };
  const mac = macAddressFromBytes(random.bytes(6), 0);
  const valid = oneOf([
    () => arpRequest(oneOf([vip4, near4, any4]), oneOf([near4, any4]), oneOf([CLIENT_MAC, mac])),
    () => solicitation(oneOf([vip6, near6, any6]), oneOf([near6, any6])),
    // A claim: an announcement of an address by somebody who does not have it.
    () => arpRequest(near4, near4, mac),
    () => arpRequest(oneOf([vip4, any4]), oneOf([vip4, any4]), mac),
    () => {
      const target = oneOf([vip6, near6, any6]);
      return encodeNdp({
        kind: 'neighbor-advertisement',
        sourceMac: CLIENT_MAC,
        destinationMac: '33:33:00:00:00:01' as MacAddress,
        source: target,
        destination: { family: 'ipv6', value: (0xff02n << 112n) | 1n },
        hopLimit: 255,
        router: random.fraction() < 0.5,
        solicited: random.fraction() < 0.5,
        override: random.fraction() < 0.5,
        target,
        targetLinkLayer: mac,
      });
    },
  ])();
  return oneOf([
    () => valid,
    () => valid.subarray(0, 14 + below(valid.length - 13)),
    () => Uint8Array.of(...valid, ...random.bytes(below(MTU_FRAME + 1 - valid.length))),
    () => tagged(valid, below(4096)),
    () => withNoise(valid, 14 + below(valid.length - 14), below(256)),
    () => withNoise(valid, 21, oneOf([0, 1, 64, 254])),
    () => withNoise(valid, Math.min(valid.length - 1, 79), oneOf([0, 2, 255])),
    () => Uint8Array.of(...valid.subarray(0, 14), ...random.bytes(below(MTU_FRAME - 13))),
    () => Uint8Array.of(...valid.subarray(0, 22), ...ipAddressToBytes(any6), ...valid.subarray(38)),
  ])();
}

export function withNoise(frame: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Uint8Array.from(frame);
  copy[at] = value;
  return copy;
}
