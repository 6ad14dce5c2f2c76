/**
 * What is written and not yet with the kernel: the parts as they were given, none of them copied or joined. Begun parts
 * are remembered by how much of the first one is gone.
 */
export class WriteQueue {
  #parts: Uint8Array[] = [];
  #first = 0;
  #skip = 0;
  #size = 0;

  /** Octets. */
  get size(): number {
    return this.#size;
  }

  add(parts: readonly Uint8Array[]): void {
    for (const part of parts) {
      if (part.length === 0) continue;
      this.#parts.push(part);
      this.#size += part.length;
    }
  }

  clear(): void {
    this.#parts = [];
    this.#first = 0;
    this.#skip = 0;
    this.#size = 0;
  }

  /** `send` takes from parts[from][skip] on and says how many octets it took, or -errno, which ends it and is returned. */
  flush(send: (parts: readonly Uint8Array[], from: number, skip: number) => number): number {
    while (this.#size > 0) {
      const sent = send(this.#parts, this.#first, this.#skip);
      if (sent < 0) return sent;
      this.#advance(sent);
    }
    this.clear();
    return 0;
  }

  #advance(sent: number): void {
    this.#size -= sent;
    this.#skip += sent;
    while (this.#first < this.#parts.length && this.#skip >= this.#parts[this.#first]!.length) {
      this.#skip -= this.#parts[this.#first]!.length;
      this.#first++;
    }
    // What is sent may go, but the list is not to be moved for every call.
    if (this.#first >= 1024) {
      this.#parts.splice(0, this.#first);
      this.#first = 0;
    }
  }
}
