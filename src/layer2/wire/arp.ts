import { ByteWriter } from '../../base/byte-writer.ts';
import type { Decoded } from '../../base/decoded.ts';
import { decoded, malformed } from '../../base/decoded.ts';
import { type IpAddress, ipAddressFromBytes, ipAddressToBytes } from '../../base/ip-address.ts';
import { type MacAddress, macAddressFromBytes, macAddressToBytes } from '../../base/mac-address.ts';
import {
  ARP_HARDWARE_ETHERNET,
  ARP_HEADER,
  ARP_PACKET,
  ArpOperation,
  ETHERNET_HEADER,
  EtherType,
} from './constants.ts';
import {
  type EthernetHeader,
  type EthernetMalformed,
  type EthernetOther,
  ethernetHeaderOf,
  type Refusal,
  refuseEthernet,
} from './ethernet.ts';

/**
 * ARP for IPv4 over Ethernet, as a whole frame.
 * Standards: RFC 826, RFC 5227 (the shapes of probes and announcements).
 */
export interface ArpFrame extends EthernetHeader {
  /** 1 request, 2 reply; other numbers are read, and ignored by the responder. */
  readonly operation: number;
  readonly senderMac: MacAddress;
  readonly senderIp: IpAddress;
  readonly targetMac: MacAddress;
  readonly targetIp: IpAddress;
}

export type ArpOther = EthernetOther | 'other-hardware' | 'other-protocol';
export type ArpMalformed = EthernetMalformed | 'truncated-arp' | 'address-lengths';
export type ArpRefusal = Refusal<ArpOther, ArpMalformed>;
export type ArpError = ArpRefusal & { readonly read: Partial<ArpFrame> };

/** Where the fields lie in a frame that `refuseArp` let pass. */
export const ArpOffset = {
  hardware: ETHERNET_HEADER,
  protocol: ETHERNET_HEADER + 2,
  lengths: ETHERNET_HEADER + 4,
  operation: ETHERNET_HEADER + 6,
  senderMac: ETHERNET_HEADER + 8,
  senderIp: ETHERNET_HEADER + 14,
  targetMac: ETHERNET_HEADER + 18,
  targetIp: ETHERNET_HEADER + 24,
} as const;
const ARP_FRAME_LENGTH = ETHERNET_HEADER + ARP_PACKET;

const TRUNCATED = { kind: 'malformed', reason: 'truncated-arp' } as const;
const OTHER_HARDWARE = { kind: 'other', reason: 'other-hardware' } as const;
const OTHER_PROTOCOL = { kind: 'other', reason: 'other-protocol' } as const;
const LENGTHS = { kind: 'malformed', reason: 'address-lengths' } as const;

/** All that RFC 826 "Packet Reception" asks of a frame before its addresses may be looked at. Undefined: it may. */
export function refuseArp(frame: Uint8Array): ArpRefusal | undefined {
  const refused = refuseEthernet(frame, EtherType.arp);
  if (refused !== undefined) return refused;
  if (frame.length < ETHERNET_HEADER + ARP_HEADER) return TRUNCATED;
  if (uint16(frame, ArpOffset.hardware) !== ARP_HARDWARE_ETHERNET) return OTHER_HARDWARE;
  if (uint16(frame, ArpOffset.protocol) !== EtherType.ipv4) return OTHER_PROTOCOL;
  if (frame[ArpOffset.lengths] !== 6 || frame[ArpOffset.lengths + 1] !== 4) return LENGTHS;
  // Bytes after the packet are the padding to 60 that Ethernet demands.
  return frame.length < ARP_FRAME_LENGTH ? TRUNCATED : undefined;
}

/** Reads a whole Ethernet frame. Of a refused one, `read` has the fields that were there. */
export function decodeArp(frame: Uint8Array): Decoded<ArpFrame, ArpError> {
  const refusal = refuseArp(frame);
  if (refusal === undefined) return decoded({ ...ethernetHeaderOf(frame), ...fieldsOf(frame) });
  const header = frame.length >= ETHERNET_HEADER ? ethernetHeaderOf(frame) : {};
  const operation =
    refusal.kind === 'malformed' && frame.length >= ETHERNET_HEADER + ARP_HEADER
      ? { operation: uint16(frame, ArpOffset.operation) }
      : {};
  return malformed({ ...refusal, read: { ...header, ...operation } });
}

/** 42 bytes; the network card pads. */
export function encodeArp(arp: ArpFrame): Uint8Array {
  return new ByteWriter(ARP_FRAME_LENGTH)
    .bytes(macAddressToBytes(arp.destination))
    .bytes(macAddressToBytes(arp.source))
    .uint16(EtherType.arp)
    .uint16(ARP_HARDWARE_ETHERNET)
    .uint16(EtherType.ipv4)
    .uint8(6)
    .uint8(4)
    .uint16(arp.operation)
    .bytes(macAddressToBytes(arp.senderMac))
    .bytes(ipAddressToBytes(arp.senderIp))
    .bytes(macAddressToBytes(arp.targetMac))
    .bytes(ipAddressToBytes(arp.targetIp))
    .finish();
}

export function arpOperationName(operation: number): 'request' | 'reply' | number {
  if (operation === ArpOperation.request) return 'request';
  return operation === ArpOperation.reply ? 'reply' : operation;
}

const uint16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;

function fieldsOf(frame: Uint8Array): Omit<ArpFrame, keyof EthernetHeader> {
  return {
    operation: uint16(frame, ArpOffset.operation),
    senderMac: macAddressFromBytes(frame, ArpOffset.senderMac),
    senderIp: ipAddressFromBytes(frame.subarray(ArpOffset.senderIp, ArpOffset.senderIp + 4)),
    targetMac: macAddressFromBytes(frame, ArpOffset.targetMac),
    targetIp: ipAddressFromBytes(frame.subarray(ArpOffset.targetIp, ArpOffset.targetIp + 4)),
  };
}
