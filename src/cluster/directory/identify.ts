import { OBJECT_KINDS, type ObjectKind } from '../ports.ts';

/**
 * What a document is, by apiVersion, kind and metadata only; everything else is checked by inventory and config.
 * Kinds that are not ours are nobody's business here: a folder may hold Deployments too.
 */
export type Identified =
  | { readonly is: 'object'; readonly kind: ObjectKind; readonly namespace: string; readonly name: string }
  | { readonly is: 'list'; readonly items: readonly unknown[]; readonly itemKind: string | undefined }
  | { readonly is: 'foreign' }
  | { readonly is: 'wrong'; readonly severity: 'error' | 'warning'; readonly code: string; readonly message: string };

type Body = Readonly<Record<string, unknown>>;
export const isMapping = (value: unknown): value is Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const GROUP_OF: Readonly<Record<ObjectKind, string>> = {
  Service: '',
  EndpointSlice: 'discovery.k8s.io',
  Node: '',
  Namespace: '',
  Secret: '',
  ConfigMap: '',
};
const CLUSTER_SCOPED: ReadonlySet<ObjectKind> = new Set(['Node', 'Namespace']);
const LONGEST_NAME = 253;

/** `itemKind`: what an item of a ServiceList is although it does not say so. */
export function identify(value: unknown, itemKind?: string): Identified {
  if (!isMapping(value))
    return wrong(
      'not-an-object',
      'this is no Kubernetes object (a mapping with apiVersion, kind and metadata). It is not used.',
    );
  const kind = value['kind'] ?? itemKind;
  if (kind === undefined)
    return {
      ...wrong(
        'not-an-object',
        'this has no "kind", so it is no Kubernetes object. It is not used. A bare configuration belongs into a ConfigMap, or outside of the folder with --config FILE.',
      ),
      severity: 'warning',
    };
  if (typeof kind !== 'string') return wrong('invalid-object', '"kind" is not a string. The object is not used.');
  if (kind.endsWith('List') && Array.isArray(value['items']))
    return { is: 'list', items: value['items'], itemKind: kind === 'List' ? undefined : kind.slice(0, -'List'.length) };
  const ours = OBJECT_KINDS.find((candidate) => candidate === kind);
  if (ours === undefined) return { is: 'foreign' };
  return value['apiVersion'] === undefined && itemKind === kind
    ? identifyMetadata(ours, value)
    : identifyVersion(ours, value);
}

function identifyVersion(kind: ObjectKind, value: Body): Identified {
  const wanted = GROUP_OF[kind] === '' ? 'v1' : `${GROUP_OF[kind]}/v1`;
  const { apiVersion } = value as { readonly apiVersion?: unknown };
  if (apiVersion === wanted) return identifyMetadata(kind, value);
  if (typeof apiVersion !== 'string')
    return wrong('invalid-object', `this ${kind} has no apiVersion. It is not used. Write "apiVersion: ${wanted}".`);
  // A kind of that name in another group (Knative has a Service too) is not ours.
  const slash = apiVersion.indexOf('/');
  if (slash >= 0 && apiVersion.slice(0, slash) !== GROUP_OF[kind]) return { is: 'foreign' };
  return wrong(
    'invalid-object',
    `apiVersion "${apiVersion}" of this ${kind} is not known. It is not used. Write "${wanted}".`,
  );
}

function identifyMetadata(kind: ObjectKind, value: Body): Identified {
  const metadata = value['metadata'];
  if (!isMapping(metadata))
    return wrong('invalid-object', `this ${kind} has no metadata.name. It is not used. Give it one.`);
  const { name, namespace } = metadata as { readonly name?: unknown; readonly namespace?: unknown };
  const nameFault = faultOfName(name);
  if (nameFault !== undefined)
    return wrong('invalid-object', `metadata.name of this ${kind} ${nameFault}. It is not used.`);
  if (CLUSTER_SCOPED.has(kind)) return { is: 'object', kind, namespace: '', name: name as string };
  const namespaceFault = namespace === undefined || namespace === null ? undefined : faultOfName(namespace);
  if (namespaceFault !== undefined)
    return wrong(
      'invalid-object',
      `metadata.namespace of ${kind} "${String(name)}" ${namespaceFault}. It is not used.`,
    );
  return { is: 'object', kind, namespace: (namespace as string | null | undefined) ?? 'default', name: name as string };
}

/** The least that Kubernetes asks of a name (apimachinery, ValidatePathSegmentName), and no control characters. */
function faultOfName(name: unknown): string | undefined {
  if (name === undefined || name === null || name === '') return 'is missing';
  if (typeof name !== 'string') return `is ${JSON.stringify(name)}, which is not a string: put it in quotes`;
  if (name.length > LONGEST_NAME) return `is longer than ${LONGEST_NAME} characters`;
  if (name === '.' || name === '..' || /[/%\s\p{Cc}]/u.test(name))
    return `is ${JSON.stringify(name)}, which no Kubernetes object can be called`;
  return undefined;
}

const wrong = (code: string, message: string) => ({ is: 'wrong', severity: 'error', code, message }) as const;
