import type { ClusterObject, ObjectKind } from '../ports.ts';
import { SortedObjects } from '../sorted-objects.ts';
import { fieldsOf } from './api-answer.ts';
import { slim } from './slim.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * What one reflector knows: sorted, and the same object until something in it changes that we look at (a Node's heartbeat is no
 * change). A list that is read again is compared with what is there, so that only what differs is new.
 */
export class ObjectStore {
  readonly #kind: ObjectKind;
  readonly #objects = new SortedObjects();
  readonly #versions = new Map<string, unknown>();

  constructor(kind: ObjectKind) {
    this.#kind = kind;
  }

  get size(): number {
    return this.#objects.size;
  }

  list(): readonly ClusterObject[] {
    return this.#objects.list();
  }

  /** Returns whether anything changed. */
  put(raw: Fields): boolean {
    const read = this.read(raw);
    return read !== undefined && this.#keep(read);
  }

  remove(raw: Fields): boolean {
    const { namespace, name } = fieldsOf(raw['metadata']);
    return this.#forget(keyOf(namespace, name));
  }

  /** As it will be kept; of what is there already, that one itself. */
  read(raw: Fields): ReadObject | undefined {
    const { namespace, name, uid, resourceVersion } = fieldsOf(raw['metadata']);
    const key = keyOf(namespace, name);
    const before = this.#objects.get(key);
    // A version is told apart by its owner: one that was deleted and made again may have the version of a restored backup.
    const version = [resourceVersion, uid].join(' ');
    if (before !== undefined && this.#versions.get(key) === version) return { key, version, object: before };
    const object = slim(this.#kind, raw);
    if (object === undefined) return undefined;
    return { key, version, object: before !== undefined && same(before.body, object.body) ? before : object };
  }

  /** From now on there is this and nothing else. Returns whether anything changed. */
  replace(all: readonly ReadObject[]): boolean {
    const keys = new Set(all.map(({ key }) => key));
    let changed = false;
    for (const key of [...this.#versions.keys()]) if (!keys.has(key)) changed = this.#forget(key) || changed;
    for (const read of all) changed = this.#keep(read) || changed;
    return changed;
  }

  #keep({ key, version, object }: ReadObject): boolean {
    this.#versions.set(key, version);
    if (this.#objects.get(key) === object) return false;
    this.#objects.put(key, object);
    return true;
  }

  #forget(key: string): boolean {
    this.#objects.put(key, undefined);
    return this.#versions.delete(key);
  }
}

export interface ReadObject {
  readonly key: string;
  readonly version: string;
  readonly object: ClusterObject;
}

/** Of what the API server told: both are strings, and a Node has no namespace. */
const keyOf = (namespace: unknown, name: unknown): string =>
  `${typeof namespace === 'string' ? namespace : ''}/${typeof name === 'string' ? name : ''}`;

/** Of two JSON values; a field that is undefined is one that is absent. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((one, i) => same(one, b[i]));
  const left = a as Fields;
  const right = b as Fields;
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((key) => same(left[key], right[key]));
}
