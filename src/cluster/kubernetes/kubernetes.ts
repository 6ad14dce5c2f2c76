import { type Clock, type Milliseconds, ms } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Problem } from '../../base/problem.ts';
import type { Random } from '../../base/random.ts';
import { CONTROLLER_LEASE } from '../lease.ts';
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
  StatusOutcome,
  WriteOutcome,
} from '../ports.ts';
import { annotate } from './annotations.ts';
import type { ApiAccess, ApiClient } from './api-client.ts';
import { EFFECTIVE_NAME, EffectiveConfigMap } from './effective-config.ts';
import { type EventCounters, Events } from './events.ts';
import { type ApiState, Followed } from './followed.ts';
import { openApiClient } from './http-client.ts';
import { Leases } from './leases.ts';
import { type MembershipSecret, membershipSecret } from './membership-secret.ts';
import { ObjectStore } from './object-store.ts';
import { podFacts, SPEAKER_SELECTOR } from './pod.ts';
import type { Reflector } from './reflector-driver.ts';
import { ReportFeed } from './report-feed.ts';
import { ReportPull } from './report-pull.ts';
import { Secrets, type WantedSecret } from './secrets.ts';
import { STATUS_WRITES_AT_ONCE, writeServiceStatus } from './service-status.ts';
import { slim } from './slim.ts';

/**
 * A cluster as its API server shows it, and the ports of cluster/ports.ts on it.
 *
 *     http-client -> a reflector for each resource -> object-store (what we read of each object) ─┐
 *                    secrets, effective-config ───────────────────────────────────────────────────┴─> list, onChange
 *     service-status, events, leases, annotations, effective-config <── what the process has to say
 *
 * Nothing is shown before every list was read once: a speaker that knew Services and no Nodes would give everything up. So a
 * process that starts while the API server is away waits for it, announces nothing, and says so in one line of its log and in
 * its readiness. After that an API server that goes away takes nothing back: what was known is what is shown.
 */
export interface KubernetesOptions {
  readonly access: ApiAccess;
  /** Where Clarion's own ConfigMaps, Lease, Secrets and Pods are. */
  readonly namespace: string;
  /** What is read, and whose reports. */
  readonly role: 'controller' | 'speaker';
  /** Who it is of several, for Events: the name of the Pod. */
  readonly instance: string;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const PATHS: Readonly<Record<PassKind, string>> = {
  Service: '/api/v1/services',
  EndpointSlice: '/apis/discovery.k8s.io/v1/endpointslices',
  Node: '/api/v1/nodes',
  Namespace: '/api/v1/namespaces',
};
const isListed = (kind: ObjectKind): kind is PassKind => Object.hasOwn(PATHS, kind);
/** The second is MetalLB's; in our namespace it is ours to read. */
const CONFIG_NAMES = ['clarion', 'config'];

/** What is read does not wait longer than this to know whether a controller is active. */
const PATIENCE = ms(500);
/** By then the statuses of the same change are written, however busy the server is. */
const EVENTS_AFTER = ms(100);

/** Resolves once everything was read; while the API server cannot be read it does not. */
export async function openKubernetes(options: KubernetesOptions): Promise<KubernetesCluster> {
  const cluster = new KubernetesCluster(options);
  await cluster.synced();
  return cluster;
}

/** Begins to read at once. `list` is of use once `synced` has resolved, and `onChange` is told from then on. */
export class KubernetesCluster implements RunningCluster {
  readonly statusWritesAtOnce = STATUS_WRITES_AT_ONCE;
  /** Of a speaker: what its status server streams at /report. */
  readonly feed: ReportFeed;
  readonly membershipKey: MembershipSecret;
  readonly #options: KubernetesOptions;
  readonly #client: ApiClient;
  readonly #followed: Followed;
  readonly #stores: Readonly<Record<PassKind, ObjectStore<ClusterObject>>>;
  readonly #configMaps: readonly ObjectStore<ClusterObject>[];
  readonly #effectiveConfigMap: EffectiveConfigMap;
  readonly #secrets: Secrets;
  readonly #events: Events;
  readonly #leases: Leases;
  readonly #pods = new ObjectStore(podFacts);
  readonly #decisive: Reflector[] = [];
  readonly #podsReflector: Reflector | undefined;
  readonly #listeners = new Set<() => void>();
  /** No controller was active when this process began to read. */
  #free: { readonly version: string | undefined } | undefined;
  #nobodySince = false;
  #pull: ReportPull | undefined;
  #listed: { readonly parts: readonly (readonly ClusterObject[])[]; readonly all: readonly ClusterObject[] };
  #effective: string | undefined;

