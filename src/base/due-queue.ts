import type { Milliseconds } from './clock.ts';

interface Item<K> {
  readonly key: K;
  readonly due: Milliseconds;
  readonly order: number;
}

/**
 * Keys with the time when each is due, the earliest first, equal times in order of setting: a binary heap that knows where
 * each key lies, so that a key is moved or taken out in O(log n) and never lies there twice. It holds thousands of timers
 * with one timer of the clock.
 */
export class DueQueue<K> {
  readonly #heap: Item<K>[] = [];
  readonly #places = new Map<K, number>();
  #order = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** Adds the key, or moves it. */
  set(key: K, due: Milliseconds): void {
    this.delete(key);
    const item = { key, due, order: this.#order++ };
    this.#put(item, this.#heap.length);
    this.#rise(item);
  }

  has(key: K): boolean {
    return this.#places.has(key);
  }

  delete(key: K): void {
    const place = this.#places.get(key);
    if (place === undefined) return;
    this.#places.delete(key);
    const last = this.#heap.pop()!;
    if (last.key === key) return;
    this.#put(last, place);
    this.#rise(last);
    this.#sink(last);
  }

  /** When the first key is due. */
  nextDue(): Milliseconds | undefined {
    return this.#heap[0]?.due;
  }

  /** The first key if it is due, left in its place. */
  peek(now: Milliseconds): K | undefined {
    const first = this.#heap[0];
    return first !== undefined && first.due <= now ? first.key : undefined;
  }

  #put(item: Item<K>, place: number): void {
    this.#heap[place] = item;
    this.#places.set(item.key, place);
  }

  #rise(item: Item<K>): void {
    for (;;) {
      const place = this.#places.get(item.key)!;
      if (place === 0) return;
      const parent = this.#heap[(place - 1) >> 1]!;
      if (!isBefore(item, parent)) return;
      this.#put(parent, place);
      this.#put(item, (place - 1) >> 1);
    }
  }

  #sink(item: Item<K>): void {
    for (;;) {
      const place = this.#places.get(item.key)!;
      const left = this.#heap[2 * place + 1];
      const right = this.#heap[2 * place + 2];
      const child = left !== undefined && right !== undefined && isBefore(right, left) ? right : left;
      if (child === undefined || !isBefore(child, item)) return;
      const below = this.#places.get(child.key)!;
      this.#put(child, place);
      this.#put(item, below);
    }
  }
}

const isBefore = (a: Item<unknown>, b: Item<unknown>): boolean => (a.due !== b.due ? a.due < b.due : a.order < b.order);
