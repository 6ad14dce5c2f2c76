import type { Labels } from '../base/label-selector.ts';
import type { Problem } from '../base/problem.ts';
import type { ClusterObject, ObjectLists } from '../cluster/ports.ts';
import type { Endpoint } from './endpoint.ts';
import { mergeEndpoints, readEndpointSlice } from './endpoint-slice.ts';
import type { Inventory } from './inventory.ts';
import { impliedNamespaceLabels, readNamespace } from './namespace.ts';
import { type ClusterNode, impliedNode } from './node.ts';
import { readNode } from './node-object.ts';
import { readService } from './service.ts';
import type { ServiceKey, ServiceRequest } from './service-request.ts';

/*
 * Inventory: the cluster's objects, which anybody may have written, become values that the later stages can trust.
 *
 * Every object is read once and remembered by its identity (ClusterReader hands out the same object until it changes), and a
 * list that is the same array gives the same map. So a pass over an unchanged cluster costs nothing, one change costs a walk
 * over that list, and what did not change keeps its identity, by which allocation in turn sees what it need not look at.
 *
 * Deliberately missing: Secrets (read by name where BGP needs them), core/v1 Endpoints (EndpointSlices mirror them), and
 * any rule about who gets or announces an address.
 *
 * Standards: core/v1 Service, Node, Namespace; discovery.k8s.io/v1 EndpointSlice.
 */

/**
 * Makes a taker with a memory of its own; call it on each pass with the reader's current lists. It never throws.
 * `soleNode`: what the one node is called where there are no Node objects at all (a folder in front of plain servers).
 */
export function inventoryTaker(soleNode?: string): InventoryTaker {
  const takeServices = onceFor(serviceReader());
  const takeEndpoints = onceFor(endpointReader());
  const takeNodes = onceFor(nodeReader(soleNode));
  const takeNamespaces = onceFor(namespaceReader());
  const take = onceFor(
    (
      services: Part<ServiceKey, ServiceRequest>,
      endpoints: Part<ServiceKey, readonly Endpoint[]>,
      nodes: Part<string, ClusterNode>,
      namespaces: Part<string, Labels>,
    ): Inventory => ({
      services: services.values,
      endpoints: endpoints.values,
      nodes: nodes.values,
      namespaces: namespaces.values,
      problems: [services, endpoints, nodes, namespaces].flatMap((part) => part.problems),
    }),
  );
  return (lists) => {
    const services = takeServices(lists.Service);
    const namespaces = takeNamespaces(lists.Namespace, services);
    return take(services, takeEndpoints(lists.EndpointSlice), takeNodes(lists.Node), namespaces);
  };
}

export type InventoryTaker = (lists: ObjectLists) => Inventory;

interface Part<K, V> {
  readonly values: ReadonlyMap<K, V>;
  readonly problems: readonly Problem[];
}

/** The last answer again, while the arguments are the same objects. */
function onceFor<A extends readonly unknown[], R>(compute: (...given: A) => R): (...given: A) => R {
  let last: { readonly given: A; readonly result: R } | undefined;
  return (...given) => {
    if (last?.given.every((argument, i) => argument === given[i]) !== true) last = { given, result: compute(...given) };
    return last.result;
  };
}

function remembered<V>(read: (object: ClusterObject) => V): (object: ClusterObject) => V {
  const memory = new WeakMap<ClusterObject, V>();
  return (object) => {
    let value = memory.get(object);
    if (value === undefined) {
      value = read(object);
      memory.set(object, value);
    }
    return value;
  };
}

function serviceReader(): (objects: readonly ClusterObject[]) => Part<ServiceKey, ServiceRequest> {
  let memory = new Map<ClusterObject, ReturnType<typeof readService>>();
  return (objects) => {
    // Not by weak references: the cluster may keep the object that its status was merged into.
    const before = memory;
    memory = new Map();
    const values = new Map<ServiceKey, ServiceRequest>();
    const problems: Problem[] = [];
    for (const object of objects) {
      const known = before.get(object) ?? readService(object);
      memory.set(object, known);
      const { service, problems: found } = known;
      values.set(service.key, service);
      problems.push(...found);
    }
    return { values, problems };
  };
}

