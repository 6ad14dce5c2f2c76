import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { type Clock, type Milliseconds, ms, seconds, type Timer } from '../../base/clock.ts';
import { environmentError, messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { Problem } from '../../base/problem.ts';
import type {
  ClusterEvent,
  ClusterObject,
  LeaseRecord,
  ObjectKind,
  Objects,
  PassKind,
  RunningCluster,
  ServiceStatus,
  SpeakerReport,
  WriteOutcome,
} from '../ports.ts';
import { SortedLists } from '../sorted-objects.ts';
import { impliedNodeObject, mergeAnnotations, ownAnnotations } from './annotations.ts';
import { type ObjectKey, objectKey } from './claims.ts';
import { parseConfigFile } from './config-file.ts';
import { EventLog } from './event-log.ts';
import { STATE_FOLDER } from './file-name.ts';
import { fileProblem, isManifestName, readText } from './files.ts';
import { LeaseFiles } from './lease-files.ts';
import { type Changed, ManifestSet, OBJECT_QUIET, type Reading } from './manifest-set.ts';
import { parseManifest } from './parse.ts';
import { mergeStatus } from './service-status.ts';
import { Store } from './store.ts';
import { FolderWatch, type FolderWatchOptions } from './watch.ts';

export { controllerSocketPath, nodeSocketPath, socketFolder, socketsIn } from './file-name.ts';

/**
 * A folder of manifests as the API server of a machine without Kubernetes. The user's files are only ever read; all that we
 * have to say goes into the subfolder `.clarion/` and is merged into what the reader shows, so that `list('Service')` looks as
 * an API server's answer would. Several processes may share a folder: each watches the files of the other.
 *
 *     files -> watch -> parse -> manifest-set -> claims ─┐
 *                                                        ├─> merged objects -> sorted lists -> onChange
 *     .clarion/ -> watch -> store ───────────────────────┘
 *
 * Deliberately missing: resource versions (whole states are written, by one writer), validation (inventory and config do
 * that), and any write to a file of the user.
 */
export interface DirectoryOptions {
  readonly directory: string;
  /** The configuration, outside of the folder; the folder's own ConfigMaps are then not listed. */
  readonly configFile?: string;
  readonly node?: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly watch?: FolderWatchOptions['watch'];
}

/** The key of the configuration file among the manifests: before every name, so it wins. */
const CONFIG_FILE = '';
/** A status whose Service is nowhere is removed only when nothing about the folder is in doubt any more. */
const ORPHANS_AFTER = seconds(60);
/** As long as the events of a burst of writes take. */
const ONE_LOOK = ms(10);

/** Everything is read once before this resolves. Rejects with a ClarionError where there is no such folder or file. */
export async function openDirectory(options: DirectoryOptions): Promise<DirectoryCluster> {
  const { directory, configFile } = options;
  const facts = statOrFail(directory, 'folder of manifests');
  if (!facts.isDirectory())
    throw environmentError(`${directory} is no folder; --directory wants a folder of manifests`);
  if (configFile !== undefined && statOrFail(configFile, 'configuration').isDirectory())
    throw environmentError(`${configFile} is a folder; --config wants a file`);
  return new DirectoryCluster(options);
}

function statOrFail(path: string, what: string): ReturnType<typeof statSync> & object {
  try {
    const facts = statSync(path);
    accessSync(path, facts.isDirectory() ? constants.R_OK | constants.X_OK : constants.R_OK);
    return facts;
  } catch (thrown) {
    throw environmentError(`the ${what} ${path} cannot be read: ${messageOf(thrown)}`, thrown);
  }
}

export class DirectoryCluster implements RunningCluster {
  readonly statusWritesAtOnce = Number.POSITIVE_INFINITY;
  readonly #options: DirectoryOptions;
  readonly #manifests = new ManifestSet();
  readonly #lists = new SortedLists();
  readonly #watches: readonly FolderWatch[];
  readonly #store: Store;
  readonly #events: EventLog;
  readonly #leases: LeaseFiles;
  readonly #listeners = new Set<() => void>();
  readonly #excluded: string | undefined;
  readonly #orphans: Timer;
  #quiet: Timer | undefined;
  #told = true;
  #closed = false;

  constructor(options: DirectoryOptions) {
    const { directory, configFile, clock, logger } = options;
    this.#options = options;
    this.#excluded = configFile === undefined ? undefined : insideOf(directory, configFile);
    const folder = join(directory, STATE_FOLDER);
    this.#events = new EventLog(join(folder, 'events.jsonl'), clock, logger);
    this.#leases = new LeaseFiles(join(folder, 'leases'));
    this.#store = new Store({
      folder,
      clock,
      onStatus: (namespace, name) => this.#ourPartChanged(objectKey('Service', namespace, name)),
      onAnnotations: (key) => this.#ourPartChanged(key),
      onOther: () => this.#tellSoon(),
    });
    const watchOf = (watched: Pick<FolderWatchOptions, 'root' | 'wanted' | 'onTouched' | 'deep'>): FolderWatch =>
      new FolderWatch({ ...watched, ...this.#watchOptions() });
    const state = watchOf({
      root: folder,
      deep: true,
      wanted: (name) => name.endsWith('.json'),
      onTouched: (files) => this.#store.touched(files),
    });
    const manifests = watchOf({
      root: directory,
      deep: true,
      wanted: isManifestName,
      onTouched: (files) => this.#read(files, clock.now()),
    });
    const config =
      configFile &&
      watchOf({
        root: dirname(configFile),
        deep: false,
        wanted: (name) => name === basename(configFile),
        onTouched: () => this.#read([CONFIG_FILE], clock.now()),
      });
    this.#watches = config ? [manifests, config, state] : [manifests, state];
    // What is there at the start has been left alone: nothing waits for quiet.
    const longAgo = ms(clock.now() - OBJECT_QUIET);
    if (this.#store.usable) this.#store.touched(state.start());
    if (config) {
      config.start();
      this.#read([CONFIG_FILE], longAgo);
    }
    this.#read(manifests.start(), longAgo);
    this.#applyQuiet();
    this.#orphans = clock.startTimer('orphaned status', ORPHANS_AFTER, () => this.#removeOrphans());
  }

  list(kind: ObjectKind): readonly ClusterObject[] {
    return this.#lists.list(kind);
  }

  objects(kind: PassKind): Objects {
    return this.#lists.objects(kind);
  }

  effectiveConfig(): string | undefined {
    return this.#store.effectiveConfig();
  }

  problems(): readonly Problem[] {
    return [
      ...this.#watches.flatMap((watch) => watch.problems()),
      ...this.#manifests.problems(),
      ...this.#store.problems(),
    ];
  }

  wantSecrets(): void {}

  onChange(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  async writeServiceStatus(namespace: string, name: string, status: ServiceStatus): Promise<WriteOutcome> {
    if (this.#manifests.winner(objectKey('Service', namespace, name)) === undefined)
      return {
        kind: 'refused',
        message: `there is no Service ${namespace}/${name} in ${this.#options.directory} any more`,
      };
    return this.#store.writeStatus(namespace, name, status);
  }
  /**
   * A Node may be one that no file defines, as long as none is defined. What the owner's file says can be outdone but not
   * taken away: we never write there.
   */
  async annotate(
    kind: 'Node' | 'Service',
    namespace: string,
    name: string,
    annotations: Readonly<Record<string, string | undefined>>,
  ): Promise<WriteOutcome> {
    const { directory } = this.#options;
    const own = this.#manifests.winner(objectKey(kind, namespace, name));
    const refused = (message: string): WriteOutcome => ({ kind: 'refused', message });
    if (own === undefined && kind === 'Service')
      return refused(`there is no Service ${namespace}/${name} in ${directory}`);
    const nodes = this.#definedNodes();
    if (own === undefined && nodes.length > 0)
      return refused(
        `there is no Node ${name} in ${directory}; there are ${nodes
          .slice(0, 10)
          .map((node) => node.name)
          .join(', ')}`,
      );
    for (const [key, value] of Object.entries(annotations))
      if (own !== undefined && value === undefined && Object.hasOwn(ownAnnotations(own), key))
        return refused(`${own.origin.file}:${own.origin.line} sets ${key} at ${kind} ${name}; take it out there`);
    return this.#store.annotate({ kind, namespace, name }, annotations);
  }
  publishEffectiveConfig(text: string): Promise<WriteOutcome> {
    return this.#store.publishEffective(text);
  }
  recordEvent(event: ClusterEvent): void {
    this.#events.record(event);
  }
  read(name: string): Promise<{ readonly record: LeaseRecord; readonly version: string } | undefined> {
    return this.#leases.read(name);
  }
  write(name: string, record: LeaseRecord, version: string | undefined): Promise<'written' | 'conflict'> {
    return this.#leases.write(name, record, version);
  }
  publish(report: SpeakerReport): Promise<WriteOutcome> {
    return this.#store.publishReport(report);
  }
  reports(): readonly SpeakerReport[] {
    return this.#store.reports();
  }
  /** Reports are files: what was said is there at once. */
  heardAll(): boolean {
    return true;
  }
  /** Of what was written before this call the kernel has queued the events, and those are read before a timer is. */
  caughtUp(): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => void clock.startTimer('caught up', ONE_LOOK, resolve));
  }
  viewAge(): Milliseconds {
    return ms(0);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#quiet?.stop();
    this.#orphans.stop();
    for (const watch of this.#watches) watch.close();
    this.#store.flush();
    this.#events.flush();
    this.#listeners.clear();
  }

  #watchOptions(): Pick<FolderWatchOptions, 'clock' | 'onProblems'> & {
    watch?: NonNullable<FolderWatchOptions['watch']>;
  } {
    const { clock, watch } = this.#options;
    return { clock, onProblems: () => this.#tellSoon(), ...(watch === undefined ? {} : { watch }) };
  }

  #read(files: Iterable<string>, now: Milliseconds): void {
    const keys = new Set<ObjectKey>();
    let problems = false;
    for (const file of files) {
      if (file === this.#excluded) continue;
      const changed = this.#manifests.read(file, this.#reading(file), now);
      for (const key of changed.keys) keys.add(key);
      problems ||= changed.problems;
    }
    this.#apply({ keys, problems });
  }

  #reading(file: string): Reading {
    const { directory, configFile } = this.#options;
    const path = file === CONFIG_FILE ? configFile! : join(directory, file);
    const text = readText(path);
    if (text.is === 'gone') return text;
    if (text.is === 'unreadable') return { is: 'unreadable', problem: fileProblem(path, text.code, text.message) };
    const known = this.#manifests.documentsOf(file);
    if (file === CONFIG_FILE) return { is: 'text', manifest: parseConfigFile(path, text.text, known) };
    const manifest = parseManifest(path, text.text, known);
    if (configFile === undefined) return { is: 'text', manifest };
    const objects = manifest.objects.filter(({ kind }) => kind !== 'ConfigMap');
    return { is: 'text', manifest: { ...manifest, objects } };
  }

  #applyQuiet(): void {
    this.#apply(this.#manifests.advance(this.#options.clock.now()));
  }

  #apply({ keys, problems }: Changed): void {
    const { clock } = this.#options;
    this.#quiet?.stop();
    const due = this.#manifests.nextDue(clock.now());
    this.#quiet =
      due === undefined || this.#closed
        ? undefined
        : clock.startTimer('manifests quiet', ms(due - clock.now()), () => this.#applyQuiet());
    if (keys.size > 0) this.#changed(keys);
    else if (problems) this.#tellSoon();
  }

  #changed(keys: ReadonlySet<ObjectKey>): void {
    for (const key of keys) {
      const [kind, namespace, name] = key.split('/') as [ObjectKind, string, string];
      if (this.#manifests.winner(key) === undefined) {
        if (kind === 'Service') this.#store.forget(namespace, name);
        this.#store.forgetAnnotations(key);
      }
      this.#lists.put(kind, namespace, name, this.#merged(key));
    }
    this.#tellSoon();
  }

  #ourPartChanged(key: ObjectKey): void {
    const [kind, namespace, name] = key.split('/') as [ObjectKind, string, string];
    this.#lists.put(kind, namespace, name, this.#merged(key));
    this.#tellSoon();
  }

  #merged(key: ObjectKey): ClusterObject | undefined {
    const own = this.#manifests.winner(key);
    const annotations = this.#store.annotationsOf(key);
    if (own === undefined)
      return annotations?.kind === 'Node' ? impliedNodeObject(annotations, this.#options.directory) : undefined;
    const record = own.kind === 'Service' ? this.#store.statusOf(own.namespace, own.name) : undefined;
    const object = record === undefined ? own : mergeStatus(own, record);
    return annotations === undefined ? object : mergeAnnotations(object, annotations);
  }

  #tellSoon(): void {
    if (!this.#told) return;
    this.#told = false;
    queueMicrotask(() => {
      this.#told = true;
      for (const listener of [...this.#listeners]) listener();
    });
  }

  #removeOrphans(): void {
    if (!this.#store.writer || this.#manifests.doubtful || this.#watches.some((watch) => watch.problems().length > 0))
      return;
    for (const { namespace, name } of this.#store.statuses())
      if (this.#manifests.winner(objectKey('Service', namespace, name)) === undefined)
        this.#store.forget(namespace, name);
    for (const { kind, namespace, name } of this.#store.annotations()) {
      const key = objectKey(kind, namespace, name);
      if (this.#manifests.winner(key) !== undefined) continue;
      if (kind === 'Node' && this.#definedNodes().length === 0) continue;
      this.#store.forgetAnnotations(key);
      this.#lists.put(kind, namespace, name, this.#merged(key));
    }
  }

  #definedNodes(): readonly ClusterObject[] {
    return this.list('Node').filter(({ implied }) => implied !== true);
  }
}

/** The path of a file relative to a folder that contains it, symbolic links resolved. */
function insideOf(folder: string, file: string): string | undefined {
  const path = relative(realpathSync(folder), realpathSync(file));
  return path.startsWith('..') ? undefined : path;
}
