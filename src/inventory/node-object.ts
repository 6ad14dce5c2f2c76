import { type IpAddress, parseIpAddress } from '../base/ip-address.ts';
import type { Problem } from '../base/problem.ts';
import type { ClusterObject } from '../cluster/ports.ts';
import { type FieldReader, openObject } from './field-reader.ts';
import type { ClusterNode } from './node.ts';

const EXCLUDED_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';
/** On a Node: that it hands over all that it holds, and takes nothing. */
export const DRAIN_ANNOTATION = 'clarion.dev/drain';
const TO_BE_DELETED_TAINT = 'ToBeDeletedByClusterAutoscaler';
/** What the kubelet writes into the Ready condition during a graceful node shutdown. */
const SHUTTING_DOWN = 'node is shutting down';

/** Reads a core/v1 Node. */
export function readNode(object: ClusterObject): { readonly node: ClusterNode; readonly problems: readonly Problem[] } {
  const { reader, problems } = openObject(object);
  const metadata = reader.fields('metadata');
  const status = reader.fields('status');
  const conditions = status.list('conditions');
  const labels = metadata.labels('labels');
  const drain = metadata.fields('annotations').text(DRAIN_ANNOTATION);
  const node: ClusterNode = {
    name: object.name,
    labels,
    addresses: status.list('addresses').flatMap(readInternalAddress),
    networkUnavailable: conditions.some((c) => c.text('type') === 'NetworkUnavailable' && c.text('status') === 'True'),
    excluded: Object.hasOwn(labels, EXCLUDED_LABEL),
    draining: drain !== undefined && drain !== 'false',
    leaving:
      reader
        .fields('spec')
        .list('taints')
        .some((taint) => taint.text('key') === TO_BE_DELETED_TAINT) ||
      conditions.some((c) => c.text('type') === 'Ready' && c.text('message')?.includes(SHUTTING_DOWN) === true),
  };
  return { node, problems };
}

function readInternalAddress(entry: FieldReader): IpAddress[] {
  if (entry.text('type') !== 'InternalIP') return [];
  const text = entry.text('address');
  if (text === undefined) return [];
  const address = parseIpAddress(text);
  if (address.ok) return [address.value];
  entry.complain('address', `cannot be used: ${address.error}`);
  return [];
}
