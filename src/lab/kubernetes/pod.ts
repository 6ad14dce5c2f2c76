import { type NodeName, nodeAddress, nodeAddress6, type PodPlace } from './network.ts';

/** The part of a Pod that kubelet.ts looks at, as the API server tells it, and the status that it writes. */
export interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
    readonly deletionGracePeriodSeconds?: number;
    readonly ownerReferences?: readonly { readonly uid: string }[];
  };
  readonly spec: {
    readonly nodeName?: NodeName;
    readonly hostNetwork?: boolean;
    readonly serviceAccountName?: string;
    readonly affinity?: { readonly nodeAffinity?: NodeAffinity };
    readonly containers: readonly Container[];
  };
}

/** How the DaemonSet controller says which node a Pod is for. */
interface NodeAffinity {
  readonly requiredDuringSchedulingIgnoredDuringExecution?: {
    readonly nodeSelectorTerms: readonly {
      readonly matchFields?: readonly { readonly key: string; readonly values: readonly string[] }[];
    }[];
  };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly EnvironmentVariable[];
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
  readonly readinessProbe?: {
    readonly httpGet?: { readonly path?: string; readonly port: string | number };
    readonly periodSeconds?: number;
  };
  readonly lifecycle?: { readonly preStop?: { readonly sleep?: { readonly seconds: number } } };
}

interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } };
}

export const keyOf = ({ metadata }: Pod): string => `${metadata.namespace}/${metadata.name}`;

/** The node that it must be on, by its affinity. */
export const requiredNode = ({ spec }: Pod): string | undefined =>
  spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
    .flatMap(({ matchFields = [] }) => matchFields)
    .find(({ key }) => key === 'metadata.name')?.values[0];

export const addressesOf = (node: NodeName, place: PodPlace | undefined): readonly string[] =>
  place === undefined ? [nodeAddress(node), nodeAddress6(node)] : [place.address, place.address6];

/** Variables, and the arguments with $(NAME) replaced, as the kubelet does both. */
export function commandLine(
  { metadata, spec }: Pod,
  { args = [], env = [] }: Container,
  addresses: readonly string[],
): { readonly args: readonly string[]; readonly env: readonly string[] } {
  const fields: Readonly<Record<string, string | undefined>> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'spec.nodeName': spec.nodeName,
    'status.podIP': addresses[0],
  };
  const variables = new Map(
    env.map(({ name, value, valueFrom }) => [name, value ?? fields[valueFrom?.fieldRef?.fieldPath ?? ''] ?? '']),
  );
  return {
    args: args.map((text) => text.replace(/\$\((\w+)\)/g, (whole, name: string) => variables.get(name) ?? whole)),
    env: [...variables].map(([name, value]) => `${name}=${value}`),
  };
}

export interface PodState {
  readonly running: boolean;
  readonly ready: boolean;
  readonly restarts: number;
  /** When `running` and `ready` became what they are. */
  readonly since: Date;
}

export function podStatus(pod: Pod, node: NodeName, addresses: readonly string[], state: PodState): object {
  const { running, ready, restarts, since } = state;
  const time = since.toISOString();
  const condition = (type: string, holds: boolean): object => ({
    type,
    status: holds ? 'True' : 'False',
    lastTransitionTime: time,
  });
  return {
    phase: 'Running',
    hostIP: nodeAddress(node),
    hostIPs: [{ ip: nodeAddress(node) }, { ip: nodeAddress6(node) }],
    podIP: addresses[0],
    podIPs: addresses.map((ip) => ({ ip })),
    startTime: time,
    conditions: [
      condition('Initialized', true),
      condition('PodReadyToStartContainers', true),
      condition('ContainersReady', ready),
      condition('Ready', ready),
    ],
    containerStatuses: pod.spec.containers.map(({ name, image }) => ({
      name,
      image,
      imageID: image,
      ready,
      started: running,
      restartCount: restarts,
      state: running ? { running: { startedAt: time } } : { waiting: { reason: 'CrashLoopBackOff' } },
    })),
  };
}
