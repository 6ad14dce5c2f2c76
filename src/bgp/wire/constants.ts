/** Every protocol number of this folder, with the registry or document that gives it. */

/** RFC 4271 §4.1. */
export const BGP_VERSION = 4;
export const MARKER = 16;
/** Marker, length, type. */
export const HEADER = 19;
/** RFC 4271 §4: the largest message; RFC 8654 §4: where agreed, of every type but OPEN and KEEPALIVE. */
export const MAX_MESSAGE = 4096;
export const MAX_EXTENDED_MESSAGE = 65_535;

/** IANA "BGP Message Types". */
export const MessageType = { open: 1, update: 2, notification: 3, keepalive: 4, routeRefresh: 5 } as const;

/** RFC 4271 §4.2 to §4.5, RFC 2918 §3: the shortest message of each type, header included. */
export const MIN_LENGTH: Readonly<Record<number, number>> = {
  [MessageType.open]: 29,
  [MessageType.update]: 23,
  [MessageType.notification]: 21,
  [MessageType.keepalive]: HEADER,
  [MessageType.routeRefresh]: 23,
};

/** IANA "Address Family Numbers" and "SAFI Values". */
export const Afi = { ipv4: 1, ipv6: 2 } as const;
export const Safi = { unicast: 1 } as const;

/** RFC 6793 §9: stands for an AS number that does not fit into two octets. */
export const AS_TRANS = 23_456;

/** RFC 4271 §6.2: a hold time is 0 or at least this (seconds). */
export const MIN_HOLD_TIME = 3;

/** IANA "BGP OPEN Optional Parameter Types" (RFC 5492, RFC 9072). */
export const OptionalParameter = { capabilities: 2, extendedLength: 255 } as const;

/** IANA "Capability Codes". */
export const CapabilityCode = {
  /** RFC 4760 §8. */
  multiprotocol: 1,
  /** RFC 2918 §2. */
  routeRefresh: 2,
  /** RFC 8950 §4. */
  extendedNextHop: 5,
  /** RFC 8654 §3. */
  extendedMessage: 6,
  /** RFC 9234 §4.1. */
  role: 9,
  /** RFC 4724 §3, RFC 8538 §2. */
  gracefulRestart: 64,
  /** RFC 6793 §3. */
  as4: 65,
  /** RFC 7911 §4. */
  addPath: 69,
  /** RFC 7313 §3.1. */
  enhancedRouteRefresh: 70,
  /** draft-walton-bgp-hostname-capability. */
  fqdn: 73,
} as const;

/** IANA "BGP Role Value" (RFC 9234 §4.1): the sender's part in the relationship. */
export const Role = { provider: 0, routeServer: 1, routeServerClient: 2, customer: 3, peer: 4 } as const;

/** IANA "BGP Path Attributes". */
export const AttributeType = {
  origin: 1,
  asPath: 2,
  nextHop: 3,
  med: 4,
  localPref: 5,
  atomicAggregate: 6,
  aggregator: 7,
  communities: 8,
  originatorId: 9,
  clusterList: 10,
  mpReach: 14,
  mpUnreach: 15,
  extendedCommunities: 16,
  as4Path: 17,
  as4Aggregator: 18,
  largeCommunities: 32,
} as const;

/** RFC 4271 §4.3: attribute flags; the lower four bits are ignored. */
export const AttributeFlag = { optional: 0x80, transitive: 0x40, partial: 0x20, extendedLength: 0x10 } as const;

/** RFC 4271 §4.3, RFC 5065 §3. */
export const SegmentType = { set: 1, sequence: 2, confedSequence: 3, confedSet: 4 } as const;

/** IANA "BGP Error (Notification) Codes". */
export const ErrorCode = {
  header: 1,
  open: 2,
  update: 3,
  holdTimerExpired: 4,
  fsm: 5,
  cease: 6,
  /** RFC 7313 §5. */
  routeRefresh: 7,
  /** RFC 9687 §4. */
  sendHoldTimerExpired: 8,
} as const;

/** RFC 4271 §6.1. */
export const HeaderError = { notSynchronized: 1, badLength: 2, badType: 3 } as const;

/** IANA "OPEN Message Error subcodes": RFC 4271 §6.2, RFC 5492 §5, RFC 9234 §4.2. */
export const OpenError = {
  unspecific: 0,
  unsupportedVersion: 1,
  badPeerAs: 2,
  badIdentifier: 3,
  unsupportedParameter: 4,
  unacceptableHoldTime: 6,
  unsupportedCapability: 7,
  roleMismatch: 11,
} as const;

/** RFC 4271 §6.3. */
export const UpdateError = {
  malformedAttributeList: 1,
  unrecognizedWellKnown: 2,
  missingWellKnown: 3,
  attributeFlags: 4,
  attributeLength: 5,
  invalidOrigin: 6,
  invalidNextHop: 8,
  optionalAttribute: 9,
  invalidNetworkField: 10,
  malformedAsPath: 11,
} as const;

/** RFC 6608 §4. */
export const FsmError = { unspecified: 0, inOpenSent: 1, inOpenConfirm: 2, inEstablished: 3 } as const;

/** IANA "BGP Cease NOTIFICATION message subcodes": RFC 4486, RFC 8538 §3, RFC 9384 §3. */
export const CeaseError = {
  maximumPrefixes: 1,
  administrativeShutdown: 2,
  peerDeconfigured: 3,
  administrativeReset: 4,
  connectionRejected: 5,
  otherConfigurationChange: 6,
  connectionCollision: 7,
  outOfResources: 8,
  hardReset: 9,
  bfdDown: 10,
} as const;

/** RFC 7313 §5. */
export const RouteRefreshError = { invalidLength: 1 } as const;

/** RFC 7313 §3.2: message subtypes of ROUTE-REFRESH. */
export const RefreshSubtype = { request: 0, begin: 1, end: 2 } as const;
