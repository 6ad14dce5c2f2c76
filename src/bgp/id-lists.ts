/** One of several lists that share the links below; each number is in one of them at most. */
export interface IdList {
  head: number;
  tail: number;
  length: number;
}

export const emptyList = (): IdList => ({ head: NONE, tail: NONE, length: 0 });
const NONE = -1;

/**
 * Doubly linked lists of small numbers that live in arrays: a number is put at the end, taken from the front, or taken out of
 * the middle in constant time, and however often it moves it costs the memory of one entry.
 */
export class IdLinks {
  #next = new Int32Array(64);
  #previous = new Int32Array(64);

  grow(capacity: number): void {
    this.#next = grown(this.#next, capacity);
    this.#previous = grown(this.#previous, capacity);
  }

  append(list: IdList, id: number): void {
    this.#next[id] = NONE;
    this.#previous[id] = list.tail;
    if (list.tail === NONE) list.head = id;
    else this.#next[list.tail] = id;
    list.tail = id;
    list.length++;
  }

  remove(list: IdList, id: number): void {
    const next = this.#next[id]!;
    const previous = this.#previous[id]!;
    if (previous === NONE) list.head = next;
    else this.#next[previous] = next;
    if (next === NONE) list.tail = previous;
    else this.#previous[next] = previous;
    list.length--;
  }
}

/** Itself where it is long enough. */
export function grown<T extends Int32Array | Uint32Array | Uint8Array>(array: T, capacity: number): T {
  if (capacity <= array.length) return array;
  const larger = new (array.constructor as new (length: number) => T)(Math.max(capacity, array.length * 2));
  larger.set(array);
  return larger;
}
