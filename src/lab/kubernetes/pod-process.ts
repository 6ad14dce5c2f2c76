import type { ChildProcess } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Milliseconds, ms, seconds, systemClock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { ended, terminate } from '../lab.ts';
import { pause } from '../logged-program.ts';
import type { LabCluster } from './cluster.ts';
import type { NodeName, PodPlace } from './network.ts';
import { addressesOf, commandLine, type Pod, type PodState, podStatus } from './pod.ts';
import { inPod, requestToken, serviceAccountFolder } from './service-account.ts';

/** The first container of a Pod as a process: started, probed, started again when it ends by itself, ended when it is told. */
export interface PodProcessParts {
  readonly cluster: LabCluster;
  readonly pod: Pod;
  readonly node: NodeName;
  /** Undefined: on the network of the node. */
  readonly place: PodPlace | undefined;
  readonly command: readonly string[];
}

/** Through kube-proxy, as in any cluster. */
const API_SERVER = { address: '10.96.0.1', port: 443 };
const RESTART_AFTER = seconds(1);
/** A probe is repeated this soon until it succeeds the first time. */
const FIRST_PROBES = ms(200);

export class PodProcess {
  readonly name: string;
  readonly uid: string;
  readonly node: NodeName;
  readonly place: PodPlace | undefined;
  readonly owner: string | undefined;
  readonly logFile: string;
  ending = false;
  readonly #parts: PodProcessParts;
  readonly #addresses: readonly string[];
  #child: ChildProcess | undefined;
  /** Of the process that is to be seen to; another number is another life. */
  #life = 0;
  #restarts = 0;
  #state: PodState | undefined;

  constructor(parts: PodProcessParts) {
    this.#parts = parts;
    const { metadata } = parts.pod;
    ({ name: this.name, uid: this.uid } = metadata);
    this.node = parts.node;
    this.place = parts.place;
    this.owner = metadata.ownerReferences?.[0]?.uid;
    this.#addresses = addressesOf(parts.node, parts.place);
    this.logFile = join(parts.cluster.plane.folder, 'log', `pod-${metadata.namespace}-${metadata.name}`);
  }

  start(): void {
    void this.#live(++this.#life);
  }

  log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  /** Of the process itself; a kubelet starts it again when that ends it. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Gone, and nobody is told. */
  async powerOff(): Promise<void> {
    this.#life++;
    this.#child?.kill('SIGKILL');
    if (this.#child !== undefined) await ended(this.#child);
  }

  /** As the kubelet ends a Pod: preStop, SIGTERM, and SIGKILL when the grace period is over. */
  async end(grace: Milliseconds): Promise<void> {
    this.ending = true;
    const sleep = this.#container?.lifecycle?.preStop?.sleep?.seconds ?? 0;
    if (grace > 0) await pause(seconds(sleep));
    this.#life++;
    if (this.#child !== undefined) await terminate(this.#child, grace);
  }

  get #container(): Pod['spec']['containers'][number] | undefined {
    return this.#parts.pod.spec.containers[0];
  }

  async #live(life: number): Promise<void> {
    while (this.#life === life) {
      try {
        this.#child = await this.#spawn(life);
        if (this.#child === undefined) return;
        void this.#probe(life, this.#child);
        await ended(this.#child);
      } catch (thrown) {
        process.stderr.write(`lab kubelet: ${this.name}: ${messageOf(thrown)}\n`);
      }
      if (this.#life !== life) return;
      this.#restarts++;
      await this.#tell(false, false);
      await pause(RESTART_AFTER);
    }
  }

  async #spawn(life: number): Promise<ChildProcess | undefined> {
    const { cluster, pod, node, place, command } = this.#parts;
    const { namespace, name } = pod.metadata;
    const container = this.#container;
    if (container === undefined) return undefined;
    const { args, env } = commandLine(pod, container, this.#addresses);
    const account = { namespace, name: pod.spec.serviceAccountName ?? 'default' };
    let words = [...command, ...args];
    if (account.name !== 'default') {
      const token = await requestToken(cluster.plane, account, { kind: 'Pod', name });
      const folder = await serviceAccountFolder(cluster.plane, account, token, name);
      const hostname = place === undefined ? node : name;
      words = [...inPod({ folder, hostname }, API_SERVER, words)];
    }
    // Ended while it waited for its token.
    if (this.#life !== life) return undefined;
    const log = openSync(this.logFile, 'a');
    // Standard input stays open: programs of the lab end without it.
    return cluster.lab.spawn(place?.host ?? node, ['env', ...env, ...words], { stdio: ['pipe', log, log] });
  }

  /** Ready when its probe says so; at once where it has none. */
  async #probe(life: number, child: ChildProcess): Promise<void> {
    const alive = (): boolean => this.#life === life && child.exitCode === null && child.signalCode === null;
    const { httpGet, periodSeconds = 10 } = this.#container?.readinessProbe ?? {};
    let everReady = false;
    while (alive()) {
      const ready = httpGet === undefined || (await this.#answers(httpGet));
      if (!alive()) return;
      everReady ||= ready;
      await this.#tell(true, ready);
      if (httpGet === undefined && this.#state !== undefined) return;
      await pause(everReady ? seconds(periodSeconds) : FIRST_PROBES);
    }
  }

  async #answers({ path = '/', port }: { readonly path?: string; readonly port: string | number }): Promise<boolean> {
    const number =
      typeof port === 'number' ? port : this.#container?.ports?.find(({ name }) => name === port)?.containerPort;
    const url = `http://${this.#addresses[0]}:${number ?? 0}${path}`;
    // The prober itself may be gone, at the end of it all.
    const answer = await this.#parts.cluster.prober.get(url, seconds(1)).catch(() => undefined);
    return answer?.ok === true;
  }

  /** Only what changed is written; what cannot be written now is written with the next change or probe. */
  async #tell(running: boolean, ready: boolean): Promise<void> {
    const before = this.#state;
    if (before?.running === running && before.ready === ready && before.restarts === this.#restarts) return;
    const { cluster, pod, node } = this.#parts;
    const state = { running, ready, restarts: this.#restarts, since: systemClock.wallTime() };
    const patch = JSON.stringify({ status: podStatus(pod, node, this.#addresses, state) });
    const { name, namespace } = pod.metadata;
    try {
      await cluster.plane.kubectl(['patch', 'pod', name, '-n', namespace, '--subresource=status', '--patch', patch]);
      this.#state = state;
    } catch {
      this.#state = undefined;
    }
  }
}
