import { isDeepStrictEqual } from 'node:util';
import { type Milliseconds, ms } from '../../src/base/clock.ts';
import type { Problem } from '../../src/base/problem.ts';
import {
  type ClusterEvent,
  type ClusterObject,
  type ClusterReader,
  type ClusterWriter,
  OBJECT_KINDS,
  type ObjectKind,
  type Objects,
  type PassKind,
  type ReportBoard,
  type ServiceStatus,
  type SpeakerReport,
  type WriteOutcome,
} from '../../src/cluster/ports.ts';
import { SortedLists } from '../../src/cluster/sorted-objects.ts';

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

/** A cluster in memory for tests of the composition: no file, no clock, listeners called in a later microtask. */
export class MemoryCluster implements ClusterReader, ClusterWriter, ReportBoard {
  readonly events: ClusterEvent[] = [];
  /** When set, every write of a status fails with this. */
  failure: string | undefined;
  writes = 0;
  /** Writes that made a difference. */
  changes = 0;
  readonly #objects = new Map<string, ClusterObject>();
  readonly #statuses = new Map<string, ServiceStatus>();
  readonly #reports = new Map<string, SpeakerReport>();
  readonly #listeners = new Set<() => void>();
  readonly #kinds = new SortedLists();
  #reportList: readonly SpeakerReport[] = [];
  #effective: string | undefined;

  put(...manifests: Manifest[]): void {
    for (const body of manifests) {
      const kind = body.kind as ObjectKind;
      const { name, namespace = 'default' } = body.metadata;
      const text = kind === 'ConfigMap' ? JSON.stringify(body, null, 2) : undefined;
      const origin = { file: `${name}.json`, line: 1, text };
      this.#objects.set(`${kind} ${namespace}/${name}`, { kind, namespace, name, body, origin });
    }
    this.#changed();
  }

  delete(kind: ObjectKind, namespace: string, name: string): void {
    this.#objects.delete(`${kind} ${namespace}/${name}`);
    this.#changed();
  }

  statusOf(key: string): ServiceStatus | undefined {
    return this.#statuses.get(key);
  }

  /** Set to false: speakers that run have not been heard yet. */
  heard = true;
  heardAll(): boolean {
    return this.heard;
  }

  list(kind: ObjectKind): readonly ClusterObject[] {
    return this.#kinds.list(kind);
  }

  objects(kind: PassKind): Objects {
    return this.#kinds.objects(kind);
  }

  effectiveConfig(): string | undefined {
    return this.#effective;
  }

  problems(): readonly Problem[] {
    return [];
  }

  wantSecrets(): void {}

  viewAge(): Milliseconds {
    return ms(0);
  }

  onChange(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  readonly statusWritesAtOnce = 8;

  async writeServiceStatus(namespace: string, name: string, status: ServiceStatus): Promise<WriteOutcome> {
    this.writes++;
    if (this.failure !== undefined) return { kind: 'retry', message: this.failure };
    const key = `${namespace}/${name}`;
    if (!this.#objects.has(`Service ${key}`)) return { kind: 'refused', message: 'the Service is gone' };
    if (!isDeepStrictEqual(this.#statuses.get(key), status)) {
      this.changes++;
      this.#statuses.set(key, status);
      this.#changed();
    }
    return { kind: 'done' };
  }

  async publishEffectiveConfig(text: string): Promise<WriteOutcome> {
    this.#effective = text;
    this.#changed();
    return { kind: 'done' };
  }

  /** As when somebody deletes or edits what we published. */
  overwriteEffectiveConfig(text: string | undefined): void {
    this.#effective = text;
    this.#changed();
  }

  recordEvent(event: ClusterEvent): void {
    this.events.push(event);
  }

  async publish(report: SpeakerReport): Promise<WriteOutcome> {
    this.#reports.set(report.node, report);
    this.#reportList = [...this.#reports.values()].sort((a, b) => (a.node < b.node ? -1 : 1));
    this.#changed();
    return { kind: 'done' };
  }

  reports(): readonly SpeakerReport[] {
    return this.#reportList;
  }

  /** As a controller finds it that has just started and has not asked any speaker yet. */
  forgetReports(): void {
    this.#reports.clear();
    this.#reportList = [];
  }

  #changed(): void {
    for (const kind of OBJECT_KINDS) {
      const before = new Map(this.#kinds.list(kind).map((object) => [keyOf(object), object]));
      const now = [...this.#objects.values()].filter((object) => object.kind === kind);
      for (const object of now) {
        const { namespace, name } = object;
        this.#kinds.put(kind, namespace, name, this.#withStatus(object, before.get(keyOf(object))));
        before.delete(keyOf(object));
      }
      for (const { namespace, name } of before.values()) this.#kinds.put(kind, namespace, name, undefined);
    }
    for (const listener of this.#listeners) queueMicrotask(listener);
  }

  /** The same object as before where nothing changed: identity is how the passes know. */
  #withStatus(object: ClusterObject, known: ClusterObject | undefined): ClusterObject {
    const status = object.kind === 'Service' ? this.#statuses.get(`${object.namespace}/${object.name}`) : undefined;
    if (status === undefined) return object;
    const metadata = object.body['metadata'] as Manifest['metadata'];
    const annotations = { ...(metadata['annotations'] as object), 'clarion.dev/ip-allocated-from-pool': status.pool };
    const body = {
      ...object.body,
      metadata: { ...metadata, annotations: status.pool === undefined ? metadata['annotations'] : annotations },
      // An API server takes the addresses away with the type.
      status: {
        loadBalancer: isLoadBalancer(object) ? { ingress: status.ingress.map((ip) => ({ ip, ipMode: 'VIP' })) } : {},
        conditions: status.conditions.map((condition) => ({
          ...condition,
          lastTransitionTime: '2026-01-01T00:00:00Z',
        })),
      },
    };
    return known !== undefined && isDeepStrictEqual(known.body, body) ? known : { ...object, body };
  }
}

const keyOf = ({ namespace, name }: ClusterObject): string => `${namespace}/${name}`;

const isLoadBalancer = ({ body }: ClusterObject): boolean =>
  (body['spec'] as { readonly type?: unknown } | undefined)?.type === 'LoadBalancer';
