import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../base/clock.ts';
import { type Decoded, decoded, malformed } from '../../base/decoded.ts';
import { messageOf } from '../../base/errors.ts';
import { compareText } from '../../base/name-order.ts';
import type { Problem } from '../../base/problem.ts';
import { TrackedMap } from '../../base/tracked-map.ts';
import { replaceWords, reportJson, wordsIn } from '../address-words.ts';
import type { AddressWord, ServiceStatus, SpeakerReport, WriteOutcome } from '../ports.ts';
import {
  type AnnotationRecord,
  annotated,
  annotationFile,
  decodeAnnotations,
  encodeAnnotations,
} from './annotations.ts';
import { type ObjectKey, objectKey } from './claims.ts';
import { fileNameOf } from './file-name.ts';
import { fileProblem, readText } from './files.ts';
import { isMapping } from './identify.ts';
import { decodeRecord, encodeRecord, nextRecord, type StatusRecord } from './service-status.ts';
import { makeFolder, removeTemporaries, setAside, WriteQueue } from './state-files.ts';

/**
 * What we know of what we said, in memory and in the files of `.clarion/`: the status of Services, annotations that commands
 * set, the effective configuration, the speakers' reports. Memory is ahead of the disk: a write counts here at once, and goes on counting where
 * the disk refuses it. What another process writes arrives through `touched`. A file that vanishes while we run changes
 * nothing: whose Service is gone, the process knows from the Service.
 */
const EFFECTIVE = 'effective-config.json';

interface StoreOptions {
  readonly folder: string;
  readonly clock: Clock;
  /** The status of that Service is another one; never called during a call of a method that writes. */
  readonly onStatus: (namespace: string, name: string) => void;
  /** Likewise the annotations of that Service or Node. */
  readonly onAnnotations: (key: ObjectKey) => void;
  readonly onOther: () => void;
}

