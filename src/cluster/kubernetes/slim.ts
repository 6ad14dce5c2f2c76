import { type Fields, fieldsOf } from '../../base/fields.ts';
import type { ClusterObject, ObjectKind } from '../ports.ts';
import { configMapText } from './config-map-text.ts';

/**
 * What is kept of an object that the API server told: the fields that inventory, config and the writers of status read, and no
 * others. Of a Service with its managedFields and other people's annotations that is a fifth; of ten thousand it decides about
 * memory. Whoever reads another field adds it here, and test/cluster/kubernetes/slim.test.ts shows when one is missing.
 *
 * Nothing is judged: what is not of the type that Kubernetes promises is kept as it is, for inventory to complain about.
 */
/** Ours, and those of MetalLB that mean the same. */
const OUR_ANNOTATIONS = ['clarion.dev/', 'metallb.io/', 'metallb.universe.tf/'];
const OUR_CONDITIONS = 'clarion.dev/';
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** Undefined: it has no name, so it is no object. */
export function slim(kind: ObjectKind, raw: Fields): ClusterObject | undefined {
  const metadata = fieldsOf(raw['metadata']);
  const { name } = metadata;
  if (typeof name !== 'string' || name === '') return undefined;
  const namespace = typeof metadata['namespace'] === 'string' ? shared(metadata['namespace']) : '';
  const file = namespace === '' ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
  const text = kind === 'ConfigMap' ? configMapText(namespace, name, fieldsOf(raw['data'])) : undefined;
  return { kind, namespace, name, body: BODIES[kind](raw, metadata), origin: { file, line: 1, text } };
}

const BODIES: Readonly<Record<ObjectKind, (raw: Fields, metadata: Fields) => Fields>> = {
  Service: (raw, metadata) => ({
    metadata: {
      uid: metadata['uid'],
      resourceVersion: metadata['resourceVersion'],
      creationTimestamp: shared(metadata['creationTimestamp']),
      labels: pairs(metadata['labels']),
      annotations: ourAnnotations(metadata['annotations']),
    },
    spec: inside(raw['spec'], serviceSpec),
    status: inside(raw['status'], serviceStatus),
  }),
  EndpointSlice: (raw, metadata) => ({
    metadata: {
      labels: inside(metadata['labels'], (labels) => ({ [SERVICE_NAME_LABEL]: labels[SERVICE_NAME_LABEL] })),
    },
    addressType: raw['addressType'],
    endpoints: each(raw['endpoints'], endpoint),
  }),
  Node: (raw, metadata) => ({
    metadata: { labels: pairs(metadata['labels']), annotations: ourAnnotations(metadata['annotations']) },
    spec: inside(raw['spec'], ({ taints }) => ({ taints: each(taints, ({ key }) => ({ key: shared(key) })) })),
    status: inside(raw['status'], ({ addresses, conditions }) => ({
      addresses,
      // Without the time of the last heartbeat, which would be a change every few seconds.
      conditions: each(conditions, ({ type, status, message }) => ({
        type: shared(type),
        status,
        message: type === 'Ready' ? message : undefined,
      })),
    })),
  }),
  Namespace: (_raw, metadata) => ({ metadata: { labels: pairs(metadata['labels']) } }),
  Secret: (raw) => ({ data: raw['data'] }),
  ConfigMap: (raw, metadata) => ({
    metadata: { uid: metadata['uid'], resourceVersion: metadata['resourceVersion'] },
    data: raw['data'],
    binaryData: raw['binaryData'],
  }),
};

const serviceSpec = (spec: Fields): Fields => ({
  type: shared(spec['type']),
  loadBalancerClass: shared(spec['loadBalancerClass']),
  loadBalancerIP: spec['loadBalancerIP'],
  clusterIP: spec['clusterIP'],
  clusterIPs: oneWord(spec['clusterIPs'], spec['clusterIP']),
  ipFamilies: spec['ipFamilies'],
  ipFamilyPolicy: shared(spec['ipFamilyPolicy']),
  ports: each(spec['ports'], ({ protocol, port }) => ({ protocol, port })),
  externalTrafficPolicy: spec['externalTrafficPolicy'],
  selector: pairs(spec['selector']),
  healthCheckNodePort: spec['healthCheckNodePort'],
});

function serviceStatus({ loadBalancer, conditions }: Fields): Fields {
  const ours = Array.isArray(conditions)
    ? conditions.filter((one: unknown) => String(fieldsOf(one)['type']).startsWith(OUR_CONDITIONS))
    : conditions;
  return {
    loadBalancer: inside(loadBalancer, ({ ingress }) => ({
      ingress: each(ingress, ({ ip, hostname, ipMode }) => ({ ip, hostname, ipMode })),
    })),
    conditions: each(ours, ({ type, status, reason, message, lastTransitionTime }) => ({
      type: shared(type),
      status,
      reason: shared(reason),
      message: shared(message),
      lastTransitionTime: shared(lastTransitionTime),
    })),
  };
}

/** Who it is: the uid of what is behind it is enough, and nearly all have one. */
function endpoint({ addresses, conditions, nodeName, targetRef }: Fields): Fields {
  const { uid } = fieldsOf(targetRef);
  const known = typeof uid === 'string' && uid !== '';
  return {
    nodeName: shared(nodeName),
    conditions: inside(conditions, ({ ready, serving, terminating }) => ({ ready, serving, terminating })),
    targetRef: known ? { uid } : targetRef,
    addresses: known ? undefined : addresses,
  };
}

/** What is kept of the fields of an object; what is none stays what it is. */
const inside = (value: unknown, smaller: (fields: Fields) => Fields): unknown =>
  fieldsOf(value) === value ? smaller(value as Fields) : (value ?? undefined);

/** Its entries, each made smaller; what is no list of objects stays what it is. */
const each = (value: unknown, smaller: (entry: Fields) => Fields): unknown =>
  Array.isArray(value) ? value.map((entry: unknown) => inside(entry, smaller) ?? entry) : (value ?? undefined);

/** The usual list has one entry that is the same text as the field beside it. */
const oneWord = (list: unknown, word: unknown): unknown =>
  Array.isArray(list) && list.length === 1 && list[0] === word ? undefined : list;

function ourAnnotations(value: unknown): unknown {
  if (fieldsOf(value) !== value) return value ?? undefined;
  const ours = Object.entries(value as Fields).filter(([key]) =>
    OUR_ANNOTATIONS.some((start) => key.startsWith(start)),
  );
  return ours.length === 0 ? undefined : Object.fromEntries(ours.map(([key, text]) => [key, shared(text)]));
}

function pairs(value: unknown): unknown {
  if (fieldsOf(value) !== value) return value ?? undefined;
  const entries = Object.entries(value as Fields);
  return entries.length === 0 ? undefined : Object.fromEntries(entries.map(([key, text]) => [key, shared(text)]));
}

/** Texts that many objects have in common are kept once: V8 does that for ten characters and less. */
const known = new Map<string, string>();
const KNOWN_AT_MOST = 20_000;
const SHARED_LENGTH = 200;

function shared<T>(value: T): T | string {
  if (typeof value !== 'string' || value.length <= 10 || value.length > SHARED_LENGTH) return value;
  const before = known.get(value);
  if (before !== undefined) return before;
  if (known.size >= KNOWN_AT_MOST) known.clear();
  known.set(value, value);
  return value;
}
