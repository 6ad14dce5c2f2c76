import { ms, seconds, systemClock } from '../base/clock.ts';
import { type ClarionError, environmentError } from '../base/errors.ts';
import { fieldsOf } from '../base/fields.ts';
import { annotate } from '../cluster/kubernetes/annotations.ts';
import type { ApiAccess, ApiClient } from '../cluster/kubernetes/api-client.ts';
import { openApiClient } from '../cluster/kubernetes/http-client.ts';
import { inClusterIdentity } from '../cluster/kubernetes/in-cluster.ts';
import { kubeconfigAccess } from '../cluster/kubernetes/kubeconfig.ts';
import { POD_SELECTOR, type PodFacts, podFacts, podProxyPath } from '../cluster/kubernetes/pod.ts';
import { failureText, readCluster, readItems, readSecret, readServices } from '../cluster/kubernetes/read.ts';
import type { ClusterObject } from '../cluster/ports.ts';
import type { SecretRef } from '../inventory/secret.ts';
import type { ServiceKey } from '../inventory/service-request.ts';
import type { Answer } from '../status/cluster-status.ts';
import type { ExplainedEvent } from '../status/explain.ts';
import type { StatusQuery, StatusReport } from '../status/report.ts';
import { statusPath } from './question.ts';
import type { Reach, ReachOptions } from './reach.ts';
import { version } from './version.ts';

/** Where the manifests install it. */
const NAMESPACE = 'clarion-system';
/** A process that is alive answers within milliseconds; the rest is for the way through the API server. */
const ANSWER_LIMIT = seconds(5);
/** Of a cluster with hundreds of nodes. */
const AT_ONCE = 16;
const EVENTS = 10;

/** Throws a ClarionError where there is no way to a cluster. */
export function reachKubernetes(options: ReachOptions): Reach {
  const { access, namespace: ofPod } = accessTo(options);
  const client = openApiClient({ access, clock: systemClock, userAgent: `clarion/${version}` });
  return clusterReach(client, options.namespace ?? ofPod ?? NAMESPACE, access.server);
}

/** A kubeconfig that was asked for or is there, else the Pod that this runs in. */
function accessTo({ kubeconfig, context }: ReachOptions): {
  readonly access: ApiAccess;
  readonly namespace: string | undefined;
} {
  const found = kubeconfigAccess({ clock: systemClock, file: kubeconfig, context });
  if (found?.ok === true) return { access: found.value, namespace: undefined };
  if (found?.ok === false) throw environmentError(found.error);
  const pod = inClusterIdentity({ clock: systemClock });
  if (pod.ok) return pod.value;
  throw environmentError(
    'there is no way to a cluster: no --kubeconfig, no KUBECONFIG, no ~/.kube/config, and this is no Pod. For a folder of manifests: --directory DIR',
  );
}

/** What there is to know of a cluster through its API server. */
export function clusterReach(client: ApiClient, namespace: string, server: string): Reach {
  const failed = (error: string): ClarionError => environmentError(`${error}. Asked: ${server}`);
  return {
    where: server,
    askEvery: ms(250),
    async ask(query = {}) {
      const pods = await podsIn(client, namespace, failed);
      return limited(AT_ONCE, pods, (pod) => askPod(client, namespace, pod, query, failed));
    },
    annotate: (kind, of, name, annotations) => annotate(client, kind, of, name, annotations),
    async look(services) {
      const read = await (services === undefined
        ? readCluster(client, namespace)
        : readServices(client, namespace, services.map(nameOf)));
      if (!read.ok) throw failed(read.error);
      return { ...read.value, problems: [] };
    },
    async secrets(refs) {
      const secrets: ClusterObject[] = [];
      const hidden: SecretRef[] = [];
      for (const ref of refs) {
        const read = await readSecret(client, ref.namespace ?? namespace, ref.name);
        if (!read.ok) throw failed(read.error);
        if (read.value === 'hidden') hidden.push(ref);
        else if (read.value !== undefined) secrets.push(read.value);
      }
      return { secrets, hidden };
    },
    events: (service) => eventsOf(client, service),
  };
}

async function podsIn(
  client: ApiClient,
  namespace: string,
  failed: (error: string) => ClarionError,
): Promise<readonly PodFacts[]> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods?labelSelector=${encodeURIComponent(POD_SELECTOR)}`;
  const read = await readItems(client, path);
  if (!read.ok) throw failed(failureText(read.error, { verb: 'list', resource: 'pods', namespace }));
  const pods = read.value.flatMap((raw) => podFacts(raw) ?? []);
  if (pods.length === 0)
    throw failed(
      `there is no Pod of Clarion (${POD_SELECTOR}) in namespace ${namespace}. Is it installed elsewhere (--namespace), or in another cluster (--context)`,
    );
  return pods;
}

async function askPod(
  client: ApiClient,
  namespace: string,
  pod: PodFacts,
  query: StatusQuery,
  failed: (error: string) => ClarionError,
): Promise<Answer> {
  const place = pod.node ?? pod.name;
  const name = pod.component === 'controller' ? `${place} (controller)` : place;
  const silent = (error: string): Answer => ({ name, ok: false, error: `Pod ${pod.name}: ${error}` });
  if (!pod.running) return silent(pod.trouble ?? 'it does not run');
  const path = podProxyPath(namespace, pod, statusPath(query) as `/${string}`);
  const answer = await client.request({ method: 'GET', path, timeout: ANSWER_LIMIT });
  if (answer.kind === 'ok') {
    const report = fieldsOf(answer.body);
    if (typeof report['node'] !== 'string') return silent('its answer is no status: of another version?');
    return { name, ok: true, report: report as unknown as StatusReport };
  }
  // No other Pod would fare better.
  if (answer.kind === 'status' && (answer.code === 403 || answer.code === 401))
    throw failed(failureText(answer, { verb: 'get', resource: 'pods/proxy', namespace }));
  return silent(pod.trouble === undefined ? answer.message : `${pod.trouble}; ${answer.message}`);
}

async function eventsOf(client: ApiClient, service: ServiceKey): Promise<readonly ExplainedEvent[]> {
  const { namespace, name } = nameOf(service);
  const selector = encodeURIComponent(`regarding.kind=Service,regarding.name=${name}`);
  const path = `/apis/events.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/events?fieldSelector=${selector}`;
  const read = await readItems(client, path);
  // Who may not read events is told everything else.
  if (!read.ok) return [];
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return read.value
    .filter((raw) => text(raw['reportingController']).startsWith('clarion'))
    .map((raw) => ({
      time: text(fieldsOf(raw['series'])['lastObservedTime']) || text(raw['eventTime']),
      type: text(raw['type']),
      reason: text(raw['reason']),
      message: text(raw['note']),
    }))
    .sort((a, b) => (a.time < b.time ? -1 : 1))
    .slice(-EVENTS);
}

function nameOf(service: ServiceKey): { readonly namespace: string; readonly name: string } {
  const slash = service.indexOf('/');
  return { namespace: service.slice(0, slash), name: service.slice(slash + 1) };
}

/** In the order of `all`. */
async function limited<T, R>(atOnce: number, all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = [...all.entries()];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) results[next[0]] = await work(next[1]);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, all.length) }, worker));
  return results;
}
