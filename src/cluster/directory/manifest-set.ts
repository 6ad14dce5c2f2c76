import { isDeepStrictEqual } from 'node:util';
import { type Milliseconds, ms } from '../../base/clock.ts';
import type { Problem } from '../../base/problem.ts';
import type { ClusterObject } from '../ports.ts';
import { keyOf, ObjectClaims, type ObjectKey } from './claims.ts';
import { loses } from './loses.ts';
import { EMPTY_MANIFEST, type ParsedManifest } from './parse.ts';

/**
 * What a folder of files that are just being written says, as rules without effects. Additions and changes count at once.
 * A loss does not, because a file caught half-written usually parses, only with less in it:
 * - an object that is no longer there counts as gone once its file was left alone for OBJECT_QUIET;
 * - the last object of a file, the one that a cut would hit, may lose fields only after FIELD_QUIET;
 * - a file that cannot be read or parsed keeps the objects it had until it is mended, and is reported after OBJECT_QUIET.
 */
export const OBJECT_QUIET = ms(500);
const FIELD_QUIET = ms(50);

export type Reading =
  | { readonly is: 'text'; readonly manifest: ParsedManifest }
  | { readonly is: 'gone' }
  | { readonly is: 'unreadable'; readonly problem: Problem };

export interface Changed {
  readonly keys: ReadonlySet<ObjectKey>;
  readonly problems: boolean;
}

interface FileState {
  readonly reading: Reading;
  readonly readAt: Milliseconds;
  /** In force, the kept ones among them. */
  readonly objects: readonly ClusterObject[];
  readonly reported: readonly Problem[];
  /** What was parsed since the file was last quiet, so that an interrupted write does not make every object a new one. */
  readonly documents: ParsedManifest['documents'];
}

const NOTHING_YET: FileState = {
  reading: { is: 'gone' },
  readAt: ms(0),
  objects: [],
  reported: [],
  documents: EMPTY_MANIFEST.documents,
};

const READ_WELL: Reading = { is: 'text', manifest: EMPTY_MANIFEST };
const NO_PROBLEMS: readonly Problem[] = [];

export class ManifestSet {
  readonly #files = new Map<string, FileState>();
  readonly #unsettled = new Set<string>();
  readonly #reported = new Set<string>();
  readonly #claims = new ObjectClaims();

  winner(key: ObjectKey): ClusterObject | undefined {
    return this.#claims.winner(key);
  }

