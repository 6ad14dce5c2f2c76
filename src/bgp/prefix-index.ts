import type { IpFamily } from '../base/ip-address.ts';
import type { Prefix } from '../base/prefix.ts';
import { prefixKey } from './route.ts';
import { writePrefix } from './wire/nlri.ts';

/**
 * Small numbers for prefixes, one index for all peers of a process: what a peer knows of a prefix is then an entry in an array,
 * and the prefix itself is kept once, as the bytes that go on the wire (RFC 4271 §4.3: length in bits, then as many octets
 * as it needs).
 */
export class PrefixIndex {
  readonly ipv4 = new FamilyIndex('ipv4');
  readonly ipv6 = new FamilyIndex('ipv6');
}

/** Numbers are dense and used again, so that the arrays of those who hold them stay as short as there are prefixes. */
export class FamilyIndex {
  readonly family: IpFamily;
  readonly #stride: number;
  readonly #ids = new Map<number | bigint, number>();
  readonly #keys: (number | bigint)[] = [];
  readonly #holders: number[] = [];
  readonly #free: number[] = [];
  #octets: Uint8Array;

  constructor(family: IpFamily) {
    this.family = family;
    this.#stride = family === 'ipv4' ? 5 : 17;
    this.#octets = new Uint8Array(64 * this.#stride);
  }

  /** Undefined: nobody holds it. */
  find(prefix: Prefix): number | undefined {
    return this.#ids.get(prefixKey(prefix));
  }

  /** One more holder of the prefix. Each holder releases it once. */
  hold(prefix: Prefix): number {
    const key = prefixKey(prefix);
    const found = this.#ids.get(key);
    if (found !== undefined) {
      this.#holders[found]!++;
      return found;
    }
    const id = this.#free.pop() ?? this.#keys.length;
    this.#ids.set(key, id);
    this.#keys[id] = key;
    this.#holders[id] = 1;
    this.#writeOctets(id, prefix);
    return id;
  }

  release(id: number): void {
    if (--this.#holders[id]! > 0) return;
    this.#ids.delete(this.#keys[id]!);
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

  #writeOctets(id: number, prefix: Prefix): void {
    const at = id * this.#stride;
    if (at + this.#stride > this.#octets.length) {
      const larger = new Uint8Array(this.#octets.length * 2);
      larger.set(this.#octets);
      this.#octets = larger;
    }
    writePrefix(this.#octets, at, prefix);
  }
}
