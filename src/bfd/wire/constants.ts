/** Every protocol number of this folder, with the registry or document that gives it. */

/** RFC 5880 §4.1. */
export const VERSION = 1;
/** Octets of the mandatory section, and the least with an authentication section (RFC 5880 §6.8.6). */
export const CONTROL_PACKET = 24;
export const AUTHENTICATED_PACKET = 26;

/** RFC 5880 §4.1, in the order of their values on the wire (0 to 3). */
export const SESSION_STATES = ['admin-down', 'down', 'init', 'up'] as const;
export type SessionState = (typeof SESSION_STATES)[number];

/** The second octet, below the two bits of the state (RFC 5880 §4.1). */
export const Flag = {
  poll: 0x20,
  final: 0x10,
  controlPlaneIndependent: 0x08,
  authentication: 0x04,
  demand: 0x02,
  multipoint: 0x01,
} as const;

/** IANA "BFD Diagnostic Codes". */
export const Diagnostic = {
  none: 0,
  detectionTimeExpired: 1,
  echoFailed: 2,
  neighbourSignaledDown: 3,
  administrativelyDown: 7,
} as const;

/** Words for people; the registry's names in lower case. */
const DIAGNOSTIC_NAMES = [
  'no diagnostic',
  'control detection time expired',
  'echo function failed',
  'neighbor signaled session down',
  'forwarding plane reset',
  'path down',
  'concatenated path down',
  'administratively down',
  'reverse concatenated path down',
  'misconnectivity defect',
] as const;
export const diagnosticName = (code: number): string => DIAGNOSTIC_NAMES[code] ?? `diagnostic ${code}`;

/** IANA "BFD Authentication Types". */
export const AuthenticationType = {
  'simple-password': 1,
  'keyed-md5': 2,
  'meticulous-keyed-md5': 3,
  'keyed-sha1': 4,
  'meticulous-keyed-sha1': 5,
} as const;
export type AuthenticationType = keyof typeof AuthenticationType;
/** Octets of the whole authentication section (RFC 5880 §4.3, §4.4), and of the digest in it. */
export const MD5_SECTION = 24;
export const MD5_DIGEST = 16;
export const SHA1_SECTION = 28;
export const SHA1_DIGEST = 20;
/** RFC 5880 §4.2. */
export const LONGEST_PASSWORD = 16;

/** IANA "Service Name and Transport Protocol Port Number Registry": RFC 5881 §4, RFC 5883 §5. */
export const CONTROL_PORT = 3784;
export const ECHO_PORT = 3785;
export const MULTIHOP_PORT = 4784;
/** RFC 5881 §5: what has crossed a router cannot have it. */
export const SINGLE_HOP_TTL = 255;
