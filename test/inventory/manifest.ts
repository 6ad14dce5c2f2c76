import type { ClusterObject, ObjectKind, Objects, PassKind, PassObjects } from '../../src/cluster/ports.ts';

/** An object as a ClusterReader hands it out; `body` may be any nonsense. */
export function object(
  kind: ObjectKind,
  name: string,
  body: Readonly<Record<string, unknown>>,
  namespace = 'shop',
): ClusterObject {
  return { kind, namespace, name, body, origin: { file: 'web.yaml', line: 3, text: undefined } };
}

export const byName = (objects: readonly ClusterObject[]): Objects =>
  new Map(objects.map((one) => [`${one.namespace}/${one.name}`, one]));

/** As a pass finds them. */
export const objectsOf = (given: Partial<Readonly<Record<PassKind, readonly ClusterObject[]>>>): PassObjects => {
  const { Service = [], EndpointSlice = [], Node = [], Namespace = [] } = given;
  return {
    Service: byName(Service),
    EndpointSlice: byName(EndpointSlice),
    Node: byName(Node),
    Namespace: byName(Namespace),
  };
};
