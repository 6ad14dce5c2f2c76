/** Every number of the membership protocol. It is ours alone; speakers of two versions talk to each other in every upgrade. */

/** Changed only when an older speaker could make no sense of a datagram; new message kinds and fields need no new version. */
export const WIRE_VERSION = 1;
/** Octets: version, flags, key id, sender's instance, counter; all in clear. */
export const HEADER = 1 + 1 + 4 + 16 + 8;
export const HeaderOffset = { version: 0, flags: 1, keyId: 2, instance: 6, counter: 22 } as const;
/** The receiver's instance is part of what is authenticated. Without it a datagram may hold nothing but a hello. */
export const FLAG_BOUND = 0x01;
/** NIST SP 800-38D: 96-bit nonce, 128-bit tag. */
export const NONCE = 12;
export const TAG = 16;
export const INSTANCE = 16;
/** What a speaker answers a greeting with, so that nothing recorded can be used again. */
export const GREETING_NONCE = 16;
export const PAYLOAD_DIGEST = 8;

/** Fits one frame on every network whose MTU is 1,450 or more, over IPv6 too. */
export const MAX_DATAGRAM = 1400;
/** For messages: what header and tag leave. */
export const MAX_PLAINTEXT = MAX_DATAGRAM - HEADER - TAG;
/** Kind and length before every message. */
export const MESSAGE_HEADER = 3;
/** The longest payload that `send` takes. */
export const MAX_PAYLOAD = MAX_PLAINTEXT - MESSAGE_HEADER - 4;

export const MessageKind = {
  hello: 1,
  challenge: 2,
  echo: 3,
  ping: 4,
  ack: 5,
  'ping-req': 6,
  'relayed-ack': 7,
  nack: 8,
  updates: 9,
  sync: 10,
  payload: 11,
  'payload-ack': 12,
  duplicate: 13,
} as const;

export const StatusCode = { alive: 0, suspect: 1, dead: 2, left: 3 } as const;
export const FLAG_CONFIRMED = 0x01;
export const FLAG_REPLY = 0x01;
export const FLAG_DEAF = 0x01;
export const FamilyCode = { ipv4: 4, ipv6: 6 } as const;
/** More addresses of one Node than this are not told. */
export const MAX_ADDRESSES = 8;