  /** For parsing the next text of that file. */
  documentsOf(file: string): ParsedManifest['documents'] {
    return (this.#files.get(file) ?? NOTHING_YET).documents;
  }

  /** True while something could come back: no object may be called gone for good then. */
  get doubtful(): boolean {
    for (const { reading } of this.#files.values())
      if (reading.is === 'unreadable' || (reading.is === 'text' && reading.manifest.broken)) return true;
    return false;
  }

  /** A file was read anew. */
  read(file: string, reading: Reading, now: Milliseconds): Changed {
    const before = this.#files.get(file) ?? NOTHING_YET;
    if (before === NOTHING_YET && reading.is === 'gone') return { keys: new Set(), problems: false };
    this.#unsettled.add(file);
    return this.#apply(file, { ...before, reading, readAt: now, documents: remembered(before, reading) }, now);
  }

  /** Time went by: what waited for quiet counts now. */
  advance(now: Milliseconds): Changed {
    const keys = new Set<ObjectKey>();
    let problems = false;
    for (const file of [...this.#unsettled]) {
      const changed = this.#apply(file, this.#files.get(file) ?? NOTHING_YET, now);
      for (const key of changed.keys) keys.add(key);
      problems ||= changed.problems;
    }
    return { keys, problems };
  }

  /** When `advance` has something to do; undefined: never, unless a file changes. */
  nextDue(now: Milliseconds): Milliseconds | undefined {
    let next: number | undefined;
    for (const file of this.#unsettled) {
      const { readAt } = this.#files.get(file) ?? NOTHING_YET;
      const due = now - readAt < FIELD_QUIET ? readAt + FIELD_QUIET : readAt + OBJECT_QUIET;
      next = Math.min(next ?? due, due);
    }
    return next === undefined ? undefined : ms(next);
  }

  problems(): readonly Problem[] {
    const files = [...this.#reported].sort();
    return [...files.flatMap((file) => this.#files.get(file)?.reported ?? []), ...this.#claims.problems()];
  }

  #apply(file: string, state: FileState, now: Milliseconds): Changed {
    const quiet = now - state.readAt;
    const settled = quiet >= OBJECT_QUIET;
    const { present, kept } = inForce(state, quiet);
    const contested = this.#claims.contested;
    const keys = this.#claims.replace(file, present, kept);
    const fresh = problemsOf(state.reading);
    const reported = settled || fresh.length === 0 ? fresh : state.reported;
    const objects = kept.length === 0 ? present : [...present, ...kept];
    if (settled) this.#unsettled.delete(file);
    if (reported.length > 0) this.#reported.add(file);
    else this.#reported.delete(file);
    if (settled && state.reading.is === 'gone') this.#files.delete(file);
    else this.#files.set(file, settled ? settledState(state, objects, reported) : { ...state, objects, reported });
    return { keys, problems: !sameProblems(reported, state.reported) || contested !== this.#claims.contested };
  }
}

/** Of a file that was left alone, as nearly all of thousands are, only what the next reading of it needs. */
function settledState(state: FileState, objects: FileState['objects'], reported: FileState['reported']): FileState {
  const { reading, readAt } = state;
  if (reading.is !== 'text') return { ...state, objects, reported };
  const { documents, problems, broken } = reading.manifest;
  return problems.length > 0 || broken
    ? { reading, readAt, objects, reported, documents }
    : { reading: READ_WELL, readAt: ms(0), objects, reported: NO_PROBLEMS, documents };
}

/** What a file says now, and what is kept of what it said before. */
function inForce(
  { reading, objects }: FileState,
  quiet: number,
): { readonly present: readonly ClusterObject[]; readonly kept: readonly ClusterObject[] } {
  if (reading.is === 'unreadable') return { present: [], kept: objects };
  if (reading.is === 'gone') return { present: [], kept: quiet < OBJECT_QUIET ? objects : [] };
  const { manifest } = reading;
  if (objects.length === 0) return { present: manifest.objects, kept: [] };
  const before = new Map(objects.map((object) => [keyOf(object), object]));
  const present = manifest.objects.map((object, i) => {
    const old = before.get(keyOf(object));
    if (old === undefined || old === object) return object;
    const cut = i === manifest.objects.length - 1 && quiet < FIELD_QUIET && loses(old.body, object.body);
    return cut || isDeepStrictEqual(old, object) ? old : object;
  });
  if (!manifest.broken && quiet >= OBJECT_QUIET) return { present, kept: [] };
  for (const object of present) before.delete(keyOf(object));
  return { present, kept: [...before.values()] };
}

const problemsOf = (reading: Reading): readonly Problem[] =>
  reading.is === 'text' ? reading.manifest.problems : reading.is === 'unreadable' ? [reading.problem] : [];

function remembered(before: FileState, reading: Reading): ParsedManifest['documents'] {
  if (reading.is !== 'text') return before.documents;
  const { documents } = reading.manifest;
  if (before.documents.size === 0) return documents;
  // A file that is never left alone must not make us remember all that it ever said.
  if (before.documents.size > 2 * documents.size + 1000) return documents;
  return new Map([...before.documents, ...documents]);
}

const sameProblems = (a: readonly Problem[], b: readonly Problem[]): boolean =>
  a.length === b.length && a.every((problem, i) => problem.message === b[i]!.message && problem.line === b[i]!.line);
