import { compact } from '../base/compact.ts';
import type { Labels } from '../base/label-selector.ts';
import { compareNames } from '../base/name-order.ts';
import type { Problem } from '../base/problem.ts';
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

/** What a list says now, each object read once, and what is said no more, or anew, since the call before. */
interface Readings<V> {
  readonly all: readonly V[];
  readonly gone: readonly V[];
  readonly come: readonly V[];
}

/**
 * Not by weak references: the cluster may keep the object that its status was merged into, and ten thousand of them make every
 * garbage collection slow. Lists are sorted; of one that is not, some objects would be read again, no more.
 */
function listReader<V>(read: (object: ClusterObject) => V): (objects: readonly ClusterObject[]) => Readings<V> {
  let before: readonly ClusterObject[] = [];
  let all: readonly V[] = [];
  return (objects) => {
    const gone: V[] = [];
    const come: V[] = [];
    const next: V[] = new Array(objects.length);
    for (let i = 0, j = 0; i < before.length || j < objects.length; ) {
      const old = before[i];
      const now = objects[j];
      const order = old === now ? 0 : old === undefined ? 1 : now === undefined ? -1 : compareNames(old, now);
      if (old === now) next[j] = all[i]!;
      else {
        if (order <= 0) gone.push(all[i]!);
        if (order >= 0) {
          next[j] = read(now!);
          come.push(next[j]!);
        }
      }
      if (order <= 0) i++;
      if (order >= 0) j++;
    }
    before = objects;
    all = next;
    return { all, gone, come };
  };
}

/** Of all of them, looked for only where one that came or went has any. */
function problemsOf<V extends { readonly problems: readonly Problem[] }>(
  { all, gone, come }: Readings<V>,
  before: readonly Problem[],
): readonly Problem[] {
  const concerned = ({ problems }: V): boolean => problems.length > 0;
  return gone.some(concerned) || come.some(concerned) ? all.flatMap(({ problems }) => problems) : before;
}

function serviceReader(): (objects: readonly ClusterObject[]) => Part<ServiceKey, ServiceRequest> {
  const read = listReader(readService);
  let values: ReadonlyMap<ServiceKey, ServiceRequest> = new Map();
  let problems: readonly Problem[] = [];
  return (objects) => {
    const readings = read(objects);
    const { all, gone, come } = readings;
    const same = gone.length === come.length && come.every(({ service }, i) => service.key === gone[i]!.service.key);
    if (same) {
      const next = new Map(values);
      for (const { service } of come) next.set(service.key, service);
      values = next;
    } else values = new Map(all.map(({ service }) => [service.key, service]));
    problems = problemsOf(readings, problems);
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
  const read = listReader((object) => ({ name: object.name, ...readEndpointSlice(object) }));
  const groups = new Map<ServiceKey, readonly NamedSlice[]>();
  let values: ReadonlyMap<ServiceKey, readonly Endpoint[]> = new Map();
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
    const next = new Map(values);
    for (const service of concerned) {
      const group = groups.get(service) ?? [];
      if (group.length > 0) next.set(service, mergeEndpoints(group));
      else {
        groups.delete(service);
        next.delete(service);
      }
    }
    values = next;
    problems = problemsOf(readings, problems);
    return { values, problems };
  };
}

interface NamedSlice extends EndpointSlice {
  readonly name: string;
}

/** All slices of a Service are in its namespace. */
const byName = (a: NamedSlice, b: NamedSlice): number => (a.name < b.name ? -1 : 1);
