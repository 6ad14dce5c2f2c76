import { compact } from '../base/compact.ts';
import type { Labels } from '../base/label-selector.ts';
import type { Problem } from '../base/problem.ts';
import { sortedDifference } from '../base/sorted-difference.ts';
import { TrackedMap } from '../base/tracked-map.ts';
import type { ClusterObject, ObjectLists } from '../cluster/ports.ts';
import type { Endpoint } from './endpoint.ts';
import { type EndpointSlice, mergeEndpoints, readEndpointSlice } from './endpoint-slice.ts';
import type { Inventory } from './inventory.ts';
import { impliedNamespaceLabels, readNamespace } from './namespace.ts';
import { type ClusterNode, impliedNode } from './node.ts';
import { readNode } from './node-object.ts';
import { readService } from './service.ts';
import type { ServiceKey, ServiceRequest } from './service-request.ts';

/*
 * Inventory: the cluster's objects, which anybody may have written, become values that the later stages can trust.
 *
 * Every object is read once and remembered by its identity (ClusterReader hands out the same object until it changes). Services
 * and endpoints are maps that are changed in place and tell the stages which keys were touched (base/tracked-map.ts). So a pass
 * over an unchanged cluster costs nothing, and one change costs the comparison of two lists by identity and what that change is.
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
    const namespaces = takeNamespaces(lists.Namespace, services.namespaces);
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

/** What a list says that it did not say in the call before, and what it says no more; each object is read once. */
interface Readings<V> {
  readonly gone: readonly V[];
  readonly come: readonly V[];
  /** All that it says now. */
  readonly all: () => readonly V[];
}

/**
 * Not by weak references: the cluster may keep the object that its status was merged into, and ten thousand of them make every
 * garbage collection slow. Lists are sorted; of one that is not, some objects would be read again, no more.
 */
function listReader<V>(read: (object: ClusterObject) => V): (objects: readonly ClusterObject[]) => Readings<V> {
  let before: readonly ClusterObject[] = [];
  const values = new Map<ClusterObject, V>();
  return (objects) => {
    const difference = sortedDifference(before, objects);
    before = objects;
    const gone = difference.gone.map((object) => {
      const value = values.get(object)!;
      values.delete(object);
      return value;
    });
    const come = difference.come.map((object) => {
      const value = read(object);
      values.set(object, value);
      return value;
    });
    return { gone, come, all: () => objects.map((object) => values.get(object)!) };
  };
}

/** Of all of them, looked for only where one that came or went has any. */
function problemsOf<V extends { readonly problems: readonly Problem[] }>(
  { all, gone, come }: Readings<V>,
  before: readonly Problem[],
): readonly Problem[] {
  const concerned = ({ problems }: V): boolean => problems.length > 0;
  return gone.some(concerned) || come.some(concerned) ? all().flatMap(({ problems }) => problems) : before;
}

interface Services extends Part<ServiceKey, ServiceRequest> {
  /** The namespaces that a Service lives in; the same list until one comes or goes. */
  readonly namespaces: readonly string[];
}

function serviceReader(): (objects: readonly ClusterObject[]) => Services {
  const read = listReader(readService);
  const values = new TrackedMap<ServiceKey, ServiceRequest>();
  const inhabitants = new Map<string, number>();
  let namespaces: readonly string[] = [];
  let problems: readonly Problem[] = [];
  const count = (namespace: string, more: number): void => {
    const inhabited = (inhabitants.get(namespace) ?? 0) + more;
    if (inhabited === 0) inhabitants.delete(namespace);
    else inhabitants.set(namespace, inhabited);
  };
  return (objects) => {
    const readings = read(objects);
    const before = new Set(readings.gone.map(({ service }) => service.key));
    for (const { service } of readings.come) {
      if (!before.delete(service.key)) count(service.namespace, 1);
      values.set(service.key, service);
    }
    for (const { service } of readings.gone) {
      if (!before.has(service.key)) continue;
      count(service.namespace, -1);
      values.delete(service.key);
    }
    if (inhabitants.size !== namespaces.length || !namespaces.every((namespace) => inhabitants.has(namespace)))
      namespaces = [...inhabitants.keys()];
    problems = problemsOf(readings, problems);
    return { values, namespaces, problems };
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
function namespaceReader(): (objects: readonly ClusterObject[], inhabited: readonly string[]) => Part<string, Labels> {
  const read = remembered(readNamespace);
  const implied = new Map<string, Labels>();
  let last: Part<string, Labels> = { values: new Map(), problems: [] };
  return (objects, inhabited) => {
    const values = new Map<string, Labels>();
    const problems: Problem[] = [];
    for (const object of objects) {
      const { labels, problems: found } = read(object);
      values.set(object.name, labels);
      problems.push(...found);
    }
    for (const namespace of inhabited) {
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
  const read = listReader((object) => ({ name: object.name, ...readEndpointSlice(object) }));
  const groups = new Map<ServiceKey, readonly NamedSlice[]>();
  const values = new TrackedMap<ServiceKey, readonly Endpoint[]>();
  let problems: readonly Problem[] = [];
  return (objects) => {
    const readings = read(objects);
    const concerned = new Set<ServiceKey>();
    for (const slice of readings.gone) {
      const { service } = slice;
      if (service === undefined) continue;
      concerned.add(service);
      groups.set(
        service,
        (groups.get(service) ?? []).filter((one) => one !== slice),
      );
    }
    for (const slice of readings.come) {
      const { service } = slice;
      if (service === undefined) continue;
      concerned.add(service);
      groups.set(service, compact([...(groups.get(service) ?? []), slice].sort(byName)));
    }
    for (const service of concerned) {
      const group = groups.get(service) ?? [];
      if (group.length > 0) values.set(service, mergeEndpoints(group));
      else {
        groups.delete(service);
        values.delete(service);
      }
    }
    problems = problemsOf(readings, problems);
    return { values, problems };
  };
}

interface NamedSlice extends EndpointSlice {
  readonly name: string;
}

/** All slices of a Service are in its namespace. */
const byName = (a: NamedSlice, b: NamedSlice): number => (a.name < b.name ? -1 : 1);
