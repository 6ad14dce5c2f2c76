import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seconds } from '../src/base/clock.ts';
import { reach, statusOf } from '../src/commands/reach.ts';
import { type Daemon, startDaemon } from '../src/lab/demo/daemon.ts';
import { ended, Lab } from '../src/lab/lab.ts';
import type { ClusterStatus } from '../src/status/cluster-status.ts';
import type { Contender } from './contender.ts';
import { MAIN, until } from './harness.ts';
import { FIRST_VIP, NODES, nodeAddress } from './lan.ts';

/** The real `clarion controller` and a `clarion speaker` on each of the three nodes, on one folder. */
interface ClusterOptions {
  /** Of its lab, and of its folder. */
  readonly name: string;
  readonly profile?: 'default' | 'fast';
  /** Each with one address, and ready on every node. */
  readonly services?: number;
  /** Words before `node main.js`. */
  readonly wrapper?: readonly string[];
}

export class Cluster implements Contender {
  readonly name: string;
  readonly lab: Lab;
  readonly folder: string;
  readonly #services: number;
  readonly #program: readonly string[];
  readonly #speakers = new Map<string, Daemon>();
  #controller: Daemon | undefined;

  constructor({ name, profile = 'default', services = 1, wrapper = [] }: ClusterOptions) {
    this.name = name;
    this.lab = new Lab(name);
    this.folder = `/run/bench/${name}`;
    this.#services = services;
    this.#program = [...wrapper, process.execPath, MAIN];
    mkdirSync(this.folder, { recursive: true });
    this.write('config.yaml', configMap(profile));
    this.write('nodes.yaml', ...NODES.map(nodeManifest));
    for (let number = 0; number < services; number++)
      this.write(`service-${number}.yaml`, service(number), endpointSlice(number));
  }

  write(file: string, ...documents: readonly object[]): void {
    writeFileSync(join(this.folder, file), documents.map((document) => JSON.stringify(document)).join('\n---\n'));
  }

  async start(): Promise<void> {
    this.#controller = await this.#daemon('controller', NODES[0]!);
    await Promise.all(NODES.map((node) => this.revive(node)));
    await this.settled(seconds(60));
  }

  kill(node: string): void {
    this.speaker(node).signal('SIGKILL');
  }

  async revive(node: string): Promise<void> {
    if (this.#speakers.get(node)?.running() === true) return;
    this.#speakers.set(node, await this.#daemon('speaker', node));
  }

  /** Every speaker sees every other one alive, and each address is announced by one of them. */
  async settled(limit: number = seconds(20)): Promise<void> {
    let missing: string | undefined;
    await until(
      'the speakers agree',
      limit,
      async () => {
        missing = unsettled(await this.status(), this.#services);
        return missing === undefined ? true : undefined;
      },
      this.#services > 100 ? 500 : 50,
    ).catch((thrown: Error) => {
      throw new Error(`${thrown.message}: ${missing}`, { cause: thrown });
    });
  }

  async status(): Promise<ClusterStatus> {
    return statusOf(await reach({ directory: this.folder }));
  }

  async holder(address: string = FIRST_VIP): Promise<string | undefined> {
    return (await this.status()).addresses.find((one) => one.address === address)?.holder;
  }

  /** Runs `clarion ...` as an operator would; throws with all that it said when it ends with another code than 0. */
  async clarion(...words: readonly string[]): Promise<void> {
    const command = [process.execPath, MAIN, ...words, '--directory', this.folder];
    const child = this.lab.spawn(undefined, command, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    const outcome = await ended(child);
    if (outcome !== 0) throw new Error(`clarion ${words.join(' ')} ended with ${outcome}: ${said.trim()}`);
  }

  speaker(node: string): Daemon {
    const daemon = this.#speakers.get(node);
    if (daemon === undefined) throw new RangeError(`no speaker was started on ${node}`);
    return daemon;
  }

  get controller(): Daemon | undefined {
    return this.#controller;
  }

  async #daemon(command: 'controller' | 'speaker', node: string): Promise<Daemon> {
    const { lab, folder } = this;
    const { daemon } = await startDaemon({ lab, command, node, folder, program: this.#program });
    return daemon;
  }
}

function unsettled({ nodes, members, addresses }: ClusterStatus, services: number): string | undefined {
  for (const name of NODES) {
    if (nodes.find(({ node }) => node === name)?.answers !== true) return `${name} does not answer`;
    const words = members.filter(({ node }) => node === name);
    const witnesses = new Set(words.flatMap(({ seenBy }) => seenBy));
    if (witnesses.size < NODES.length - 1 || words.some(({ status }) => status !== 'alive'))
      return `${name} is not alive for all`;
  }
  const announced = addresses.filter(
    ({ state, alsoHeldBy, handingOver }) =>
      state === 'announced' && alsoHeldBy === undefined && handingOver === undefined,
  );
  return announced.length < services ? `${announced.length} of ${services} addresses are announced` : undefined;
}

const configMap = (profile: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'clarion', namespace: 'clarion-system' },
  data: {
    'config.yaml': `pools:\n- {name: bench, addresses: [10.99.0.1-10.99.127.255]}\nmembership: {profile: ${profile}}\n`,
  },
});

const nodeManifest = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  status: { addresses: [{ type: 'InternalIP', address: nodeAddress(name) }] },
});

const nameOf = (number: number): string => `s${String(number).padStart(5, '0')}`;

const service = (number: number): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: nameOf(number), namespace: 'bench' },
  spec: { type: 'LoadBalancer', ipFamilies: ['IPv4'], ports: [{ port: 80, protocol: 'TCP' }] },
});

const endpointSlice = (number: number): object => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    name: `${nameOf(number)}-1`,
    namespace: 'bench',
    labels: { 'kubernetes.io/service-name': nameOf(number) },
  },
  addressType: 'IPv4',
  ports: [{ port: 80, protocol: 'TCP' }],
  endpoints: NODES.map((nodeName, i) => ({
    addresses: [`10.244.${i}.2`],
    nodeName,
    conditions: { ready: true, serving: true, terminating: false },
  })),
});
