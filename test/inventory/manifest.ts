import type { ClusterObject, ObjectKind, ObjectLists } from '../../src/cluster/ports.ts';

/** An object as a ClusterReader hands it out; `body` may be any nonsense. */
export function object(
  kind: ObjectKind,
  name: string,
  body: Readonly<Record<string, unknown>>,
  namespace = 'shop',
): ClusterObject {
  return { kind, namespace, name, body, origin: { file: 'web.yaml', line: 3, text: undefined } };
}

export const lists = (given: Partial<ObjectLists>): ObjectLists => ({
  Service: [],
  EndpointSlice: [],
  Node: [],
  Namespace: [],
  Secret: [],
  ConfigMap: [],
  ...given,
});
