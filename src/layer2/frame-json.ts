import { formatIpAddress, type IpAddress } from '../base/ip-address.ts';
import { type ArpFrame, type ArpMalformed, arpOperationName, decodeArp } from './wire/arp.ts';
import { decodeNdp, type NdpMalformed, type NdpRead } from './wire/ndp.ts';

/** Frames as `clarion decode` shows them: JSON values, text for addresses. */
export type FrameJson = Readonly<Record<string, unknown>>;

/** What is wrong, and which rule says so. Both protocols ignore silently what is malformed. */
const MALFORMED: Readonly<Record<ArpMalformed | NdpMalformed, string>> = {
  'truncated-ethernet': 'the frame is shorter than an Ethernet header (14 bytes)',
  'truncated-arp': 'the frame ends within the ARP packet (RFC 826: 28 bytes for IPv4 over Ethernet)',
  'address-lengths': 'ARP for IPv4 over Ethernet has address lengths 6 and 4 (RFC 826)',
  'truncated-ipv6': 'the frame ends within the IPv6 packet (RFC 8200 §3)',
  'ip-version': 'the EtherType says IPv6, the version field does not (RFC 8200 §3)',
  'multicast-source': 'the IPv6 source is a multicast address (RFC 4291 §2.7)',
  'truncated-icmpv6': 'there is no ICMPv6 message behind the IPv6 header (RFC 4443 §2.1)',
  'hop-limit': 'the hop limit is not 255, so the message may have crossed a router (RFC 4861 §7.1)',
  checksum: 'the ICMPv6 checksum is wrong (RFC 4861 §7.1)',
  code: 'the ICMPv6 code is not 0 (RFC 4861 §7.1)',
  'icmp-length': 'the ICMPv6 message has fewer than 24 bytes (RFC 4861 §7.1)',
  'multicast-target': 'the target is a multicast address (RFC 4861 §7.1)',
  'option-length-zero': 'an option has length 0 (RFC 4861 §7.1)',
  'option-overrun': 'an option goes beyond the end of the message (RFC 4861 §4.6)',
  'link-layer-length': 'a link-layer address option over Ethernet has length 1 (RFC 2464 §6)',
  'unspecified-source-destination':
    'the source is unspecified and the destination no solicited-node multicast address (RFC 4861 §7.1.1)',
  'unspecified-source-link-layer':
    'the source is unspecified and there is a source link-layer address option (RFC 4861 §7.1.1)',
  'solicited-multicast': 'the destination is multicast and the Solicited flag is set (RFC 4861 §7.1.2)',
};

const errorOf = (reason: ArpMalformed | NdpMalformed): FrameJson => ({
  handling: 'ignore',
  reason,
  message: MALFORMED[reason],
});

export function arpJson(frame: Uint8Array): FrameJson {
  const read = decodeArp(frame);
  if (read.ok) return { type: 'ARP', ...arpFields(read.value) };
  const { error } = read;
  if (error.kind === 'other') return { type: 'other', reason: error.reason };
  const type = error.reason === 'truncated-ethernet' ? {} : { type: 'ARP' };
  return { ...type, error: errorOf(error.reason), ...arpFields(error.read) };
}

export function ndpJson(frame: Uint8Array): FrameJson {
  const read = decodeNdp(frame);
  if (read.ok) return ndpFields(read.value);
  const { error } = read;
  if (error.kind === 'other') return { type: 'other', reason: error.reason };
  const { type, ...fields } = ndpFields(error.read);
  return { ...(type === undefined ? {} : { type }), error: errorOf(error.reason), ...fields };
}

function arpFields(arp: Partial<ArpFrame>): FrameJson {
  return present({
    operation: arp.operation === undefined ? undefined : arpOperationName(arp.operation),
    senderMac: arp.senderMac,
    senderIp: text(arp.senderIp),
    targetMac: arp.targetMac,
    targetIp: text(arp.targetIp),
    source: arp.source,
    destination: arp.destination,
  });
}

function ndpFields(ndp: NdpRead): FrameJson {
  return present({
    type: ndp.kind,
    source: text(ndp.source),
    destination: text(ndp.destination),
    hopLimit: ndp.hopLimit,
    target: text(ndp.target),
    sourceLinkLayer: ndp.sourceLinkLayer,
    targetLinkLayer: ndp.targetLinkLayer,
    router: ndp.router,
    solicited: ndp.solicited,
    override: ndp.override,
  });
}

const text = (address: IpAddress | undefined): string | undefined =>
  address === undefined ? undefined : formatIpAddress(address);

const present = (fields: FrameJson): FrameJson =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
