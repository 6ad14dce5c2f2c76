import { ByteWriter } from '../../base/byte-writer.ts';
import { type Decoded, decoded, malformed } from '../../base/decoded.ts';
import { type IpAddress, ipAddressFromBytes, ipAddressToBytes } from '../../base/ip-address.ts';
import { type MacAddress, macAddressFromBytes, macAddressToBytes } from '../../base/mac-address.ts';
import {
  AdvertisementFlag,
  ETHERNET_HEADER,
  EtherType,
  Icmpv6Type,
  NDP_HOP_LIMIT,
  NDP_MESSAGE,
  NDP_OPTION_UNIT,
  NdpOption,
  NEXT_HEADER_ICMPV6,
} from './constants.ts';
import { ethernetHeaderOf, type Refusal } from './ethernet.ts';
import {
  type Ipv6Malformed,
  Ipv6Offset,
  type Ipv6Other,
  icmpv6Checksum,
  ipv6PayloadLength,
  isSolicitedNodeAt,
  isZeroAt,
  refuseIpv6,
} from './ipv6.ts';

/**
 * Neighbor Solicitations and Advertisements, as whole Ethernet frames: the hop limit and the addresses of the IPv6
 * header belong to the rules, so a message is never read without them.
 * Standards: RFC 4861 §4.3, §4.4, §7.1; RFC 4862 §5.4 (duplicate address detection).
 */
interface NdpHeader {
  readonly sourceMac: MacAddress;
  readonly destinationMac: MacAddress;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** Always 255 in what was accepted (RFC 4861 §7.1); what was sent, in what was refused. */
  readonly hopLimit: number;
  readonly target: IpAddress;
}
export interface NeighborSolicitation extends NdpHeader {
  readonly kind: 'neighbor-solicitation';
  readonly sourceLinkLayer: MacAddress | undefined;
}
export interface NeighborAdvertisement extends NdpHeader {
  readonly kind: 'neighbor-advertisement';
  readonly router: boolean;
  readonly solicited: boolean;
  readonly override: boolean;
  readonly targetLinkLayer: MacAddress | undefined;
}
export type NdpFrame = NeighborSolicitation | NeighborAdvertisement;

export type NdpOther = Ipv6Other | 'other-icmpv6-type';
export type NdpMalformed =
  | Ipv6Malformed
  | 'truncated-icmpv6'
  | 'hop-limit'
  | 'checksum'
  | 'code'
  | 'icmp-length'
  | 'multicast-target'
  | 'option-length-zero'
  | 'option-overrun'
  | 'link-layer-length'
  | 'unspecified-source-destination'
  | 'unspecified-source-link-layer'
  | 'solicited-multicast';
export type NdpRefusal = Refusal<NdpOther, NdpMalformed>;
/** What could be read of a refused frame. */
export type NdpRead = Partial<Omit<NeighborSolicitation, 'kind'> & Omit<NeighborAdvertisement, 'kind'>> & {
  readonly kind?: NdpFrame['kind'];
};
export type NdpError = NdpRefusal & { readonly read: NdpRead };

/** Where the fields lie in a frame that `refuseNdp` let pass. */
export const NdpOffset = {
  type: Ipv6Offset.payload,
  code: Ipv6Offset.payload + 1,
  checksum: Ipv6Offset.payload + 2,
  flags: Ipv6Offset.payload + 4,
  target: Ipv6Offset.payload + 8,
  options: Ipv6Offset.payload + NDP_MESSAGE,
} as const;

const OTHER_TYPE: NdpRefusal = { kind: 'other', reason: 'other-icmpv6-type' };
const bad = (reason: NdpMalformed): NdpRefusal => ({ kind: 'malformed', reason });

