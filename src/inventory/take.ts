import { compact } from '../base/compact.ts';
import type { Labels } from '../base/label-selector.ts';
import { compareText } from '../base/name-order.ts';
import type { Problem } from '../base/problem.ts';
import { Follower, TrackedMap } from '../base/tracked-map.ts';
import type { ClusterObject, ObjectLists, Objects, PassObjects } from '../cluster/ports.ts';
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
 * over an unchanged cluster costs nothing, and one change costs what that change is.
 *
 * Deliberately missing: Secrets (read by name where BGP needs them), core/v1 Endpoints (EndpointSlices mirror them), and
 * any rule about who gets or announces an address.
 *
 * Standards: core/v1 Service, Node, Namespace; discovery.k8s.io/v1 EndpointSlice.
 */

/**
 * Makes a taker with a memory of its own; call it on each pass with what the reader has. It never throws.
 * `soleNode`: what the one node is called where there are no Node objects at all (a folder in front of plain servers).
 */
export function inventoryTaker(soleNode?: string): InventoryTaker {
  const takeServices = serviceReader();
  const takeEndpoints = endpointReader();
  const takeNodes = nodeReader(soleNode);
  const takeNamespaces = namespaceReader();
  let last: { readonly parts: readonly unknown[]; readonly inventory: Inventory } | undefined;
  return (objects) => {
    const services = takeServices(objects.Service);
    const namespaces = takeNamespaces(objects.Namespace, services.namespaces);
    const endpoints = takeEndpoints(objects.EndpointSlice);
    const nodes = takeNodes(objects.Node);
    const parts = [services, endpoints, nodes, namespaces];
    if (last === undefined || parts.some((part, i) => part !== last?.parts[i])) {
      const inventory: Inventory = {
        services: services.values,
        endpoints: endpoints.values,
        nodes: nodes.values,
        namespaces: namespaces.values,
        problems: parts.flatMap(({ problems }) => problems),
      };
      last = { parts, inventory };
    }
    return last.inventory;
  };
}

export type InventoryTaker = (objects: PassObjects) => Inventory;

/** Of what was read once. */
export function inventoryIn(lists: ObjectLists, soleNode?: string): Inventory {
  const mapOf = (list: readonly ClusterObject[]): Objects =>
    new Map(list.map((object) => [`${object.namespace}/${object.name}`, object]));
  const { Service, EndpointSlice, Node, Namespace } = lists;
  return inventoryTaker(soleNode)({
    Service: mapOf(Service),
    EndpointSlice: mapOf(EndpointSlice),
    Node: mapOf(Node),
    Namespace: mapOf(Namespace),
  });
}

/** The same object until something in it changes. */
interface Part<K, V> {
  readonly values: ReadonlyMap<K, V>;
  readonly problems: readonly Problem[];
}

/** What objects say, each read once, and what is another one than in the call before: came, changed or went. */
interface Readings<V> {
  readonly all: ReadonlyMap<string, V>;
  readonly changed: readonly { readonly before: V | undefined; readonly now: V | undefined }[];
}

function objectReader<V>(read: (object: ClusterObject) => V): (objects: Objects) => Readings<V> {
  const follower = new Follower<string, ClusterObject>();
  const all = new Map<string, V>();
  return (objects) => {
    const changed = [...follower.changed(objects)].map((key) => {
      const before = all.get(key);
      const object = objects.get(key);
      const now = object && read(object);
      if (now === undefined) all.delete(key);
      else all.set(key, now);
      return { before, now };
    });
    follower.seen();
    return { all, changed };
  };
}

/** Of all of them, looked for only where one that changed has or had any. */
function problemsOf<V extends { readonly problems: readonly Problem[] }>(
  { all, changed }: Readings<V>,
  before: readonly Problem[],
): readonly Problem[] {
  const concerned = (one: V | undefined): boolean => one !== undefined && one.problems.length > 0;
  if (!changed.some((one) => concerned(one.before) || concerned(one.now))) return before;
  return [...all.values()].flatMap(({ problems }) => problems);
}

interface Services extends Part<ServiceKey, ServiceRequest> {
  /** The namespaces that a Service lives in; the same list until one comes or goes. */
  readonly namespaces: readonly string[];
}

