import { compact } from '../base/compact.ts';
import type { IpAddress, IpFamily } from '../base/ip-address.ts';
import type { ServiceRequest } from '../inventory/service-request.ts';
import { type Terms, termsOf } from './sharing.ts';

/** A Service as allocation knows it: what it asks for, and what it has. */
export interface Entry {
  request: ServiceRequest;
  terms: Terms;
  families: readonly IpFamily[];
  held: readonly IpAddress[];
  /** The pool that `held` was given from, for when no pool contains it any more. */
  pool: string | undefined;
  /** It had an address from us, so its status is ours to clear. */
  ours: boolean;
}

export const newEntry = (request: ServiceRequest): Entry => ({
  request,
  terms: termsOf(request),
  families: familiesOf(request),
  held: [],
  pool: request.assignedPool,
  ours: false,
});

/** SingleStack has one family, whatever else is written. */
export const familiesOf = ({ families, ipFamilyPolicy }: ServiceRequest): readonly IpFamily[] =>
  ipFamilyPolicy === 'SingleStack' ? families.slice(0, 1) : families;

export const inOrderOf = (families: readonly IpFamily[], addresses: readonly IpAddress[]): readonly IpAddress[] =>
  compact(families.flatMap((family) => addresses.filter((address) => address.family === family)));

/** Oldest first; without a time of creation last; then by namespace and name. */
export function byAge({ request: a }: Entry, { request: b }: Entry): number {
  const [ageA, ageB] = [a.createdAt ?? Number.MAX_SAFE_INTEGER, b.createdAt ?? Number.MAX_SAFE_INTEGER];
  if (ageA !== ageB) return ageA - ageB;
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
