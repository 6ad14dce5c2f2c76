import { compact } from '../base/compact.ts';
import { type IpAddress, type IpFamily, parseIpAddress, sameIpAddress } from '../base/ip-address.ts';
import type { Problem } from '../base/problem.ts';
import type { ClusterObject } from '../cluster/ports.ts';
import { findAnnotation } from './annotations.ts';
import { type FieldReader, openObject, shown } from './field-reader.ts';
import { readMoveRequest } from './move-request.ts';
import {
  type IpFamilyPolicy,
  type ServicePort,
  type ServiceRequest,
  serviceKey,
  type TransportProtocol,
} from './service-request.ts';

const POLICIES: readonly IpFamilyPolicy[] = ['SingleStack', 'PreferDualStack', 'RequireDualStack'];
const PROTOCOLS: readonly TransportProtocol[] = ['TCP', 'UDP', 'SCTP'];
const TRAFFIC_POLICIES = ['Cluster', 'Local'] as const;
/** RFC 3339, as Kubernetes writes it. */
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/**
 * Reads a core/v1 Service. What cannot be read is a problem of this Service, and `invalid` repeats the first of those that
 * decide about its address; labels and what is in `status` do not.
 */
export function readService(object: ClusterObject): {
  readonly service: ServiceRequest;
  readonly problems: readonly Problem[];
} {
  const { reader, problems } = openObject(object);
  const metadata = reader.fields('metadata');
  const labels = metadata.labels('labels');
  const createdAt = readTimestamp(metadata);
  const assigned = readIngress(reader.fields('status').fields('loadBalancer'));
  const harmless = problems.length;

  const spec = reader.fields('spec');
  const type = spec.text('type');
  // A Service whose type cannot be read is taken for what it was, so that it does not lose its address.
  const wasLoadBalancer = type === undefined && problems.length > harmless && assigned.length > 0;
  const annotations = metadata.fields('annotations');
  const trafficPolicy = readChoice(spec, 'externalTrafficPolicy', TRAFFIC_POLICIES) ?? 'Cluster';
  const wantedAddresses = readWantedAddresses(annotations, spec);
  const clusterIPs = [...new Set([...spec.texts('clusterIPs'), ...textList(spec.text('clusterIP'))])];
  const service: ServiceRequest = {
    key: serviceKey(object.namespace, object.name),
    namespace: object.namespace,
    name: object.name,
    labels,
    createdAt,
    loadBalancer: type === 'LoadBalancer' || wasLoadBalancer,
    loadBalancerClass: spec.text('loadBalancerClass') || undefined,
    headless: clusterIPs.includes('None'),
    ...readFamilies(spec, clusterIPs, wantedAddresses.length > 0 ? wantedAddresses : assigned),
    ports: compact(spec.list('ports').flatMap(readPort)),
    externalTrafficPolicy: trafficPolicy,
    backendKey: trafficPolicy === 'Local' ? selectorText(spec) : '',
    wantedAddresses: compact(wantedAddresses),
    wantedPool: findAnnotation(annotations, 'address-pool')?.value || undefined,
    sharingKey: findAnnotation(annotations, 'allow-shared-ip')?.value || undefined,
    assigned: compact(assigned),
    assignedPool: findAnnotation(annotations, 'ip-allocated-from-pool')?.value || undefined,
    healthCheckNodePort: spec.integer('healthCheckNodePort') || undefined,
    invalid: problems[harmless]?.message,
    // Last, since nothing that is wrong with it concerns the addresses themselves.
    moveTo: readMoveRequest(annotations),
  };
  return { service, problems: compact(problems) };
}

const textList = (text: string | undefined): string[] => (text === undefined || text === '' ? [] : [text]);

function readTimestamp(metadata: FieldReader): number | undefined {
  const text = metadata.text('creationTimestamp');
  if (text === undefined) return undefined;
  const time = TIMESTAMP.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  metadata.complain(
    'creationTimestamp',
    `must be a time such as 2026-01-31T12:00:00Z, not ${shown(text)}; the Service counts as the youngest`,
  );
  return undefined;
}

function readChoice<T extends string>(reader: FieldReader, key: string, choices: readonly T[]): T | undefined {
  const text = reader.text(key);
  if (text === undefined || text === '') return undefined;
  const choice = choices.find((candidate) => candidate === text);
  if (choice === undefined) reader.complain(key, `must be one of ${choices.join(', ')}, not ${shown(text)}`);
  return choice;
}

