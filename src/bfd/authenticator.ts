import { createHash, timingSafeEqual } from 'node:crypto';
import type { Milliseconds } from '../base/clock.ts';
import { ms } from '../base/clock.ts';
import type { BfdKey } from './session-config.ts';
import { type AuthenticationSection, digestLength } from './wire/authentication-section.ts';
import { CONTROL_PACKET, SHA1_DIGEST } from './wire/constants.ts';
import { type ControlPacket, encodeControlPacket } from './wire/control-packet.ts';

/**
 * The authentication of one session: seals what is sent and judges what is received. Packets, not time, drive it.
 * One thing is stricter than the RFC: a sequence number is believed when the digest is right, not before, so that a forger
 * cannot choose where the window begins.
 * Standards: RFC 5880 §6.7.2 (password), §6.7.4 (SHA1).
 */
export type AuthenticationRefusal =
  /** A packet without authentication where there is a key, or with one where there is none (RFC 5880 §6.8.6). */
  | 'not-authenticated'
  | 'unexpected-authentication'
  | 'other-authentication-type'
  | 'unknown-key'
  | 'wrong-password'
  | 'sequence-number'
  | 'wrong-digest';

/** RFC 5880 §6.7.4: how many lost packets a sequence number may jump over, times the multiplier. */
const WINDOW = 3;

export class Authenticator {
  #key: BfdKey | undefined;
  /** bfd.XmitAuthSeq. It goes on when the key changes: for the neighbour it is still the same session. */
  #sequence: number;
  #lastSealed: Uint8Array | undefined;
  /** bfd.RcvAuthSeq; undefined: bfd.AuthSeqKnown is 0. */
  #received: number | undefined;
  #forgetAt = ms(0);

  /** `firstSequence`: random, 32 bits (RFC 5880 §6.8.1). */
  constructor(key: BfdKey | undefined, firstSequence: number) {
    this.#key = key;
    this.#sequence = firstSequence >>> 0;
  }

  use(key: BfdKey | undefined): void {
    if (key?.type !== this.#key?.type) this.#received = undefined;
    this.#key = key;
  }

  /** The packet as it goes out. */
  seal(packet: ControlPacket): Uint8Array {
    if (this.#key === undefined) return encodeControlPacket(packet);
    const { type, keyId, key } = this.#key;
    if (type === 'simple-password')
      return encodeControlPacket({ ...packet, authentication: { type, keyId, password: Buffer.from(key) } });
    this.#advance(type, packet);
    const bare = { type, keyId, sequenceNumber: this.#sequence, digest: padded(key) };
    const sealed = encodeControlPacket({ ...packet, authentication: bare });
    sealed.set(sha1(sealed), sealed.length - SHA1_DIGEST);
    return sealed;
  }

  /** `bytes`: the whole payload that `packet` was read from. Undefined: it is authentic. */
  refuse(bytes: Uint8Array, packet: ControlPacket, now: Milliseconds): AuthenticationRefusal | undefined {
    const { authentication: section } = packet;
    if (this.#key === undefined) return section === undefined ? undefined : 'unexpected-authentication';
    if (section === undefined) return 'not-authenticated';
    if (section.type !== this.#key.type) return 'other-authentication-type';
    if (section.keyId !== this.#key.keyId) return 'unknown-key';
    if (section.type === 'simple-password')
      return equal(section.password, Buffer.from(this.#key.key)) ? undefined : 'wrong-password';
    // RFC 5880 §6.8.1: so a neighbour that has restarted gets in again.
    if (now >= this.#forgetAt) this.#received = undefined;
    if (!this.#isInWindow(section, packet.detectMultiplier)) return 'sequence-number';
    const length = bytes[3]!;
    const whole = Uint8Array.from(bytes.subarray(0, length));
    const at = CONTROL_PACKET + 8;
    whole.set(padded(this.#key.key), at);
    if (!equal(sha1(whole), section.digest)) return 'wrong-digest';
    this.#received = section.sequenceNumber;
    return undefined;
  }

  /** After an authentic packet; the detection time that holds from now on. */
  heard(now: Milliseconds, detectionTime: Milliseconds): void {
    this.#forgetAt = ms(now + 2 * detectionTime);
  }

  /** RFC 5880 §6.7.4: with each packet (meticulous), or with each that says something new. */
  #advance(type: BfdKey['type'], packet: ControlPacket): void {
    const plain = encodeControlPacket(packet);
    const news = this.#lastSealed === undefined || !equal(plain, this.#lastSealed);
    this.#lastSealed = plain;
    if (type === 'meticulous-keyed-sha1' || news) this.#sequence = (this.#sequence + 1) >>> 0;
  }

  #isInWindow(section: Exclude<AuthenticationSection, { type: 'simple-password' }>, detectMultiplier: number): boolean {
    if (this.#received === undefined) return true;
    const ahead = (section.sequenceNumber - this.#received) >>> 0;
    return ahead >= (section.type === 'meticulous-keyed-sha1' ? 1 : 0) && ahead <= WINDOW * detectMultiplier;
  }
}

/** RFC 5880 §4.4: the key, padded with zeros to the length of the digest. */
function padded(key: string): Uint8Array {
  const bytes = new Uint8Array(digestLength('keyed-sha1'));
  bytes.set(Buffer.from(key).subarray(0, bytes.length));
  return bytes;
}

const sha1 = (bytes: Uint8Array): Uint8Array => createHash('sha1').update(bytes).digest();
const equal = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b);
