import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type Milliseconds, ms, seconds } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { pause } from '../logged-program.ts';
import type { LabCluster } from './cluster.ts';
import { NODES, type NodeName, POD_PLACES, type PodPlace } from './network.ts';
import { keyOf, type Pod, requiredNode } from './pod.ts';
import { PodProcess } from './pod-process.ts';

/**
 * What stands in for the scheduler and for the kubelets of all nodes, so that the real controllers (Deployment, DaemonSet,
 * EndpointSlice) have somebody to work with: `kubectl rollout restart` does here what it does anywhere. A container is a
 * program of this machine in the node's network namespace, or in a place for Pods, with its ServiceAccount's files mounted.
 * Kept of a Pod: node, network, image, args, env, ServiceAccount, readiness probe, preStop sleep, grace period, restarts.
 * Not kept: everything that is a container's (file system, user, capabilities, limits), volumes, liveness probes.
 */
export interface KubeletOptions {
  readonly cluster: LabCluster;
  /** The words that start a container of an image, before its args; images are named without their tags. */
  readonly images: Readonly<Record<string, readonly string[]>>;
}

const AGAIN_AFTER = ms(500);

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: Pod;
}

export class Kubelet {
  readonly #options: KubeletOptions;
  readonly #pods = new Map<string, PodProcess>();
  readonly #binding = new Map<string, NodeName>();
  readonly #off = new Set<NodeName>();
  #watch: ChildProcess | undefined;
  #stopped = false;

  constructor(options: KubeletOptions) {
    this.#options = options;
    void this.#follow();
  }

  /** The processes whose Pods' names begin so; of one node where that is given. */
  pods(prefix: string, node?: NodeName): readonly PodProcess[] {
    return [...this.#pods.values()].filter(
      (pod) => pod.name.startsWith(prefix) && (node === undefined || pod.node === node),
    );
  }

  /** As when the machine loses power: its programs are gone, and its objects stay as they are. */
  async powerOff(node: NodeName): Promise<void> {
    this.#off.add(node);
    await Promise.all(this.pods('', node).map((pod) => pod.powerOff()));
  }

  powerOn(node: NodeName): void {
    this.#off.delete(node);
    for (const pod of this.pods('', node)) pod.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#watch?.kill('SIGKILL');
    await Promise.all([...this.#pods.values()].map((pod) => pod.powerOff()));
  }

  /** kubectl ends when its API server does; then what was missed is found by a list. */
  async #follow(): Promise<void> {
    while (!this.#stopped) {
      await this.#untilWatchEnds();
      if (this.#stopped) return;
      await pause(AGAIN_AFTER);
      await this.#forgetDeleted().catch(() => {});
    }
  }

  #untilWatchEnds(): Promise<void> {
    const { plane, lab } = this.#options.cluster;
    const words = ['get', 'pods', '--all-namespaces', '--watch', '--output-watch-events', '--output', 'json'];
    const watch = lab.spawn(plane.host, plane.kubectlCommand(words), { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#watch = watch;
    if (watch.stdout !== null)
      createInterface(watch.stdout).on('line', (line) => {
        const event = JSON.parse(line) as WatchEvent;
        if (!this.#stopped && event.object.metadata?.uid !== undefined) this.#look(event);
      });
    return new Promise((resolve) => watch.once('close', () => resolve()));
  }

  async #forgetDeleted(): Promise<void> {
    const words = ['get', 'pods', '--all-namespaces', '--output', 'json'];
    const { items } = JSON.parse(await this.#options.cluster.plane.kubectl(words)) as {
      readonly items: readonly Pod[];
    };
    const there = new Set(items.map(({ metadata }) => metadata.uid));
    for (const pod of this.#pods.values()) if (!there.has(pod.uid)) this.#end(pod, ms(0));
  }

  #look({ type, object: pod }: WatchEvent): void {
    const { uid, deletionTimestamp, deletionGracePeriodSeconds = 30 } = pod.metadata;
    const known = this.#pods.get(uid);
    if (type === 'DELETED') {
      this.#binding.delete(uid);
      if (known !== undefined) this.#end(known, ms(0));
      return;
    }
    if (pod.spec.nodeName === undefined) {
      if (deletionTimestamp === undefined) this.#schedule(pod);
      return;
    }
    if (deletionTimestamp !== undefined) {
      // A node without power confirms no deletion.
      if (this.#off.has(pod.spec.nodeName)) return;
      if (known === undefined) void this.#confirm(pod);
      else if (!known.ending) this.#end(known, seconds(deletionGracePeriodSeconds), () => this.#confirm(pod));
    } else if (known === undefined && !this.#off.has(pod.spec.nodeName)) this.#run(pod, pod.spec.nodeName);
  }

  #run(pod: Pod, node: NodeName): void {
    const { cluster, images } = this.#options;
    const place = pod.spec.hostNetwork === true ? undefined : this.#freePlace(node);
    const image = pod.spec.containers[0]?.image.replace(/:.*/, '') ?? '';
    const command = images[image];
    if (command === undefined || (pod.spec.hostNetwork !== true && place === undefined)) {
      this.#complain(
        pod,
        command === undefined ? `image ${image} is not known` : `there is no place for it on ${node}`,
      );
      return;
    }
    const process = new PodProcess({ cluster, pod, node, place, command });
    this.#pods.set(pod.metadata.uid, process);
    process.start();
  }

  #end(process: PodProcess, grace: Milliseconds, then: () => Promise<void> = async () => {}): void {
    void process.end(grace).then(() => {
      this.#pods.delete(process.uid);
      return then();
    });
  }

  /** To the API server a Pod is gone when its kubelet says so. */
  async #confirm({ metadata: { name, namespace } }: Pod): Promise<void> {
    const words = ['delete', 'pod', name, '--namespace', namespace, '--force', '--grace-period=0', '--wait=false'];
    await this.#options.cluster.plane.kubectl([...words, '--ignore-not-found']).catch(() => {});
  }

  #freePlace(node: NodeName): PodPlace | undefined {
    const taken = new Set([...this.#pods.values()].map(({ place }) => place?.host));
    return POD_PLACES.find((place) => place.node === node && !taken.has(place.host));
  }

  /** Where its affinity says; else where the fewest of its kind are, then the fewest of all. */
  #schedule(pod: Pod): void {
    const { uid, name, namespace } = pod.metadata;
    if (this.#binding.has(uid)) return;
    const owner = pod.metadata.ownerReferences?.[0]?.uid;
    const required = requiredNode(pod);
    const free = NODES.filter((node) => !this.#off.has(node) && (required === undefined || node === required));
    const bound = (node: NodeName): number => [...this.#binding.values()].filter((other) => other === node).length;
    const siblings = (node: NodeName): number =>
      [...this.#pods.values()].filter((other) => other.node === node && other.owner === owner).length;
    const load = (node: NodeName): number => siblings(node) * 100 + bound(node);
    const [node] = free.toSorted((a, b) => load(a) - load(b));
    if (node === undefined) return;
    this.#binding.set(uid, node);
    const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name }, target: { kind: 'Node', name: node } };
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/binding`;
    this.#options.cluster.plane
      .kubectl(['create', '--raw', path, '--filename', '-'], JSON.stringify(binding))
      .catch((error: unknown) => {
        this.#binding.delete(uid);
        this.#complain(pod, messageOf(error));
      });
  }

  #complain(pod: Pod, what: string): void {
    process.stderr.write(`lab kubelet: ${keyOf(pod)}: ${what}\n`);
  }
}
