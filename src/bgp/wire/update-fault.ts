import { AttributeType, UpdateError } from './constants.ts';
import type { Handling } from './message.ts';

/** Everything that can be wrong with an UPDATE. */
export type UpdateFault =
  /** The withdrawn routes or the attributes go beyond the end of the message. */
  | 'field-lengths'
  /** Prefixes outside the attributes cannot be read. */
  | 'network-field'
  /** An attribute goes beyond the end of the attributes, or what is left is too short for one. */
  | 'overrun'
  | 'repeated'
  /** Well-known by its flags, but not to us. */
  | 'unrecognized'
  | 'missing'
  /** Of no concern between two speakers like these: LOCAL_PREF from an external peer, say. */
  | 'unwelcome'
  | 'flags'
  | 'length'
  | 'value'
  | 'next-hop';

const isMultiprotocol = (type: number): boolean => type === AttributeType.mpReach || type === AttributeType.mpUnreach;

/**
 * What RFC 7606 demands, for every fault of every attribute (`attribute` is its type, 0 where none is concerned). What is stricter
 * there because prefixes may have been overlooked (§5.2) is decided where the whole UPDATE is known (update.ts).
 */
export function handlingOf(fault: UpdateFault, attribute: number): Handling {
  switch (fault) {
    case 'field-lengths':
    case 'network-field':
    case 'unrecognized':
      return 'reset';
    case 'missing':
    case 'next-hop':
      return 'treat-as-withdraw';
    case 'unwelcome':
      return 'attribute-discard';
    case 'repeated': // §3 g
      return isMultiprotocol(attribute) ? 'reset' : 'attribute-discard';
    case 'overrun': // §4, and §3 j where prefixes are cut off
      return isMultiprotocol(attribute) ? 'reset' : 'treat-as-withdraw';
    case 'flags': // §3 c, §5.3, RFC 7311 §3
      if (attribute === AIGP) return 'attribute-discard';
      return isMultiprotocol(attribute) ? 'reset' : 'treat-as-withdraw';
    case 'length':
    case 'value':
      return handlingOfValue(attribute);
  }
}

function handlingOfValue(attribute: number): Handling {
  switch (attribute) {
    case AttributeType.mpReach: // §5.3, §7.11
    case AttributeType.mpUnreach:
      return 'reset';
    case AttributeType.atomicAggregate: // §7.6
    case AttributeType.aggregator: // §7.7
    case AttributeType.as4Path: // RFC 6793 §6
    case AttributeType.as4Aggregator:
      return 'attribute-discard';
    default:
      return 'treat-as-withdraw';
  }
}

/** The subcode of UPDATE Message Error (RFC 4271 §6.3, RFC 4760 §7), which goes on the wire where the session is reset. */
export function subcodeOf(fault: UpdateFault, attribute: number): number {
  switch (fault) {
    case 'field-lengths':
    case 'repeated':
      return UpdateError.malformedAttributeList;
    case 'overrun':
      return isMultiprotocol(attribute) ? UpdateError.optionalAttribute : UpdateError.malformedAttributeList;
    case 'network-field':
      return UpdateError.invalidNetworkField;
    case 'unrecognized':
      return UpdateError.unrecognizedWellKnown;
    case 'missing':
      return UpdateError.missingWellKnown;
    case 'next-hop':
      return isMultiprotocol(attribute) ? UpdateError.optionalAttribute : UpdateError.invalidNextHop;
    case 'unwelcome':
      return UpdateError.optionalAttribute;
    case 'flags':
      return isMultiprotocol(attribute) ? UpdateError.optionalAttribute : UpdateError.attributeFlags;
    case 'length':
      return isMultiprotocol(attribute) ? UpdateError.optionalAttribute : UpdateError.attributeLength;
    case 'value':
      if (attribute === AttributeType.origin) return UpdateError.invalidOrigin;
      return attribute === AttributeType.asPath ? UpdateError.malformedAsPath : UpdateError.optionalAttribute;
  }
}