function serviceReader(): (objects: Objects) => Services {
  const read = objectReader(readService);
  const values = new TrackedMap<ServiceKey, ServiceRequest>();
  const inhabitants = new Map<string, number>();
  let last: Services = { values, namespaces: [], problems: [] };
  const count = (namespace: string, more: number): void => {
    const inhabited = (inhabitants.get(namespace) ?? 0) + more;
    if (inhabited === 0) inhabitants.delete(namespace);
    else inhabitants.set(namespace, inhabited);
  };
  return (objects) => {
    const readings = read(objects);
    if (readings.changed.length === 0) return last;
    for (const { before, now } of readings.changed) {
      if (now !== undefined) {
        count(now.service.namespace, 1);
        values.set(now.service.key, now.service);
      }
      if (before !== undefined) count(before.service.namespace, -1);
      if (before !== undefined && now === undefined) values.delete(before.service.key);
    }
    const { namespaces, problems } = last;
    const same = inhabitants.size === namespaces.length && namespaces.every((one) => inhabitants.has(one));
    last = {
      values,
      namespaces: same ? namespaces : [...inhabitants.keys()],
      problems: problemsOf(readings, problems),
    };
    return last;
  };
}

function nodeReader(soleNode: string | undefined): (objects: Objects) => Part<string, ClusterNode> {
  const read = objectReader((object) => ({ ...readNode(object), implied: object.implied === true }));
  const sole = soleNode === undefined ? undefined : impliedNode(soleNode);
  const withoutAny: readonly ClusterNode[] = sole === undefined ? [] : [sole];
  let last: Part<string, ClusterNode> = { values: new Map(withoutAny.map((node) => [node.name, node])), problems: [] };
  return (objects) => {
    const { all, changed } = read(objects);
    if (changed.length === 0) return last;
    const every = [...all.values()].sort((a, b) => compareText(a.node.name, b.node.name));
    const defined = every.filter(({ implied }) => !implied);
    const shown = defined.length > 0 ? defined : every.filter(({ node }) => node.name === soleNode);
    const nodes = shown.length > 0 ? shown.map(({ node }) => node) : withoutAny;
    last = {
      values: new Map(nodes.map((node) => [node.name, node])),
      problems: shown.flatMap(({ problems }) => problems),
    };
    return last;
  };
}

/** Also the namespaces that no object describes, as long as a Service lives there. */
function namespaceReader(): (objects: Objects, inhabited: readonly string[]) => Part<string, Labels> {
  const read = objectReader((object) => ({ name: object.name, ...readNamespace(object) }));
  const implied = new Map<string, Labels>();
  let last: Part<string, Labels> = { values: new Map(), problems: [] };
  let lastInhabited: readonly string[] = [];
  return (objects, inhabited) => {
    const readings = read(objects);
    if (readings.changed.length === 0 && inhabited === lastInhabited) return last;
    lastInhabited = inhabited;
    const values = new Map([...readings.all.values()].map(({ name, labels }) => [name, labels]));
    for (const namespace of inhabited) {
      if (values.has(namespace)) continue;
      const labels = implied.get(namespace) ?? impliedNamespaceLabels(namespace);
      implied.set(namespace, labels);
      values.set(namespace, labels);
    }
    const problems = problemsOf(readings, last.problems);
    last = { values: sameEntries(values, last.values) ? last.values : values, problems };
    return last;
  };
}

const sameEntries = <K, V>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>): boolean =>
  a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);

/** Of ten thousand slices one changes, so only the Services of slices that came or went are looked at. */
function endpointReader(): (objects: Objects) => Part<ServiceKey, readonly Endpoint[]> {
  const read = objectReader((object) => ({ name: object.name, ...readEndpointSlice(object) }));
  const groups = new Map<ServiceKey, readonly NamedSlice[]>();
  const values = new TrackedMap<ServiceKey, readonly Endpoint[]>();
  let last: Part<ServiceKey, readonly Endpoint[]> = { values, problems: [] };
  return (objects) => {
    const readings = read(objects);
    if (readings.changed.length === 0) return last;
    const concerned = new Set<ServiceKey>();
    const regroup = (service: ServiceKey | undefined, change: (group: readonly NamedSlice[]) => NamedSlice[]): void => {
      if (service === undefined) return;
      concerned.add(service);
      groups.set(service, compact(change(groups.get(service) ?? [])));
    };
    for (const { before, now } of readings.changed) {
      regroup(before?.service, (group) => group.filter((one) => one !== before));
      regroup(now?.service, (group) => [...group, now!].sort(byName));
    }
    for (const service of concerned) {
      const group = groups.get(service) ?? [];
      if (group.length > 0) values.set(service, mergeEndpoints(group));
      else {
        groups.delete(service);
        values.delete(service);
      }
    }
    last = { values, problems: problemsOf(readings, last.problems) };
    return last;
  };
}

interface NamedSlice extends EndpointSlice {
  readonly name: string;
}

/** All slices of a Service are in its namespace. */
const byName = (a: NamedSlice, b: NamedSlice): number => (a.name < b.name ? -1 : 1);
