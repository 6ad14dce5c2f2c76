import type { Labels } from '../base/label-selector.ts';
import type { Problem } from '../base/problem.ts';
import type { ClusterObject } from '../cluster/ports.ts';
import { openObject } from './field-reader.ts';

/** The label that the API server gives every Namespace; in a folder of manifests nobody else would. */
export const impliedNamespaceLabels = (name: string): Labels => ({ 'kubernetes.io/metadata.name': name });

/** Reads the labels of a core/v1 Namespace. */
export function readNamespace(object: ClusterObject): {
  readonly labels: Labels;
  readonly problems: readonly Problem[];
} {
  const { reader, problems } = openObject(object);
  const labels = { ...reader.fields('metadata').labels('labels'), ...impliedNamespaceLabels(object.name) };
  return { labels, problems };
}
