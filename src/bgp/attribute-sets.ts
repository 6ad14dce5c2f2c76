import { communityKey } from '../announcement/route.ts';
import { emptyList, type IdList } from './id-lists.ts';
import type { EncodedAttributes } from './packing.ts';
import type { RouteAttributes } from './route.ts';

/** Attributes that prefixes of one family have in common, with the prefixes that wait to be told with them. */
export interface AttributeSet {
  /** From 1; 0 stands for "none" in the arrays of those who use it. */
  readonly id: number;
  readonly key: string;
  readonly attributes: RouteAttributes;
  /** Prefixes that are wanted with it, and prefixes that were told with it. */
  uses: number;
  readonly waiting: IdList;
  /** For the session that is up. Undefined: it has no next hop for the family. */
  encoded: EncodedAttributes | undefined;
  /** Octets that a message has for prefixes beside these attributes. */
  room: number;
}

/** Equal attributes are one set, whichever object they come in; a set that nobody uses is forgotten. */
export class AttributeSets {
  readonly #byKey = new Map<string, AttributeSet>();
  readonly #byId: (AttributeSet | undefined)[] = [undefined];
  readonly #free: number[] = [];
  /** Most callers give the same object again and again. */
  #last: { readonly attributes: RouteAttributes; readonly set: AttributeSet } | undefined;

  /** The set for these attributes, made where there is none; the caller counts its `uses`. */
  of(attributes: RouteAttributes): AttributeSet {
    if (this.#last?.attributes === attributes && this.#byId[this.#last.set.id] === this.#last.set)
      return this.#last.set;
    const key = keyOf(attributes);
    let set = this.#byKey.get(key);
    if (set === undefined) {
      const id = this.#free.pop() ?? this.#byId.length;
      set = { id, key, attributes, uses: 0, waiting: emptyList(), encoded: undefined, room: 0 };
      this.#byKey.set(key, set);
      this.#byId[id] = set;
    }
    this.#last = { attributes, set };
    return set;
  }

  get(id: number): AttributeSet {
    return this.#byId[id]!;
  }

  release(id: number, uses = 1): void {
    const set = this.#byId[id]!;
    set.uses -= uses;
    if (set.uses > 0) return;
    this.#byKey.delete(set.key);
    this.#byId[id] = undefined;
    this.#free.push(id);
  }

  all(): Iterable<AttributeSet> {
    return this.#byKey.values();
  }
}

const keyOf = ({ localPref, linkBandwidth, communities }: RouteAttributes): string =>
  `${localPref}/${linkBandwidth}/${communities.map(communityKey).join()}`;
