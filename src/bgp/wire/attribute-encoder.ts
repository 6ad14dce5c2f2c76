import { ByteWriter } from '../../base/byte-writer.ts';
import { ipAddressToBytes } from '../../base/ip-address.ts';
import { fitsTwoOctets, isConfederation, twoOctets, writeAsPath } from './as-path.ts';
import { AttributeFlag, AttributeType } from './constants.ts';
import type { MpReach, Nlri, Origin, PathAttributes, WireContext } from './message.ts';

const { optional, transitive, extendedLength } = AttributeFlag;
const ORIGINS: Readonly<Record<Origin, number>> = { igp: 0, egp: 1, incomplete: 2 };

/** The path attributes alone, for who puts the rest of an UPDATE around them. */
export function encodeAttributes(attributes: PathAttributes, context: Pick<WireContext, 'as4'>): Uint8Array {
  const writer = new ByteWriter();
  writeAttributes(writer, attributes, context);
  return writer.finish();
}

/**
 * The path attributes: those with prefixes first (RFC 7606 §5.1), the others by type. Without four-octet AS numbers the
 * AS4 attributes that carry them along come by themselves (RFC 6793 §4.2.2).
 */
export function writeAttributes(
  writer: ByteWriter,
  attributes: PathAttributes,
  { as4 }: Pick<WireContext, 'as4'>,
): void {
  const { origin, asPath, nextHop, med, localPref, aggregator, communities, originatorId, clusterList } = attributes;
  const { mpReach, mpUnreach, extendedCommunities, largeCommunities, unknown } = attributes;
  const write = (flags: number, type: number, value: ByteWriter): void =>
    writeAttribute(writer, flags, type, value.finish());

  if (mpReach !== undefined) writeAttribute(writer, optional, AttributeType.mpReach, mpReachValue(mpReach));
  if (mpUnreach !== undefined) writeAttribute(writer, optional, AttributeType.mpUnreach, mpUnreachValue(mpUnreach));
  if (origin !== undefined) write(transitive, AttributeType.origin, value().uint8(ORIGINS[origin]));
  if (asPath !== undefined) {
    const path = value();
    writeAsPath(path, asPath, as4);
    write(transitive, AttributeType.asPath, path);
  }
  if (nextHop !== undefined) writeAttribute(writer, transitive, AttributeType.nextHop, ipAddressToBytes(nextHop));
  if (med !== undefined) write(optional, AttributeType.med, value().uint32(med));
  if (localPref !== undefined) write(transitive, AttributeType.localPref, value().uint32(localPref));
  if (attributes.atomicAggregate === true) write(transitive, AttributeType.atomicAggregate, value());
  if (aggregator !== undefined) {
    const { asn, address } = aggregator;
    const head = as4 ? value().uint32(asn) : value().uint16(twoOctets(asn));
    write(optional | transitive, AttributeType.aggregator, head.bytes(ipAddressToBytes(address)));
  }
  if (communities !== undefined) {
    const list = value();
    for (const community of communities) list.uint32(community);
    write(optional | transitive, AttributeType.communities, list);
  }
  if (originatorId !== undefined) write(optional, AttributeType.originatorId, value().uint32(originatorId));
  if (clusterList !== undefined) {
    const list = value();
    for (const cluster of clusterList) list.uint32(cluster);
    write(optional, AttributeType.clusterList, list);
  }
  if (extendedCommunities !== undefined) {
    const list = value();
    for (const community of extendedCommunities)
      list.uint32(Number(community >> 32n)).uint32(Number(community & 0xffff_ffffn));
    write(optional | transitive, AttributeType.extendedCommunities, list);
  }
  if (!as4) writeAs4(writer, attributes);
  if (largeCommunities !== undefined) {
    const list = value();
    for (const { global, local1, local2 } of largeCommunities) list.uint32(global).uint32(local1).uint32(local2);
    write(optional | transitive, AttributeType.largeCommunities, list);
  }
  for (const { type, flags, value: octets } of unknown ?? []) writeAttribute(writer, flags, type, octets);
}

const value = (): ByteWriter => new ByteWriter(16);

/** RFC 6793 §4.2.2: only where a number did not fit; confederation segments are no part of it (§3). */
function writeAs4(writer: ByteWriter, { asPath, aggregator }: PathAttributes): void {
  const segments = (asPath ?? []).filter((segment) => !isConfederation(segment));
  if (!segments.every(({ asns }) => asns.every(fitsTwoOctets))) {
    const path = value();
    writeAsPath(path, segments, true);
    writeAttribute(writer, optional | transitive, AttributeType.as4Path, path.finish());
  }
  if (aggregator === undefined || fitsTwoOctets(aggregator.asn)) return;
  const four = value().uint32(aggregator.asn).bytes(ipAddressToBytes(aggregator.address));
  writeAttribute(writer, optional | transitive, AttributeType.as4Aggregator, four.finish());
}

function writeAttribute(writer: ByteWriter, flags: number, type: number, octets: Uint8Array): void {
  if (octets.length > 0xff || (flags & extendedLength) !== 0)
    writer
      .uint8(flags | extendedLength)
      .uint8(type)
      .uint16(octets.length);
  else writer.uint8(flags).uint8(type).uint8(octets.length);
  writer.bytes(octets);
}

/** RFC 4760 §3. */
function mpReachValue({ nextHops, otherNextHop, nlri }: MpReach): Uint8Array {
  const nextHop = value();
  for (const address of nextHops) nextHop.bytes(ipAddressToBytes(address));
  if (otherNextHop !== undefined) nextHop.bytes(otherNextHop);
  return new ByteWriter(nextHop.length + nlri.bytes.length + 5)
    .uint16(nlri.family.afi)
    .uint8(nlri.family.safi)
    .uint8(nextHop.length)
    .bytes(nextHop.finish())
    .uint8(0)
    .bytes(nlri.bytes)
    .finish();
}

/** RFC 4760 §4. */
const mpUnreachValue = ({ family, bytes }: Nlri): Uint8Array =>
  new ByteWriter(bytes.length + 3).uint16(family.afi).uint8(family.safi).bytes(bytes).finish();
