import { type Fields, fieldsOf } from '../../base/fields.ts';
import { type Named, SortedObjects } from '../sorted-objects.ts';

/**
 * What one reflector knows: sorted, and the same object until something in it changes that we look at (a Node's heartbeat is no
 * change). A list that is read again is compared with what is there, so that only what differs is new.
 */
export class ObjectStore<T extends Named> {
  readonly #slim: (raw: Fields) => T | undefined;
  readonly #objects = new SortedObjects<T>();
  readonly #versions = new Map<string, string>();
  #collected: ReadObject<T>[] = [];

  /** `slim`: what is kept of an object that the server told; undefined: nothing. */
  constructor(slim: (raw: Fields) => T | undefined) {
    this.#slim = slim;
  }

  /** By `namespace/name`: the same map always, changed in place. */
  get all(): ReadonlyMap<string, T> {
    return this.#objects.all;
  }

  list(): readonly T[] {
    return this.#objects.list();
  }

  get(namespace: string, name: string): T | undefined {
    return this.#objects.all.get(keyOf(namespace, name));
  }

  /** Returns whether anything changed; so do the other ones. */
  put(raw: Fields): boolean {
    const read = this.#read(raw);
    return read !== undefined && this.#keep(read);
  }

  remove(raw: Fields): boolean {
    const { namespace, name } = fieldsOf(raw['metadata']);
    return this.#forget(keyOf(namespace, name));
  }

  /** A list begins, maybe anew: what follows is collected, and nothing changes before it is complete. */
  begin(): void {
    this.#collected = [];
  }

  collect(raw: Fields): void {
    const read = this.#read(raw);
    if (read !== undefined) this.#collected.push(read);
  }

  /** From now on there is what was collected, and nothing else. */
  complete(): boolean {
    const all = this.#collected;
    this.#collected = [];
    const keys = new Set(all.map(({ key }) => key));
    let changed = false;
    for (const key of [...this.#versions.keys()]) if (!keys.has(key)) changed = this.#forget(key) || changed;
    for (const read of all) changed = this.#keep(read) || changed;
    return changed;
  }

  /** As it will be kept; of what is there already, that one itself. */
  #read(raw: Fields): ReadObject<T> | undefined {
    const { namespace, name, uid, resourceVersion } = fieldsOf(raw['metadata']);
    const key = keyOf(namespace, name);
    const before = this.#objects.all.get(key);
    // With its uid: one that was made again after a restored backup may have the version of the one before.
    const version = [resourceVersion, uid].join(' ');
    if (before !== undefined && this.#versions.get(key) === version) return { key, version, object: before };
    const object = this.#slim(raw);
    if (object === undefined) return undefined;
    return { key, version, object: before !== undefined && same(before, object) ? before : object };
  }

  #keep({ key, version, object }: ReadObject<T>): boolean {
    this.#versions.set(key, version);
    if (this.#objects.all.get(key) === object) return false;
    this.#objects.put(key, object);
    return true;
  }

  #forget(key: string): boolean {
    this.#objects.put(key, undefined);
    return this.#versions.delete(key);
  }
}

interface ReadObject<T> {
  readonly key: string;
  readonly version: string;
  readonly object: T;
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
