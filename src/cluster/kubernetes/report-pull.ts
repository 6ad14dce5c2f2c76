import { seconds, type Timer } from '../../base/clock.ts';
import type { SpeakerReport } from '../ports.ts';
import { ReportStream, type ReportStreamDeps, type SpeakerPod } from './report-stream.ts';

/**
 * What the speakers report, for the controller: one stream from every speaker Pod, through the API server's pod proxy, so that
 * neither a network policy nor a port of a node needs to let the controller pass.
 *
 * What a speaker said last holds while the API server cannot be asked: that says nothing about the speaker. It drops out when the
 * Pod is gone, or when the API server answers and for 10 s has not been able to reach the speaker.
 */
export interface ReportPullDeps extends Omit<ReportStreamDeps, 'changed'> {
  readonly pods: SpeakerPods;
  /** `reports()` or `heardAll()` says something else now. */
  readonly changed: () => void;
}

/** The Pods of the speakers, as a watch shows them. */
export interface SpeakerPods {
  /** Undefined: not listed yet. */
  list(): readonly SpeakerPod[] | undefined;
  onChange(changed: () => void): () => void;
}

/** A controller that has just started waits no longer for speakers that cannot be reached. */
const WAIT_FOR_ALL = seconds(10);

export class ReportPull {
  readonly #deps: ReportPullDeps;
  readonly #streams = new Map<string, ReportStream>();
  readonly #unsubscribe: () => void;
  #wait: Timer | undefined;
  #heardAll = false;
  #reports: readonly SpeakerReport[] | undefined;
  #stopped = false;

  constructor(deps: ReportPullDeps) {
    this.#deps = deps;
    this.#wait = deps.clock.startTimer('all speakers heard', WAIT_FOR_ALL, () => this.#setHeardAll());
    this.#unsubscribe = deps.pods.onChange(() => this.#podsChanged());
    this.#podsChanged();
  }

  /** The latest of every node, sorted by node. The same array until one of them changes. */
  reports(): readonly SpeakerReport[] {
    this.#reports ??= latestOfEach([...this.#streams.values()].flatMap((stream) => stream.report() ?? []));
    return this.#reports;
  }

  /** Every speaker Pod that runs has been heard, or could not be for 10 s since the start. Stays true. */
  heardAll(): boolean {
    return this.#heardAll;
  }

  /** For metrics: speaker Pods that run, and those of them whose stream is open. */
  counts(): { readonly pods: number; readonly streams: number } {
    const all = [...this.#streams.values()];
    return { pods: all.length, streams: all.filter((stream) => stream.open).length };
  }

  stop(): void {
    this.#stopped = true;
    this.#unsubscribe();
    this.#wait?.stop();
    for (const stream of this.#streams.values()) stream.stop();
    this.#streams.clear();
  }

  #podsChanged(): void {
    if (this.#stopped) return;
    const pods = this.#deps.pods.list();
    if (pods === undefined) return;
    const running = new Map(pods.filter((pod) => pod.running).map((pod) => [pod.uid, pod]));
    for (const [uid, stream] of this.#streams)
      if (!running.has(uid)) {
        stream.stop();
        this.#streams.delete(uid);
        if (stream.report() !== undefined) this.#tell();
      }
    for (const [uid, pod] of running)
      if (!this.#streams.has(uid))
        this.#streams.set(uid, new ReportStream(pod, { ...this.#deps, changed: () => this.#tell() }));
    this.#lookWhetherAll();
  }

  #tell(): void {
    this.#reports = undefined;
    this.#lookWhetherAll();
    this.#deps.changed();
  }

  #lookWhetherAll(): void {
    if (this.#heardAll || this.#deps.pods.list() === undefined) return;
    if ([...this.#streams.values()].every((stream) => stream.report() !== undefined)) this.#setHeardAll();
  }

  #setHeardAll(): void {
    if (this.#heardAll) return;
    this.#heardAll = true;
    this.#wait?.stop();
    this.#wait = undefined;
    this.#deps.changed();
  }
}

/** A Pod that was replaced may be there still: of two that speak of one node the later word counts. */
function latestOfEach(reports: readonly SpeakerReport[]): readonly SpeakerReport[] {
  const latest = new Map<string, SpeakerReport>();
  for (const report of reports) {
    const known = latest.get(report.node);
    if (known === undefined || known.at < report.at) latest.set(report.node, report);
  }
  return [...latest.values()].sort((a, b) => (a.node < b.node ? -1 : 1));
}
