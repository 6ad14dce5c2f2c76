import { formatIpAddress, type IpAddress, ipAddress } from '../base/ip-address.ts';
import { formatPrefix } from '../base/prefix.ts';
import { capabilityName, codeOf } from './wire/capability.ts';
import { decodeMessage } from './wire/codec.ts';
import { Role } from './wire/constants.ts';
import { lengthAt } from './wire/header.ts';
import type {
  Capability,
  DecodedMessage,
  Family,
  LargeCommunity,
  MessageError,
  MpReach,
  Nlri,
  PartialMessage,
  PathAttributes,
  WireContext,
} from './wire/message.ts';
import { ipFamilyOf, prefixesOf } from './wire/nlri.ts';
import { notification, notificationName, shutdownCommunication } from './wire/notification.ts';
import { asnOf } from './wire/open.ts';
import { endOfRib } from './wire/update.ts';

/** Messages as `clarion decode` shows them: JSON values, text for addresses, hex digits for octets that are not read. */
export type MessageJson = Readonly<Record<string, unknown>>;

/** One whole message, marker included, of a session that agreed on `context`. */
export function messageJson(bytes: Uint8Array, context: WireContext): MessageJson {
  const read = decodeMessage(bytes, context);
  const { type, ...fields } = fieldsOf(read);
  const error = read.error ?? communicationFault(read);
  return present({
    type,
    error: error && errorJson(error),
    length: WITH_LENGTH.has(type) && bytes.length > 17 ? lengthAt(bytes, 0) : undefined,
    ...fields,
  });
}

const WITH_LENGTH: ReadonlySet<unknown> = new Set(['OPEN', 'UPDATE', 'KEEPALIVE', undefined]);

/** The NOTIFICATION's code is told only where one is sent. */
const errorJson = ({ handling, code, subcode, attribute, message }: ErrorFields): MessageJson =>
  present({ handling, ...(handling === 'reset' ? { code, subcode } : {}), attribute, message });

type ErrorFields = Pick<MessageError, 'handling' | 'attribute' | 'message'> & Partial<MessageError>;

function communicationFault(read: DecodedMessage): ErrorFields | undefined {
  if (!read.ok || read.message.kind !== 'notification') return undefined;
  const communication = shutdownCommunication(read.message);
  return communication.ok ? undefined : { handling: 'ignore', message: communication.error };
}

function fieldsOf(decoded: DecodedMessage): MessageJson {
  const read: PartialMessage = decoded.ok ? decoded.message : decoded.read;
  switch (read.kind) {
    case undefined:
      return {};
    case 'keepalive':
      return { type: 'KEEPALIVE' };
    case 'open':
      return { type: 'OPEN', ...openFields(read, decoded.ok) };
    case 'update':
      return { type: 'UPDATE', ...updateFields(read, decoded.error === undefined) };
    case 'notification':
      return { type: 'NOTIFICATION', ...notificationFields(read) };
    case 'route-refresh':
      return {
        type: 'ROUTE-REFRESH',
        ...read.family,
        subtype: read.subtype,
        orf: read.orf && hex(read.orf),
      };
  }
}

function openFields(read: Extract<PartialMessage, { kind: 'open' }>, valid: boolean): MessageJson {
  const { as2, holdTime, routerId, capabilities } = read;
  return {
    version: valid ? 4 : read.version,
    asn: as2 === undefined ? undefined : asnOf({ as2, capabilities: capabilities ?? [] }),
    as2,
    holdTime,
    routerId: routerId === undefined ? undefined : dotted(routerId),
    capabilities: capabilities?.map(capabilityJson),
  };
}

/** Identifiers of 32 bits are shown like addresses. */
const dotted = (bits: number): string => formatIpAddress(ipAddress('ipv4', BigInt(bits)));

function capabilityJson(capability: Capability): MessageJson {
  const code = codeOf(capability);
  return present({ code, name: capabilityName(code), ...capabilityFields(capability) });
}

const ROLES: Readonly<Record<number, string>> = {
  [Role.provider]: 'provider',
  [Role.routeServer]: 'rs',
  [Role.routeServerClient]: 'rs-client',
  [Role.customer]: 'customer',
  [Role.peer]: 'peer',
};

