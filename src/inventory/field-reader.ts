import { isFields } from '../base/fields.ts';
import type { Labels } from '../base/label-selector.ts';
import type { Problem } from '../base/problem.ts';
import type { ClusterObject } from '../cluster/ports.ts';

/** More would only repeat what the first ones say; an object of a million bad entries must not fill memory. */
const PROBLEMS_PER_OBJECT = 20;
const SHOWN_CHARACTERS = 60;

type Complaint = (path: string, message: string) => void;

/**
 * Reads untrusted JSON field by field. Absent and null are the same, as in Kubernetes. A value of another type than the
 * one asked for is reported once, with its path, and then treated as absent.
 */
export class FieldReader {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #complain: Complaint;

  constructor(fields: Readonly<Record<string, unknown>>, path: string, complain: Complaint) {
    this.#fields = fields;
    this.#path = path;
    this.#complain = complain;
  }

  complain(key: string, message: string): void {
    this.#complain(this.#at(key), message);
  }

  /** Has the field a value, of whatever type? */
  has(key: string): boolean {
    return this.#value(key) !== undefined;
  }

  text(key: string): string | undefined {
    const value = this.#value(key);
    if (value === undefined || typeof value === 'string') return value;
    return this.#mistyped(key, 'a string', value);
  }

  flag(key: string): boolean | undefined {
    const value = this.#value(key);
    if (value === undefined || typeof value === 'boolean') return value;
    return this.#mistyped(key, 'true or false', value);
  }

  integer(key: string): number | undefined {
    const value = this.#value(key);
    if (value === undefined || (typeof value === 'number' && Number.isSafeInteger(value))) return value;
    return this.#mistyped(key, 'a whole number', value);
  }

  /** The fields of an object inside this one; without fields when it is absent. */
  fields(key: string): FieldReader {
    const value = this.#value(key);
    if (value !== undefined && !isFields(value)) this.#mistyped(key, 'an object', value);
    return new FieldReader(isFields(value) ? value : {}, this.#at(key), this.#complain);
  }

  /** The objects of a list; entries of another type are left out. */
  list(key: string): FieldReader[] {
    const readers: FieldReader[] = [];
    for (const [i, entry] of this.#entries(key)) {
      if (isFields(entry)) readers.push(new FieldReader(entry, `${this.#at(key)}[${i}]`, this.#complain));
      else this.#mistyped(`${key}[${i}]`, 'an object', entry);
    }
    return readers;
  }

  texts(key: string): string[] {
    const texts: string[] = [];
    for (const [i, entry] of this.#entries(key)) {
      if (typeof entry === 'string') texts.push(entry);
      else this.#mistyped(`${key}[${i}]`, 'a string', entry);
    }
    return texts;
  }

  /** A map of strings; entries of another type are left out. */
  labels(key: string): Labels {
    const inner = this.fields(key);
    const entries: [string, string][] = [];
    for (const name of Object.keys(inner.#fields)) {
      const value = inner.text(name);
      if (value !== undefined) entries.push([name, value]);
    }
    return Object.fromEntries(entries);
  }

  #entries(key: string): readonly (readonly [number, unknown])[] {
    const value = this.#value(key);
    if (Array.isArray(value)) return [...value.entries()];
    if (value !== undefined) this.#mistyped(key, 'a list', value);
    return [];
  }

  #value(key: string): unknown {
    return Object.hasOwn(this.#fields, key) ? (this.#fields[key] ?? undefined) : undefined;
  }

  #at(key: string): string {
    return this.#path === '' ? key : `${this.#path}.${key}`;
  }

  #mistyped(key: string, wanted: string, value: unknown): undefined {
    this.#complain(this.#at(key), `must be ${wanted}, not ${shown(value)}`);
  }
}

/** A value as a person would recognise it in the manifest. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value !== 'string') return typeof value;
  return `"${value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}...` : value}"`;
}

/** A cluster object opened for reading, and what was found wrong with it so far. */
export interface OpenedObject {
  readonly reader: FieldReader;
  readonly problems: Problem[];
}

export function openObject(object: ClusterObject): OpenedObject {
  const problems: Problem[] = [];
  const scope = object.namespace === '' ? object.name : `${object.namespace}/${object.name}`;
  const reader = new FieldReader(object.body, '', (path, message) => {
    if (problems.length >= PROBLEMS_PER_OBJECT) return;
    problems.push({
      severity: 'error',
      file: object.origin.file,
      line: object.origin.line,
      column: 1,
      code: path.startsWith('metadata.annotations') ? 'invalid-annotation' : 'invalid-field',
      object: `${object.kind} ${scope}`,
      message: `${path} ${message}`,
    });
  });
  return { reader, problems };
}