function readIngress(loadBalancer: FieldReader): IpAddress[] {
  const addresses: IpAddress[] = [];
  for (const entry of loadBalancer.list('ingress')) {
    const text = entry.text('ip');
    if (text === undefined || text === '') continue;
    const address = parseIpAddress(text);
    if (!address.ok) entry.complain('ip', `is ignored: ${address.error}`);
    else if (!addresses.some((other) => sameIpAddress(other, address.value))) addresses.push(address.value);
  }
  return addresses;
}

/** The annotation and spec.loadBalancerIP are two ways to say one thing; where they differ, nobody knows what is meant. */
function readWantedAddresses(annotations: FieldReader, spec: FieldReader): readonly IpAddress[] {
  const annotation = findAnnotation(annotations, 'loadBalancerIPs');
  const asked = annotation === undefined || annotation.value === '' ? [] : annotation.value.split(',');
  const byAnnotation = readAddresses(annotations, annotation?.name ?? '', asked);
  const bySpec = readAddresses(spec, 'loadBalancerIP', textList(spec.text('loadBalancerIP')));
  if (byAnnotation.length === 0) return bySpec;
  const same = bySpec.every((address) => byAnnotation.some((other) => sameIpAddress(other, address)));
  if (bySpec.length > 0 && !(same && byAnnotation.length === bySpec.length))
    spec.complain(
      'loadBalancerIP',
      `and annotation ${annotation?.name} ask for different addresses; keep one of the two`,
    );
  return byAnnotation;
}

function readAddresses(reader: FieldReader, key: string, texts: readonly string[]): IpAddress[] {
  const addresses: IpAddress[] = [];
  for (const text of texts) {
    const address = parseIpAddress(text.trim());
    if (!address.ok) reader.complain(key, `cannot be read: ${address.error}`);
    else if (!addresses.some((other) => sameIpAddress(other, address.value))) addresses.push(address.value);
  }
  return addresses;
}

/**
 * Families and policy as the API server would have filled them in (Kubernetes, "IPv4/IPv6 dual-stack"): without a policy two
 * families mean RequireDualStack, and while there are no cluster IPs yet a dual-stack policy adds the family that is not named.
 */
function readFamilies(
  spec: FieldReader,
  clusterIPs: readonly string[],
  addresses: readonly IpAddress[],
): { readonly families: readonly IpFamily[]; readonly ipFamilyPolicy: IpFamilyPolicy } {
  const policy = readChoice(spec, 'ipFamilyPolicy', POLICIES);
  const ofCluster = familiesOf(
    readAddresses(
      spec,
      'clusterIPs',
      clusterIPs.filter((text) => text !== 'None' && text !== ''),
    ),
  );
  if (ofCluster.length > 0) return withPolicy(ofCluster, policy);
  const named = readNamedFamilies(spec);
  const known = named.length > 0 ? named : familiesOf(addresses);
  const families: readonly IpFamily[] = known.length > 0 ? known : ['ipv4'];
  const dual = policy === 'PreferDualStack' || policy === 'RequireDualStack';
  return withPolicy(dual ? [...new Set<IpFamily>([...families, 'ipv4', 'ipv6'])] : families, policy);
}

const familiesOf = (addresses: readonly IpAddress[]): IpFamily[] => [...new Set(addresses.map(({ family }) => family))];

function withPolicy(
  families: readonly IpFamily[],
  policy: IpFamilyPolicy | undefined,
): { readonly families: readonly IpFamily[]; readonly ipFamilyPolicy: IpFamilyPolicy } {
  const ipFamilyPolicy = policy ?? (families.length > 1 ? 'RequireDualStack' : 'SingleStack');
  return { families: ipFamilyPolicy === 'SingleStack' ? families.slice(0, 1) : families, ipFamilyPolicy };
}

function readNamedFamilies(spec: FieldReader): IpFamily[] {
  const families = new Set<IpFamily>();
  for (const text of spec.texts('ipFamilies')) {
    if (text === 'IPv4') families.add('ipv4');
    else if (text === 'IPv6') families.add('ipv6');
    else spec.complain('ipFamilies', `may hold IPv4 and IPv6, not ${shown(text)}`);
  }
  return [...families];
}

function readPort(entry: FieldReader): ServicePort[] {
  const protocol = entry.has('protocol') ? readChoice(entry, 'protocol', PROTOCOLS) : 'TCP';
  const port = entry.integer('port');
  if (port === undefined || port < 1 || port > 65_535) {
    // Of one that is no number the reader has complained already.
    if (port !== undefined || !entry.has('port')) entry.complain('port', 'must be a number from 1 to 65535');
    return [];
  }
  return protocol === undefined ? [] : [{ protocol, port }];
}

/** Sorted, so that two Services with the same backends have the same text, however they were written. */
const selectorText = (spec: FieldReader): string =>
  Object.entries(spec.labels('selector'))
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',');
