import { judgeAnnouncements } from '../announcement/judge.ts';
import type { AddressVerdict } from '../announcement/verdict.ts';
import type { Problem } from '../base/problem.ts';
import { type Reason, reasonOfCondition, reasons } from '../base/reason.ts';
import type { ClusterObject } from '../cluster/ports.ts';
import type { EffectiveConfig } from '../config/effective.ts';
import { isPassedOver } from '../election/rank.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { ServiceKey, ServiceRequest } from '../inventory/service-request.ts';
import { type Answer, type ClusterStatus, clusterStatus } from './cluster-status.ts';
import { conditionsOf, type DatedCondition } from './dated-condition.ts';
import { type Advertised, advertisedBy, concerns } from './explain-config.ts';
import { type ExplainedAddress, explainAddress, isAnnounced } from './explained-address.ts';

/**
 * One Service: what it has, who announces it, and if not, why not and what to do. Made of the objects and the configuration in
 * force (who may, as every speaker judges it) and of what the processes say (who does). Documented in docs/status.md; fields
 * may be added, none is removed or changes its meaning; those that are undefined are absent.
 */
export interface Explanation {
  /** "namespace/name" */
  readonly service: string;
  /** `unknown`: no speaker answers, so nobody can tell. */
  readonly outcome: 'announced' | 'partly-announced' | 'not-announced' | 'no-address' | 'not-ours' | 'unknown';
  readonly externalTrafficPolicy: 'Cluster' | 'Local';
  readonly endpoints: { readonly total: number; readonly ready: number; readonly serving: number };
  readonly pool?: string | undefined;
  /** Why it has no address, or not as asked for; from the controller's own words where it has said something. */
  readonly reason?: Reason | undefined;
  readonly message?: string | undefined;
  readonly addresses: readonly ExplainedAddress[];
  readonly conditions: readonly DatedCondition[];
  /** Of this Service, its EndpointSlices, and the elements of the configuration that have to do with it. */
  readonly problems: readonly Problem[];
  readonly events: readonly ExplainedEvent[];
  /** What to do, most important first; empty: nothing. */
  readonly next: readonly string[];
  /** Processes that did not answer. */
  readonly silent: readonly { readonly name: string; readonly error: string }[];
}

