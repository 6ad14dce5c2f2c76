/** One of several lists that share the links below; each number is in one of them at most. */
export interface IdList {
  head: number;
  tail: number;
  length: number;
}

const NO_ID = -1;
export const emptyList = (): IdList => ({ head: NO_ID, tail: NO_ID, length: 0 });

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
    this.#next[id] = NO_ID;
    this.#previous[id] = list.tail;
    if (list.tail === NO_ID) list.head = id;
    else this.#next[list.tail] = id;
    list.tail = id;
    list.length++;
  }

  appendAll(list: IdList, ids: Int32Array, count: number): void {
    const [next, previous] = [this.#next, this.#previous];
    let { tail } = list;
    for (let i = 0; i < count; i++) {
      const id = ids[i]!;
      previous[id] = tail;
      if (tail === NO_ID) list.head = id;
      else next[tail] = id;
      tail = id;
    }
    if (count === 0) return;
    next[tail] = NO_ID;
    list.tail = tail;
    list.length += count;
  }

  remove(list: IdList, id: number): void {
    const next = this.#next[id]!;
    const previous = this.#previous[id]!;
    if (previous === NO_ID) list.head = next;
    else this.#next[previous] = next;
    if (next === NO_ID) list.tail = previous;
    else this.#previous[next] = previous;
    list.length--;
  }

  /** Its first ones, as many as `into` has room for; tells how many. */
  first({ head }: IdList, into: Int32Array): number {
    const next = this.#next;
    let count = 0;
    for (let id = head; id !== NO_ID && count < into.length; id = next[id]!) into[count++] = id;
    return count;
  }

  /** Takes out the first `count`, of which `last` is the last one. */
  removeFirst(list: IdList, count: number, last: number): void {
    list.head = this.#next[last]!;
    list.length -= count;
    if (list.head === NO_ID) list.tail = NO_ID;
    else this.#previous[list.head] = NO_ID;
  }
}

/** Itself where it is long enough. */
export function grown<T extends Int32Array | Uint32Array | Uint8Array>(array: T, capacity: number): T {
  if (capacity <= array.length) return array;
  const larger = new (array.constructor as new (length: number) => T)(Math.max(capacity, array.length * 2));
  larger.set(array);
  return larger;
}
