import type { Milliseconds } from '../base/clock.ts';
import type { Problem } from '../base/problem.ts';
import type { ServiceReason } from '../base/reason.ts';

/**
 * What the controller and the speakers see of a cluster. cluster/directory (a folder of manifests) and cluster/kubernetes
 * (an API server) implement it. Level-triggered: a change says only that something changed; the reader tells what is.
 */
export type ObjectKind = 'Service' | 'EndpointSlice' | 'Node' | 'Namespace' | 'Secret' | 'ConfigMap';
export const OBJECT_KINDS: readonly ObjectKind[] = [
  'Service',
  'EndpointSlice',
  'Node',
  'Namespace',
  'Secret',
  'ConfigMap',
];

/** Where an object was read: for problems with file:line:column. */
export interface Origin {
  readonly file: string;
  /** 1-based line of its first key. */
  readonly line: number;
  /** The text of the file, kept for ConfigMaps only (positions inside a block scalar are found in it). */
  readonly text: string | undefined;
}

/** One object as its owner wrote it, our own status and annotations merged in. Same object until it changes: compare by identity. */
export interface ClusterObject {
  readonly kind: ObjectKind;
  readonly namespace: string;
  readonly name: string;
  /** The parsed JSON form. Not validated: inventory and config do that. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly origin: Origin;
  /**
   * Nobody defined it: a Node of a folder without such an object, listed only to carry the annotations that commands set.
   * It does not make its name one of the cluster's nodes.
   */
  readonly implied?: true;
}

/** Everything there is of a cluster that is read once; sorted by namespace, then name. */
export type ObjectLists = Readonly<Record<ObjectKind, readonly ClusterObject[]>>;

/** Kinds of which there may be ten thousand, or any change concerns a pass. */
export type PassKind = Extract<ObjectKind, 'Service' | 'EndpointSlice' | 'Node' | 'Namespace'>;
/** By `namespace/name`; in no order. */
export type Objects = ReadonlyMap<string, ClusterObject>;
/** What a pass looks at. */
export type PassObjects = Readonly<Record<PassKind, Objects>>;

export interface SecretName {
  /** Undefined: the namespace that Clarion is in. */
  readonly namespace: string | undefined;
  readonly name: string;
}

export interface ClusterReader {
  /** The same map always, changed in place; who follows it (base/tracked-map.ts) hears of what changed. */
  objects(kind: PassKind): Objects;
  /** Sorted by namespace, then name. The same array until one of its objects changes. */
  list(kind: ObjectKind): readonly ClusterObject[];
  /** The configuration that the controller published; undefined before there is one. */
  effectiveConfig(): string | undefined;
  /** Files that cannot be read, text that is no YAML, objects defined twice, ... */
  problems(): readonly Problem[];
  /**
   * Which Secrets `list('Secret')` is asked for: those that the configuration names. An API server is asked for these alone; a
   * folder shows all that it has.
   */
  wantSecrets(wanted: readonly SecretName[]): void;
  /** For how long what `list` shows may be outdated; 0 while the cluster talks to us. */
  viewAge(): Milliseconds;
  /** Told after each change, never during the call that caused it; returns how to stop it. */
  onChange(changed: () => void): () => void;
}

/** `refused` is final until something changes; `retry` is the environment's fault and is tried again with backoff. */
export type WriteOutcome =
  | { readonly kind: 'done' }
  /** `after`: whoever refused asks for that much time. */
  | { readonly kind: 'retry'; readonly message: string; readonly after?: Milliseconds | undefined }
  | { readonly kind: 'refused'; readonly message: string };

/** `outdated`: somebody changed the Service since the decision was made. Nothing was written; decide again on what it is now. */
export type StatusOutcome = WriteOutcome | { readonly kind: 'outdated' };

export interface Condition {
  /** clarion.dev/Allocated or clarion.dev/Announced. */
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  /** CamelCase, as Kubernetes wants it. */
  readonly reason: string;
  readonly message: string;
}

/** All that we say about a Service, in one write. An empty `ingress` clears it. */
export interface ServiceStatus {
  readonly ingress: readonly string[];
  readonly pool: string | undefined;
  readonly conditions: readonly Condition[];
}

export interface ClusterEvent {
  readonly regarding: { readonly kind: ObjectKind; readonly namespace: string; readonly name: string };
  readonly type: 'Normal' | 'Warning';
  /** CamelCase: AddressAssigned, AddressReleased, AllocationFailed, AddressConflict, ... */
  readonly reason: string;
  readonly message: string;
}

export interface ClusterWriter {
  /** How many status writes may be under way: a few hide the latency of an API server; a folder takes them all at once. */
  readonly statusWritesAtOnce: number;
  /** Nothing is sent where the status stands already. `version`: `versionOf` the Service that the decision was made on. */
  writeServiceStatus(namespace: string, name: string, status: ServiceStatus, version?: string): Promise<StatusOutcome>;
  publishEffectiveConfig(text: string): Promise<WriteOutcome>;
  /** Transitions only; never fails the caller. */
  recordEvent(event: ClusterEvent): void;
}

export interface AnnotationWriter {
  /**
   * Sets annotations, and removes those that are undefined; shown by every reader of the cluster from then on. `namespace` is
   * '' for a Node. `refused` where there is no such object, or where only its owner can take an annotation away.
   */
  annotate(
    kind: 'Node' | 'Service',
    namespace: string,
    name: string,
    annotations: Readonly<Record<string, string | undefined>>,
  ): Promise<WriteOutcome>;
}

/** The fields of a coordination.k8s.io Lease that an election needs; times are ISO 8601 with microseconds. */
export interface LeaseRecord {
  readonly holder: string;
  readonly durationSeconds: number;
  readonly acquired: string;
  readonly renewed: string;
  readonly transitions: number;
}

export interface LeaseStore {
  /** With the version that a write must name. */
  read(name: string): Promise<{ readonly record: LeaseRecord; readonly version: string } | undefined>;
  /** `conflict` when somebody else wrote since `version` (undefined: when one exists already). */
  write(name: string, record: LeaseRecord, version: string | undefined): Promise<'written' | 'conflict'>;
}

/** What a node's speaker says about the addresses it has to do with; the controller makes conditions of it. */
export interface SpeakerReport {
  readonly node: string;
  readonly at: string;
  /**
   * By the address as text, all that is said of it: layer 2's word before BGP's, never none. Whoever publishes it, or shows it
   * for a node, may change the map in place (base/tracked-map.ts).
   */
  readonly addresses: ReadonlyMap<string, readonly AddressWord[]>;
}

export interface AddressWord {
  readonly state: 'announced' | 'prepared' | 'probing' | 'refused';
  readonly reason: ServiceReason | 'no-interface' | 'no-session' | undefined;
  readonly message: string | undefined;
}

export interface ReportBoard {
  publish(report: SpeakerReport): Promise<WriteOutcome>;
  /** The latest of every node. */
  reports(): readonly SpeakerReport[];
  /**
   * Whether every speaker that runs has had the time to say something since this process looks: until then, silence about an
   * address means nothing. A change is told by `onChange`.
   */
  heardAll(): boolean;
}

/** A cluster that a process works on, with all that it may have to do there. */
export interface RunningCluster extends ClusterReader, ClusterWriter, AnnotationWriter, LeaseStore, ReportBoard {
  /** Resolves when what `list` shows is at least as new as this call: asked by a controller that has just become active. */
  caughtUp(): Promise<void>;
  /** Writes what still waits, ends all watches and timers. */
  close(): Promise<void>;
}
