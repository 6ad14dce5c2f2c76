import { isDeepStrictEqual } from 'node:util';
import {
  type Body,
  type FakeAnswer,
  type FakeRequest,
  type FakeStore,
  metadataOf,
  statusBody,
} from './fake-api-server.ts';

/**
 * POST, PUT, PATCH and DELETE of the fake API server, as far as our writers can tell it from a real one: resource versions, 404, 409,
 * both kinds of merge patch, what services/status takes and fills in, no new version for what changes nothing.
 */
export function answerWrite(store: FakeStore, request: FakeRequest): FakeAnswer {
  const timeout = request.url.searchParams.get('timeout');
  if (timeout !== null && !/^\d+(ms|s|m)$/.test(timeout))
    return refusal(
      400,
      'BadRequest',
      `invalid timeout specified in the request URL - missing unit in duration "${timeout}"`,
    );
  switch (request.method) {
    case 'POST':
      return create(store, request);
    case 'PUT':
      return update(store, request, () => request.body as Body);
    case 'PATCH':
      return update(store, request, (before) => patched(before, request));
    case 'DELETE':
      return remove(store, request);
    default:
      return refusal(405, 'MethodNotAllowed', `no ${request.method} here`);
  }
}

const refusal = (code: number, reason: string, message: string, more: Body = {}): FakeAnswer => ({
  code,
  body: statusBody(code, reason, message, more),
});
const notFound = ({ resource, name }: FakeRequest): FakeAnswer =>
  refusal(404, 'NotFound', `${resource} "${name}" not found`);
const conflict = ({ resource, name }: FakeRequest): FakeAnswer =>
  refusal(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${resource} "${name}": the object has been modified; please apply your changes to the latest version and try again`,
  );

function create(store: FakeStore, request: FakeRequest): FakeAnswer {
  const body = request.body as Body;
  const { generateName } = metadataOf(body);
  const name = (metadataOf(body)['name'] as string | undefined) ?? `${String(generateName)}${store.version}`;
  const { namespace, resource } = request;
  if (
    namespace !== undefined &&
    metadataOf(body)['namespace'] !== undefined &&
    metadataOf(body)['namespace'] !== namespace
  )
    return refusal(400, 'BadRequest', 'the namespace of the object does not match the namespace of the request');
  if (store.get(resource, namespace, name) !== undefined)
    return refusal(409, 'AlreadyExists', `${resource} "${name}" already exists`);
  const metadata = { ...metadataOf(body), name, ...(namespace === undefined ? {} : { namespace }) };
  return { code: 201, body: store.put(resource, { ...body, metadata }) };
}

function update(store: FakeStore, request: FakeRequest, change: (before: Body) => Body): FakeAnswer {
  const { resource, namespace, name = '', subresource } = request;
  const before = store.get(resource, namespace, name);
  if (before === undefined) return notFound(request);
  const wanted = change(before);
  const version = metadataOf(wanted)['resourceVersion'];
  if (version !== undefined && version !== metadataOf(before)['resourceVersion']) return conflict(request);
  const after = resource === 'services' ? asService(before, wanted, subresource === 'status') : wanted;
  const fields = fieldsThatAreRefused(resource, after);
  if (fields.length > 0)
    return refusal(422, 'Invalid', `${resource} "${name}" is invalid: ${fields.join(', ')}`, {
      details: { name, kind: resource, causes: fields.map((field) => ({ reason: 'FieldValueForbidden', field })) },
    });
  const metadata = metadataOf(after);
  const same = { ...after, metadata: { ...metadata, resourceVersion: metadataOf(before)['resourceVersion'] } };
  if (isDeepStrictEqual(JSON.parse(JSON.stringify(same)), JSON.parse(JSON.stringify(before))))
    return { code: 200, body: before };
  return { code: 200, body: store.put(resource, { ...after, metadata: { ...metadata, namespace, name } }) };
}

function remove(store: FakeStore, request: FakeRequest): FakeAnswer {
  const gone = store.remove(request.resource, request.namespace, request.name ?? '');
  return gone === undefined ? notFound(request) : { code: 200, body: statusBody(200, '', '', { status: 'Success' }) };
}

/** Through `status` all of metadata and the status may change, not through it all but the status, which goes with the type. */
function asService(before: Body, wanted: Body, throughStatus: boolean): Body {
  const status = mappingOf(throughStatus ? wanted['status'] : before['status']);
  const spec = throughStatus ? before['spec'] : wanted['spec'];
  if (!throughStatus && !isLoadBalancer(spec)) return { ...wanted, status: { ...status, loadBalancer: {} } };
  const { ingress = [] } = mappingOf(status['loadBalancer']) as { ingress?: readonly Body[] };
  const filled = ingress.map((entry) => (entry['ip'] === undefined ? entry : { ipMode: 'VIP', ...entry }));
  return {
    ...wanted,
    spec,
    status: { ...status, loadBalancer: filled.length === 0 ? {} : { ingress: filled } },
  };
}

/** The limit of all annotations of an object together. */
const ANNOTATIONS_LIMIT = 256 * 1024;

function fieldsThatAreRefused(resource: string, { spec, status, metadata }: Body): readonly string[] {
  const annotations = Object.entries(mappingOf(mappingOf(metadata)['annotations']));
  const size = annotations.reduce((sum, [key, value]) => sum + key.length + String(value).length, 0);
  const { ingress } = mappingOf(mappingOf(status)['loadBalancer']);
  return [
    ...(size > ANNOTATIONS_LIMIT ? ['metadata.annotations'] : []),
    ...(resource === 'services' && ingress !== undefined && !isLoadBalancer(spec)
      ? ['status.loadBalancer.ingress']
      : []),
  ];
}

const isLoadBalancer = (spec: unknown): boolean => mappingOf(spec)['type'] === 'LoadBalancer';

function patched(before: Body, { headers, body }: FakeRequest): Body {
  const strategic = headers['content-type'] === 'application/strategic-merge-patch+json';
  return mergePatch(before, body as Body, strategic);
}

/** RFC 7386; with `strategic`, lists of conditions are merged by type, as Kubernetes' tags say. */
function mergePatch(before: Body, patch: Body, strategic: boolean): Body {
  const after: Record<string, unknown> = { ...before };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete after[key];
    else if (strategic && key === 'conditions') after[key] = mergeByType(after[key], value as readonly Body[]);
    else if (isMapping(value)) after[key] = mergePatch(mappingOf(after[key]), value, strategic);
    else after[key] = value;
    if (isMapping(after[key]) && Object.keys(after[key]).length === 0 && key === 'annotations') delete after[key];
    if (Array.isArray(after[key]) && after[key].length === 0 && key === 'conditions') delete after[key];
  }
  return after;
}

function mergeByType(before: unknown, patch: readonly Body[]): readonly Body[] {
  const all = new Map((Array.isArray(before) ? (before as Body[]) : []).map((entry) => [entry['type'], entry]));
  for (const { $patch, ...entry } of patch) {
    if ($patch === 'delete') all.delete(entry['type']);
    else all.set(entry['type'], { ...all.get(entry['type']), ...entry });
  }
  return [...all.values()];
}

const isMapping = (value: unknown): value is Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const mappingOf = (value: unknown): Body => (isMapping(value) ? value : {});
