import type { IpFamily } from '../base/ip-address.ts';
import type { Prefix } from '../base/prefix.ts';
import { grown } from './id-lists.ts';

/**
 * Small numbers for prefixes, one index for all peers of a process: what a peer knows of a prefix is then an entry in an array,
 * and the prefix itself is kept once.
 */
export class PrefixIndex {
  readonly ipv4 = new FamilyIndex('ipv4');
  readonly ipv6 = new FamilyIndex('ipv6');
}

export interface Written {
  readonly end: number;
  readonly count: number;
}

const EMPTY = -1;
/** Bits of an address: sixteen neighbours have their slots side by side, which is a line of the cache. */
const NEAR = 4;
/** So many prefixes without a holder are no reason to look for them. */
const FEW = 1024;

/**
 * Numbers are dense and used again, so that the arrays of those who hold them stay as short as there are prefixes. They are found
 * by a hash table with linear probing: a Map takes ten times as long for numbers above 2^30 and for bigints, and several times
 * the memory. A prefix without a holder stays where it is, since it often comes back (a flapping one does), until one is held when there
 * are more of them than of others: then all of them go at once.
 */
export class FamilyIndex {
  readonly family: IpFamily;
  /** 32-bit words of an address. */
  readonly #width: number;
  /** By number: the address, `width` words each, the length, and how many hold it. */
  #words: Uint32Array;
  #lengths = new Uint8Array(64);
  #holders = new Uint32Array(64);
  #end = 0;
  readonly #free: number[] = [];
  #idle = 0;
  /** A power of two, at most half full. */
  #slots = new Int32Array(128).fill(EMPTY);
  readonly #asked: Uint32Array;
  #askedLength = 0;
  /** A bigint's way to words that makes no others: Number(bigint) takes several times as long. */
  readonly #bits = new DataView(new ArrayBuffer(8));

  constructor(family: IpFamily) {
    this.family = family;
    this.#width = family === 'ipv4' ? 1 : 4;
    this.#words = new Uint32Array(64 * this.#width);
    this.#asked = new Uint32Array(this.#width);
  }