function capabilityFields(capability: Capability): MessageJson {
  switch (capability.kind) {
    case 'multiprotocol':
      return { ...capability.family };
    case 'extended-next-hop':
      return { families: capability.families.map(({ family, nextHopAfi }) => ({ ...family, nextHopAfi })) };
    case 'role':
      return { role: ROLES[capability.role] ?? capability.role };
    case 'graceful-restart': {
      const { kind: _, families, ...fields } = capability;
      return { ...fields, families: families.map(({ family, forwarding }) => ({ ...family, forwarding })) };
    }
    case 'as4':
      return { asn: capability.asn };
    case 'add-path':
      return { families: capability.families.map(({ family, receive, send }) => ({ ...family, receive, send })) };
    case 'fqdn':
      return { hostName: capability.hostName, domainName: capability.domainName };
    case 'unknown':
      return { value: hex(capability.value) };
    case 'route-refresh':
    case 'extended-message':
    case 'enhanced-route-refresh':
      return {};
  }
}

function updateFields(read: Extract<PartialMessage, { kind: 'update' }>, valid: boolean): MessageJson {
  const { withdrawn, announced, attributes } = read;
  const isWhole = valid && withdrawn !== undefined && announced !== undefined && attributes !== undefined;
  return {
    withdrawn: withdrawn && prefixTexts(withdrawn),
    announced: announced && prefixTexts(announced),
    attributes: attributes && attributeFields(attributes),
    endOfRib: isWhole ? endOfRib({ kind: 'update', withdrawn, announced, attributes }) : undefined,
  };
}

function attributeFields(attributes: PathAttributes): MessageJson {
  const { asPath, nextHop, aggregator, originatorId, clusterList, mpReach, mpUnreach } = attributes;
  return present({
    origin: attributes.origin,
    asPath: asPath?.map(({ kind, asns }) => ({ type: kind, asns })),
    nextHop: nextHop && formatIpAddress(nextHop),
    med: attributes.med,
    localPref: attributes.localPref,
    atomicAggregate: attributes.atomicAggregate,
    aggregator: aggregator && { asn: aggregator.asn, address: formatIpAddress(aggregator.address) },
    communities: attributes.communities?.map(communityText),
    extendedCommunities: attributes.extendedCommunities?.map((one) => one.toString(16).padStart(16, '0')),
    largeCommunities: attributes.largeCommunities?.map(largeCommunityText),
    originatorId: originatorId === undefined ? undefined : dotted(originatorId),
    clusterList: clusterList?.map(dotted),
    mpReach: mpReach && mpReachFields(mpReach),
    mpUnreach: mpUnreach && nlriFields(mpUnreach, {}),
    unknown: attributes.unknown?.map(({ type, flags, value }) => ({ type, flags, value: hex(value) })),
  });
}

const mpReachFields = ({ nextHops, otherNextHop, nlri }: MpReach): MessageJson =>
  nlriFields(nlri, {
    nextHops: nextHops.map((one: IpAddress) => formatIpAddress(one)),
    nextHop: otherNextHop && hex(otherNextHop),
  });

function nlriFields(nlri: Nlri, between: MessageJson): MessageJson {
  const { afi, safi }: Family = nlri.family;
  const known = ipFamilyOf(nlri.family) !== undefined;
  return present({ afi, safi, ...between, ...(known ? { prefixes: prefixTexts(nlri) } : { raw: hex(nlri.bytes) }) });
}

const prefixTexts = (nlri: Nlri): readonly unknown[] =>
  prefixesOf(nlri).map(({ prefix, pathId }) =>
    pathId === undefined ? formatPrefix(prefix) : { pathId, prefix: formatPrefix(prefix) },
  );

/** IANA "BGP Well-known Communities", in lower case. */
const WELL_KNOWN: Readonly<Record<number, string>> = {
  4294901760: 'graceful-shutdown',
  4294901761: 'accept-own',
  4294901762: 'route-filter-translated-v4',
  4294901763: 'route-filter-v4',
  4294901764: 'route-filter-translated-v6',
  4294901765: 'route-filter-v6',
  4294901766: 'llgr-stale',
  4294901767: 'no-llgr',
  4294901768: 'accept-own-nexthop',
  4294901769: 'standby-pe',
  4294902426: 'blackhole',
  4294967041: 'no-export',
  4294967042: 'no-advertise',
  4294967043: 'no-export-subconfed',
  4294967044: 'nopeer',
};

const communityText = (value: number): string => WELL_KNOWN[value] ?? `${value >>> 16}:${value & 0xffff}`;

const largeCommunityText = ({ global, local1, local2 }: LargeCommunity): string => `${global}:${local1}:${local2}`;

function notificationFields(read: Extract<PartialMessage, { kind: 'notification' }>): MessageJson {
  const { code, subcode, data } = read;
  if (code === undefined || subcode === undefined || data === undefined) return {};
  const communication = shutdownCommunication(notification(code, subcode, data));
  return {
    code,
    subcode,
    name: notificationName(code, subcode),
    communication: communication.ok ? communication.value : undefined,
    data: hex(data),
  };
}

const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');

const present = (fields: MessageJson): MessageJson =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