/** For people. */
export function faultText(fault: UpdateFault, attribute: number): string {
  const name = ATTRIBUTE_NAMES[attribute] ?? `attribute ${attribute}`;
  switch (fault) {
    case 'field-lengths':
      return 'the lengths of withdrawn routes and attributes go beyond the end of the message (RFC 4271 §6.3)';
    case 'network-field':
      return 'a prefix outside the attributes is too long or goes beyond its field (RFC 7606 §5.3)';
    case 'overrun':
      return attribute === 0
        ? 'what is left of the attributes is too short for one (RFC 7606 §4)'
        : `${name} goes beyond the end of the attributes (RFC 7606 §4)`;
    case 'repeated':
      return `${name} is there more than once; the first one counts (RFC 7606 §3 g)`;
    case 'unrecognized':
      return `${name} is well-known by its flags, and nobody knows it (RFC 4271 §6.3)`;
    case 'missing':
      return `${name} is missing (RFC 7606 §3 d)`;
    case 'unwelcome':
      return `${name} is not for a session like this and is discarded (${UNWELCOME[attribute] ?? 'RFC 7606'})`;
    case 'flags':
      return `the Optional and Transitive flags of ${name} are not those of this attribute (RFC 7606 §3 c)`;
    case 'length':
      return `${name} has a length that it cannot have (RFC 7606 §4, §7)`;
    case 'value':
      return `${name} is malformed (${VALUE_RULES[attribute] ?? 'RFC 7606 §7'})`;
    case 'next-hop':
      return `the next hop of ${name} is no usable unicast address (RFC 4271 §6.3)`;
  }
}

const AIGP = 26;

const ATTRIBUTE_NAMES: Readonly<Record<number, string>> = {
  [AttributeType.origin]: 'ORIGIN',
  [AttributeType.asPath]: 'AS_PATH',
  [AttributeType.nextHop]: 'NEXT_HOP',
  [AttributeType.med]: 'MULTI_EXIT_DISC',
  [AttributeType.localPref]: 'LOCAL_PREF',
  [AttributeType.atomicAggregate]: 'ATOMIC_AGGREGATE',
  [AttributeType.aggregator]: 'AGGREGATOR',
  [AttributeType.communities]: 'COMMUNITIES',
  [AttributeType.originatorId]: 'ORIGINATOR_ID',
  [AttributeType.clusterList]: 'CLUSTER_LIST',
  [AttributeType.mpReach]: 'MP_REACH_NLRI',
  [AttributeType.mpUnreach]: 'MP_UNREACH_NLRI',
  [AttributeType.extendedCommunities]: 'EXTENDED_COMMUNITIES',
  [AttributeType.as4Path]: 'AS4_PATH',
  [AttributeType.as4Aggregator]: 'AS4_AGGREGATOR',
  [AttributeType.largeCommunities]: 'LARGE_COMMUNITIES',
};

const UNWELCOME: Readonly<Record<number, string>> = {
  [AttributeType.localPref]: 'from an external peer, RFC 7606 §7.5',
  [AttributeType.originatorId]: 'from an external peer, RFC 7606 §7.9',
  [AttributeType.clusterList]: 'from an external peer, RFC 7606 §7.10',
  [AttributeType.as4Path]: 'both ends know four-octet AS numbers, RFC 6793 §4.1',
  [AttributeType.as4Aggregator]: 'both ends know four-octet AS numbers, RFC 6793 §4.1',
};

const VALUE_RULES: Readonly<Record<number, string>> = {
  [AttributeType.origin]: 'a value that is not defined, RFC 7606 §7.1',
  [AttributeType.asPath]: 'segments, AS 0 or confederation: RFC 7606 §7.2, RFC 7607 §2, RFC 5065 §5',
  [AttributeType.aggregator]: 'AS 0, RFC 7607 §2',
  [AttributeType.as4Path]: 'RFC 6793 §6, RFC 7607 §2',
  [AttributeType.as4Aggregator]: 'AS 0, RFC 7607 §2',
  [AttributeType.mpReach]: 'RFC 7606 §5.3, §7.11',
  [AttributeType.mpUnreach]: 'RFC 7606 §5.3',
};