  /**
   * The numbers of prefixes, from `from` on, as many as `into` has room for; tells how many were found. Those of the other
   * family and those that nobody holds have none.
   */
  find(prefixes: readonly Prefix[], from: number, into: Int32Array): number {
    const [family, slots, holders] = [this.family, this.#slots, this.#holders];
    const end = Math.min(prefixes.length, from + into.length);
    let count = 0;
    for (let i = from; i < end; i++) {
      const prefix = prefixes[i]!;
      if (prefix.address.family !== family) continue;
      this.#ask(prefix);
      const id = slots[this.#slotOfAsked()]!;
      if (id !== EMPTY && holders[id]! > 0) into[count++] = id;
    }
    return count;
  }

  /** One more holder of the prefix. Each holder releases it once. */
  hold(prefix: Prefix): number {
    if (this.#idle > FEW && this.#idle * 2 > this.#end - this.#free.length) this.#rebuild(this.#slots.length);
    this.#ask(prefix);
    const slot = this.#slotOfAsked();
    const found = this.#slots[slot]!;
    if (found !== EMPTY) {
      if (this.#holders[found]!++ === 0) this.#idle--;
      return found;
    }
    const id = this.#free.pop() ?? this.#end++;
    this.#holders = grown(this.#holders, id + 1);
    this.#lengths = grown(this.#lengths, id + 1);
    this.#words = grown(this.#words, (id + 1) * this.#width);
    this.#holders[id] = 1;
    this.#lengths[id] = this.#askedLength;
    for (let i = 0; i < this.#width; i++) this.#words[id * this.#width + i] = this.#asked[i]!;
    this.#slots[slot] = id;
    if ((this.#end - this.#free.length) * 2 > this.#slots.length) this.#rebuild(this.#slots.length * 2);
    return id;
  }

  release(id: number): void {
    if (--this.#holders[id]! === 0) this.#idle++;
  }

  /** The first `count` of them. */
  releaseAll(ids: Int32Array, count: number): void {
    const holders = this.#holders;
    let idle = 0;
    for (let i = 0; i < count; i++) if (--holders[ids[i]!]! === 0) idle++;
    this.#idle += idle;
  }

  /** How many octets the prefix takes on the wire (RFC 4271 §4.3). */
  sizeOf(id: number): number {
    return 1 + ((this.#lengths[id]! + 7) >>> 3);
  }

  /**
   * Writes prefixes from `at` on, as long as they end before `limit`: the first `count` of `ids`. Tells where the last one ends and
   * how many there are. One loop without calls: a process that has just started runs it for a whole table, and slowly.
   */
  write(ids: Int32Array, count: number, target: Uint8Array, at: number, limit: number): Written {
    const [words, lengths, width] = [this.#words, this.#lengths, this.#width];
    let end = at;
    let i = 0;
    for (; i < count; i++) {
      const id = ids[i]!;
      const length = lengths[id]!;
      const octets = (length + 7) >>> 3;
      if (end + 1 + octets > limit) break;
      target[end++] = length;
      let word = id * width;
      for (let left = length; left > 0; left -= 32, word++) {
        const bits = words[word]!;
        target[end++] = bits >>> 24;
        if (left > 8) target[end++] = bits >>> 16;
        if (left > 16) target[end++] = bits >>> 8;
        if (left > 24) target[end++] = bits;
      }
    }
    return { end, count: i };
  }

  #ask({ address: { family, value }, length }: Prefix): void {
    this.#askedLength = length;
    const [asked, bits] = [this.#asked, this.#bits];
    bits.setBigUint64(0, value);
    if (family === 'ipv4') {
      asked[0] = bits.getUint32(4);
      return;
    }
    asked[2] = bits.getUint32(0);
    asked[3] = bits.getUint32(4);
    bits.setBigUint64(0, value >> 64n);
    asked[0] = bits.getUint32(0);
    asked[1] = bits.getUint32(4);
  }

  /** Where the prefix is, or would be put. */
  #slotOfAsked(): number {
    const mask = this.#slots.length - 1;
    for (let slot = this.#hash(this.#asked, 0, this.#askedLength) & mask; ; slot = (slot + 1) & mask) {
      const id = this.#slots[slot]!;
      if (id === EMPTY || this.#isAsked(id)) return slot;
    }
  }

  #isAsked(id: number): boolean {
    if (this.#lengths[id] !== this.#askedLength) return false;
    const from = id * this.#width;
    for (let i = 0; i < this.#width; i++) if (this.#words[from + i] !== this.#asked[i]) return false;
    return true;
  }

  /** Neighbours are next to each other, and so in one line of the processor's cache: addresses often come and go in their order. */
  #hash(words: Uint32Array, from: number, length: number): number {
    const end = from + this.#width;
    let hash = length;
    for (let i = from; i < end - 1; i++) hash = mixed(hash ^ words[i]!);
    const last = words[end - 1]!;
    return (mixed(hash ^ (last >>> NEAR)) << NEAR) | (last & ((1 << NEAR) - 1));
  }

  /** With so many slots, and without the prefixes that nobody holds. */
  #rebuild(slots: number): void {
    const before = this.#slots;
    const mask = slots - 1;
    this.#slots = new Int32Array(slots).fill(EMPTY);
    this.#idle = 0;
    for (const id of before) {
      if (id === EMPTY) continue;
      if (this.#holders[id] === 0) {
        this.#free.push(id);
        continue;
      }
      let slot = this.#hash(this.#words, id * this.#width, this.#lengths[id]!) & mask;
      while (this.#slots[slot] !== EMPTY) slot = (slot + 1) & mask;
      this.#slots[slot] = id;
    }
  }
}

function mixed(bits: number): number {
  const product = Math.imul(bits, 0x9e3779b1);
  return product ^ (product >>> 15);
}
