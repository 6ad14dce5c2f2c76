import { type IpAddress, sameIpAddress } from '../base/ip-address.ts';
import type { ServiceReason } from '../base/reason.ts';
import type { ServiceKey } from '../inventory/service-request.ts';

/**
 * What a Service has after a reconciliation. `addresses` and `reason` may both be there: an address that is kept although
 * something is wrong (its pool is gone, an annotation is unreadable), or one family of two that could not be given.
 */
export interface AllocationDecision {
  readonly service: ServiceKey;
  /** In the order of the Service's families. Empty: none. */
  readonly addresses: readonly IpAddress[];
  /**
   * The pool of the addresses; the one recorded at the Service where no pool contains them any more, or where the Service asks
   * for that very pool and another one contains them now.
   */
  readonly pool: string | undefined;
  readonly reason: ServiceReason | undefined;
  /** For people: what, why, and what to do. Present when `reason` is. */
  readonly message: string | undefined;
}

/** Of the same Service. */
export const sameDecision = (a: AllocationDecision, b: AllocationDecision): boolean =>
  a.pool === b.pool &&
  a.reason === b.reason &&
  a.message === b.message &&
  a.addresses.length === b.addresses.length &&
  a.addresses.every((address, i) => sameIpAddress(address, b.addresses[i]!));

/** Exact counts; an IPv6 pool has more addresses than a number can say. Reserved addresses count in none. */
export interface Usage {
  readonly total: bigint;
  readonly used: bigint;
  readonly available: bigint;
}
export interface PoolUsage extends Usage {
  readonly name: string;
  readonly ipv4: Usage;
  readonly ipv6: Usage;
}
