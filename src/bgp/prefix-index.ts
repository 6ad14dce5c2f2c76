import type { IpFamily } from '../base/ip-address.ts';
import type { Prefix } from '../base/prefix.ts';
import { grown } from './id-lists.ts';
import { writePrefix } from './wire/nlri.ts';

/**
 * Small numbers for prefixes, one index for all peers of a process: what a peer knows of a prefix is then an entry in an array,
 * and the prefix itself is kept once, as the octets that go on the wire (RFC 4271 §4.3: length in bits, then as many octets
 * as it needs).
 */
export class PrefixIndex {
  readonly ipv4 = new FamilyIndex('ipv4');
  readonly ipv6 = new FamilyIndex('ipv6');
}

const EMPTY = -1;

/**
 * Numbers are dense and used again, so that the arrays of those who hold them stay as short as there are prefixes. They are found
 * by a hash table with linear probing over the octets: a Map takes ten times as long for numbers above 2^30, and for
 * bigints, and a table of a million prefixes ten times the memory.
 */
export class FamilyIndex {
  readonly family: IpFamily;
  /** Octets that a prefix takes here: its length and a whole address, behind the prefix all zero. */
  readonly #stride: number;
  #octets: Uint8Array;
  #holders = new Uint32Array(64);
  #end = 0;
  readonly #free: number[] = [];
  /** A power of two, at most half full. */
  #slots = new Int32Array(128).fill(EMPTY);
  readonly #asked: Uint8Array;

  constructor(family: IpFamily) {
    this.family = family;
    this.#stride = family === 'ipv4' ? 5 : 17;
    this.#octets = new Uint8Array(64 * this.#stride);
    this.#asked = new Uint8Array(this.#stride);
  }

  /** Undefined: nobody holds it. */
  find(prefix: Prefix): number | undefined {
    const id = this.#slots[this.#slotOf(prefix)]!;
    return id === EMPTY ? undefined : id;
  }

  /** One more holder of the prefix. Each holder releases it once. */
  hold(prefix: Prefix): number {
    const slot = this.#slotOf(prefix);
    const found = this.#slots[slot]!;
    if (found !== EMPTY) {
      this.#holders[found]!++;
      return found;
    }
    const id = this.#free.pop() ?? this.#end++;
    this.#holders = grown(this.#holders, id + 1);
    this.#octets = grown(this.#octets, (id + 1) * this.#stride);
    this.#holders[id] = 1;
    for (let i = 0; i < this.#stride; i++) this.#octets[id * this.#stride + i] = this.#asked[i]!;
    this.#slots[slot] = id;
    if ((this.#end - this.#free.length) * 2 > this.#slots.length) this.#rehash();
    return id;
  }

  release(id: number): void {
    if (--this.#holders[id]! > 0) return;
    this.#vacate(id);
    this.#free.push(id);
  }

  /** How many octets the prefix takes on the wire. */
  sizeOf(id: number): number {
    return 1 + ((this.#octets[id * this.#stride]! + 7) >>> 3);
  }

  /** Writes it at `at` and tells where it ends. */
  write(id: number, target: Uint8Array, at: number): number {
    const octets = this.#octets;
    const start = id * this.#stride;
    const size = this.sizeOf(id);
    for (let i = 0; i < size; i++) target[at + i] = octets[start + i]!;
    return at + size;
  }

  /** Where the prefix is, or would be put. */
  #slotOf(prefix: Prefix): number {
    this.#asked.fill(0);
    writePrefix(this.#asked, 0, prefix);
    const mask = this.#slots.length - 1;
    for (let slot = this.#hash(this.#asked, 0) & mask; ; slot = (slot + 1) & mask) {
      const id = this.#slots[slot]!;
      if (id === EMPTY || this.#isAsked(id)) return slot;
    }
  }

  #isAsked(id: number): boolean {
    const start = id * this.#stride;
    for (let i = 0; i < this.#stride; i++) if (this.#octets[start + i] !== this.#asked[i]) return false;
    return true;
  }

  /** FNV-1a, and its upper bits mixed into the lower ones, which are the ones that are used. */
  #hash(octets: Uint8Array, start: number): number {
    let hash = 0x811c9dc5;
    for (let i = 0; i < this.#stride; i++) hash = Math.imul(hash ^ octets[start + i]!, 0x01000193);
    return hash ^ (hash >>> 15);
  }

  /** Where the search for it begins. */
  #home(id: number): number {
    return this.#hash(this.#octets, id * this.#stride) & (this.#slots.length - 1);
  }

  /** The entries behind it move up, so that none is cut off from the place where the search for it begins. */
  #vacate(id: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = this.#home(id);
    while (slots[hole] !== id) hole = (hole + 1) & mask;
    for (let next = (hole + 1) & mask; slots[next] !== EMPTY; next = (next + 1) & mask) {
      if (((next - this.#home(slots[next]!)) & mask) < ((next - hole) & mask)) continue;
      slots[hole] = slots[next]!;
      hole = next;
    }
    slots[hole] = EMPTY;
  }

  #rehash(): void {
    const before = this.#slots;
    this.#slots = new Int32Array(before.length * 2).fill(EMPTY);
    const mask = this.#slots.length - 1;
    for (const id of before) {
      if (id === EMPTY) continue;
      let slot = this.#home(id);
      while (this.#slots[slot] !== EMPTY) slot = (slot + 1) & mask;
      this.#slots[slot] = id;
    }
  }
}
