import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { seconds } from '../../src/base/clock.ts';
import { type Capture, type Sighting, startCapture } from '../../src/lab/capture.ts';
import { WORKLOAD_CONTROLLERS } from '../../src/lab/kubernetes/cluster.ts';
import { Kubelet } from '../../src/lab/kubernetes/kubelet.ts';
import { CLIENT, type NodeName, nodeOfMac } from '../../src/lab/kubernetes/network.ts';
import { toolCommand } from '../../src/lab/tool-process.ts';
import { PROGRAM } from '../e2e/scene.ts';
import { kubernetes, type TestCluster, testCluster } from '../support/kubernetes.ts';
import { findMetallb, type MetallbFiles } from '../support/metallb/build.mjs';
import { until } from '../support/until.ts';

/**
 * MetalLB itself on three nodes: its own manifest (definitions, rights, webhooks, Deployment, DaemonSet), run by the real controllers
 * and the lab's kubelet, and a shell in which the commands of docs/migration.md are typed as they stand there.
 */
const files = findMetallb();

export const metallb: { readonly available: true } | { readonly available: false; readonly reason: string } =
  !kubernetes.available
    ? kubernetes
    : files === undefined
      ? { available: false, reason: 'no MetalLB here: node setup.mjs test builds it' }
      : { available: true };

/** For the title of such a suite, so that a skip says why. */
export const metallbSkipNote: string = metallb.available ? '' : ` (skipped: ${metallb.reason})`;

export interface MetallbScene {
  readonly cluster: TestCluster;
  readonly kubelet: Kubelet;
  /** On the client's link. */
  readonly capture: Capture;
  kubectl(...words: string[]): Promise<string>;
  /** What it prints, parsed. */
  get<T>(...words: string[]): Promise<T>;
  apply(...objects: readonly (object | string)[]): Promise<void>;
  /** On the machine of an administrator, in a folder with `manifests`; `kubectl` and `clarion` are there. */
  shell(command: string): Promise<string>;
  /** A command of docs/migration.md as it stands there, by its beginning; NODE stands for a node. */
  typed(start: string, node?: string): Promise<string>;
  /** In that folder. */
  file(name: string): string;
  stop(): Promise<void>;
}

export async function metallbScene(name: string): Promise<MetallbScene> {
  if (files === undefined) throw new Error('MetalLB is not built');
  const cluster = await testCluster(name, {
    controllers: WORKLOAD_CONTROLLERS,
    // Webhooks are then called at the address of their Pod; no kube-proxy is on the machine of the control plane.
    flags: ['--enable-aggregator-routing=true'],
  });
  const { lab, plane } = cluster;
  const images = {
    'quay.io/metallb/controller': withCertificates(secretFolder(cluster, CERTIFICATES), files.controller),
    // A kubelet says the Pod's address before its program runs; MetalLB's speakers find each other by that, once.
    'quay.io/metallb/speaker': ['sh', '-c', 'sleep 1 && exec "$0" "$@"', files.speaker],
    clarion: [process.execPath, PROGRAM],
    hello: toolCommand('http-server'),
  };
  const kubelet = new Kubelet({ cluster, images });
  const kubectl = (...words: string[]): Promise<string> => plane.kubectl(words, undefined, seconds(90));
  const folder = administratorsFolder(cluster);
  const path = `PATH=${folder}/bin:${process.env['PATH']}`;
  const logs = (): string =>
    kubelet
      .pods('')
      .map((pod) => `--- ${pod.name} on ${pod.node}\n${pod.log().slice(-3000)}`)
      .join('\n');
  const environment = ['env', '-C', folder, path, `KUBECONFIG=${plane.apiServer.kubeconfig}`];
  const shell = (command: string): Promise<string> =>
    lab.run(plane.host, [...environment, 'sh', '-c', command], undefined, seconds(120));
  const scene: MetallbScene = {
    cluster,
    kubelet,
    capture: await startCapture(lab, CLIENT.host, 'eth0'),
    kubectl,
    get: async (...words) => JSON.parse(await kubectl('get', ...words, '-o', 'json')),
    apply: (...objects) =>
      plane.apply(objects.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('\n---\n')),
    shell,
    typed: (start, node = 'NODE') => shell(asWritten(start).replaceAll('NODE', node)),
    file: (name) => join(folder, name),
    async stop() {
      await kubelet.stop();
      await cluster.stop();
    },
  };
  try {
    await install(scene, files);
  } catch (thrown) {
    process.stderr.write(`${logs()}\n`);
    await scene.stop();
    throw thrown;
  }
  return scene;
}

