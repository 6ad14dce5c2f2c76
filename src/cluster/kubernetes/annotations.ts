import type { WriteOutcome } from '../ports.ts';
import type { ApiClient } from './api-client.ts';
import { outcomeOf } from './write-outcome.ts';

/**
 * Annotations that commands set, by a merge patch: under the rights of who runs the command, and in the audit log with that name.
 */
export async function annotate(
  client: ApiClient,
  kind: 'Node' | 'Service',
  namespace: string,
  name: string,
  annotations: Readonly<Record<string, string | undefined>>,
): Promise<WriteOutcome> {
  const resource = kind === 'Node' ? 'nodes' : 'services';
  const scope = kind === 'Node' ? '' : `namespaces/${namespace}/`;
  const changes = Object.fromEntries(Object.entries(annotations).map(([key, value]) => [key, value ?? null]));
  const answer = await client.request({
    method: 'PATCH',
    path: `/api/v1/${scope}${resource}/${encodeURIComponent(name)}?fieldManager=clarion`,
    contentType: 'application/merge-patch+json',
    body: { metadata: { annotations: changes } },
  });
  if (answer.kind === 'ok') return { kind: 'done' };
  const object = kind === 'Node' ? `Node ${name}` : `Service ${namespace}/${name}`;
  if (answer.kind === 'status' && answer.code === 404)
    return { kind: 'refused', message: `there is no ${object} in this cluster; kubectl get ${resource} shows them` };
  if (answer.kind === 'status' && answer.code === 403)
    return {
      kind: 'refused',
      message:
        `you may not annotate ${object}: that takes verb "patch" on "${resource}" ` +
        `(kubectl auth can-i patch ${resource}${kind === 'Node' ? '' : ` -n ${namespace}`}). ${answer.message}`,
    };
  return outcomeOf(answer, { verb: 'patch', resource, group: '', namespace: undefined });
}
