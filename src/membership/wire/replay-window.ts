/** How far behind the newest a datagram may be. Reordering on a network is a matter of a few. */
const WIDTH = 1024;

/** Which counters of one sender were seen. One that is too old counts as seen. RFC 4303 §3.4.3 does the same for ESP. */
export class ReplayWindow {
  #newest = -1;
  /** One bit a counter, at the counter modulo the width. */
  readonly #seen = new Uint32Array(WIDTH / 32);

  has(counter: number): boolean {
    if (counter > this.#newest) return false;
    if (counter <= this.#newest - WIDTH) return true;
    return (this.#seen[wordOf(counter)]! & bitOf(counter)) !== 0;
  }

  /** Only once it is known to be authentic, or a forger could move the window. */
  add(counter: number): void {
    if (counter > this.#newest) {
      if (counter - this.#newest >= WIDTH) this.#seen.fill(0);
      else
        for (let passed = this.#newest + 1; passed < counter; passed++) this.#seen[wordOf(passed)]! &= ~bitOf(passed);
      this.#newest = counter;
    }
    this.#seen[wordOf(counter)]! |= bitOf(counter);
  }
}

const wordOf = (counter: number): number => (counter % WIDTH) >>> 5;
const bitOf = (counter: number): number => 1 << (counter & 31);
