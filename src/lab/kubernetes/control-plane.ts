import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { type Milliseconds, seconds } from '../../base/clock.ts';
import { environmentError } from '../../base/errors.ts';
import type { Lab } from '../lab.ts';
import { answering, LoggedProgram } from '../logged-program.ts';
import { ADMIN_TOKEN, kubeconfig, tokenFile } from './credentials.ts';
import type { KubernetesProgram, KubernetesPrograms } from './programs.ts';

/**
 * A control plane inside a private tree: etcd and the real kube-apiserver with RBAC, one or several. Ready in 3-6 s, 300 MB.
 * Nothing of it is left when the tree ends: its files are on the tree's own /run. There is no kubelet; Nodes and Pods are
 * objects by hand (objects.ts). The folder is `/run/kubernetes` with the lab's prefix; logs are in its `log`.
 */
export interface ControlPlaneOptions {
  readonly lab: Lab;
  readonly programs: KubernetesPrograms;
  /** In this host of the lab, on `address`, ports 6443 and 2379; without: in the tree's own namespace, on loopback and free ports. */
  readonly at?: { readonly host: string; readonly address: string };
  /** More flags of the API server; the last of one name wins. */
  readonly flags?: readonly string[];
}

const SERVICE_NETWORKS = '10.96.0.0/16,fd00:10:96::/112';
const READY_WITHIN = seconds(60);

export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { lab, at } = options;
  const ports = at === undefined ? await freePorts(3) : [6443, 2379, 2380];
  const [port = 0, etcdPort = 0, peerPort = 0] = ports;
  const plane = new ControlPlane(options, port, etcdPort, controlPlaneFolder(lab));
  plane.startEtcd(peerPort);
  await plane.apiServer.start();
  return plane;
}

export const controlPlaneFolder = ({ prefix }: Lab): string => join('/run/kubernetes', prefix || 'lab');

export class ControlPlane {
  readonly folder: string;
  readonly lab: Lab;
  readonly address: string;
  readonly apiServer: ApiServer;
  /** `signal('SIGSTOP')` and `signal('SIGCONT')` freeze and thaw it; its gateway for JSON is at `etcdUrl`. */
  readonly etcd: LoggedProgram;
  readonly etcdUrl: string;
  readonly #options: ControlPlaneOptions;
  readonly #servers: ApiServer[] = [];

