/**
 * Reads network byte order from received bytes. Every read is checked: past the end it returns undefined and the
 * reader stays exhausted, so that a decoder can read a header in one go and ask `failed` once.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;
  #failed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** True once anything was read past the end; what such reads returned is zero and must not be used. */
  get failed(): boolean {
    return this.#failed;
  }
  get offset(): number {
    return this.#offset;
  }
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  uint8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : this.#view.getUint8(at);
  }
  uint16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : this.#view.getUint16(at);
  }
  uint32(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : this.#view.getUint32(at);
  }
  /** A view into the same memory, not a copy; empty when there are not that many left. */
  bytes(count: number): Uint8Array {
    const at = this.#take(count);
    return at < 0 ? new Uint8Array(0) : this.#bytes.subarray(at, at + count);
  }
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  #take(count: number): number {
    if (this.#failed || count > this.remaining) {
      this.#failed = true;
      return -1;
    }
    const at = this.#offset;
    this.#offset += count;
    return at;
  }
}