export interface ExplainedEvent {
  readonly time: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

export interface ExplainInput {
  readonly service: ServiceRequest;
  readonly object: ClusterObject;
  readonly inventory: Inventory;
  /** Undefined: none has been published. */
  readonly effective: EffectiveConfig | undefined;
  /** To the question about this Service. */
  readonly answers: readonly Answer[];
  readonly events: readonly ExplainedEvent[];
}

export function explain(input: ExplainInput): Explanation {
  const { service, object, inventory, effective, answers, events } = input;
  const status = clusterStatus(answers);
  const advertised = advertisedBy(effective?.config, service);
  const addresses = verdictsOf(input).map((verdict) =>
    explainAddress(verdict, service.key, advertised, answers, status),
  );
  const conditions = conditionsOf(object.body);
  const allocation = allocationOf(service, conditions, classOf(answers));
  const partial = {
    service: service.key,
    externalTrafficPolicy: service.externalTrafficPolicy,
    endpoints: endpointCounts(inventory, service.key),
    pool: service.assignedPool,
    ...allocation,
    addresses,
    conditions,
    problems: problemsOf(input, status, advertised),
    events,
    silent: answers.flatMap((answer) => (answer.ok ? [] : [{ name: answer.name, error: answer.error }])),
  };
  const outcome = outcomeOf(allocation.reason, addresses, status);
  return { ...partial, outcome, next: nextSteps({ ...partial, outcome }, status) };
}

/** The flag of the processes; what differs among them is their log's business. */
const classOf = (answers: readonly Answer[]): string | undefined => flagsOf(answers)?.loadBalancerClass;
const flagsOf = (answers: readonly Answer[]) =>
  answers.map((answer) => (answer.ok ? answer.report.flags : undefined)).find((flags) => flags !== undefined);

function verdictsOf({ service, inventory, effective, answers }: ExplainInput): readonly AddressVerdict[] {
  if (effective === undefined) return [];
  const verdicts = judgeAnnouncements({
    config: effective.config,
    services: inventory.services,
    endpoints: inventory.endpoints,
    nodes: inventory.nodes,
    ignoreExcludeLb: flagsOf(answers)?.ignoreExcludeLb ?? false,
    loadBalancerClass: classOf(answers),
  });
  return verdicts.filter(({ services }) => services.includes(service.key));
}

function allocationOf(
  service: ServiceRequest,
  conditions: readonly DatedCondition[],
  loadBalancerClass: string | undefined,
): { readonly reason?: Reason; readonly message?: string } {
  if (!service.loadBalancer) return told('not-load-balancer');
  if (service.loadBalancerClass !== loadBalancerClass) return told('other-class');
  const said = conditions.find(({ type }) => type === 'clarion.dev/Allocated');
  const reason = said && reasonOfCondition(said.reason);
  if (said !== undefined && reason !== undefined) return { reason, message: said.message };
  if (service.assigned.length > 0) return {};
  if (service.headless) return told('no-cluster-ip');
  return said === undefined ? { message: 'no controller has said anything about this Service yet' } : {};
}

const told = (reason: Reason): { readonly reason: Reason; readonly message: string } => ({
  reason,
  message: `${reasons[reason].meaning}. ${reasons[reason].nextStep}`,
});

function outcomeOf(
  reason: Reason | undefined,
  addresses: readonly ExplainedAddress[],
  { nodes }: ClusterStatus,
): Explanation['outcome'] {
  if (reason === 'not-load-balancer' || reason === 'other-class') return 'not-ours';
  if (addresses.length === 0) return 'no-address';
  if (!nodes.some(({ answers }) => answers)) return 'unknown';
  const silent = addresses.filter((one) => !isAnnounced(one)).length;
  return silent === 0 ? 'announced' : silent < addresses.length ? 'partly-announced' : 'not-announced';
}

function endpointCounts({ endpoints }: Inventory, service: ServiceKey): Explanation['endpoints'] {
  const all = endpoints.get(service) ?? [];
  const count = (is: (one: (typeof all)[number]) => boolean): number => all.filter(is).length;
  return { total: all.length, ready: count((one) => one.ready), serving: count((one) => one.serving) };
}

function problemsOf(
  { service, inventory, effective }: ExplainInput,
  status: ClusterStatus,
  advertised: Advertised,
): readonly Problem[] {
  const { namespace, key } = service;
  const ofConfig = status.problems ?? effective?.problems ?? [];
  const own = inventory.problems.filter(({ object }) => object === `Service ${key}`);
  const slices = inventory.problems.filter(
    ({ object, message }) => object?.startsWith(`EndpointSlice ${namespace}/${service.name}`) || message.includes(key),
  );
  const elements = [...advertised.layer2, ...advertised.bgp, ...advertised.peers];
  const names = [...(service.assignedPool === undefined ? [] : [service.assignedPool]), ...elements];
  return [...new Set([...own, ...slices, ...ofConfig.filter((problem) => concerns(problem, key, names))])];
}

/** Each once: who does not answer, what is wrong with the Service, its addresses, and where nobody announces, with the nodes. */
function nextSteps(
  { service, outcome, reason, addresses }: Pick<Explanation, 'service' | 'outcome' | 'reason' | 'addresses'>,
  { controllers }: ClusterStatus,
): readonly string[] {
  const steps = new Set<string>();
  const add = (why: Reason | undefined): void => {
    if (why !== undefined && !isPassedOver(why)) steps.add(stepFor(why, service));
  };
  if (outcome === 'unknown') steps.add('No speaker answers, so who announces it is not known. Look at the speakers.');
  add(reason);
  for (const one of addresses) {
    if (one.layer2?.reason === 'address-conflict') add('address-conflict');
    if (isAnnounced(one)) continue;
    add(one.reason);
    const able = one.nodes.filter(({ layer2, bgp }) => layer2?.state === 'may' || bgp?.state === 'may');
    if (able.length === 0) for (const { layer2, bgp } of one.nodes) for (const way of [layer2, bgp]) add(way?.reason);
    else if (outcome !== 'unknown')
      steps.add(
        `${able[0]!.node} may announce ${one.address} and does not yet. If that lasts for more than a few seconds, look at the log of its speaker.`,
      );
  }
  if (outcome !== 'not-ours' && !controllers.some(({ state }) => state === 'active'))
    steps.add('No controller answers: nothing is assigned or written until one runs. Look at its Pod, or its log.');
  return [...steps];
}

/** With the Service's own name where there is a command to copy. */
const stepFor = (reason: Reason, service: string): string => {
  const slash = service.indexOf('/');
  return reasons[reason].nextStep.replace(
    'kubernetes.io/service-name=NAME',
    `kubernetes.io/service-name=${service.slice(slash + 1)} -n ${service.slice(0, slash)}`,
  );
};
