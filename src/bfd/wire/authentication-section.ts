import { ByteReader } from '../../base/byte-reader.ts';
import { ByteWriter } from '../../base/byte-writer.ts';
import { type Decoded, decoded, malformed } from '../../base/decoded.ts';
import {
  AuthenticationType,
  LONGEST_PASSWORD,
  MD5_DIGEST,
  MD5_SECTION,
  SHA1_DIGEST,
  SHA1_SECTION,
} from './constants.ts';

/** RFC 5880 §4.2 to §4.4. Whether it is the right one is for session and key to say. */
export type AuthenticationSection =
  | { readonly type: 'simple-password'; readonly keyId: number; readonly password: Uint8Array }
  | {
      readonly type: Exclude<AuthenticationType, 'simple-password'>;
      readonly keyId: number;
      readonly sequenceNumber: number;
      readonly digest: Uint8Array;
    };

export type AuthenticationMalformed = 'truncated-authentication' | 'authentication-type' | 'authentication-length';

/** Type, length, key; and what lies before the digest: type, length, key, reserved, sequence number. */
const SECTION_HEADER = 3;
const DIGEST_OFFSET = 8;

const TYPES = new Map<number, AuthenticationType>(
  Object.entries(AuthenticationType).map(([name, code]) => [code, name as AuthenticationType]),
);

/** `bytes`: what follows the mandatory section, as far as the packet's length says. */
export function decodeAuthentication(bytes: Uint8Array): Decoded<AuthenticationSection, AuthenticationMalformed> {
  const reader = new ByteReader(bytes);
  const type = TYPES.get(reader.uint8());
  const length = reader.uint8();
  const keyId = reader.uint8();
  if (reader.failed || length > bytes.length) return malformed('truncated-authentication');
  if (type === undefined) return malformed('authentication-type');
  if (type === 'simple-password') {
    const octets = length - SECTION_HEADER;
    if (octets < 1 || octets > LONGEST_PASSWORD) return malformed('authentication-length');
    return decoded({ type, keyId, password: Uint8Array.from(reader.bytes(octets)) });
  }
  if (length !== sectionLength(type)) return malformed('authentication-length');
  reader.uint8(); // RFC 5880 §4.3: reserved, ignored on receipt.
  const sequenceNumber = reader.uint32();
  return decoded({ type, keyId, sequenceNumber, digest: Uint8Array.from(reader.bytes(length - DIGEST_OFFSET)) });
}

export function encodeAuthentication(section: AuthenticationSection): Uint8Array {
  const writer = new ByteWriter(SHA1_SECTION).uint8(AuthenticationType[section.type]);
  if (section.type === 'simple-password')
    return writer
      .uint8(SECTION_HEADER + section.password.length)
      .uint8(section.keyId)
      .bytes(section.password)
      .finish();
  return writer
    .uint8(sectionLength(section.type))
    .uint8(section.keyId)
    .uint8(0)
    .uint32(section.sequenceNumber)
    .bytes(section.digest)
    .finish();
}

const isMd5 = (type: AuthenticationType): boolean => type === 'keyed-md5' || type === 'meticulous-keyed-md5';
const sectionLength = (type: AuthenticationType): number => (isMd5(type) ? MD5_SECTION : SHA1_SECTION);

/** Octets of the digest of this type. */
export const digestLength = (type: AuthenticationType): number => (isMd5(type) ? MD5_DIGEST : SHA1_DIGEST);
