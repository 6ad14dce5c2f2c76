import type { Problem } from '../base/problem.ts';
import type { Reason } from '../base/reason.ts';
import type { Config } from '../config/config.ts';
import { type EffectiveConfig, mergeEffective } from '../config/effective.ts';
import type { Judgement } from '../config/judge.ts';
import { emptyConfig } from '../config/settings.ts';
import { isPassedOver } from '../election/rank.ts';
import type { Inventory } from '../inventory/inventory.ts';
import { type Plan, type PlanInput, type PoolPlan, planOf, type ServicePlan } from './plan.ts';

/**
 * What a configuration would change in a running cluster: the plan of what is in force beside the plan of what would be. Only
 * differences are told. About layer 2 it tells who may hold an address: a holder that still may keeps it, so who is first in rank is no
 * change. The value is the documented form of `plan -o json` against a cluster.
 */
export interface PlanChanges {
  /** Of the configuration that was given. */
  readonly problems: readonly Problem[];
  /** Sorted by namespace, then name. */
  readonly services: readonly ServiceChange[];
  /** Sorted by name. */
  readonly pools: readonly PoolChange[];
  /** Elements that would stay in force in their older version, since the new one is bad: "pools public". */
  readonly stale: readonly string[];
  /** Services that nothing changes for. */
  readonly unchanged: number;
}

export interface ServiceChange {
  readonly namespace: string;
  readonly name: string;
  readonly before: ServiceState;
  readonly after: ServiceState;
}

export interface ServiceState {
  readonly addresses: readonly string[];
  readonly pool?: string | undefined;
  readonly reason?: Reason | undefined;
  readonly message?: string | undefined;
  /** Sorted. Layer 2: nodes that may hold it. */
  readonly layer2: readonly { readonly address: string; readonly nodes: readonly string[] }[];
  /** "203.0.113.0/24 node-a to tor-1 localPref 200", sorted. */
  readonly bgp: readonly string[];
}

export interface PoolChange {
  readonly name: string;
  readonly before?: PoolPlan | undefined;
  readonly after?: PoolPlan | undefined;
}

/** `effective`: what is in force; undefined where there is none yet. */
export function changesIn(
  effective: EffectiveConfig | undefined,
  judgement: Judgement,
  inventory: Inventory,
  flags: Pick<PlanInput, 'ignoreExcludeLb' | 'loadBalancerClass'>,
  problems: readonly Problem[],
): PlanChanges {
  const inUse = new Set(
    [...inventory.services.values()].flatMap(({ assigned, assignedPool }) =>
      assigned.length > 0 ? (assignedPool ?? []) : [],
    ),
  );
  const merged = mergeEffective(effective, judgement, inUse);
  const planWith = (config: Config): Plan =>
    planOf({ ...flags, judgement: { ...judgement, config }, inventory, problems: [] });
  const stale = merged.stale.map(({ section, name }) => `${section} ${name}`);
  return differenceOf(
    planWith(effective?.config ?? emptyConfig()),
    planWith(merged.config),
    [...judgement.problems, ...problems],
    stale,
  );
}

function differenceOf(before: Plan, after: Plan, problems: readonly Problem[], stale: readonly string[]): PlanChanges {
  const known = new Map(before.services.map((one) => [keyOf(one), one]));
  const services = after.services.flatMap((one): ServiceChange[] => {
    const was = known.get(keyOf(one));
    known.delete(keyOf(one));
    return was === undefined ? [changeOf(one, NOTHING, stateOf(one))] : [changeOf(one, stateOf(was), stateOf(one))];
  });
  const gone = [...known.values()].map((one) => changeOf(one, stateOf(one), NOTHING));
  const changed = [...services, ...gone].filter(
    ({ before, after }) => !same({ ...before, message: '' }, { ...after, message: '' }),
  );
  return {
    problems,
    services: changed.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)),
    pools: poolChanges(before.pools, after.pools),
    stale,
    unchanged: services.length + gone.length - changed.length,
  };
}

const NOTHING: ServiceState = { addresses: [], layer2: [], bgp: [] };
const keyOf = ({ namespace, name }: Pick<ServicePlan, 'namespace' | 'name'>): string => `${namespace}/${name}`;
const changeOf = ({ namespace, name }: ServicePlan, before: ServiceState, after: ServiceState): ServiceChange => ({
  namespace,
  name,
  before,
  after,
});
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

function stateOf({ addresses, pool, reason, message, announcements, refusals }: ServicePlan): ServiceState {
  const layer2 = addresses.map((address) => {
    const holder = announcements.filter((one) => one.protocol === 'layer2' && one.address === address);
    const others = refusals.filter((one) => isPassedOver(one.reason) && one.address === address);
    const on = (interfaces: readonly string[] = []): string =>
      interfaces.length === 0 ? '' : ` (${interfaces.join(', ')})`;
    const interfaces = holder.map((one) => (one.protocol === 'layer2' ? on(one.interfaces) : ''))[0] ?? '';
    const nodes = [...holder, ...others].map(({ node }) => node + interfaces).sort();
    return { address, nodes };
  });
  const bgp = announcements.flatMap((one) => {
    if (one.protocol !== 'bgp') return [];
    const { prefix, node, peers, localPref, communities = [] } = one;
    const attributes = [...(localPref === undefined ? [] : [`localPref ${localPref}`]), ...communities];
    return [`${prefix} ${node} to ${peers.join(', ')}${attributes.length === 0 ? '' : ` (${attributes.join(', ')})`}`];
  });
  return { addresses, pool, reason, message, layer2: layer2.filter(({ nodes }) => nodes.length > 0), bgp: bgp.sort() };
}

function poolChanges(before: readonly PoolPlan[], after: readonly PoolPlan[]): readonly PoolChange[] {
  const names = [...new Set([...before, ...after].map(({ name }) => name))].sort();
  return names.flatMap((name) => {
    const was = before.find((pool) => pool.name === name);
    const is = after.find((pool) => pool.name === name);
    return same(was, is) ? [] : [{ name, before: was, after: is }];
  });
}
