import { join } from 'node:path';
import { type Decoded, decoded, malformed } from '../../base/decoded.ts';
import { messageOf } from '../../base/errors.ts';
import type { ClusterObject } from '../ports.ts';
import { fileNameOf, STATE_FOLDER } from './file-name.ts';
import { isMapping } from './identify.ts';

/** Annotations that commands set, as they lie in `.clarion/annotations/KIND/[NAMESPACE/]NAME.json`. */
export interface AnnotationRecord {
  readonly kind: 'Node' | 'Service';
  /** '' for a Node. */
  readonly namespace: string;
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
}

type Changes = Readonly<Record<string, string | undefined>>;

/** The next record; `previous` itself where nothing is new, undefined when nothing is left to say. */
export function annotated(
  previous: AnnotationRecord | undefined,
  { kind, namespace, name }: Pick<AnnotationRecord, 'kind' | 'namespace' | 'name'>,
  changes: Changes,
): AnnotationRecord | undefined {
  const before = previous?.annotations ?? {};
  const annotations: Record<string, string> = { ...before };
  for (const [key, value] of Object.entries(changes))
    if (value === undefined) delete annotations[key];
    else annotations[key] = value;
  const keys = Object.keys(annotations);
  if (keys.length === 0) return undefined;
  const same = keys.length === Object.keys(before).length && keys.every((key) => before[key] === annotations[key]);
  return same ? previous : { kind, namespace, name, annotations };
}

export const annotationFile = ({ kind, namespace, name }: Omit<AnnotationRecord, 'annotations'>): string =>
  join('annotations', kind, ...(kind === 'Node' ? [] : [fileNameOf(namespace)]), `${fileNameOf(name)}.json`);

export const encodeAnnotations = (record: AnnotationRecord): string => `${JSON.stringify(record, undefined, 1)}\n`;

export function decodeAnnotations(text: string): Decoded<AnnotationRecord, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    return malformed(messageOf(thrown));
  }
  if (!isMapping(value)) return malformed('no JSON object');
  const { kind, namespace, name, annotations } = value as Readonly<Record<keyof AnnotationRecord, unknown>>;
  if (kind !== 'Node' && kind !== 'Service') return malformed('"kind" is neither Node nor Service');
  if (typeof namespace !== 'string' || typeof name !== 'string') return malformed('namespace or name is missing');
  if (!isMapping(annotations) || !Object.values(annotations).every((one) => typeof one === 'string'))
    return malformed('"annotations" is no mapping of strings');
  return decoded({ kind, namespace, name, annotations: annotations as Readonly<Record<string, string>> });
}

/** What the owner wrote, with ours over it. */
export function mergeAnnotations(object: ClusterObject, { annotations }: AnnotationRecord): ClusterObject {
  const { body } = object;
  const metadata = isMapping(body['metadata']) ? body['metadata'] : {};
  return {
    ...object,
    body: { ...body, metadata: { ...metadata, annotations: { ...ownAnnotations(object), ...annotations } } },
  };
}

export function ownAnnotations({ body }: ClusterObject): Readonly<Record<string, unknown>> {
  const metadata = isMapping(body['metadata']) ? body['metadata'] : {};
  return isMapping(metadata['annotations']) ? metadata['annotations'] : {};
}

/** A Node that no file defines, as the kubelet would have registered it, to carry annotations. */
export const impliedNodeObject = (record: AnnotationRecord, directory: string): ClusterObject => ({
  kind: 'Node',
  namespace: '',
  name: record.name,
  body: {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: record.name,
      labels: { 'kubernetes.io/hostname': record.name },
      annotations: record.annotations,
    },
  },
  origin: { file: join(directory, STATE_FOLDER, annotationFile(record)), line: 1, text: undefined },
  implied: true,
});
