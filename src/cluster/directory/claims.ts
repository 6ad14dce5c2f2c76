import { compact } from '../../base/compact.ts';
import { compareText } from '../../base/name-order.ts';
import type { Problem } from '../../base/problem.ts';
import type { ClusterObject } from '../ports.ts';

/** "Kind/namespace/name": none of the three may contain a slash. */
export type ObjectKey = string & { readonly __format: 'Kind/namespace/name' };
export const objectKey = (kind: string, namespace: string, name: string): ObjectKey =>
  `${kind}/${namespace}/${name}` as ObjectKey;
export const keyOf = (object: ClusterObject): ObjectKey => objectKey(object.kind, object.namespace, object.name);

interface Claim {
  readonly file: string;
  readonly object: ClusterObject;
  /** The file no longer has it, but that may be a file half-written. */
  readonly kept: boolean;
}

/**
 * Which file defines which object. Of several that define the same, the first by name of file wins, then by line;
 * one that is only kept gives way to any that is there (an object may move from file to file).
 */
export class ObjectClaims {
  readonly #claims = new Map<ObjectKey, readonly Claim[]>();
  readonly #keysOfFile = new Map<string, readonly ObjectKey[]>();
  readonly #contested = new Set<ObjectKey>();

  /** Changes whenever `problems` does. */
  contested = 0;

  /** What a file defines from now on; returns the keys whose winner is another object than before. */
  replace(file: string, present: readonly ClusterObject[], kept: readonly ClusterObject[]): ReadonlySet<ObjectKey> {
    const own = new Map<ObjectKey, Claim[]>();
    const claim = (object: ClusterObject, isKept: boolean): void => {
      const key = keyOf(object);
      const same = own.get(key);
      if (same === undefined) own.set(key, [{ file, object, kept: isKept }]);
      else same.push({ file, object, kept: isKept });
    };
    for (const object of present) claim(object, false);
    for (const object of kept) claim(object, true);
    const before = this.#keysOfFile.get(file) ?? [];
    if (own.size > 0) this.#keysOfFile.set(file, sameKeys(before, own) ? before : compact([...own.keys()]));
    else this.#keysOfFile.delete(file);

    const changed = new Set<ObjectKey>();
    const store = (key: ObjectKey, claims: readonly Claim[]): void => {
      const winner = this.winner(key);
      this.#store(key, file, claims);
      if (this.winner(key) !== winner) changed.add(key);
    };
    for (const [key, claims] of own) store(key, claims);
    for (const key of before) if (!own.has(key)) store(key, []);
    return changed;
  }

  winner(key: ObjectKey): ClusterObject | undefined {
    return this.#claims.get(key)?.[0]?.object;
  }

  problems(): Problem[] {
    return [...this.#contested].sort().flatMap((key) => {
      const [first, ...others] = this.#claims.get(key) ?? [];
      return others
        .filter((claim) => !claim.kept)
        .map(({ object }): Problem => {
          const name = `${object.kind} ${object.namespace === '' ? '' : `${object.namespace}/`}${object.name}`;
          const { file, line } = first!.object.origin;
          return {
            severity: 'error',
            file: object.origin.file,
            line: object.origin.line,
            column: 1,
            code: 'duplicate-object',
            object: name,
            message: `${name} is defined in ${file}:${line} already. That one is used, this one is not. Delete one of them.`,
          };
        });
    });
  }

  #store(key: ObjectKey, file: string, own: readonly Claim[]): void {
    const others = (this.#claims.get(key) ?? []).filter((claim) => claim.file !== file);
    const all = compact(others.length === 0 && own.length === 1 ? own : [...others, ...own].sort(byPrecedence));
    if (all.length > 1 || this.#contested.has(key)) this.contested++;
    if (all.length > 1) this.#contested.add(key);
    else this.#contested.delete(key);
    if (all.length === 0) this.#claims.delete(key);
    else this.#claims.set(key, all);
  }
}

const sameKeys = (before: readonly ObjectKey[], own: ReadonlyMap<ObjectKey, unknown>): boolean =>
  before.length === own.size && before.every((key) => own.has(key));

const byPrecedence = (a: Claim, b: Claim): number =>
  Number(a.kept) - Number(b.kept) || compareText(a.file, b.file) || a.object.origin.line - b.object.origin.line;

/** By code unit: the same on every machine, whatever its locale. */
