import { Allocation } from '../allocation/allocation.ts';
import type { AllocationDecision } from '../allocation/decision.ts';
import { type PoolUsageJson, poolUsageJson } from '../allocation/usage-json.ts';
import { judgeAnnouncements } from '../announcement/judge.ts';
import type { AddressVerdict, BgpRoute, NodeVerdict } from '../announcement/verdict.ts';
import { ms } from '../base/clock.ts';
import { formatIpAddress } from '../base/ip-address.ts';
import { formatPrefix } from '../base/prefix.ts';
import type { Problem } from '../base/problem.ts';
import { type Reason, reasons } from '../base/reason.ts';
import { parseCommunity, wellKnownNames } from '../config/community.ts';
import type { Community } from '../config/config.ts';
import type { Judgement } from '../config/judge.ts';
import { passedOver, rankCandidates } from '../election/rank.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { ServiceKey, ServiceRequest } from '../inventory/service-request.ts';

/**
 * What a controller that sees these objects for the first time would decide, and what speakers would make of it: the same
 * stages as in a running system, once, without anything that acts. The value is the documented form of `plan -o json`.
 *
 * It knows no interfaces: every node is taken to have those that an advertisement names.
 */
export interface Plan {
  readonly problems: readonly Problem[];
  /** Sorted by namespace, then name. */
  readonly services: readonly ServicePlan[];
  readonly pools: readonly PoolPlan[];
}

export interface ServicePlan {
  readonly namespace: string;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly pool?: string;
  /** Absent when all is well. */
  readonly reason?: Reason;
  readonly message?: string;
  readonly announcements: readonly PlannedAnnouncement[];
  /** Of the nodes that do not announce an address, or not by one of its protocols. */
  readonly refusals: readonly { readonly node: string; readonly address: string; readonly reason: Reason }[];
}

export type PlannedAnnouncement =
  | {
      readonly address: string;
      readonly protocol: 'layer2';
      readonly node: string;
      readonly interfaces?: readonly string[];
    }
  | {
      readonly address: string;
      readonly protocol: 'bgp';
      readonly node: string;
      readonly prefix: string;
      readonly peers: readonly string[];
      readonly localPref?: number;
      readonly communities?: readonly string[];
    };

export type PoolPlan = PoolUsageJson;

export interface PlanInput {
  readonly judgement: Judgement;
  readonly inventory: Inventory;
  readonly ignoreExcludeLb: boolean;
  readonly loadBalancerClass: string | undefined;
  /** Of reading the objects; those of configuration and inventory are added. */
  readonly problems: readonly Problem[];
}

