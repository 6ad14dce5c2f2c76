import { fileURLToPath } from 'node:url';
import { ms, seconds } from '../../src/base/clock.ts';
import { WORKLOAD_CONTROLLERS } from '../../src/lab/kubernetes/cluster.ts';
import { Kubelet } from '../../src/lab/kubernetes/kubelet.ts';
import { NODES, type NodeName, nodeAddress } from '../../src/lab/kubernetes/network.ts';
import { configurationObject } from '../../src/lab/kubernetes/objects.ts';
import { toolCommand } from '../../src/lab/tool-process.ts';
import type { StatusReport } from '../../src/status/report.ts';
import { type TestCluster, testCluster } from '../support/kubernetes.ts';

/** A cluster with Clarion installed from its own manifests: real controllers make the Pods, which run under their ServiceAccounts. */
export interface Installed {
  readonly cluster: TestCluster;
  readonly kubelet: Kubelet;
  kubectl(...words: string[]): Promise<string>;
  /** What it prints, parsed. */
  get<T>(...words: string[]): Promise<T>;
  apply(...objects: readonly object[]): Promise<void>;
  /** Logs of all Pods of ours, for messages. */
  logs(): string;
  stop(): Promise<void>;
}

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

export async function installed(name: string, configuration: string, overlay = 'manifests/base'): Promise<Installed> {
  const cluster = await testCluster(name, { controllers: WORKLOAD_CONTROLLERS });
  const images = { clarion: [process.execPath, path('dist/main.js')], hello: toolCommand('http-server') };
  const kubelet = new Kubelet({ cluster, images });
  const kubectl = (...words: string[]): Promise<string> => cluster.plane.kubectl(words, undefined, seconds(60));
  const apply = (...objects: readonly object[]): Promise<void> =>
    cluster.plane.apply(objects.map((object) => JSON.stringify(object)).join('\n---\n'));
  const logs = (): string =>
    kubelet
      .pods('clarion-')
      .map((pod) => `--- ${pod.name} on ${pod.node}\n${pod.log().slice(-3000)}`)
      .join('\n');
  try {
    await kubectl('apply', '-k', path(overlay));
    await apply(configurationObject(configuration));
    for (const what of ['deployment/clarion-controller', 'daemonset/clarion-speaker'])
      await kubectl('rollout', 'status', what, '-n', 'clarion-system', '--timeout=40s');
  } catch (thrown) {
    process.stderr.write(`${logs()}\n`);
    await kubelet.stop();
    await cluster.stop();
    throw thrown;
  }
  return {
    cluster,
    kubelet,
    kubectl,
    get: async (...words) => JSON.parse(await kubectl('get', ...words, '-o', 'json')),
    apply,
    logs,
    async stop() {
      await kubelet.stop();
      await cluster.stop();
    },
  };
}

/** Which speaker says of itself that it announces the address. */
export async function holderOf({ cluster }: Installed, address: string): Promise<NodeName | undefined> {
  for (const node of NODES) {
    const answer = await cluster.prober.get(`http://${nodeAddress(node)}:7472/status?address=${address}`, ms(500));
    if (!answer.ok) continue;
    const { speaker } = JSON.parse(answer.text) as StatusReport;
    if (speaker?.addresses.some((one) => one.address === address && one.state === 'announced')) return node;
  }
  return undefined;
}
