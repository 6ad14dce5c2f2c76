import { ByteWriter } from '../../base/byte-writer.ts';
import { internetChecksum } from '../../base/checksum.ts';
import { type IpAddress, type IpFamily, ipAddressFromBytes, ipAddressToBytes } from '../../base/ip-address.ts';
import { type MacAddress, macAddressFromBytes, macAddressToBytes } from '../../base/mac-address.ts';
import { ECHO_PORT, SINGLE_HOP_TTL } from './constants.ts';

/**
 * Echo packets as whole Ethernet frames: from our address to our address, by way of the neighbour's MAC, so that its forwarding
 * plane sends them back. A UDP socket cannot send such a thing, and the kernel drops what comes back ("martian").
 * The source is our address on that link, as with FRR: one outside the subnet, which RFC 5881 §4 prefers for fear of
 * redirects, is what a router's check against spoofed sources drops; a redirect about ourselves harms nobody.
 * Standards: RFC 5881 §4; RFC 791, RFC 8200, RFC 768.
 */
const ETHERNET = 14;
const IPV4 = 20;
const IPV6 = 40;
const UDP = 8;
const UDP_PROTOCOL = 17;
export const ETHER_TYPE = { ipv4: 0x0800, ipv6: 0x86dd } as const;
/** Class selector 6, network control (RFC 4594 §3.1). */
const CS6 = 0xc0;

export interface EchoFrame {
  readonly sourceMac: MacAddress;
  readonly destinationMac: MacAddress;
  readonly address: IpAddress;
  readonly payload: Uint8Array;
}

export function encodeEchoFrame({ sourceMac, destinationMac, address, payload }: EchoFrame): Uint8Array {
  const ip = ipAddressToBytes(address);
  const udp = udpOf(ip, payload);
  return new ByteWriter(ETHERNET + IPV6 + UDP + payload.length)
    .bytes(macAddressToBytes(destinationMac))
    .bytes(macAddressToBytes(sourceMac))
    .uint16(ETHER_TYPE[address.family])
    .bytes(address.family === 'ipv4' ? ipv4Header(ip, udp.length) : ipv6Header(ip, udp.length))
    .bytes(udp)
    .finish();
}

function udpOf(ip: Uint8Array, payload: Uint8Array): Uint8Array {
  const length = UDP + payload.length;
  const writer = new ByteWriter(length).uint16(ECHO_PORT).uint16(ECHO_PORT).uint16(length).uint16(0).bytes(payload);
  // The pseudo header; both families sum up the same words.
  const pseudo = new ByteWriter(40)
    .bytes(ip)
    .bytes(ip)
    .uint16(0)
    .uint16(length)
    .uint16(0)
    .uint16(UDP_PROTOCOL)
    .finish();
  const checksum = internetChecksum([pseudo, writer.finish()]);
  return writer.patchUint16(6, checksum === 0 ? 0xffff : checksum).finish();
}

function ipv4Header(ip: Uint8Array, length: number): Uint8Array {
  const writer = new ByteWriter(IPV4)
    .uint8(0x45)
    .uint8(CS6)
    .uint16(IPV4 + length)
    .uint32(0)
    .uint8(SINGLE_HOP_TTL)
    .uint8(UDP_PROTOCOL)
    .uint16(0)
    .bytes(ip)
    .bytes(ip);
  return writer.patchUint16(10, internetChecksum([writer.finish()])).finish();
}

const ipv6Header = (ip: Uint8Array, length: number): Uint8Array =>
  new ByteWriter(IPV6)
    .uint32(0x6000_0000 | (CS6 << 20))
    .uint16(length)
    .uint8(UDP_PROTOCOL)
    .uint8(SINGLE_HOP_TTL)
    .bytes(ip)
    .bytes(ip)
    .finish();

/** What is read of a frame that carries UDP. */
export interface UdpFrame {
  readonly sourceMac: MacAddress;
  readonly from: IpAddress;
  readonly to: IpAddress;
  readonly ttl: number;
  readonly port: number;
  readonly payload: Uint8Array;
}

/** Undefined: something else, or too short. Checksums are not looked at: the payload carries a secret of ours. */
export function readUdpFrame(frame: Uint8Array, family: IpFamily): UdpFrame | undefined {
  const v4 = family === 'ipv4';
  const header = v4 ? ((frame[ETHERNET] ?? 0) & 0x0f) * 4 : IPV6;
  const udp = ETHERNET + header;
  if (header < IPV4 || frame.length < udp + UDP) return undefined;
  if (frame[ETHERNET]! >> 4 !== (v4 ? 4 : 6)) return undefined;
  if (frame[ETHERNET + (v4 ? 9 : 6)] !== UDP_PROTOCOL) return undefined;
  const addressAt = ETHERNET + (v4 ? 12 : 8);
  const octets = v4 ? 4 : 16;
  const address = (at: number): IpAddress => ipAddressFromBytes(frame.subarray(at, at + octets));
  return {
    sourceMac: macAddressFromBytes(frame, 6),
    from: address(addressAt),
    to: address(addressAt + octets),
    ttl: frame[ETHERNET + (v4 ? 8 : 7)]!,
    port: (frame[udp + 2]! << 8) | frame[udp + 3]!,
    payload: frame.subarray(udp + UDP),
  };
}
