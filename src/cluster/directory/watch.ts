import { type FSWatcher, watch as fsWatch, lstatSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterThisTurn, type Clock, type Milliseconds, ms, seconds, type Timer } from '../../base/clock.ts';
import { messageOf, systemCodeOf } from '../../base/errors.ts';
import type { Problem } from '../../base/problem.ts';
import { fileProblem, isHidden } from './files.ts';

/**
 * Which files below a folder may have changed. inotify through fs.watch, one watch a folder, is the fast path; a rescan that
 * compares file times is the safe one: it follows bursts (the kernel's queue of events may have overflowed, which Node does
 * not tell), runs at leisure for file systems that tell nothing (NFS), and alone where watches cannot be had.
 */
export interface FolderWatchOptions {
  readonly root: string;
  readonly clock: Clock;
  /** Which files, by name. */
  readonly wanted: (name: string) => boolean;
  /** Look into the folders below, too, unless their names begin with a dot. */
  readonly deep: boolean;
  /** Paths relative to the root, of files that appeared, may have changed or are gone. */
  readonly onTouched: (files: ReadonlySet<string>) => void;
  readonly onProblems: () => void;
  readonly watch?: typeof fsWatch;
}

const AT_LEISURE = seconds(30);
/** Targets of symbolic links may lie in folders that are not watched. */
const WITH_LINKS = seconds(2);
/** Where something could not be watched or read. */
const DEGRADED = seconds(1);
const BURST = 1000;
const FILES_A_SLICE = 200;

interface Folder {
  readonly identity: string;
  readonly watcher: FSWatcher | undefined;
}

