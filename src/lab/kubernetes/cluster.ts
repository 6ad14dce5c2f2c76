import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { environmentError } from '../../base/errors.ts';
import { type HttpClient, startHttpClient } from '../http-client.ts';
import type { Lab } from '../lab.ts';
import { answering, LoggedProgram } from '../logged-program.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { CONTROLLERS_TOKEN, PROXY_TOKEN } from './credentials.ts';
import { buildNetwork, CONTROL_PLANE, NODES, type NodeName, nodeAddress, nodeObject, POD_NETWORKS } from './network.ts';
import type { KubernetesPrograms } from './programs.ts';

/**
 * A whole Kubernetes in namespaces (network.ts): control plane, Nodes as objects, the real kube-proxy on each (nftables), and
 * where it is asked for the real controllers. Up in 4-5 s, 500 MB. There are no containers: kubelet.ts starts programs.
 *
 * In a user namespace kube-proxy can serve some 40 Services: one transaction has to fit a socket buffer that only real root
 * may enlarge ("netlink: Message too long", and it never recovers).
 */
export interface LabClusterOptions {
  readonly lab: Lab;
  readonly programs: KubernetesPrograms;
  /** As kube-controller-manager names them, "endpointslice-controller"; it is started where there are any. */
  readonly controllers?: readonly string[];
  readonly flags?: readonly string[];
}

export interface LabCluster {
  readonly lab: Lab;
  readonly plane: ControlPlane;
  /** An HTTP client on the machine of the control plane, from which nodes and Pods are reached. */
  readonly prober: HttpClient;
  readonly proxies: ReadonlyMap<NodeName, LoggedProgram>;
  /** Ends the programs; the namespaces are the lab's. */
  kill(): Promise<void>;
}

/** What makes Pods and EndpointSlices of Deployments, DaemonSets and Services, and lets quotas and deletions work. */
export const WORKLOAD_CONTROLLERS: readonly string[] = [
  'daemonset-controller',
  'deployment-controller',
  'replicaset-controller',
  'endpointslice-controller',
  'resourcequota-controller',
  'garbage-collector-controller',
  'namespace-controller',
];

/** Rules follow a change within this; the default of a second would be what all measurements show. */
const MIN_SYNC = '50ms';
/** Also how soon a failed synchronization is tried again. */
const SYNC = '10s';
const HEALTH_PORT = 10256;

export async function startLabCluster({
  lab,
  programs,
  controllers = [],
  flags = [],
}: LabClusterOptions): Promise<LabCluster> {
  await buildNetwork(lab);
  const [plane, prober] = await Promise.all([
    startControlPlane({ lab, programs, at: CONTROL_PLANE, flags }),
    startHttpClient(lab, CONTROL_PLANE.host),
  ]);
  await plane.kubectl(['create', '-f', '-'], NODES.map((node) => JSON.stringify(nodeObject(node))).join('\n'));
  const manager = controllers.length === 0 ? undefined : startControllers(plane, controllers);
  const proxies = new Map(NODES.map((node) => [node, startProxy(plane, node)] as const));
  await Promise.all(
    [...proxies].map(([node, proxy]) =>
      answering(`kube-proxy on ${node}`, [proxy], async () => {
        const { ok, text } = await prober.get(`http://${nodeAddress(node)}:${HEALTH_PORT}/healthz`);
        if (!ok) throw environmentError(text);
      }),
    ),
  );
  return {
    lab,
    plane,
    prober,
    proxies,
    kill: async () => {
      const others = [...proxies.values(), ...(manager === undefined ? [] : [manager])];
      await Promise.all([...others.map((program) => program.kill()), plane.kill()]);
    },
  };
}

function startProxy(plane: ControlPlane, node: NodeName): LoggedProgram {
  const config = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    hostnameOverride: node,
    clientConnection: { kubeconfig: plane.kubeconfigFor('kube-proxy', PROXY_TOKEN) },
    // What comes neither from here nor from this node is masqueraded, with policy Cluster.
    clusterCIDR: POD_NETWORKS,
    detectLocalMode: 'ClusterCIDR',
    nftables: { minSyncPeriod: MIN_SYNC, syncPeriod: SYNC },
    nodePortAddresses: ['primary'],
    healthzBindAddress: `0.0.0.0:${HEALTH_PORT}`,
    metricsBindAddress: '127.0.0.1:10249',
    // Leave alone what belongs to the whole machine and is read-only here.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    oomScoreAdj: 0,
  };
  const folder = join(plane.folder, 'kube-proxy');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${node}.json`);
  writeFileSync(file, JSON.stringify(config));
  const proxy = new LoggedProgram(plane.lab, node, join(plane.folder, 'log', `kube-proxy-${node}`));
  proxy.start([plane.program('kube-proxy'), '--config', file]);
  return proxy;
}

function startControllers(plane: ControlPlane, controllers: readonly string[]): LoggedProgram {
  const manager = new LoggedProgram(plane.lab, plane.host, join(plane.folder, 'log', 'kube-controller-manager'));
  manager.start([
    plane.program('kube-controller-manager'),
    ...['--kubeconfig', plane.kubeconfigFor('controllers', CONTROLLERS_TOKEN), '--leader-elect=false'],
    ...[`--controllers=${controllers.join(',')}`, '--use-service-account-credentials=true'],
    ...['--service-account-private-key-file', join(plane.folder, 'sa.key'), '--root-ca-file', plane.caFile],
    ...['--bind-address', '127.0.0.1', '--cert-dir', join(plane.folder, 'certs')],
  ]);
  return manager;
}
