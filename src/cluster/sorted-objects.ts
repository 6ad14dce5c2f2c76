import { compareNames } from '../base/name-order.ts';
import { derived } from '../base/sorted-difference.ts';
import { type ClusterObject, OBJECT_KINDS, type ObjectKind, type ObjectLists } from './ports.ts';

/** Above this many changes at once a list is sorted anew instead of patched. */
const PATCH_AT_MOST = 32;

export interface Named {
  readonly namespace: string;
  readonly name: string;
}

/**
 * The objects of one kind, sorted by namespace and name; the array stays the same one until an object changes. Keys are the
 * owner's: one for each namespace and name.
 */
export class SortedObjects<T extends Named> {
  readonly #objects = new Map<string, T>();
  #list: readonly T[] = [];
  #changed = new Map<string, T>();

  put(key: string, object: T | undefined): void {
    const before = this.#objects.get(key);
    if (before === object) return;
    if (object === undefined) this.#objects.delete(key);
    else this.#objects.set(key, object);
    this.#changed.set(key, (object ?? before)!);
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): readonly T[] {
    if (this.#changed.size === 0) return this.#list;
    if (this.#changed.size > PATCH_AT_MOST) this.#list = [...this.#objects.values()].sort(compareNames);
    else {
      const list = [...this.#list];
      const gone: T[] = [];
      const come: T[] = [];
      for (const [key, named] of this.#changed) {
        const object = this.#objects.get(key);
        gone.push(...patch(list, named, object));
        if (object !== undefined) come.push(object);
      }
      derived(this.#list, list, { gone, come });
      this.#list = list;
    }
    this.#changed = new Map();
    return this.#list;
  }
}

/** Every kind's list. */
export class SortedLists {
  readonly #kinds = Object.fromEntries(
    OBJECT_KINDS.map((kind) => [kind, new SortedObjects<ClusterObject>()]),
  ) as Record<ObjectKind, SortedObjects<ClusterObject>>;

  put(kind: ObjectKind, key: string, object: ClusterObject | undefined): void {
    this.#kinds[kind].put(key, object);
  }
  list(kind: ObjectKind): readonly ClusterObject[] {
    return this.#kinds[kind].list();
  }
  all(): ObjectLists {
    return Object.fromEntries(OBJECT_KINDS.map((kind) => [kind, this.list(kind)])) as unknown as ObjectLists;
  }
}

/** Returns what was there before. */
function patch<T extends Named>(list: T[], named: T, object: T | undefined): readonly T[] {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareNames(list[middle]!, named) < 0) low = middle + 1;
    else high = middle;
  }
  const at = list[low];
  const found = at !== undefined && compareNames(at, named) === 0 ? 1 : 0;
  return object === undefined ? list.splice(low, found) : list.splice(low, found, object);
}
