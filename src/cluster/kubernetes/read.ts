import { seconds } from '../../base/clock.ts';
import { type Decoded, decoded, malformed } from '../../base/decoded.ts';
import { fieldsOf } from '../../base/fields.ts';
import { type ClusterObject, OBJECT_KINDS, type ObjectKind, type ObjectLists } from '../ports.ts';
import type { ApiClient, ApiFailure } from './api-client.ts';
import { EFFECTIVE_NAME, EffectiveConfigMap } from './effective-config.ts';
import { slim } from './slim.ts';

/**
 * A cluster as it is at this moment, for commands: read once, under the rights of who runs them. What they may not read, or what is not
 * there, is an error in words.
 */
export interface ReadCluster {
  readonly lists: ObjectLists;
  /** Of the controller; undefined: it has published none. */
  readonly effective: string | undefined;
}

type Raw = Readonly<Record<string, unknown>>;
interface Resource {
  readonly kind: ObjectKind;
  readonly path: string;
  readonly resource: string;
  readonly namespace?: string;
}

const PAGE = 500;
const TIMEOUT = seconds(30);

/** Everything but Secrets, which commands have no business with. */
export async function readCluster(client: ApiClient, namespace: string): Promise<Decoded<ReadCluster, string>> {
  const lists = await Promise.all([
    readList(client, { kind: 'Service', path: '/api/v1/services', resource: 'services' }),
    readList(client, {
      kind: 'EndpointSlice',
      path: '/apis/discovery.k8s.io/v1/endpointslices',
      resource: 'endpointslices.discovery.k8s.io',
    }),
    readNodes(client),
    readList(client, { kind: 'Namespace', path: '/api/v1/namespaces', resource: 'namespaces' }),
    readList(client, {
      kind: 'ConfigMap',
      path: `/api/v1/namespaces/${namespace}/configmaps`,
      resource: 'configmaps',
      namespace,
    }),
  ]);
  return withEffective(client, namespace, lists);
}

/** Only what has to do with these Services: themselves, their EndpointSlices, and the Nodes. One that is not there is left out. */
export async function readServices(
  client: ApiClient,
  namespace: string,
  services: readonly { readonly namespace: string; readonly name: string }[],
): Promise<Decoded<ReadCluster, string>> {
  const each = services.map(async ({ namespace: of, name }) => {
    const scope = `namespaces/${encodeURIComponent(of)}`;
    const selector = encodeURIComponent(`kubernetes.io/service-name=${name}`);
    return Promise.all([
      readOne(client, {
        kind: 'Service',
        path: `/api/v1/${scope}/services/${encodeURIComponent(name)}`,
        resource: 'services',
        namespace: of,
      }),
      readList(client, {
        kind: 'EndpointSlice',
        path: `/apis/discovery.k8s.io/v1/${scope}/endpointslices?labelSelector=${selector}`,
        resource: 'endpointslices.discovery.k8s.io',
        namespace: of,
      }),
    ]);
  });
  const lists = await Promise.all([readNodes(client), Promise.all(each)]);
  return withEffective(client, namespace, lists.flat(2));
}

const readNodes = (client: ApiClient) => readList(client, { kind: 'Node', path: '/api/v1/nodes', resource: 'nodes' });

async function withEffective(
  client: ApiClient,
  namespace: string,
  lists: readonly Decoded<readonly ClusterObject[], string>[],
): Promise<Decoded<ReadCluster, string>> {
  const objects: ClusterObject[] = [];
  for (const list of lists) {
    if (!list.ok) return list;
    objects.push(...list.value);
  }
  const path = `/api/v1/namespaces/${namespace}/configmaps/${EFFECTIVE_NAME}`;
  const answer = await client.request({ method: 'GET', path, timeout: TIMEOUT });
  if (answer.kind !== 'ok' && !isMissing(answer))
    return malformed(failureText(answer, { verb: 'get', resource: 'configmaps', namespace }));
  const found = answer.kind === 'ok' ? object('ConfigMap', fieldsOf(answer.body)) : undefined;
  const text = new EffectiveConfigMap(client, namespace, () => found).text();
  if (text !== undefined && !text.ok)
    return malformed(`the ConfigMap ${namespace}/${EFFECTIVE_NAME} cannot be read: ${text.error}`);
  const sorted = Object.fromEntries(
    OBJECT_KINDS.map((kind) => [kind, objects.filter((one) => one.kind === kind).sort(byName)]),
  ) as unknown as ObjectLists;
  return decoded({ lists: sorted, effective: text?.value });
}