/** Every rule of RFC 4861 §7.1.1 and §7.1.2. Undefined: a valid solicitation or advertisement. */
export function refuseNdp(frame: Uint8Array): NdpRefusal | undefined {
  const refused = refuseIpv6(frame);
  if (refused !== undefined) return refused;
  const length = ipv6PayloadLength(frame);
  if (length === 0) return bad('truncated-icmpv6');
  const type = frame[NdpOffset.type];
  if (type !== Icmpv6Type.neighborSolicitation && type !== Icmpv6Type.neighborAdvertisement) return OTHER_TYPE;
  if (frame[Ipv6Offset.hopLimit] !== NDP_HOP_LIMIT) return bad('hop-limit');
  if (length < NDP_MESSAGE) return bad('icmp-length');
  if (icmpv6Checksum(frame) !== 0) return bad('checksum');
  if (frame[NdpOffset.code] !== 0) return bad('code');
  if (frame[NdpOffset.target] === 0xff) return bad('multicast-target');
  const fault = optionFault(frame, NdpOffset.type + length);
  if (fault !== undefined) return bad(fault);
  return type === Icmpv6Type.neighborSolicitation ? refuseSolicitation(frame, length) : refuseAdvertisement(frame);
}

function refuseSolicitation(frame: Uint8Array, length: number): NdpRefusal | undefined {
  if (!isZeroAt(frame, Ipv6Offset.source, 16)) return undefined;
  if (!isSolicitedNodeAt(frame, Ipv6Offset.destination)) return bad('unspecified-source-destination');
  const option = linkLayerOptionAt(frame, NdpOffset.type + length, NdpOption.sourceLinkLayer);
  return option === undefined ? undefined : bad('unspecified-source-link-layer');
}

function refuseAdvertisement(frame: Uint8Array): NdpRefusal | undefined {
  const toGroup = frame[Ipv6Offset.destination] === 0xff;
  const solicited = (frame[NdpOffset.flags]! & AdvertisementFlag.solicited) !== 0;
  return toGroup && solicited ? bad('solicited-multicast') : undefined;
}

function optionFault(frame: Uint8Array, end: number): NdpMalformed | undefined {
  for (let at: number = NdpOffset.options; at < end; ) {
    if (at + 2 > end) return 'option-overrun';
    const size = frame[at + 1]! * NDP_OPTION_UNIT;
    if (size === 0) return 'option-length-zero';
    if (at + size > end) return 'option-overrun';
    const linkLayer = frame[at] === NdpOption.sourceLinkLayer || frame[at] === NdpOption.targetLinkLayer;
    // RFC 2464 §6: over Ethernet such an option has length 1.
    if (linkLayer && size !== NDP_OPTION_UNIT) return 'link-layer-length';
    at += size;
  }
  return undefined;
}

/** Where the six bytes of the first such option begin, in a frame whose options are sound. */
function linkLayerOptionAt(frame: Uint8Array, end: number, type: number): number | undefined {
  for (let at: number = NdpOffset.options; at < end; at += frame[at + 1]! * NDP_OPTION_UNIT)
    if (frame[at] === type) return at + 2;
  return undefined;
}

/** The same for a frame that `refuseNdp` let pass. */
export const ndpLinkLayerAt = (frame: Uint8Array, type: number): number | undefined =>
  linkLayerOptionAt(frame, NdpOffset.type + ipv6PayloadLength(frame), type);

/** Reads a whole Ethernet frame. Of a refused one, `read` has the fields that were there. */
export function decodeNdp(frame: Uint8Array): Decoded<NdpFrame, NdpError> {
  const refusal = refuseNdp(frame);
  if (refusal !== undefined) return malformed({ ...refusal, read: readWhatIsThere(frame, refusal) });
  const header = { ...headerOf(frame), target: addressAt(frame, NdpOffset.target) };
  if (frame[NdpOffset.type] === Icmpv6Type.neighborSolicitation) {
    const option = ndpLinkLayerAt(frame, NdpOption.sourceLinkLayer);
    return decoded({
      kind: 'neighbor-solicitation',
      ...header,
      sourceLinkLayer: option === undefined ? undefined : macAddressFromBytes(frame, option),
    });
  }
  const option = ndpLinkLayerAt(frame, NdpOption.targetLinkLayer);
  return decoded({
    kind: 'neighbor-advertisement',
    ...header,
    ...flagsOf(frame),
    targetLinkLayer: option === undefined ? undefined : macAddressFromBytes(frame, option),
  });
}

