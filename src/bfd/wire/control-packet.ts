import { ByteWriter } from '../../base/byte-writer.ts';
import { type Decoded, decoded, malformed } from '../../base/decoded.ts';
import {
  type AuthenticationMalformed,
  type AuthenticationSection,
  decodeAuthentication,
  encodeAuthentication,
} from './authentication-section.ts';
import { AUTHENTICATED_PACKET, CONTROL_PACKET, Flag, SESSION_STATES, type SessionState, VERSION } from './constants.ts';

/** RFC 5880 §4.1. Version, length and the A bit follow from the rest; a packet with the M bit is no packet (§6.8.6). */
export interface ControlPacket {
  /** 0 to 31; codes that IANA has not given yet are read too. */
  readonly diagnostic: number;
  readonly state: SessionState;
  readonly poll: boolean;
  readonly final: boolean;
  readonly controlPlaneIndependent: boolean;
  readonly demand: boolean;
  readonly detectMultiplier: number;
  readonly myDiscriminator: number;
  /** 0: the sender has not heard us yet. */
  readonly yourDiscriminator: number;
  /** Microseconds, as all three. */
  readonly desiredMinTxUs: number;
  readonly requiredMinRxUs: number;
  readonly requiredMinEchoRxUs: number;
  readonly authentication: AuthenticationSection | undefined;
}

export type ControlPacketMalformed =
  | 'ttl'
  | 'truncated'
  | 'version'
  | 'length'
  | 'detect-multiplier'
  | 'multipoint'
  | 'my-discriminator'
  | 'your-discriminator'
  | AuthenticationMalformed;

export interface ControlPacketError {
  readonly reason: ControlPacketMalformed;
  /** The fields, when all of the mandatory section was there. */
  readonly read:
    | (Omit<ControlPacket, 'authentication'> & { readonly version: number; readonly multipoint: boolean })
    | undefined;
}

/** How a packet has come: RFC 5881 §5 demands a TTL or hop limit of 255, RFC 5883 §5 leaves the least one to configuration. */
export interface Arrival {
  readonly ttl: number;
  readonly leastTtl: number;
}

const AUTHENTICATION_LENGTH_AT = CONTROL_PACKET;

/** All that RFC 5880 §6.8.6 asks of a packet before a session is looked for, in its order. Octets after its length are ignored. */
export function decodeControlPacket(
  bytes: Uint8Array,
  { ttl, leastTtl }: Arrival,
): Decoded<ControlPacket, ControlPacketError> {
  if (bytes.length < CONTROL_PACKET)
    return malformed({ reason: ttl < leastTtl ? 'ttl' : 'truncated', read: undefined });
  const flags = bytes[1]!;
  const length = bytes[3]!;
  const authenticated = (flags & Flag.authentication) !== 0;
  const fields = fieldsOf(bytes);
  const refuse = (reason: ControlPacketMalformed): { readonly ok: false; readonly error: ControlPacketError } => {
    const read = { version: bytes[0]! >> 5, multipoint: (flags & Flag.multipoint) !== 0, ...fields };
    return malformed({ reason, read });
  };
  if (ttl < leastTtl) return refuse('ttl');
  if (bytes[0]! >> 5 !== VERSION) return refuse('version');
  if (length < (authenticated ? AUTHENTICATED_PACKET : CONTROL_PACKET)) return refuse('length');
  if (length > bytes.length) return refuse('truncated');
  if (fields.detectMultiplier === 0) return refuse('detect-multiplier');
  if ((flags & Flag.multipoint) !== 0) return refuse('multipoint');
  if (fields.myDiscriminator === 0) return refuse('my-discriminator');
  if (fields.yourDiscriminator === 0 && (fields.state === 'init' || fields.state === 'up'))
    return refuse('your-discriminator');
  if (!authenticated) return decoded({ ...fields, authentication: undefined });
  const authentication = decodeAuthentication(bytes.subarray(AUTHENTICATION_LENGTH_AT, length));
  return authentication.ok
    ? decoded({ ...fields, authentication: authentication.value })
    : refuse(authentication.error);
}

export function encodeControlPacket(packet: ControlPacket): Uint8Array {
  const authentication = packet.authentication === undefined ? undefined : encodeAuthentication(packet.authentication);
  const flags =
    (packet.poll ? Flag.poll : 0) |
    (packet.final ? Flag.final : 0) |
    (packet.controlPlaneIndependent ? Flag.controlPlaneIndependent : 0) |
    (authentication === undefined ? 0 : Flag.authentication) |
    (packet.demand ? Flag.demand : 0);
  const writer = new ByteWriter(CONTROL_PACKET + (authentication?.length ?? 0))
    .uint8((VERSION << 5) | packet.diagnostic)
    .uint8((SESSION_STATES.indexOf(packet.state) << 6) | flags)
    .uint8(packet.detectMultiplier)
    .uint8(CONTROL_PACKET + (authentication?.length ?? 0))
    .uint32(packet.myDiscriminator)
    .uint32(packet.yourDiscriminator)
    .uint32(packet.desiredMinTxUs)
    .uint32(packet.requiredMinRxUs)
    .uint32(packet.requiredMinEchoRxUs);
  if (authentication !== undefined) writer.bytes(authentication);
  return writer.finish();
}

function fieldsOf(bytes: Uint8Array): Omit<ControlPacket, 'authentication'> {
  const flags = bytes[1]!;
  return {
    diagnostic: bytes[0]! & 0x1f,
    state: SESSION_STATES[flags >> 6]!,
    poll: (flags & Flag.poll) !== 0,
    final: (flags & Flag.final) !== 0,
    controlPlaneIndependent: (flags & Flag.controlPlaneIndependent) !== 0,
    demand: (flags & Flag.demand) !== 0,
    detectMultiplier: bytes[2]!,
    myDiscriminator: uint32(bytes, 4),
    yourDiscriminator: uint32(bytes, 8),
    desiredMinTxUs: uint32(bytes, 12),
    requiredMinRxUs: uint32(bytes, 16),
    requiredMinEchoRxUs: uint32(bytes, 20),
  };
}

const uint32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