export function planOf(input: PlanInput): Plan {
  const { judgement, inventory, ignoreExcludeLb, loadBalancerClass } = input;
  const { config } = judgement;
  const allocation = new Allocation();
  const decisions = allocation.reconcile({
    pools: config.pools,
    services: inventory.services,
    namespaces: inventory.namespaces,
    loadBalancerClass,
    now: ms(0),
  });
  const verdicts = judgeAnnouncements({
    config,
    services: servicesAfter(decisions, inventory.services),
    endpoints: inventory.endpoints,
    nodes: inventory.nodes,
    ignoreExcludeLb,
    loadBalancerClass,
  });
  const verdictOf = new Map(verdicts.map((verdict) => [formatIpAddress(verdict.address), verdict]));
  return {
    problems: [...judgement.problems, ...input.problems, ...inventory.problems],
    services: [...decisions.values()]
      .map((decision) => planService(decision, inventory.services.get(decision.service)!, verdictOf))
      .sort((a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name)),
    pools: allocation.usage().map(poolUsageJson),
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The Services as they are once the decisions are written to their status. */
function servicesAfter(
  decisions: ReadonlyMap<ServiceKey, AllocationDecision>,
  services: ReadonlyMap<ServiceKey, ServiceRequest>,
): ReadonlyMap<ServiceKey, ServiceRequest> {
  return new Map(
    [...decisions].map(([service, { addresses, pool }]) => [
      service,
      { ...services.get(service)!, assigned: addresses, assignedPool: pool },
    ]),
  );
}

function planService(
  decision: AllocationDecision,
  { namespace, name }: ServiceRequest,
  verdictOf: ReadonlyMap<string, AddressVerdict>,
): ServicePlan {
  const { pool } = decision;
  const addresses = decision.addresses.map(formatIpAddress);
  const verdicts = addresses.flatMap((address) => verdictOf.get(address) ?? []);
  const barred = verdicts.find((verdict) => verdict.barred !== undefined)?.barred;
  const reason = decision.reason ?? barred;
  const message =
    decision.message ?? (barred === undefined ? undefined : `${reasons[barred].meaning}. ${reasons[barred].nextStep}`);
  return {
    namespace,
    name,
    addresses,
    ...(pool === undefined ? {} : { pool }),
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    announcements: verdicts.flatMap(announcementsOf),
    refusals: verdicts.flatMap(refusalsOf),
  };
}

/** Layer 2: one, by the holder to be. BGP: one for each node and prefix, split where peers are told different things. */
function announcementsOf(verdict: AddressVerdict): readonly PlannedAnnouncement[] {
  if (verdict.barred !== undefined) return [];
  const address = formatIpAddress(verdict.address);
  const holder = holderOf(verdict);
  const layer2 = verdict.nodes.flatMap(({ node, layer2: may }): PlannedAnnouncement[] => {
    if (may.kind !== 'may' || node !== holder) return [];
    const { interfaces } = may;
    return [{ address, protocol: 'layer2', node, ...(interfaces.length === 0 ? {} : { interfaces }) }];
  });
  const bgp = verdict.nodes.flatMap(({ node, bgp: may }) =>
    may.kind === 'may' ? may.routes.map((route) => bgpAnnouncement(address, node, route)) : [],
  );
  return [...layer2, ...bgp];
}

function bgpAnnouncement(
  address: string,
  node: string,
  { prefix, peers, localPref, communities }: BgpRoute,
): PlannedAnnouncement {
  return {
    address,
    protocol: 'bgp',
    node,
    prefix: formatPrefix(prefix),
    peers,
    ...(localPref === undefined ? {} : { localPref }),
    ...(communities.length === 0 ? {} : { communities: communities.map(formatCommunity) }),
  };
}

function refusalsOf(verdict: AddressVerdict): ServicePlan['refusals'] {
  const address = formatIpAddress(verdict.address);
  const holder = holderOf(verdict);
  return verdict.nodes.flatMap((entry) => {
    const why = verdict.barred === undefined ? refusalReasons(entry, holder) : [verdict.barred];
    return why.map((reason) => ({ node: entry.node, address, reason }));
  });
}

/** One of each protocol, and once where both are the same. */
function refusalReasons({ node, layer2, bgp }: NodeVerdict, holder: string | undefined): readonly Reason[] {
  const why = new Set<Reason>();
  if (layer2.kind === 'may-not') why.add(layer2.reason);
  if (layer2.kind === 'may' && node !== holder) why.add(passedOver(layer2.candidate));
  if (bgp.kind === 'may-not') why.add(bgp.reason);
  return [...why];
}

function holderOf({ address, nodes }: AddressVerdict): string | undefined {
  const candidates = nodes.flatMap(({ layer2 }) => (layer2.kind === 'may' ? [layer2.candidate] : []));
  return rankCandidates(address, candidates)[0]?.node;
}

const wellKnown = new Map(
  wellKnownNames.flatMap((name) => {
    const community = parseCommunity(name);
    return community?.kind === 'standard' ? [[community.value, name]] : [];
  }),
);

/** As the configuration writes them. */
function formatCommunity(community: Community): string {
  if (community.kind === 'large') return `large:${community.global}:${community.local1}:${community.local2}`;
  return wellKnown.get(community.value) ?? `${community.value >>> 16}:${community.value & 0xffff}`;
}