  constructor(options: KubernetesOptions) {
    const { access, namespace, role, instance, version, clock, random, logger } = options;
    this.#options = options;
    const client = openApiClient({ access, clock, userAgent: `clarion-${role}/${version}` });
    this.#client = client;
    const { server } = access;
    this.#leases = new Leases(client, namespace);
    const after = role === 'controller' ? this.#lookForOthers() : undefined;
    this.#followed = new Followed({ client, server, clock, random, logger, after, changed: () => this.#tell() });
    const storeOf = (kind: ObjectKind): ObjectStore<ClusterObject> => new ObjectStore((raw) => slim(kind, raw));
    const listed = (kind: PassKind): ObjectStore<ClusterObject> => {
      const path = PATHS[kind];
      const store = storeOf(kind);
      const reflector = this.#followed.add({ name: path.slice(path.lastIndexOf('/') + 1), path }, store);
      if (kind === 'Service') this.#decisive.push(reflector);
      return store;
    };
    // By name, each with a watch of its own: a right to all ConfigMaps of the namespace is not needed then.
    const configMap = (name: string): ObjectStore<ClusterObject> => {
      const path = `/api/v1/namespaces/${namespace}/configmaps`;
      const store = storeOf('ConfigMap');
      const fieldSelector = `metadata.name=${name}`;
      this.#decisive.push(this.#followed.add({ name: `configmaps/${name}`, path, fieldSelector }, store));
      return store;
    };
    this.#stores = {
      Service: listed('Service'),
      EndpointSlice: listed('EndpointSlice'),
      Node: listed('Node'),
      Namespace: listed('Namespace'),
    };
    this.#configMaps = role === 'speaker' ? [] : CONFIG_NAMES.map(configMap);
    this.#listed = { parts: [], all: [] };
    const effective = configMap(EFFECTIVE_NAME);
    const findEffective = (): ClusterObject | undefined => effective.get(namespace, EFFECTIVE_NAME);
    this.#effectiveConfigMap = new EffectiveConfigMap(client, namespace, findEffective);
    if (role === 'controller') {
      const path = `/api/v1/namespaces/${namespace}/pods`;
      this.#podsReflector = this.#followed.add({ name: 'pods', path, labelSelector: SPEAKER_SELECTOR }, this.#pods);
    }
    const changed = (): void => this.#followed.changed();
    this.#secrets = new Secrets({ client, clock, namespace, changed });
    const find = (kind: ObjectKind, ns: string, name: string): ClusterObject | undefined =>
      isListed(kind)
        ? this.#stores[kind].get(ns, name)
        : this.list(kind).find((object) => object.name === name && object.namespace === ns);
    this.#events = new Events({ client, clock, random, logger, instance, patience: EVENTS_AFTER, find });
    this.feed = new ReportFeed(clock);
    this.membershipKey = membershipSecret(client, namespace);
  }

  /** Resolves once there is something to see; never while the API server cannot be read. */
  synced(): Promise<void> {
    return this.#followed.synced();
  }

  objects(kind: PassKind): Objects {
    return this.#stores[kind].all;
  }

