import type { Registry } from 'prom-client';
import type { AllocationDecision, PoolUsage } from '../allocation/decision.ts';
import type { Problem } from '../base/problem.ts';
import type { EffectiveConfig } from '../config/effective.ts';
import { type Sample, sampled } from './sampled.ts';

/** What the controller's part of the metrics is made of, as of its last pass. */
export interface ControllerFacts {
  readonly effective: EffectiveConfig | undefined;
  readonly usage: readonly PoolUsage[];
  readonly decisions: readonly AllocationDecision[];
  /** Of the configuration, the files and the objects. */
  readonly problems: readonly Problem[];
  readonly pendingWrites: number;
}

/** Counts that do not fit a double (IPv6 pools) saturate at 2^53; `clarion plan -o json` has them exactly. */
export function registerControllerMetrics(registry: Registry, facts: () => ControllerFacts | undefined): void {
  const { gauge } = sampled(registry, facts);
  gauge('clarion_pool_addresses', 'Addresses that a pool can give', ['pool', 'family'], (of) => inPools(of, 'total'));
  gauge('clarion_pool_addresses_used', 'Addresses of a pool that Services have', ['pool', 'family'], (of) =>
    inPools(of, 'used'),
  );
  gauge('clarion_services', 'LoadBalancer Services by outcome; reason "none" where all is well', ['reason'], (of) => {
    const counts = new Map<string, number>([['none', 0]]);
    for (const { reason = 'none' } of of?.decisions ?? []) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    return [...counts].map(([reason, count]) => [{ reason }, count]);
  });
  gauge('clarion_config_generation', 'Generation of the configuration in force', [], (of) => [
    [{}, of?.effective?.generation ?? 0],
  ]);
  gauge('clarion_config_stale_elements', 'Elements in force in an older version, since the newest is bad', [], (of) => [
    [{}, of?.effective?.stale.length ?? 0],
  ]);
  gauge('clarion_problems', 'Problems in the configuration and in objects', ['severity'], (of) => {
    const all = of?.problems ?? [];
    return (['error', 'warning'] as const).map((severity) => [
      { severity },
      all.filter((problem) => problem.severity === severity).length,
    ]);
  });
  gauge('clarion_status_writes_pending', 'Service statuses not written yet', [], (of) => [
    [{}, of?.pendingWrites ?? 0],
  ]);
}

const inPools = (of: ControllerFacts | undefined, which: 'total' | 'used'): readonly Sample[] =>
  (of?.usage ?? []).flatMap(({ name, ...usage }) =>
    (['ipv4', 'ipv6'] as const).map((family): Sample => [{ pool: name, family }, saturated(usage[family][which])]),
  );

const LARGEST = BigInt(Number.MAX_SAFE_INTEGER);
const saturated = (count: bigint): number => Number(count > LARGEST ? LARGEST : count);
