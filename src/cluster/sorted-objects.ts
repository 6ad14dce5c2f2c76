import { compareNames } from '../base/name-order.ts';
import { TrackedMap } from '../base/tracked-map.ts';
import { type ClusterObject, OBJECT_KINDS, type ObjectKind, type ObjectLists } from './ports.ts';

export interface Named {
  readonly namespace: string;
  readonly name: string;
}

/** The objects of one kind. Keys are the owner's: one for each namespace and name. */
export class SortedObjects<T extends Named> {
  readonly #objects = new TrackedMap<string, T>();
  #list: readonly T[] | undefined;

  put(key: string, object: T | undefined): void {
    if (this.#objects.get(key) === object) return;
    if (object === undefined) this.#objects.delete(key);
    else this.#objects.set(key, object);
    this.#list = undefined;
  }

  /** The same map always, changed in place. */
  get all(): ReadonlyMap<string, T> {
    return this.#objects;
  }

  /** Sorted by namespace and name; the same array until an object changes. */
  list(): readonly T[] {
    this.#list ??= [...this.#objects.values()].sort(compareNames);
    return this.#list;
  }
}

/** Those of every kind, by `namespace/name`. */
export class SortedLists {
  readonly #kinds = Object.fromEntries(
    OBJECT_KINDS.map((kind) => [kind, new SortedObjects<ClusterObject>()]),
  ) as Record<ObjectKind, SortedObjects<ClusterObject>>;

  put(kind: ObjectKind, namespace: string, name: string, object: ClusterObject | undefined): void {
    this.#kinds[kind].put(`${namespace}/${name}`, object);
  }
  objects(kind: ObjectKind): ReadonlyMap<string, ClusterObject> {
    return this.#kinds[kind].all;
  }
  list(kind: ObjectKind): readonly ClusterObject[] {
    return this.#kinds[kind].list();
  }
  all(): ObjectLists {
    return Object.fromEntries(OBJECT_KINDS.map((kind) => [kind, this.list(kind)])) as unknown as ObjectLists;
  }
}
