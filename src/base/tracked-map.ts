/**
 * A map that is changed in place and tells each of its followers which keys were touched. Of ten thousand Services one changes
 * at a time, and what every stage of a pass does then is to cost what changed, not what there is.
 */
export class TrackedMap<K, V> extends Map<K, V> {
  readonly #journals = new Set<Set<K>>();

  constructor(entries: Iterable<readonly [K, V]> = []) {
    // Not by Map's own constructor, which would call `set` before there are journals.
    super();
    for (const [key, value] of entries) super.set(key, value);
  }

  /** Nothing is touched where the value is the same one as before. */
  override set(key: K, value: V): this {
    if (this.get(key) === value && this.has(key)) return this;
    this.#touch(key);
    return super.set(key, value);
  }

  override delete(key: K): boolean {
    const there = super.delete(key);
    if (there) this.#touch(key);
    return there;
  }

  override clear(): void {
    for (const key of this.keys()) this.#touch(key);
    super.clear();
  }

  /** Each key that is touched from now on is added to it; who adds it takes keys out. */
  follow(journal: Set<K>): void {
    this.#journals.add(journal);
  }

  unfollow(journal: Set<K>): void {
    this.#journals.delete(journal);
  }

  #touch(key: K): void {
    for (const journal of this.#journals) journal.add(key);
  }
}

/**
 * Which keys of a map may have another value than when somebody looked last. It costs what changed where the map is the same
 * TrackedMap as then, and a comparison of both where it is another map: a plain one must not be changed in place.
 */
export class Follower<K, V> {
  readonly #journal = new Set<K>();
  #map: ReadonlyMap<K, V> = new Map();

  /** Those that came, changed and went, until `seen`: a pass that fails half way finds them again. */
  changed(map: ReadonlyMap<K, V>): ReadonlySet<K> {
    if (map === this.#map) return this.#journal;
    const before = this.#map;
    if (before instanceof TrackedMap) before.unfollow(this.#journal);
    for (const [key, value] of map) if (before.get(key) !== value || !before.has(key)) this.#journal.add(key);
    for (const key of before.keys()) if (!map.has(key)) this.#journal.add(key);
    if (map instanceof TrackedMap) map.follow(this.#journal);
    this.#map = map;
    return this.#journal;
  }

  seen(): void {
    this.#journal.clear();
  }

  /** Nobody looks any more, so nothing is to be kept for it. */
  stop(): void {
    if (this.#map instanceof TrackedMap) this.#map.unfollow(this.#journal);
    this.#map = new Map();
    this.#journal.clear();
  }
}
