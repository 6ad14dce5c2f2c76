/** Beyond this many different ones they are not alike, and nothing would be won. */
const MOST = 1000;

/**
 * One object for all that say the same. What crosses from thread to thread arrives as copies, and of ten thousand reports
 * nearly all say the same words of different addresses.
 */
export class OneOfEach<T> {
  readonly #known = new Map<string, T>();

  /** The first one that said this. */
  of(value: T): T {
    const text = JSON.stringify(value);
    const same = this.#known.get(text);
    if (same !== undefined) return same;
    if (this.#known.size < MOST) this.#known.set(text, value);
    return value;
  }
}