export function encodeNdp(message: NdpFrame): Uint8Array {
  const solicitation = message.kind === 'neighbor-solicitation';
  const linkLayer = solicitation ? message.sourceLinkLayer : message.targetLinkLayer;
  const frame = new ByteWriter(86)
    .bytes(macAddressToBytes(message.destinationMac))
    .bytes(macAddressToBytes(message.sourceMac))
    .uint16(EtherType.ipv6)
    .uint32(0x60000000)
    .uint16(NDP_MESSAGE + (linkLayer === undefined ? 0 : NDP_OPTION_UNIT))
    .uint8(NEXT_HEADER_ICMPV6)
    .uint8(message.hopLimit)
    .bytes(ipAddressToBytes(message.source))
    .bytes(ipAddressToBytes(message.destination))
    .uint8(solicitation ? Icmpv6Type.neighborSolicitation : Icmpv6Type.neighborAdvertisement)
    .uint8(0)
    .uint16(0)
    .uint8(solicitation ? 0 : flagBits(message))
    .zeros(3)
    .bytes(ipAddressToBytes(message.target));
  if (linkLayer !== undefined)
    frame
      .uint8(solicitation ? NdpOption.sourceLinkLayer : NdpOption.targetLinkLayer)
      .uint8(1)
      .bytes(macAddressToBytes(linkLayer));
  return frame.patchUint16(NdpOffset.checksum, icmpv6Checksum(frame.finish())).finish();
}

function flagBits({ router, solicited, override }: NeighborAdvertisement): number {
  return (
    (router ? AdvertisementFlag.router : 0) |
    (solicited ? AdvertisementFlag.solicited : 0) |
    (override ? AdvertisementFlag.override : 0)
  );
}

function flagsOf(frame: Uint8Array): Pick<NeighborAdvertisement, 'router' | 'solicited' | 'override'> {
  const flags = frame[NdpOffset.flags]!;
  return {
    router: (flags & AdvertisementFlag.router) !== 0,
    solicited: (flags & AdvertisementFlag.solicited) !== 0,
    override: (flags & AdvertisementFlag.override) !== 0,
  };
}

const addressAt = (frame: Uint8Array, at: number): IpAddress => ipAddressFromBytes(frame.subarray(at, at + 16));

function headerOf(frame: Uint8Array): Omit<NdpHeader, 'target'> {
  const { source, destination } = ethernetHeaderOf(frame);
  return {
    sourceMac: source,
    destinationMac: destination,
    source: addressAt(frame, Ipv6Offset.source),
    destination: addressAt(frame, Ipv6Offset.destination),
    hopLimit: frame[Ipv6Offset.hopLimit]!,
  };
}

function readWhatIsThere(frame: Uint8Array, { kind, reason }: NdpRefusal): NdpRead {
  if (kind === 'other' || frame.length < Ipv6Offset.payload || reason === 'ip-version') {
    if (frame.length < ETHERNET_HEADER) return {};
    const { source, destination } = ethernetHeaderOf(frame);
    return { sourceMac: source, destinationMac: destination };
  }
  const type = frame[NdpOffset.type];
  const name =
    type === Icmpv6Type.neighborSolicitation
      ? ({ kind: 'neighbor-solicitation' } as const)
      : type === Icmpv6Type.neighborAdvertisement
        ? { kind: 'neighbor-advertisement' as const, ...(frame.length > NdpOffset.flags ? flagsOf(frame) : {}) }
        : {};
  const target = frame.length >= NdpOffset.options ? { target: addressAt(frame, NdpOffset.target) } : {};
  return { ...name, ...headerOf(frame), ...target };
}
