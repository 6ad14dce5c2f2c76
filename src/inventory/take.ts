import type { Labels } from '../base/label-selector.ts';
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
export function inventoryTaker(soleNode?: string): (lists: ObjectLists) => Inventory {
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
  const read = remembered(readService);
  return (objects) => {
    const values = new Map<ServiceKey, ServiceRequest>();
    const problems: Problem[] = [];
    for (const object of objects) {
      const { service, problems: found } = read(object);
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

function endpointReader(): (objects: readonly ClusterObject[]) => Part<ServiceKey, readonly Endpoint[]> {
  const read = remembered(readEndpointSlice);
  let groups = new Map<ServiceKey, { readonly slices: EndpointSlice[]; endpoints: readonly Endpoint[] }>();
  return (objects) => {
    const previous = groups;
    const values = new Map<ServiceKey, readonly Endpoint[]>();
    const problems: Problem[] = [];
    groups = new Map();
    for (const object of objects) {
      const slice = read(object);
      problems.push(...slice.problems);
      if (slice.service === undefined) continue;
      const group = groups.get(slice.service);
      if (group === undefined) groups.set(slice.service, { slices: [slice], endpoints: [] });
      else group.slices.push(slice);
    }
    for (const [service, group] of groups) {
      const before = previous.get(service);
      const same =
        before?.slices.length === group.slices.length && before.slices.every((s, i) => s === group.slices[i]);
      group.endpoints = before !== undefined && same ? before.endpoints : mergeEndpoints(group.slices);
      values.set(service, group.endpoints);
    }
    return { values, problems };
  };
}
