import { type Document, isAlias, isMap, isScalar, isSeq, type Node, Scalar, visit, type YAMLMap } from 'yaml';
import type { ProblemCode } from './problem-codes.ts';

/** A plain value out of YAML, with the place of each part of it, so that a problem found in the value can be shown in the file. */
export interface Located {
  readonly value: unknown;
  readonly place: Place;
  /** What is wrong with the YAML itself here: repeated keys, endless aliases. */
  readonly faults: readonly Fault[];
}
export interface Place {
  /** Offset in the text. */
  readonly at: number;
  readonly parts: ReadonlyMap<string | number, PlacePart>;
}
interface PlacePart {
  /** Of the key, for the entry of a mapping. */
  readonly keyAt: number;
  readonly place: Place;
}
export interface Fault {
  readonly code: ProblemCode;
  readonly at: number;
  readonly message: string;
}

/** The deepest part on the way along `path` that has a place. */
export function placeAt(place: Place, path: readonly PropertyKey[]): Place {
  let found = place;
  for (const step of path) {
    const part = typeof step === 'symbol' ? undefined : found.parts.get(step);
    if (part === undefined) return found;
    found = part.place;
  }
  return found;
}

/** How a scalar becomes a value; `key` is the nearest key above it. The legacy dialect reads scalars as yaml.v2 did. */
export type ReadScalar = (scalar: Scalar, key: string | undefined) => unknown;

/** As YAML's core schema says. An empty value counts as absent, as in Kubernetes. */
export const readCoreScalar: ReadScalar = (scalar) => scalar.value ?? undefined;

/** What aliases may add to a text: beyond it they are an attack, or an accident. */
const ALIAS_LIMIT = 50_000;
/** A configuration has eight levels. */
const DEPTH_LIMIT = 100;
const NOTHING: ReadonlyMap<string | number, PlacePart> = new Map();

/** Reads parts of one document. Aliases and merge keys are followed, all together up to a limit. */
export class TreeReader {
  readonly #document: Document;
  readonly #readScalar: ReadScalar;
  readonly #open = new Set<Node>();
  #anchors: Map<string, Node[]> | undefined;
  #aliasDepth = 0;
  #aliasBudget = ALIAS_LIMIT;
  #faults: Fault[] = [];

  constructor(document: Document, readScalar: ReadScalar = readCoreScalar) {
    this.#document = document;
    this.#readScalar = readScalar;
  }

  read(node: unknown, fallbackAt: number, key?: string): Located {
    this.#faults = [];
    const { value, place } = this.#convert(node, fallbackAt, key);
    return { value, place, faults: this.#faults };
  }

  #convert(node: unknown, fallbackAt: number, key: string | undefined): { value: unknown; place: Place } {
    const at = startOf(node) ?? fallbackAt;
    const leaf = (value: unknown) => ({ value, place: { at, parts: NOTHING } });
    if (this.#aliasDepth > 0 && this.#aliasBudget-- <= 0) return leaf(this.#tooComplex(at));
    if (isScalar(node)) return leaf(this.#readScalar(node, key));
    if (isAlias(node)) {
      const target = this.#anchored(node.source, at);
      if (target === undefined)
        return leaf(this.#fault('not-yaml', at, `the alias "*${node.source}" has no anchor before it`));
      this.#aliasDepth++;
      const converted = this.#convert(target, at, key);
      this.#aliasDepth--;
      return converted;
    }
    if (!isMap(node) && !isSeq(node)) return leaf(undefined);
    if (this.#open.has(node) || this.#open.size > DEPTH_LIMIT) return leaf(this.#tooComplex(at));
    this.#open.add(node);
    const converted = isMap(node) ? this.#map(node, at) : this.#list(node.items, at, key);
    this.#open.delete(node);
    return converted;
  }

  #list(items: readonly unknown[], at: number, key: string | undefined): { value: unknown; place: Place } {
    const parts = new Map<number, PlacePart>();
    const value = items.map((item, i) => {
      const converted = this.#convert(item, at, key);
      parts.set(i, { keyAt: converted.place.at, place: converted.place });
      return converted.value;
    });
    return { value, place: { at, parts } };
  }

  #map(map: YAMLMap, at: number): { value: unknown; place: Place } {
    const parts = new Map<string, PlacePart>();
    const value = new Map<string, unknown>();
    const merged: unknown[] = [];
    for (const pair of map.items) {
      const keyAt = startOf(pair.key) ?? at;
      if (!isScalar(pair.key)) {
        this.#fault('wrong-type', keyAt, 'a key here is a text');
        continue;
      }
      const key = pair.key.source ?? String(pair.key.value);
      if (key === '<<' && pair.key.type === Scalar.PLAIN) {
        merged.push(this.#convert(pair.value, keyAt, key));
        continue;
      }
      if (parts.has(key)) {
        this.#fault('duplicate-key', keyAt, `"${shortened(key)}" is written twice in one mapping; remove one of them`);
        continue;
      }
      const converted = this.#convert(pair.value, keyAt, key);
      parts.set(key, { keyAt, place: converted.place });
      value.set(key, converted.value);
    }
    for (const source of merged) mergeInto(value, parts, source as { value: unknown; place: Place });
    return { value: plainObject(value), place: { at, parts } };
  }

  #anchored(name: string, before: number): Node | undefined {
    if (this.#anchors === undefined) {
      const anchors = new Map<string, Node[]>();
      visit(this.#document, {
        Node(_key, node) {
          if (isAlias(node) || node.anchor === undefined) return;
          anchors.set(node.anchor, [...(anchors.get(node.anchor) ?? []), node]);
        },
      });
      this.#anchors = anchors;
    }
    return this.#anchors.get(name)?.findLast((node) => (startOf(node) ?? 0) < before);
  }

  #tooComplex(at: number): undefined {
    if (this.#faults.some((fault) => fault.code === 'too-complex')) return undefined;
    return this.#fault(
      'too-complex',
      at,
      'this is nested too deeply, or its aliases (*) refer to themselves or expand without end; write the values out',
    );
  }

  #fault(code: ProblemCode, at: number, message: string): undefined {
    this.#faults.push({ code, at, message });
  }
}

/** The merge key of YAML 1.1, which Kubernetes' tools know: keys that are written here win. */
function mergeInto(
  value: Map<string, unknown>,
  parts: Map<string, PlacePart>,
  source: { value: unknown; place: Place },
): void {
  const sources = Array.isArray(source.value)
    ? source.value.map((item, i) => ({ value: item as unknown, place: placeAt(source.place, [i]) }))
    : [source];
  for (const { value: from, place } of sources) {
    if (typeof from !== 'object' || from === null) continue;
    for (const [key, part] of Object.entries(from)) {
      if (value.has(key)) continue;
      value.set(key, part);
      parts.set(key, place.parts.get(key) ?? { keyAt: place.at, place });
    }
  }
}

/** Own properties only, whatever the keys are called: "__proto__" is a key like any other. */
export function plainObject(entries: Iterable<readonly [string, unknown]>): Record<string, unknown> {
  return Object.assign(Object.create(null) as object, Object.fromEntries(entries));
}

function startOf(node: unknown): number | undefined {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range?.[0] : undefined;
}

export const shortened = (text: string, limit = 60): string =>
  text.length > limit ? `${text.slice(0, limit)}...` : text;