export class FolderWatch {
  readonly #options: FolderWatchOptions;
  readonly #folders = new Map<string, Folder>();
  readonly #files = new Map<string, string>();
  readonly #links = new Set<string>();
  readonly #problems = new Map<string, Problem>();
  #events = new Set<string>();
  #flush: Timer | undefined;
  #slice: Timer | undefined;
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: FolderWatchOptions) {
    this.#options = { ...options, root: join(options.root) };
  }

  /** Watches, looks at everything once and returns the files. */
  start(): ReadonlySet<string> {
    const touched = new Set<string>();
    this.#scanAll('', touched);
    this.#schedule();
    return touched;
  }

  problems(): readonly Problem[] {
    return [...this.#problems.values()];
  }

  close(): void {
    this.#closed = true;
    this.#timer?.stop();
    this.#flush?.stop();
    this.#slice?.stop();
    for (const { watcher } of this.#folders.values()) watcher?.close();
  }

  #watchFolder(folder: string, identity: string): void {
    let watcher: FSWatcher | undefined;
    const failed = (thrown: unknown): void => {
      watcher?.close();
      this.#folders.set(folder, { identity, watcher: undefined });
      if (systemCodeOf(thrown) !== 'ENOENT') this.#report('watch', watchProblem(this.#options.root, thrown));
      this.#schedule();
    };
    try {
      const watch = this.#options.watch ?? fsWatch;
      watcher = watch(join(this.#options.root, folder), (_kind, name) => this.#event(folder, name));
      watcher.on('error', failed);
      this.#folders.set(folder, { identity, watcher });
    } catch (thrown) {
      failed(thrown);
    }
  }

  #event(folder: string, name: string | null): void {
    if (this.#closed) return;
    if (name === null) this.#schedule(ms(0));
    else this.#events.add(join(folder, name));
    // Of a root that was renamed or removed the kernel tells just its own name; another folder may be in its place already.
    if (folder === '' && name === basename(this.#options.root)) this.#schedule(ms(0));
    // After all events that are there by now, before anything else that waits.
    this.#flush ??= afterThisTurn(() => this.#handleEvents());
  }

  #handleEvents(): void {
    const events = this.#events;
    this.#events = new Set();
    this.#flush = undefined;
    const touched = new Set<string>();
    for (const path of events) {
      const name = basename(path);
      if (!isHidden(name)) this.#look(path, touched);
      else for (const link of this.#links) if (dirname(link) === dirname(path)) this.#look(link, touched, true);
    }
    if (events.size >= BURST) this.#schedule(ms(500));
    this.#tell(touched);
  }

  #tell(touched: ReadonlySet<string>): void {
    if (touched.size === 0) return;
    let lost = false;
    for (const path of touched) if (!this.#files.has(path)) lost = true;
    // Where the folder itself is gone (unmounted, renamed), nothing can be said of what was in it.
    if (!lost || this.#rootThere()) this.#options.onTouched(touched);
  }

  #rootThere(): boolean {
    const { root } = this.#options;
    try {
      statSync(root);
      this.#report(root, undefined);
      return true;
    } catch (thrown) {
      this.#report(root, folderProblem(root, thrown));
      this.#forget('');
      this.#schedule();
      return false;
    }
  }

  /** What is at a path now, compared with what we know of it. */
  #look(path: string, touched: Set<string>, onlyChanges = false): void {
    const facts = factsOf(join(this.#options.root, path));
    if (facts.link) this.#links.add(path);
    else this.#links.delete(path);
    const folder = this.#folders.get(path);
    if (folder !== undefined && folder.identity !== facts.folder) this.#gone(path, touched);
    if (facts.folder !== undefined) {
      if (this.#options.deep && !this.#folders.has(path)) this.#scanAll(path, touched);
      return;
    }
    const known = this.#files.get(path);
    if (known === facts.signature && (onlyChanges || known === undefined)) return;
    if (known === undefined && !this.#options.wanted(basename(path))) return;
    if (facts.signature === undefined) this.#files.delete(path);
    else this.#files.set(path, facts.signature);
    touched.add(path);
  }

  #scanAll(folder: string, touched: Set<string>): void {
    const slices = this.#scan(folder, touched, false);
    while (slices.next().done !== true);
  }

  /** A folder and all below it, in slices, so that ten thousand files do not hold up everything else. */
  *#scan(folder: string, touched: Set<string>, onlyChanges: boolean, seen = new Set<string>()): Generator<void> {
    const full = join(this.#options.root, folder);
    let names: string[];
    try {
      const identity = factsOf(full).folder;
      const known = this.#folders.get(folder);
      // A link may lead back to a folder that is looked at already.
      if (known === undefined && [...this.#folders.values()].some((other) => other.identity === identity)) return;
      // First the watch, then the look: nothing falls between.
      if (identity !== undefined && (known?.identity !== identity || known.watcher === undefined)) {
        known?.watcher?.close();
        this.#watchFolder(folder, identity);
      }
      names = readdirSync(full).filter((name) => !isHidden(name));
      this.#report(full, undefined);
    } catch (thrown) {
      const goneBelow = folder !== '' && systemCodeOf(thrown) === 'ENOENT';
      if (folder === '') this.#forget('');
      this.#report(full, goneBelow ? undefined : folderProblem(full, thrown));
      return;
    }
    let looked = 0;
    for (const name of names) {
      const path = join(folder, name);
      seen.add(path);
      if (this.#folders.has(path)) yield* this.#scan(path, touched, onlyChanges, seen);
      this.#look(path, touched, onlyChanges);
      if (++looked % FILES_A_SLICE === 0) yield;
    }
  }

  #gone(folder: string, touched: Set<string>): void {
    for (const file of this.#forget(folder)) {
      this.#files.delete(file);
      touched.add(file);
    }
  }

  /** Ends all watches at and below a folder; returns the files that were known there. */
  #forget(folder: string): string[] {
    const below = (path: string): boolean => folder === '' || path === folder || path.startsWith(`${folder}/`);
    for (const [path, { watcher }] of [...this.#folders])
      if (below(path)) {
        watcher?.close();
        this.#folders.delete(path);
        if (folder !== '') this.#report(join(this.#options.root, path), undefined);
      }
    return [...this.#files.keys()].filter(below);
  }

  #rescan(): void {
    const touched = new Set<string>();
    const seen = new Set<string>();
    const slices = this.#scan('', touched, true, seen);
    const next = (): void => {
      this.#slice = undefined;
      if (slices.next().done !== true) {
        this.#slice = afterThisTurn(next);
        return;
      }
      for (const path of [...this.#files.keys(), ...this.#folders.keys()])
        if (path !== '' && !seen.has(path)) this.#look(path, touched, true);
      const all = [...this.#folders.values()];
      if (all.length > 0 && all.every(({ watcher }) => watcher !== undefined)) this.#report('watch', undefined);
      this.#tell(touched);
      this.#schedule();
    };
    next();
  }

  #schedule(after?: Milliseconds): void {
    if (this.#closed || this.#slice !== undefined) return;
    this.#timer?.stop();
    const degraded = this.#folders.size === 0 || this.#problems.size > 0;
    const regular = degraded ? DEGRADED : this.#links.size > 0 ? WITH_LINKS : AT_LEISURE;
    this.#timer = this.#options.clock.startTimer('folder rescan', after ?? regular, () => this.#rescan());
  }

  #report(about: string, problem: Problem | undefined): void {
    if (this.#problems.get(about)?.message === problem?.message) return;
    if (problem === undefined) this.#problems.delete(about);
    else this.#problems.set(about, problem);
    this.#options.onProblems();
  }
}

interface Facts {
  readonly link: boolean;
  readonly folder: string | undefined;
  /** Another one when the file is another one or was written; undefined: there is none. */
  readonly signature: string | undefined;
}

function factsOf(path: string): Facts {
  let link = false;
  try {
    const own = lstatSync(path);
    link = own.isSymbolicLink();
    const facts = link ? statSync(path) : own;
    // Joined, not by a template: that would keep a tree of short strings for each of thousands of files.
    const signature = [facts.ino, facts.size, facts.mtimeMs, facts.ctimeMs].join(':');
    return { link, folder: facts.isDirectory() ? identityOf(path) : undefined, signature };
  } catch (thrown) {
    // Something is there that cannot be looked at (no permission, a loop of links): its reader will say so.
    const code = systemCodeOf(thrown);
    return { link, folder: undefined, signature: code === 'ENOENT' || code === 'ENOTDIR' ? undefined : code };
  }
}

/** Exact, since two folders that seem to be one would be read once: an inode number may need all of 64 bits. */
function identityOf(folder: string): string {
  const { dev, ino } = statSync(folder, { bigint: true });
  return `${dev}:${ino}`;
}

const folderProblem = (folder: string, thrown: unknown): Problem =>
  fileProblem(
    folder,
    'unreadable-file',
    `this folder cannot be read: ${messageOf(thrown)}. Objects that came from it before are kept; it is tried again every second.`,
  );

const watchProblem = (root: string, thrown: unknown): Problem => ({
  ...fileProblem(
    root,
    'watch-unavailable',
    `changes are not told by the kernel (${messageOf(thrown)}), so files are compared every second instead. ` +
      'Raise fs.inotify.max_user_watches or fs.inotify.max_user_instances.',
  ),
  severity: 'warning',
});
