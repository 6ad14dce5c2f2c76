import type { IpAddress } from '../base/ip-address.ts';
import { BROADCAST_MAC, type MacAddress } from '../base/mac-address.ts';
import { encodeArp } from './wire/arp.ts';
import { ArpOperation, NDP_HOP_LIMIT } from './wire/constants.ts';
import { ALL_NODES, multicastMac, solicitedNodeGroup, UNSPECIFIED_IPV6 } from './wire/ipv6.ts';
import { encodeNdp } from './wire/ndp.ts';

const ZERO_MAC = '00:00:00:00:00:00' as MacAddress;
const ZERO_IPV4: IpAddress = { family: 'ipv4', value: 0n };

/**
 * The frames that tell a link, unasked, who has the address. IPv4: an ARP Announcement (RFC 5227 §2.3) and the reply form of
 * the same, since some machines learn from only one of them; the reply names our MAC as target too, else Linux does not take
 * it for gratuitous (RFC 5944 §4.6). IPv6: an unsolicited advertisement to all nodes (RFC 4861 §7.2.6), Override set.
 */
export function announcementFrames(address: IpAddress, mac: MacAddress): readonly Uint8Array[] {
  if (address.family === 'ipv4') {
    const same = { source: mac, destination: BROADCAST_MAC, senderMac: mac, senderIp: address, targetIp: address };
    return [
      encodeArp({ ...same, operation: ArpOperation.request, targetMac: ZERO_MAC }),
      encodeArp({ ...same, operation: ArpOperation.reply, targetMac: mac }),
    ];
  }
  return [
    encodeNdp({
      kind: 'neighbor-advertisement',
      sourceMac: mac,
      destinationMac: multicastMac(ALL_NODES),
      // RFC 4861 §4.4 wants an address of the sending interface: the VIP itself, so that no other one is needed.
      source: address,
      destination: ALL_NODES,
      hopLimit: NDP_HOP_LIMIT,
      router: false,
      solicited: false,
      override: true,
      target: address,
      targetLinkLayer: mac,
    }),
  ];
}

/** The question whether anybody has the address: an ARP Probe (RFC 5227 §2.1.1), or what duplicate address detection sends (RFC 4862 §5.4.2). */
export function probeFrame(address: IpAddress, mac: MacAddress): Uint8Array {
  if (address.family === 'ipv4')
    return encodeArp({
      source: mac,
      destination: BROADCAST_MAC,
      operation: ArpOperation.request,
      senderMac: mac,
      senderIp: ZERO_IPV4,
      targetMac: ZERO_MAC,
      targetIp: address,
    });
  const group = solicitedNodeGroup(address);
  return encodeNdp({
    kind: 'neighbor-solicitation',
    sourceMac: mac,
    destinationMac: multicastMac(group),
    source: UNSPECIFIED_IPV6,
    destination: group,
    hopLimit: NDP_HOP_LIMIT,
    target: address,
    sourceLinkLayer: undefined,
  });
}

/**
 * The question of everybody who wants to send there (RFC 4861 §7.2.2), from an address of this node. Asked beside the probe, which
 * MetalLB's speakers leave unanswered, against RFC 4862 §5.4.3: they drop a solicitation without a source link-layer address.
 * The answer goes to the node's address, and we see it pass.
 */
export function solicitationFrame(address: IpAddress, mac: MacAddress, source: IpAddress): Uint8Array {
  const group = solicitedNodeGroup(address);
  return encodeNdp({
    kind: 'neighbor-solicitation',
    sourceMac: mac,
    destinationMac: multicastMac(group),
    source,
    destination: group,
    hopLimit: NDP_HOP_LIMIT,
    target: address,
    sourceLinkLayer: mac,
  });
}