function nodeReader(soleNode: string | undefined): (objects: readonly ClusterObject[]) => Part<string, ClusterNode> {
  const read = remembered(readNode);
  const sole = soleNode === undefined ? undefined : impliedNode(soleNode);
  return (objects) => {
    const defined = objects.filter(({ implied }) => implied !== true);
    const annotated = objects.find(({ name }) => name === soleNode);
    if (defined.length === 0 && annotated === undefined && sole !== undefined)
      return { values: new Map([[sole.name, sole]]), problems: [] };
    const nodes = (defined.length === 0 && annotated !== undefined ? [annotated] : defined).map(read);
    return {
      values: new Map(nodes.map(({ node }) => [node.name, node])),
      problems: nodes.flatMap(({ problems }) => problems),
    };
  };
}

/** Also the namespaces that no object describes, as long as a Service lives there. */
function namespaceReader(): (
  objects: readonly ClusterObject[],
  services: Part<ServiceKey, ServiceRequest>,
) => Part<string, Labels> {
  const read = remembered(readNamespace);
  const implied = new Map<string, Labels>();
  let last: Part<string, Labels> = { values: new Map(), problems: [] };
  return (objects, services) => {
    const values = new Map<string, Labels>();
    const problems: Problem[] = [];
    for (const object of objects) {
      const { labels, problems: found } = read(object);
      values.set(object.name, labels);
      problems.push(...found);
    }
    for (const { namespace } of services.values.values()) {
      if (values.has(namespace)) continue;
      const labels = implied.get(namespace) ?? impliedNamespaceLabels(namespace);
      implied.set(namespace, labels);
      values.set(namespace, labels);
    }
    if (!sameEntries(values, last.values)) last = { values, problems };
    return last;
  };
}

const sameEntries = <K, V>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>): boolean =>
  a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);

/** Of ten thousand slices one changes, so only the Services of slices that came or went are looked at. */
function endpointReader(): (objects: readonly ClusterObject[]) => Part<ServiceKey, readonly Endpoint[]> {
  const read = remembered(readEndpointSlice);
  const groups = new Map<ServiceKey, readonly ClusterObject[]>();
  let before: readonly ClusterObject[] = [];
  let values: ReadonlyMap<ServiceKey, readonly Endpoint[]> = new Map();
  let problems: readonly Problem[] = [];
  return (objects) => {
    const { gone, come } = difference(before, objects);
    before = objects;
    const concerned = new Set<ServiceKey>();
    const regroup = (
      object: ClusterObject,
      grouped: (group: readonly ClusterObject[]) => readonly ClusterObject[],
    ): void => {
      const { service } = read(object);
      if (service === undefined) return;
      concerned.add(service);
      groups.set(service, grouped(groups.get(service) ?? []));
    };
    for (const object of gone) regroup(object, (group) => group.filter((one) => one !== object));
    for (const object of come) regroup(object, (group) => [...group, object].sort(byName));
    const next = new Map(values);
    for (const service of concerned) {
      const group = groups.get(service) ?? [];
      if (group.length > 0) next.set(service, mergeEndpoints(group.map(read)));
      else {
        groups.delete(service);
        next.delete(service);
      }
    }
    values = next;
    if ([...gone, ...come].some((object) => read(object).problems.length > 0))
      problems = objects.flatMap((object) => read(object).problems);
    return { values, problems };
  };
}

/** All slices of a Service are in its namespace. */
const byName = (a: ClusterObject, b: ClusterObject): number => (a.name < b.name ? -1 : 1);

/** What two sorted lists do not have in common, found between their common beginning and their common end. */
function difference<T>(
  before: readonly T[],
  after: readonly T[],
): { readonly gone: readonly T[]; readonly come: readonly T[] } {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start++;
  let end = 0;
  while (end < shorter - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  return { gone: before.slice(start, before.length - end), come: after.slice(start, after.length - end) };
}
