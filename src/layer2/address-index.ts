import { type IpAddress, ipAddressToBytes } from '../base/ip-address.ts';
import { sameBytes } from './wire/ethernet.ts';

/**
 * Finds what belongs to an address by the bytes of a frame, without building an address: IPv4 by its number, IPv6 by a
 * hash of its words. The addresses in it are ours, so nobody outside can make the buckets long.
 */
export class AddressIndex<T> {
  readonly #ipv4 = new Map<number, T>();
  readonly #ipv6 = new Map<number, { readonly bytes: Uint8Array; readonly value: T }[]>();

  set(address: IpAddress, value: T): void {
    this.delete(address);
    if (address.family === 'ipv4') {
      this.#ipv4.set(Number(address.value), value);
      return;
    }
    const bytes = ipAddressToBytes(address);
    const bucket = this.#ipv6.get(hashAt(bytes, 0));
    if (bucket === undefined) this.#ipv6.set(hashAt(bytes, 0), [{ bytes, value }]);
    else bucket.push({ bytes, value });
  }

  delete(address: IpAddress): void {
    if (address.family === 'ipv4') {
      this.#ipv4.delete(Number(address.value));
      return;
    }
    const bytes = ipAddressToBytes(address);
    const hash = hashAt(bytes, 0);
    const rest = (this.#ipv6.get(hash) ?? []).filter((one) => !sameBytes(one.bytes, 0, bytes, 0, 16));
    if (rest.length === 0) this.#ipv6.delete(hash);
    else this.#ipv6.set(hash, rest);
  }

  ipv4At(frame: Uint8Array, at: number): T | undefined {
    return this.#ipv4.get(wordAt(frame, at));
  }

  ipv6At(frame: Uint8Array, at: number): T | undefined {
    const bucket = this.#ipv6.get(hashAt(frame, at));
    if (bucket === undefined) return undefined;
    for (const one of bucket) if (sameBytes(frame, at, one.bytes, 0, 16)) return one.value;
    return undefined;
  }
}

const wordAt = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;

/** The last word is what differs within a pool; multiplying keeps the words above from cancelling it. */
function hashAt(bytes: Uint8Array, at: number): number {
  let hash = wordAt(bytes, at);
  for (let i = 4; i < 16; i += 4) hash = (Math.imul(hash, 31) ^ wordAt(bytes, at + i)) >>> 0;
  return hash;
}
