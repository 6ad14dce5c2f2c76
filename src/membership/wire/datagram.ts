import { createCipheriv, createDecipheriv } from 'node:crypto';
import { type Decoded, decoded, malformed } from '../../base/decoded.ts';
import { type GroupKey, senderKey } from '../keys.ts';
import { type Instance, instanceFromBytes, instanceToBytes } from '../member.ts';
import { decodeMessages, encodeMessages } from './codec.ts';
import { FLAG_BOUND, HEADER, HeaderOffset, INSTANCE, MAX_DATAGRAM, NONCE, TAG, WIRE_VERSION } from './constants.ts';
import type { Message } from './message.ts';
import { ReplayWindow } from './replay-window.ts';

/**
 * Datagrams: a header in clear, then the messages under AES-256-GCM. The header names the group key and the sender's
 * instance; both make the key, the counter makes the nonce. What is authenticated besides: the header, and the receiver's
 * instance, so that a datagram for one process is nothing to another, or to the same node after a restart. Only a hello is
 * for whoever hears it, because its sender knows nobody yet; it does nothing but call for a challenge.
 *
 * Standards: NIST SP 800-38D (GCM), RFC 5869 (HKDF).
 */

/** Seals everything that one process sends. */
export class Sealer {
  readonly #instance: Instance;
  #keyId = 0;
  #key: Uint8Array = new Uint8Array(0);
  /** Never repeated while the process lives, whatever key is in use. */
  #counter = 0;

  constructor(instance: Instance, keys: readonly GroupKey[]) {
    this.#instance = instance;
    this.use(keys);
  }

  /** From now on the first of these. */
  use(keys: readonly GroupKey[]): void {
    const first = keys[0];
    if (first === undefined) throw new RangeError('a group has at least one key');
    this.#keyId = first.id;
    this.#key = senderKey(first, this.#instance);
  }

  seal(messages: readonly Message[], receiver: Instance | undefined): Uint8Array {
    const header = new Uint8Array(HEADER);
    const view = new DataView(header.buffer);
    const counter = ++this.#counter;
    view.setUint8(HeaderOffset.version, WIRE_VERSION);
    view.setUint8(HeaderOffset.flags, receiver === undefined ? 0 : FLAG_BOUND);
    view.setUint32(HeaderOffset.keyId, this.#keyId);
    header.set(instanceToBytes(this.#instance), HeaderOffset.instance);
    view.setBigUint64(HeaderOffset.counter, BigInt(counter));
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonceOf(header));
    cipher.setAAD(additionalData(header, receiver));
    const sealed = cipher.update(encodeMessages(messages));
    cipher.final();
    return Buffer.concat([header, sealed, cipher.getAuthTag()]);
  }
}

/** Why a datagram had no effect; every one is counted, none is logged by itself. */
export const DATAGRAM_ERRORS = [
  'too-short',
  'too-long',
  'unknown-version',
  'unknown-key',
  'own',
  'replayed',
  'over-budget',
  'unauthentic',
  'malformed',
  'unbound',
] as const;
export type DatagramError = (typeof DATAGRAM_ERRORS)[number];

interface Opened {
  readonly sender: Instance;
  readonly messages: readonly Message[];
}

interface Sender {
  /** By the id of the group key. */
  readonly keys: Map<number, Uint8Array>;
  readonly window: ReplayWindow;
}

/**
 * More than any cluster has members, restarts included. Who falls out has to be proved anew before it is listened to
 * (handshake.ts), so that forgetting a window lets nothing old in.
 */
const MOST_SENDERS = 4096;

/** Opens everything that one process receives. */
export class Opener {
  readonly #instance: Instance;
  #keys: ReadonlyMap<number, GroupKey>;
  /** Those that sent something authentic to this very instance; the least recently heard first. */
  readonly #senders = new Map<Instance, Sender>();

  constructor(instance: Instance, keys: readonly GroupKey[]) {
    this.#instance = instance;
    this.#keys = new Map(keys.map((key) => [key.id, key]));
  }

  use(keys: readonly GroupKey[]): void {
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    for (const { keys: derived } of this.#senders.values())
      for (const id of derived.keys()) if (!this.#keys.has(id)) derived.delete(id);
  }

  /** `mayWork` is asked before the costly part when the sender is not known: whether there is still time for strangers. */
  open(bytes: Uint8Array, mayWork: () => boolean): Decoded<Opened, DatagramError> {
    if (bytes.length < HEADER + TAG) return malformed('too-short');
    if (bytes.length > MAX_DATAGRAM) return malformed('too-long');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (view.getUint8(HeaderOffset.version) !== WIRE_VERSION) return malformed('unknown-version');
    const group = this.#keys.get(view.getUint32(HeaderOffset.keyId));
    if (group === undefined) return malformed('unknown-key');
    const sender = instanceFromBytes(bytes.subarray(HeaderOffset.instance, HeaderOffset.instance + INSTANCE));
    if (sender === this.#instance) return malformed('own');
    const bound = (view.getUint8(HeaderOffset.flags) & FLAG_BOUND) !== 0;
    const counter = Number(view.getBigUint64(HeaderOffset.counter));
    const known = this.#senders.get(sender);
    if (known === undefined && !mayWork()) return malformed('over-budget');
    if (bound && known?.window.has(counter) === true) return malformed('replayed');
    const key = known?.keys.get(group.id) ?? senderKey(group, sender);
    const plain = decrypt(bytes, key, bound ? this.#instance : undefined);
    if (plain === undefined) return malformed('unauthentic');
    if (bound) {
      const heard = known ?? { keys: new Map<number, Uint8Array>(), window: new ReplayWindow() };
      heard.keys.set(group.id, key);
      heard.window.add(counter);
      this.#remember(sender, heard);
    }
    const messages = decodeMessages(plain);
    if (!messages.ok) return malformed('malformed');
    if (!bound && messages.value.some(({ kind }) => kind !== 'hello')) return malformed('unbound');
    return decoded({ sender, messages: messages.value });
  }

  /** As the one heard last. */
  #remember(instance: Instance, sender: Sender): void {
    this.#senders.delete(instance);
    this.#senders.set(instance, sender);
    const [oldest] = this.#senders.keys();
    if (this.#senders.size > MOST_SENDERS && oldest !== undefined) this.#senders.delete(oldest);
  }
}

function decrypt(bytes: Uint8Array, key: Uint8Array, receiver: Instance | undefined): Uint8Array | undefined {
  const header = bytes.subarray(0, HEADER);
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(header), { authTagLength: TAG });
  decipher.setAAD(additionalData(header, receiver));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG));
  const plain = decipher.update(bytes.subarray(HEADER, bytes.length - TAG));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return new Uint8Array(plain.buffer, plain.byteOffset, plain.length);
}

/** The counter, with zeros before it. */
function nonceOf(header: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(NONCE);
  nonce.set(header.subarray(HeaderOffset.counter, HEADER), NONCE - 8);
  return nonce;
}

function additionalData(header: Uint8Array, receiver: Instance | undefined): Uint8Array {
  return receiver === undefined ? header : Buffer.concat([header, instanceToBytes(receiver)]);
}
