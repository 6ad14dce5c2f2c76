import { compact } from '../base/compact.ts';
import type { Problem } from '../base/problem.ts';
import type { ClusterObject } from '../cluster/ports.ts';
import type { Endpoint } from './endpoint.ts';
import { type FieldReader, openObject } from './field-reader.ts';
import { type ServiceKey, serviceKey } from './service-request.ts';

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** One endpoint as one slice tells it; `identity` is what the slices of a Service are merged by. */
interface SliceEndpoint extends Endpoint {
  readonly identity: string;
}
export interface EndpointSlice {
  /** Undefined: the slice belongs to no Service. */
  readonly service: ServiceKey | undefined;
  readonly endpoints: readonly SliceEndpoint[];
  readonly problems: readonly Problem[];
}

/** Reads a discovery.k8s.io/v1 EndpointSlice. One of type FQDN has no endpoints: kube-proxy forwards to none of them either. */
export function readEndpointSlice(object: ClusterObject): EndpointSlice {
  const { reader, problems } = openObject(object);
  const name = reader.fields('metadata').fields('labels').text(SERVICE_NAME_LABEL);
  const usable = reader.text('addressType') !== 'FQDN';
  return {
    service: name === undefined || name === '' ? undefined : serviceKey(object.namespace, name),
    endpoints: compact(usable ? reader.list('endpoints').flatMap(readEndpoint) : []),
    problems: compact(problems),
  };
}

function readEndpoint(entry: FieldReader): SliceEndpoint[] {
  const conditions = entry.fields('conditions');
  const ready = readReady(conditions);
  const terminating = conditions.flag('terminating') ?? false;
  const identity = identityOf(entry);
  if (identity === undefined) {
    entry.complain('addresses', 'must have an address, or targetRef must name a Pod; this endpoint is left out');
    return [];
  }
  const serving = ready || (terminating && (conditions.flag('serving') ?? false));
  return [{ identity, node: entry.text('nodeName') || undefined, ready, serving, terminating }];
}

/** EndpointConditions: nil counts as true. A value that cannot be read counts as false: traffic must not go there on a guess. */
const readReady = (conditions: FieldReader): boolean => conditions.flag('ready') ?? !conditions.has('ready');

/** The Pod behind the endpoint, which is the same in the IPv4 and the IPv6 slice; else its first address. */
function identityOf(entry: FieldReader): string | undefined {
  const target = entry.fields('targetRef');
  const uid = target.text('uid');
  if (uid) return `uid ${uid}`;
  const name = target.text('name');
  if (name) return `${target.text('kind') ?? ''} ${target.text('namespace') ?? ''}/${name}`;
  const address = entry.texts('addresses')[0];
  return address === undefined ? undefined : `address ${address}`;
}

/**
 * The endpoints of one Service out of all its slices. While an endpoint moves from one slice to another it may be in both,
 * and the two may disagree: it serves when one of them says so.
 */
export function mergeEndpoints(slices: readonly EndpointSlice[]): readonly Endpoint[] {
  const merged = new Map<string, Endpoint>();
  for (const { endpoints } of slices)
    for (const { identity, ...endpoint } of endpoints) {
      const other = merged.get(identity);
      merged.set(identity, other === undefined ? endpoint : mergeTwo(other, endpoint));
    }
  return [...merged.values()];
}

const mergeTwo = (a: Endpoint, b: Endpoint): Endpoint => ({
  node: a.node ?? b.node,
  ready: a.ready || b.ready,
  serving: a.serving || b.serving,
  terminating: a.terminating && b.terminating,
});