export class Store {
  readonly #options: StoreOptions;
  readonly #queue: WriteQueue;
  readonly #status = new Map<string, StatusRecord>();
  readonly #annotations = new Map<ObjectKey, AnnotationRecord>();
  readonly #reports = new Map<string, SpeakerReport>();
  /** What other processes say, by node. */
  readonly #heard = new Map<string, TrackedMap<string, readonly AddressWord[]>>();
  /** By file. Our own is read whenever it was written: with thousands of addresses it is not to be parsed each time. */
  readonly #reportTexts = new Map<string, string>();
  readonly #problems = new Map<string, Problem>();
  #reportList: readonly SpeakerReport[] = [];
  #effective: string | undefined;
  #writer = false;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#queue = new WriteQueue(options.folder, options.clock);
    try {
      makeFolder(options.folder);
      removeTemporaries(options.folder, options.clock.wallTime());
    } catch (thrown) {
      this.#problem(
        '',
        'state-not-writable',
        `this folder cannot be made: ${messageOf(thrown)}. Addresses do not survive a restart until it can.`,
      );
    }
  }

  /** This process is the one that writes statuses, so it also removes those of Services that are gone. */
  get writer(): boolean {
    return this.#writer;
  }
  get usable(): boolean {
    return !this.#problems.has('');
  }

  statusOf(namespace: string, name: string): StatusRecord | undefined {
    return this.#status.get(`${namespace}/${name}`);
  }
  statuses(): readonly StatusRecord[] {
    return [...this.#status.values()];
  }
  annotationsOf(key: ObjectKey): AnnotationRecord | undefined {
    return this.#annotations.get(key);
  }
  annotations(): readonly AnnotationRecord[] {
    return [...this.#annotations.values()];
  }
  effectiveConfig(): string | undefined {
    return this.#effective;
  }
  reports(): readonly SpeakerReport[] {
    return this.#reportList;
  }
  problems(): readonly Problem[] {
    return [...this.#problems.values()];
  }

  async writeStatus(namespace: string, name: string, status: ServiceStatus): Promise<WriteOutcome> {
    this.#writer = true;
    const file = statusFile(namespace, name);
    const before = this.statusOf(namespace, name);
    const record = nextRecord(before, namespace, name, status, this.#options.clock.wallTime().toISOString());
    if (record === before && !this.#queue.isBehind(file)) return { kind: 'done' };
    if (record !== before) {
      this.#status.set(`${namespace}/${name}`, record);
      queueMicrotask(() => this.#options.onStatus(namespace, name));
    }
    return this.#put(file, encodeRecord(record));
  }

  async annotate(
    object: Omit<AnnotationRecord, 'annotations'>,
    changes: Readonly<Record<string, string | undefined>>,
  ): Promise<WriteOutcome> {
    const key = objectKey(object.kind, object.namespace, object.name);
    const file = annotationFile(object);
    const before = this.#annotations.get(key);
    const record = annotated(before, object, changes);
    if (record === before && !this.#queue.isBehind(file)) return { kind: 'done' };
    this.#setAnnotations(key, record);
    queueMicrotask(() => this.#options.onAnnotations(key));
    return this.#put(file, record === undefined ? undefined : encodeAnnotations(record));
  }

  async publishEffective(text: string): Promise<WriteOutcome> {
    this.#writer = true;
    if (text === this.#effective && !this.#queue.isBehind(EFFECTIVE)) return { kind: 'done' };
    if (text !== this.#effective) {
      this.#effective = text;
      queueMicrotask(this.#options.onOther);
    }
    return this.#put(EFFECTIVE, text);
  }

  async publishReport(report: SpeakerReport): Promise<WriteOutcome> {
    this.#setReport(report.node, report);
    this.#heard.delete(report.node);
    queueMicrotask(this.#options.onOther);
    const file = reportFile(report.node);
    const text = `${reportJson(report)}\n`;
    this.#reportTexts.set(file, text);
    return this.#put(file, text);
  }

  /** The Service is gone for good. */
  forget(namespace: string, name: string): void {
    if (!this.#status.delete(`${namespace}/${name}`) || !this.#writer) return;
    void this.#put(statusFile(namespace, name), undefined);
  }
  forgetAnnotations(key: ObjectKey): void {
    const record = this.#annotations.get(key);
    if (record === undefined) return;
    this.#annotations.delete(key);
    if (this.#writer) void this.#put(annotationFile(record), undefined);
  }

  /** Files of the folder that were written, by whichever process. */
  touched(files: Iterable<string>): void {
    for (const file of files) this.#readFile(file);
  }

  flush(): void {
    this.#queue.flush();
  }

  async #put(file: string, text: string | undefined): Promise<WriteOutcome> {
    const outcome = await this.#queue.put(file, text);
    if (outcome.kind === 'done' && this.#problems.delete(file)) this.#options.onOther();
    return outcome;
  }

  #readFile(file: string): void {
    const [kind, ...rest] = file.split('/');
    // Ours is newer.
    if (this.#queue.isBehind(file)) return;
    if (kind === EFFECTIVE) this.#accept(file, (text) => this.#readEffective(text));
    else if (kind === 'status' && rest.length === 2) this.#accept(file, (text) => this.#readStatus(file, text));
    else if (kind === 'annotations')
      this.#accept(
        file,
        (text) => this.#readAnnotations(file, text),
        () => this.#dropAnnotations(file),
      );
    else if (kind === 'reports' && rest.length === 1)
      this.#accept(
        file,
        (text) => this.#readReport(file, text),
        () => this.#dropReport(file),
      );
  }

  /** `take` tells whether anything is new, or what is wrong with the text. */
  #accept(file: string, take: (text: string) => Decoded<boolean, string>, gone = (): void => {}): void {
    const path = join(this.#options.folder, file);
    const read = readText(path);
    if (read.is === 'gone') gone();
    else if (read.is === 'unreadable') this.#problem(file, read.code, read.message);
    if (read.is !== 'text') return;
    const taken = take(read.text);
    if (taken.ok) {
      if (this.#problems.delete(file) || taken.value) this.#options.onOther();
      return;
    }
    this.#problem(file, 'corrupt-state', `this file of ours makes no sense (${taken.error}). ${setAside(path)}`);
  }

  #readStatus(file: string, text: string): Decoded<boolean, string> {
    const record = decodeRecord(text);
    if (!record.ok) return record;
    const { namespace, name } = record.value;
    if (statusFile(namespace, name) !== file) return malformed('it is about another Service than its name says');
    const before = this.statusOf(namespace, name);
    if (before !== undefined && encodeRecord(before) === encodeRecord(record.value)) return decoded(false);
    this.#status.set(`${namespace}/${name}`, record.value);
    this.#options.onStatus(namespace, name);
    return decoded(false);
  }

  #readEffective(text: string): Decoded<boolean, string> {
    const value = parsed(text);
    if (!value.ok) return value;
    const changed = text !== this.#effective;
    this.#effective = text;
    return decoded(changed);
  }

  #readAnnotations(file: string, text: string): Decoded<boolean, string> {
    const record = decodeAnnotations(text);
    if (!record.ok) return record;
    if (annotationFile(record.value) !== file) return malformed('it is about another object than its name says');
    const { kind, namespace, name } = record.value;
    this.#changeAnnotations(objectKey(kind, namespace, name), record.value);
    return decoded(false);
  }

  /** Taken away by a command in another process. */
  #dropAnnotations(file: string): void {
    for (const [key, record] of this.#annotations)
      if (annotationFile(record) === file) this.#changeAnnotations(key, undefined);
  }

  #changeAnnotations(key: ObjectKey, record: AnnotationRecord | undefined): void {
    if (isDeepStrictEqual(this.#annotations.get(key), record)) return;
    this.#setAnnotations(key, record);
    this.#options.onAnnotations(key);
  }

  #setAnnotations(key: ObjectKey, record: AnnotationRecord | undefined): void {
    if (record === undefined) this.#annotations.delete(key);
    else this.#annotations.set(key, record);
  }

  #readReport(file: string, text: string): Decoded<boolean, string> {
    if (this.#reportTexts.get(file) === text) return decoded(false);
    const value = parsed(text);
    if (!value.ok) return value;
    const report = value.value;
    if (!isReport(report) || reportFile(report.node) !== file) return malformed('no report of that node');
    const { node, at } = report;
    const addresses = this.#heard.get(node) ?? new TrackedMap();
    this.#heard.set(node, addresses);
    replaceWords(addresses, wordsIn(report.addresses));
    this.#setReport(node, { node, at, addresses });
    return decoded(true);
  }

  #dropReport(file: string): void {
    for (const node of this.#reports.keys())
      if (reportFile(node) === file) {
        this.#heard.delete(node);
        this.#setReport(node, undefined);
        this.#options.onOther();
      }
  }

  #setReport(node: string, report: SpeakerReport | undefined): void {
    if (report === undefined) this.#reports.delete(node);
    else this.#reports.set(node, report);
    this.#reportList = [...this.#reports.values()].sort((a, b) => compareText(a.node, b.node));
  }

  #problem(file: string, code: string, message: string): void {
    this.#problems.set(file, fileProblem(join(this.#options.folder, file), code, message));
    this.#options.onOther();
  }
}

const statusFile = (namespace: string, name: string): string =>
  join('status', fileNameOf(namespace), `${fileNameOf(name)}.json`);

function parsed(text: string): Decoded<unknown, string> {
  try {
    return decoded(JSON.parse(text));
  } catch (thrown) {
    return malformed(messageOf(thrown));
  }
}

const reportFile = (node: string): string => join('reports', `${fileNameOf(node)}.json`);

const isReport = (value: unknown): value is Omit<SpeakerReport, 'addresses'> & { readonly addresses: unknown[] } =>
  isMapping(value) &&
  typeof value['node'] === 'string' &&
  typeof value['at'] === 'string' &&
  Array.isArray(value['addresses']);
