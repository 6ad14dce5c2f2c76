import { fieldsOf } from '../../base/fields.ts';

/** Our Pods, by the labels that the manifests give them. */
export const POD_SELECTOR = 'app.kubernetes.io/name=clarion';
export const SPEAKER_SELECTOR = `${POD_SELECTOR},app.kubernetes.io/component=speaker`;
const COMPONENT = 'app.kubernetes.io/component';
const STATUS_PORT = 7472;

/** What is of interest of a core/v1 Pod of ours. */
export interface PodFacts {
  readonly name: string;
  readonly namespace: string;
  /** A Pod of the same name may be another one. */
  readonly uid: string;
  readonly node: string | undefined;
  readonly component: string;
  /** status.phase is Running, and it is not being deleted. */
  readonly running: boolean;
  /** Where its status server listens: the port that is called "status". */
  readonly port: number;
  /** Why it does not run, in the words of Kubernetes: `Pending: Unschedulable`, `CrashLoopBackOff`. */
  readonly trouble: string | undefined;
}

/** Undefined: it has no name, so it is no object. */
export function podFacts(raw: Readonly<Record<string, unknown>>): PodFacts | undefined {
  const metadata = fieldsOf(raw['metadata']);
  const name = text(metadata['name']);
  if (name === undefined) return undefined;
  const spec = fieldsOf(raw['spec']);
  const status = fieldsOf(raw['status']);
  const leaving = metadata['deletionTimestamp'] !== undefined && metadata['deletionTimestamp'] !== null;
  const waiting = list(status['containerStatuses'])
    .map((one) => text(fieldsOf(fieldsOf(one['state'])['waiting'])['reason']))
    .find((reason) => reason !== undefined);
  const phase = text(status['phase']) ?? 'Unknown';
  const scheduling = list(status['conditions']).find(
    (one) => one['status'] === 'False' && one['type'] === 'PodScheduled',
  );
  const cause = waiting ?? text(scheduling?.['reason']);
  return {
    name,
    namespace: text(metadata['namespace']) ?? '',
    uid: text(metadata['uid']) ?? name,
    node: text(spec['nodeName']),
    component: text(fieldsOf(metadata['labels'])[COMPONENT]) ?? '',
    running: phase === 'Running' && !leaving,
    port: portOf(spec),
    trouble: leaving
      ? 'it is being deleted'
      : phase === 'Running'
        ? waiting
        : `${phase}${cause === undefined ? '' : `: ${cause}`}`,
  };
}

/** For a path of the API server: how it reaches the Pod. */
export const podProxyPath = (
  namespace: string,
  { name, port }: Pick<PodFacts, 'name' | 'port'>,
  path: `/${string}`,
): string =>
  `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}:${port}/proxy${path}`;

function portOf(spec: Readonly<Record<string, unknown>>): number {
  const ports = list(spec['containers']).flatMap((container) => list(container['ports']));
  const number = ports.find((port) => port['name'] === 'status')?.['containerPort'];
  return typeof number === 'number' && Number.isInteger(number) && number > 0 && number < 65_536 ? number : STATUS_PORT;
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
const list = (value: unknown): readonly Readonly<Record<string, unknown>>[] =>
  Array.isArray(value) ? value.map(fieldsOf) : [];