  constructor(options: ControlPlaneOptions, port: number, etcdPort: number, folder: string) {
    this.#options = options;
    this.lab = options.lab;
    this.folder = folder;
    this.address = options.at?.address ?? '127.0.0.1';
    this.etcdUrl = `http://127.0.0.1:${etcdPort}`;
    mkdirSync(join(folder, 'log'), { recursive: true });
    writeFileSync(join(folder, 'tokens.csv'), tokenFile());
    const keys = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      privateKeyEncoding: { type: 'sec1', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    writeFileSync(join(folder, 'sa.key'), keys.privateKey);
    writeFileSync(join(folder, 'sa.pub'), keys.publicKey);
    this.etcd = new LoggedProgram(this.lab, this.host, join(folder, 'log', 'etcd'));
    this.apiServer = this.#newServer(port, options.flags ?? []);
  }

  /** Undefined: the tree's own namespace. */
  get host(): string | undefined {
    return this.#options.at?.host;
  }

  /** The certificate of the API servers, which contains what signed it. */
  get caFile(): string {
    return join(this.folder, 'certs', 'apiserver.crt');
  }

  program(name: KubernetesProgram): string {
    const file = this.#options.programs.found[name];
    if (file === undefined) throw environmentError(`${name} is not there: node setup.mjs test builds it`);
    return file;
  }

  startEtcd(peerPort: number): void {
    const peers = `http://127.0.0.1:${peerPort}`;
    this.etcd.start([
      this.program('etcd'),
      ...['--data-dir', join(this.folder, 'etcd'), '--unsafe-no-fsync', '--log-level', 'error'],
      ...['--listen-client-urls', this.etcdUrl, '--advertise-client-urls', this.etcdUrl],
      ...['--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers, '--initial-cluster', `default=${peers}`],
    ]);
  }

  /** A second API server on the same etcd, on the next port; ready when it resolves. */
  async addApiServer(flags: readonly string[] = []): Promise<ApiServer> {
    const [free = 0] = this.host === undefined ? await freePorts(1) : [this.apiServer.port + this.#servers.length];
    const server = this.#newServer(free, flags);
    await server.start();
    return server;
  }

  /** As the administrator (RBAC and rate limits do not hold for it). Throws with what kubectl wrote to stderr. */
  kubectl(words: readonly string[], input?: string, limit: Milliseconds = seconds(30)): Promise<string> {
    return this.kubectlWith(this.apiServer.kubeconfig, words, input, limit);
  }

  /** With another kubeconfig (`kubeconfigFor`). */
  kubectlWith(
    config: string,
    words: readonly string[],
    input?: string,
    limit: Milliseconds = seconds(30),
  ): Promise<string> {
    return this.lab.run(this.host, this.kubectlCommand(words, config), input, limit);
  }

  /** For one that is to run for long. */
  kubectlCommand(words: readonly string[], config = this.apiServer.kubeconfig): readonly string[] {
    const env = ['env', `KUBECONFIG=${config}`, `KUBECACHEDIR=${join(this.folder, 'cache')}`];
    return [...env, this.program('kubectl'), ...words];
  }

  /** Creates or updates objects of YAML, whose status is left out by the API server for most kinds. */
  async apply(manifests: string): Promise<void> {
    await this.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], manifests);
  }

  /** Writes a kubeconfig for a token, and returns its path. */
  kubeconfigFor(name: string, token: string): string {
    const file = join(this.folder, `${name}.kubeconfig`);
    writeFileSync(file, kubeconfig(this.apiServer.url, this.caFile, token));
    return file;
  }

  /** Ends everything at once: the API server takes seconds to end when it is asked to. */
  async kill(): Promise<void> {
    await Promise.all([this.etcd, ...this.#servers].map((program) => program.kill()));
  }

  #newServer(port: number, flags: readonly string[]): ApiServer {
    const number = this.#servers.length + 1;
    const host = this.address.includes(':') ? `[${this.address}]` : this.address;
    const url = `https://${host}:${port}`;
    const config = join(this.folder, number === 1 ? 'admin.kubeconfig' : `admin-${number}.kubeconfig`);
    writeFileSync(config, kubeconfig(url, this.caFile, ADMIN_TOKEN));
    const { folder } = this;
    const fixed = [
      ...[`--etcd-servers=${this.etcdUrl}`, '--etcd-compaction-interval=0'],
      ...[`--bind-address=${this.address}`, `--secure-port=${port}`, `--cert-dir=${folder}/certs`],
      ...[`--token-auth-file=${folder}/tokens.csv`, '--authorization-mode=RBAC'],
      ...['--service-account-issuer=https://kubernetes.default.svc', '--service-account-extend-token-expiration=false'],
      ...[`--service-account-key-file=${folder}/sa.pub`, `--service-account-signing-key-file=${folder}/sa.key`],
      // Both count on controllers that do not run: Pods would need the account "default", and Nodes stay tainted.
      ...[
        `--service-cluster-ip-range=${SERVICE_NETWORKS}`,
        '--disable-admission-plugins=ServiceAccount,TaintNodesByCondition',
      ],
      // Told to clients in the cluster; loopback is refused there.
      `--advertise-address=${this.#options.at?.address ?? '192.0.2.10'}`,
      '--profiling=false',
    ];
    const program = new LoggedProgram(this.lab, this.host, join(folder, 'log', `apiserver-${number}`));
    const command = [this.program('kube-apiserver'), ...fixed, ...flags];
    const ready = async (): Promise<void> => void (await this.kubectlWith(config, ['get', '--raw', '/readyz']));
    const server = new ApiServer({ program, command, ready, url, port, kubeconfig: config });
    this.#servers.push(server);
    return server;
  }
}

interface ApiServerParts {
  readonly program: LoggedProgram;
  readonly command: readonly string[];
  readonly ready: () => Promise<void>;
  readonly url: string;
  readonly port: number;
  readonly kubeconfig: string;
}

export class ApiServer {
  readonly url: string;
  readonly port: number;
  /** The administrator's. */
  readonly kubeconfig: string;
  readonly #parts: ApiServerParts;

  constructor(parts: ApiServerParts) {
    this.#parts = parts;
    ({ url: this.url, port: this.port, kubeconfig: this.kubeconfig } = parts);
  }

  /** First, and again on its data after `kill` or `stop`, perhaps with other flags; resolves when it is ready (2.5-4 s). */
  async start(flags: readonly string[] = []): Promise<void> {
    const { program, command, ready } = this.#parts;
    program.start([...command, ...flags]);
    await answering('kube-apiserver', [program], ready, READY_WITHIN);
  }

  /** As when the machine loses power. */
  kill(): Promise<void> {
    return this.#parts.program.kill();
  }

  /** SIGTERM, as an operator does. */
  stop(): Promise<void> {
    return this.#parts.program.stop();
  }

  /** Half-open: the kernel takes connections and data, and nobody answers. */
  freeze(): void {
    this.#parts.program.signal('SIGSTOP');
  }

  thaw(): void {
    this.#parts.program.signal('SIGCONT');
  }

  log(): string {
    return this.#parts.program.log();
  }
}

/** Ports of loopback that nobody listens on, as the kernel gives them out. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = servers.map(
    (server) =>
      new Promise<number>((resolve, reject) => {
        server.once('error', reject);
        server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
      }),
  );
  const found = await Promise.all(ports);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return found;
}
