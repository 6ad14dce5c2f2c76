import { linkSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterThisTurn, type Clock, type Timer } from '../../base/clock.ts';
import { messageOf, systemCodeOf } from '../../base/errors.ts';
import { systemRandom } from '../../base/random.ts';
import type { WriteOutcome } from '../ports.ts';

/**
 * Writes whole files or nothing: to a temporary name in the same folder, then one rename (or a link, which fails where the
 * name is taken). Temporary names begin with a dot, so nobody reads them. A crash of this process loses nothing that was
 * renamed; a power cut may lose the last seconds, since nothing is forced to the disk.
 */
function replaceFile(path: string, text: string): void {
  withTemporary(path, text, (temporary) => renameSync(temporary, path));
}

/** False: a file of that name exists, and it was not touched. Safe between processes: link(2) is atomic. */
export function createFile(path: string, text: string): boolean {
  return withTemporary(path, text, (temporary) => {
    try {
      linkSync(temporary, path);
      return true;
    } catch (thrown) {
      if (systemCodeOf(thrown) === 'EEXIST') return false;
      throw thrown;
    } finally {
      rmSync(temporary, { force: true });
    }
  });
}

const TEMPORARY = '.tmp-';
const ABANDONED_AFTER_MS = 60_000;

function withTemporary<T>(path: string, text: string, use: (temporary: string) => T): T {
  const temporary = join(dirname(path), `${TEMPORARY}${Buffer.from(systemRandom.bytes(9)).toString('hex')}`);
  try {
    writeMaking(temporary, text);
    return use(temporary);
  } catch (thrown) {
    // A full disk may have taken a part of it.
    rmSync(temporary, { force: true });
    throw thrown;
  }
}

function writeMaking(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx' });
  } catch (thrown) {
    if (systemCodeOf(thrown) !== 'ENOENT') throw thrown;
    makeFolder(dirname(path));
    writeFileSync(path, text, { flag: 'wx' });
  }
}

/** Removes what a process that was killed left half-written: a living one needs its temporary file for a moment only. */
export function removeTemporaries(folder: string, now: Date): void {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.name.startsWith(TEMPORARY)) continue;
    const path = join(entry.parentPath, entry.name);
    const age = now.getTime() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    if (age > ABANDONED_AFTER_MS) rmSync(path, { force: true });
  }
}

/** A file that makes no sense is put aside for people to look at, and no longer in the way. */
export function setAside(path: string): string {
  const aside = `${path}.corrupt`;
  try {
    renameSync(path, aside);
    return `It was renamed to ${aside}; nothing else is affected.`;
  } catch (thrown) {
    return `It could not be renamed (${messageOf(thrown)}); it is not used.`;
  }
}

/** With all above it. Not by mkdir's `recursive`, which says ENOENT where the truth is a read-only file system. */
export function makeFolder(path: string, parentsThere = dirname(path) === path): void {
  try {
    mkdirSync(path);
  } catch (thrown) {
    const code = systemCodeOf(thrown);
    if (code === 'EEXIST') return;
    // A link that leads nowhere is there and yet is not.
    if (code !== 'ENOENT' || parentsThere) throw thrown;
    makeFolder(dirname(path));
    makeFolder(path, true);
  }
}

const SLICE_MS = 4;

/**
 * The writes of this process, in the order asked for, the latest text of each file only. They run after the turn that asked,
 * a few milliseconds at a time: what is in memory is served meanwhile, the disk delays nobody.
 */
export class WriteQueue {
  readonly #root: string;
  readonly #clock: Clock;
  readonly #failed = new Set<string>();
  readonly #waiting = new Map<
    string,
    { text: string | undefined; readonly tellers: ((outcome: WriteOutcome) => void)[] }
  >();
  #next: Timer | undefined;

  constructor(root: string, clock: Clock) {
    this.#root = root;
    this.#clock = clock;
  }

  /** True while the file on the disk is older than what was asked for: not written yet, or not writable. */
  isBehind(relative: string): boolean {
    return this.#waiting.has(relative) || this.#failed.has(relative);
  }

  /** `undefined` removes the file. */
  put(relative: string, text: string | undefined): Promise<WriteOutcome> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(relative);
      if (waiting === undefined) this.#waiting.set(relative, { text, tellers: [resolve] });
      else {
        waiting.text = text;
        waiting.tellers.push(resolve);
      }
      this.#next ??= afterThisTurn(() => this.#run(SLICE_MS));
    });
  }

  /** Writes all that waits, now. */
  flush(): void {
    this.#next?.stop();
    this.#run(Number.POSITIVE_INFINITY);
  }

  #run(atMost: number): void {
    this.#next = undefined;
    const started = this.#clock.now();
    for (const [relative, { text, tellers }] of this.#waiting) {
      if (this.#clock.now() - started > atMost) {
        this.#next = afterThisTurn(() => this.#run(SLICE_MS));
        return;
      }
      this.#waiting.delete(relative);
      const outcome = this.#write(join(this.#root, relative), text);
      if (outcome.kind === 'done') this.#failed.delete(relative);
      else this.#failed.add(relative);
      for (const tell of tellers) tell(outcome);
    }
  }

  #write(path: string, text: string | undefined): WriteOutcome {
    try {
      if (text === undefined) rmSync(path, { force: true });
      else replaceFile(path, text);
      return { kind: 'done' };
    } catch (thrown) {
      return {
        kind: 'retry',
        message: `${path} cannot be written: ${messageOf(thrown)}. What it should say is in force in this process, but a restart would lose it.`,
      };
    }
  }
}