  list(kind: ObjectKind): readonly ClusterObject[] {
    if (kind === 'Secret') return this.#secrets.list();
    if (isListed(kind)) return this.#stores[kind].list();
    const parts = this.#configMaps.map((store) => store.list());
    if (parts.some((part, i) => part !== this.#listed.parts[i])) this.#listed = { parts, all: parts.flat() };
    return this.#listed.all;
  }

  /** While there is one that cannot be read: to a speaker the last one that could; to a controller none, and so it writes it anew. */
  effectiveConfig(): string | undefined {
    const text = this.#effectiveConfigMap.text();
    if (text?.ok === false && this.#options.role === 'speaker') return this.#effective;
    this.#effective = text?.ok === true ? text.value : undefined;
    return this.#effective;
  }

  problems(): readonly Problem[] {
    return this.#secrets.problems();
  }

  onChange(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  /** Which Secrets `list('Secret')` shows: those that the configuration names, and no others. */
  wantSecrets(wanted: readonly WantedSecret[]): void {
    this.#secrets.want(wanted);
  }

  writeServiceStatus(namespace: string, name: string, status: ServiceStatus, version?: string): Promise<StatusOutcome> {
    const find = (ns: string, of: string): ClusterObject | undefined => this.#stores.Service.get(ns, of);
    const deps = { client: this.#client, clock: this.#options.clock, find };
    return writeServiceStatus(deps, namespace, name, status, version);
  }
  publishEffectiveConfig(text: string): Promise<WriteOutcome> {
    return this.#effectiveConfigMap.publish(text);
  }
  recordEvent(event: ClusterEvent): void {
    this.#events.record(event);
  }
  annotate(
    kind: 'Node' | 'Service',
    namespace: string,
    name: string,
    annotations: Readonly<Record<string, string | undefined>>,
  ): Promise<WriteOutcome> {
    return annotate(this.#client, kind, namespace, name, annotations);
  }
  read(name: string): Promise<{ readonly record: LeaseRecord; readonly version: string } | undefined> {
    return this.#leases.read(name);
  }
  async write(name: string, record: LeaseRecord, version: string | undefined): Promise<'written' | 'conflict'> {
    const outcome = await this.#leases.write(name, record, version);
    // Only the first one can tell: after it somebody held it, if not for long.
    if (outcome === 'written') {
      this.#nobodySince = this.#free !== undefined && this.#free.version === version;
      this.#free = undefined;
    }
    return outcome;
  }

  publish(report: SpeakerReport): Promise<WriteOutcome> {
    return this.feed.publish(report);
  }
  reports(): readonly SpeakerReport[] {
    return this.#options.role === 'controller' ? (this.#pull?.reports() ?? []) : this.feed.reports();
  }
  heardAll(): boolean {
    return this.#options.role === 'controller' ? this.#pull?.heardAll() === true : this.feed.heardAll();
  }

  /**
   * What another controller wrote until now is then shown here: Services and configuration are listed anew, as etcd has them,
   * unless nobody can have written since they were listed. The reports of the speakers are followed from then on.
   */
  async caughtUp(): Promise<void> {
    this.#followReports();
    if (!this.#nobodySince) await Promise.all(this.#decisive.map((reflector) => reflector.readAgain()));
    this.#nobodySince = false;
    await this.synced();
  }

  /**
   * A Lease that nobody has, taken on the version that was read here, had no holder in between. So what is listed after this
   * is all that any controller ever wrote, and one that is started anew need not list ten thousand Services twice.
   */
  async #lookForOthers(): Promise<void> {
    let late = false;
    const look = async (): Promise<void> => {
      const found = await this.#leases.read(CONTROLLER_LEASE);
      if (!late && (found === undefined || found.record.holder === '')) this.#free = { version: found?.version };
    };
    await new Promise<void>((resolve) => {
      const patience = this.#options.clock.startTimer('look for others', PATIENCE, resolve);
      void look()
        .catch(() => {})
        .then(() => {
          patience.stop();
          resolve();
        });
    });
    late = true;
  }

  viewAge(): Milliseconds {
    return this.#followed.viewAge();
  }

  apiState(): ApiState & {
    readonly events: EventCounters;
    readonly reports: ReturnType<ReportPull['counts']> | undefined;
  } {
    return { ...this.#followed.state(), events: this.#events.counters, reports: this.#pull?.counts() };
  }

  async close(): Promise<void> {
    this.#pull?.stop();
    this.#followed.stop();
    this.#secrets.close();
    this.#events.stop();
    this.feed.stop();
    this.#listeners.clear();
    this.#client.close();
  }

  #followReports(): void {
    const { namespace, clock, random, logger, role } = this.#options;
    if (role !== 'controller' || this.#pull !== undefined) return;
    const pods = {
      list: () => (this.#podsReflector?.report().synced === true ? this.#pods.list() : undefined),
      onChange: (changed: () => void) => this.onChange(changed),
    };
    const changed = (): void => this.#followed.changed();
    this.#pull = new ReportPull({ client: this.#client, namespace, clock, random, logger, pods, changed });
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
