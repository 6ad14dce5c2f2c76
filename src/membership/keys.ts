import { createHash, hkdfSync } from 'node:crypto';
import { type Decoded, decoded, malformed } from '../base/decoded.ts';
import { type Instance, instanceToBytes } from './member.ts';

/**
 * The keys of the group. A key file has one key a line, base64 or hex; the first one seals what is sent, each of them opens
 * what is received. So a key is changed without a gap: add the new one as the last line, wait until every speaker reports
 * its id, move it to the top, wait again, remove the old one.
 *
 * Standards: RFC 5869 (HKDF), with SHA-256.
 */
export interface GroupKey {
  /** Travels in clear, so that a receiver knows which key to try; it tells nothing about the key. */
  readonly id: number;
  readonly secret: Uint8Array;
}

const SHORTEST_KEY = 16;
const LONGEST_KEY = 128;
const MOST_KEYS = 8;

/** At least one. Empty lines and lines that begin with # are skipped. The error names the line, and never shows its text. */
export function parseKeyFile(text: string): Decoded<readonly GroupKey[], string> {
  const keys: GroupKey[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    const word = line.trim();
    if (word === '' || word.startsWith('#')) continue;
    const secret = readSecret(word);
    if (secret === undefined)
      return malformed(
        `line ${i + 1} is not a key: ${SHORTEST_KEY} to ${LONGEST_KEY} octets in hex or base64 are wanted`,
      );
    const key = { id: keyId(secret), secret };
    if (!keys.some(({ id }) => id === key.id)) keys.push(key);
  }
  if (keys.length === 0) return malformed('there is no key in it; make one with: openssl rand -base64 32');
  if (keys.length > MOST_KEYS) return malformed(`it has ${keys.length} keys; at most ${MOST_KEYS} are of use`);
  return decoded(keys);
}

/** Hex first: every hex text of a good length is base64 too, of something else. */
function readSecret(word: string): Uint8Array | undefined {
  const isHex = /^([0-9a-f]{2})+$/i.test(word);
  if (!isHex && !/^[A-Za-z0-9+/]+={0,2}$/.test(word)) return undefined;
  const secret = new Uint8Array(Buffer.from(word, isHex ? 'hex' : 'base64'));
  return secret.length >= SHORTEST_KEY && secret.length <= LONGEST_KEY ? secret : undefined;
}

/** The key that one instance seals with: no two instances ever share one, so a counter that starts anew repeats no nonce. */
export const senderKey = ({ secret }: GroupKey, instance: Instance): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', secret, instanceToBytes(instance), 'clarion membership 1', 32));

const keyId = (secret: Uint8Array): number =>
  createHash('sha256').update('clarion key id').update(secret).digest().readUInt32BE(0);