const byName = (a: ClusterObject, b: ClusterObject): number =>
  a.namespace === b.namespace ? (a.name < b.name ? -1 : 1) : a.namespace < b.namespace ? -1 : 1;

/** As the server sent it: of the configuration in force every field counts. */
function object(kind: ObjectKind, body: Raw): ClusterObject {
  const { name = '', namespace = '' } = fieldsOf(body['metadata']) as Readonly<Record<string, string>>;
  return { kind, namespace, name, body, origin: { file: `${kind} ${namespace}/${name}`, line: 1, text: undefined } };
}

/** One Secret, by name. `hidden`: who asks may not look. Undefined: it is not there. */
export async function readSecret(
  client: ApiClient,
  namespace: string,
  name: string,
): Promise<Decoded<ClusterObject | 'hidden' | undefined, string>> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(name)}`;
  const answer = await client.request({ method: 'GET', path, timeout: TIMEOUT });
  if (answer.kind === 'ok') return decoded(slim('Secret', fieldsOf(answer.body)));
  if (isMissing(answer)) return decoded(undefined);
  if (answer.kind === 'status' && answer.code === 403) return decoded('hidden');
  return malformed(failureText(answer, { verb: 'get', resource: 'secrets', namespace }));
}

async function readOne(client: ApiClient, resource: Resource): Promise<Decoded<readonly ClusterObject[], string>> {
  const answer = await client.request({ method: 'GET', path: resource.path, timeout: TIMEOUT });
  if (answer.kind === 'ok') return decoded([slim(resource.kind, fieldsOf(answer.body)) ?? []].flat());
  return isMissing(answer) ? decoded([]) : malformed(failureText(answer, { verb: 'get', ...resource }));
}

async function readList(client: ApiClient, resource: Resource): Promise<Decoded<readonly ClusterObject[], string>> {
  const read = await readItems(client, resource.path);
  if (!read.ok) return malformed(failureText(read.error, { verb: 'list', ...resource }));
  return decoded(read.value.flatMap((raw) => slim(resource.kind, raw) ?? []));
}

/** The objects of a list, page by page. */
export async function readItems(client: ApiClient, path: string): Promise<Decoded<readonly Raw[], ApiFailure>> {
  const items: Raw[] = [];
  let next = '';
  do {
    const question = `${path}${path.includes('?') ? '&' : '?'}limit=${PAGE}${next === '' ? '' : `&continue=${encodeURIComponent(next)}`}`;
    const answer = await client.request({ method: 'GET', path: question, timeout: TIMEOUT });
    if (answer.kind !== 'ok') return malformed(answer);
    const body = fieldsOf(answer.body);
    if (Array.isArray(body['items'])) for (const item of body['items']) items.push(fieldsOf(item));
    const more = fieldsOf(body['metadata'])['continue'];
    next = typeof more === 'string' ? more : '';
  } while (next !== '');
  return decoded(items);
}

const isMissing = (failure: ApiFailure): boolean => failure.kind === 'status' && failure.code === 404;

interface Asked {
  readonly verb: string;
  /** As kubectl names it: `pods/proxy`, `endpointslices.discovery.k8s.io`. */
  readonly resource: string;
  readonly namespace?: string;
}

/** For people, with the right that is missing where that is it. */
export function failureText(failure: ApiFailure, { verb, resource, namespace }: Asked): string {
  if (failure.kind === 'unreachable') return `the API server does not answer: ${failure.message}`;
  if (failure.code === 401) return `the API server does not know who asks: ${failure.message}`;
  if (failure.code !== 403) return `the API server refuses to ${verb} ${resource}: ${failure.message}`;
  const [plain, subresource] = resource.split('/');
  const scope = namespace === undefined ? '' : ` -n ${namespace}`;
  const test = `kubectl auth can-i ${verb} ${plain}${subresource === undefined ? '' : ` --subresource=${subresource}`}${scope}`;
  const where = namespace === undefined ? 'in the whole cluster' : `in namespace ${namespace}`;
  return `the right to ${verb} ${resource} ${where} is missing (${test}). ${failure.message}`;
}