function administratorsFolder({ plane }: TestCluster): string {
  const folder = join(plane.folder, 'administrator');
  mkdirSync(join(folder, 'bin'), { recursive: true });
  symlinkSync(fileURLToPath(new URL('../../manifests', import.meta.url)), join(folder, 'manifests'));
  symlinkSync(PROGRAM, join(folder, 'bin', 'clarion'));
  writeFileSync(join(folder, 'bin', 'kubectl'), `#!/bin/sh\nexec ${plane.kubectlCommand(['"$@"']).join(' ')}\n`);
  chmodSync(join(folder, 'bin', 'kubectl'), 0o755);
  return folder;
}

const KEYS = 'memberlist';
const CERTIFICATES = 'metallb-webhook-cert';

/** The lab's kubelet mounts no Secrets; they are put there by hand. */
function secretFolder({ plane }: TestCluster, secret: string): string {
  const folder = join(plane.folder, secret);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/**
 * Where it looks for them cannot be told to it: `--cert-dir` is for what makes them. The mount is the Pod's own, and would hide a
 * program that is somewhere below /tmp, so that is opened before.
 */
function withCertificates(folder: string, program: string): readonly string[] {
  const place = '/tmp/k8s-webhook-server/serving-certs';
  const mount = `mount -t tmpfs tmpfs /tmp && mkdir -p ${place} && mount --bind ${folder} ${place}`;
  return ['sh', '-c', `exec 9<"$0" && ${mount} && exec /proc/self/fd/9 "$@"`, program];
}

/** Its manifest as it is, but for the folder of the speakers' key. */
async function install(scene: MetallbScene, { manifest }: MetallbFiles): Promise<void> {
  const { cluster } = scene;
  const keys = secretFolder(cluster, KEYS);
  await scene.apply(readFileSync(manifest, 'utf8').replace('value: /etc/ml_secret_key', `value: ${keys}`));
  for (const secret of [KEYS, CERTIFICATES]) {
    const folder = secretFolder(cluster, secret);
    let data: Readonly<Record<string, string>> | undefined;
    await until(`MetalLB's controller makes ${secret}`, seconds(30), async () => {
      ({ data } = await scene
        .get<{ data?: Record<string, string> }>('secret', secret, '-n', 'metallb-system')
        .catch(() => ({
          data: undefined,
        })));
      return data !== undefined;
    });
    for (const [key, value] of Object.entries(data ?? {}))
      writeFileSync(join(folder, key), Buffer.from(value, 'base64'));
  }
  for (const what of ['deployment/controller', 'daemonset/speaker'])
    await scene.kubectl('rollout', 'status', what, '-n', 'metallb-system', '--timeout=60s');
}

/** The command of docs/migration.md that begins so: of a block, with the lines that it goes on for, or between backquotes. */
export function asWritten(start: string): string {
  const page = readFileSync(new URL('../../docs/migration.md', import.meta.url), 'utf8');
  const lines = page.split('\n');
  const at = lines.findIndex((line) => /^(?: {4}| {6})\S/.test(line) && line.trim().startsWith(start));
  const [, inline] = [...page.matchAll(/`([^`]+)`/g)].find(([, text = '']) => text.startsWith(start)) ?? [];
  let found = lines[at]?.trim() ?? inline;
  if (found === undefined) throw new Error(`docs/migration.md has no command that begins with: ${start}`);
  const isOpen = (text: string): boolean => text.endsWith('\\') || text.split("'").length % 2 === 0;
  for (let next = at + 1; isOpen(found) && next < lines.length; next++) found += `\n${lines[next]!.trim()}`;
  return found;
}

/** What is known of an address on the wire in a stretch of time; times in milliseconds. */
export interface Life {
  /** Who answered, or announced, one after the other. */
  readonly holders: readonly (NodeName | undefined)[];
  /** The longest time without an answer. */
  readonly gap: number;
  /** Answers of two machines within one interval of questions: how often, and for how long from the first to the last. */
  readonly doubles: number;
  readonly doubled: number;
}

/** Questions are asked `every` milliseconds, from `from` to `to`. */
export function lifeOf(address: string, seen: readonly Sighting[], every: number, from: number, to: number): Life {
  const said = seen.filter(
    (one) =>
      one.address === address &&
      (one.what === 'answer' || one.what === 'announcement') &&
      one.at >= from &&
      one.at <= to,
  );
  const holders = said.map(({ mac }) => nodeOfMac(mac)).filter((node, i, all) => node !== all[i - 1]);
  const answers = said.filter(({ what }) => what === 'answer').map(({ at, mac }) => ({ at, mac }));
  const times = [from, ...answers.map(({ at }) => at), to];
  const gap = Math.max(...times.slice(1).map((at, i) => at - times[i]!));
  const twice = answers.filter(
    (one, i) => i > 0 && one.mac !== answers[i - 1]!.mac && one.at - answers[i - 1]!.at < every / 2,
  );
  const doubled = twice.length === 0 ? 0 : twice.at(-1)!.at - twice[0]!.at;
  return { holders, gap, doubles: twice.length, doubled };
}
