import type { PoolUsage, Usage } from './decision.ts';

/** Exact: a string of digits where a number could not say it (above 2^53). */
export type Count = number | string;

export interface UsageJson {
  readonly total: Count;
  readonly used: Count;
  readonly available: Count;
}

export interface PoolUsageJson extends UsageJson {
  readonly name: string;
  readonly ipv4: UsageJson;
  readonly ipv6: UsageJson;
}

/** The documented form of a pool's usage, as `plan` and `status` print it. */
export const poolUsageJson = ({ name, ipv4, ipv6, ...all }: PoolUsage): PoolUsageJson => ({
  name,
  ...usageJson(all),
  ipv4: usageJson(ipv4),
  ipv6: usageJson(ipv6),
});

const usageJson = ({ total, used, available }: Usage): UsageJson => ({
  total: count(total),
  used: count(used),
  available: count(available),
});

const count = (value: bigint): Count => (value > 2n ** 53n ? `${value}` : Number(value));
