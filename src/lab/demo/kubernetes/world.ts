import { type Milliseconds, machineTime, ms, seconds } from '../../../base/clock.ts';
import type { Progress } from '../../../terminal/progress.ts';
import { type Capture, startCapture } from '../../capture.ts';
import { type Connections, type ConnectionsResult, startConnections } from '../../connections.ts';
import { type HttpClient, startHttpClient } from '../../http-client.ts';
import { type LabCluster, startLabCluster, WORKLOAD_CONTROLLERS } from '../../kubernetes/cluster.ts';
import { Kubelet } from '../../kubernetes/kubelet.ts';
import { CLIENT, type NodeName, nodeOfMac, REMOTE } from '../../kubernetes/network.ts';
import type { KubernetesPrograms } from '../../kubernetes/programs.ts';
import type { Lab } from '../../lab.ts';
import { pause } from '../../logged-program.ts';
import { toolCommand } from '../../tool-process.ts';
import { type Promises, stepFailed } from '../promises.ts';
import { NAMESPACE } from './manifests.ts';
import type { KubernetesPromiseKey } from './promises.ts';
import { ServiceFeed } from './services.ts';

/** The cluster of the story, and those who look at it from outside. */
export interface KubernetesWorld {
  readonly lab: Lab;
  readonly cluster: LabCluster;
  readonly kubelet: Kubelet;
  readonly client: HttpClient;
  readonly remote: HttpClient;
  /** In the client. */
  readonly wire: Capture;
  readonly services: ServiceFeed;
  /** How this very program is started. */
  readonly program: readonly string[];
  readonly kubectl: (words: string, input?: string) => Promise<string>;
  /** A command of ours with the administrator's kubeconfig, on the machine of the control plane. */
  readonly clarion: (words: string) => Promise<string>;
}

export interface KubernetesTale {
  readonly world: KubernetesWorld;
  readonly progress: Progress;
  readonly promises: Promises<KubernetesPromiseKey>;
}

export const picture = `
   client ${CLIENT.address} ─────────────────────┐          ┌─ node-a 192.0.2.11 ── pods 10.244.1.0/24
   API server 192.0.2.10 ──────────────────┼─ switch ─┼─ node-b 192.0.2.12 ── pods 10.244.2.0/24   a kube-proxy on each
   remote ${REMOTE.address} ── tor 192.0.2.1 ─┘          └─ node-c 192.0.2.13 ── pods 10.244.3.0/24

   tor is a top-of-rack router. API server, controllers, kube-proxy and kubectl are Kubernetes' own.
   Pods are programs in network namespaces.
`;

export async function buildKubernetesWorld(
  lab: Lab,
  programs: KubernetesPrograms,
  program: readonly string[],
): Promise<KubernetesWorld> {
  const cluster = await startLabCluster({ lab, programs, controllers: WORKLOAD_CONTROLLERS });
  const [client, remote, wire] = await Promise.all([
    startHttpClient(lab, CLIENT.host),
    startHttpClient(lab, REMOTE.host),
    startCapture(lab, CLIENT.host, 'eth0'),
  ]);
  return {
    lab,
    cluster,
    kubelet: new Kubelet({ cluster, images: { clarion: program, hello: toolCommand('http-server') } }),
    client,
    remote,
    wire,
    services: new ServiceFeed(cluster.plane, NAMESPACE),
    program,
    clarion: (words) => {
      const { apiServer, host } = cluster.plane;
      const command = [...program, ...words.split(' '), '--kubeconfig', apiServer.kubeconfig];
      return lab.run(host, command, undefined, seconds(30));
    },
    kubectl: (words, input) => cluster.plane.kubectl(words.split(' '), input, seconds(90)),
  };
}

/** Its programs; the namespaces are the lab's. */
export async function endKubernetesWorld({ services, kubelet, cluster }: KubernetesWorld): Promise<void> {
  services.stop();
  await kubelet.stop();
  await cluster.kill();
}

/** Who answers for the address on the wire; throws (exit 1) when nobody does. */
export async function holderOf({ wire }: KubernetesWorld, address: string): Promise<NodeName> {
  const mark = wire.seen.mark();
  wire.ask([address], ms(20));
  try {
    const answer = await wire.seen.first(
      `somebody answers for ${address}`,
      mark,
      seconds(10),
      (frame) => frame.what === 'answer' && frame.address === address,
    );
    const node = nodeOfMac(answer.mac);
    if (node === undefined) throw stepFailed(`${address} is answered by ${answer.mac}, which is no node`);
    return node;
  } finally {
    wire.ask([]);
  }
}

const EVERY = ms(5);
/** After the work of a scene: whatever it set off shows in this time. */
const AFTERMATH = ms(500);

/** A host makes connections to the address while the work is done and a little longer. */
export async function connected<T>(
  { lab }: KubernetesWorld,
  host: string,
  address: string,
  work: () => Promise<T>,
): Promise<{ readonly done: T; readonly seen: ConnectionsResult }> {
  const connections: Connections = await startConnections(lab, host, `http://${address}/`, EVERY);
  try {
    const done = await work();
    await pause(AFTERMATH);
    await connections.answered();
    return { done, seen: await connections.stop() };
  } catch (thrown) {
    await connections.stop().catch(() => {});
    throw thrown;
  }
}

export function tellConnections(
  progress: Progress,
  who: string,
  { made, failed, reset, gap }: ConnectionsResult,
): void {
  const open = reset === 0 ? '' : `, ${reset} that were open when the address moved were reset`;
  progress.line(who, `a new connection every ${EVERY} ms: ${failed} of ${made} failed${open}; longest gap`, gap);
}

/** Tries again until it does not throw, or throws the last failure. */
export async function until<T>(limit: Milliseconds, attempt: () => Promise<T>): Promise<T> {
  const end = machineTime() + limit;
  for (;;) {
    try {
      return await attempt();
    } catch (thrown) {
      if (machineTime() > end) throw thrown;
      await pause(ms(50));
    }
  }
}
