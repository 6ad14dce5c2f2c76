import type { Milliseconds } from '../base/clock.ts';
import { formatIpAddress, type IpAddress, type IpFamily } from '../base/ip-address.ts';
import type { ServiceReason } from '../base/reason.ts';
import type { PoolEntry } from './pool-map.ts';

/** Why a Service does not get (all of) what it asks for. */
export interface Refusal {
  readonly reason: ServiceReason;
  /** What, why, and what to do. */
  readonly message: string;
  /** When it may be worth another try though nothing changes; undefined: only after a change. */
  readonly due: Milliseconds | undefined;
}

export const refusal = (reason: ServiceReason, message: string, due?: Milliseconds): Refusal => ({
  reason,
  message,
  due,
});

const NAMES_SHOWN = 5;
const FAMILY_NAMES = { ipv4: 'IPv4', ipv6: 'IPv6' } as const;

export const familyNames = (families: readonly IpFamily[]): string =>
  families.map((family) => FAMILY_NAMES[family]).join(' and ');
export const addressNames = (addresses: readonly IpAddress[]): string => addresses.map(formatIpAddress).join(' and ');

/** The first few in full, the rest as a number: a message must stay readable with a thousand pools. */
export function nameSome(names: readonly string[]): string {
  const rest = names.length - NAMES_SHOWN;
  return rest <= 0 ? names.join(', ') : `${names.slice(0, NAMES_SHOWN).join(', ')} and ${rest} more`;
}

/** `pool "edge": 256 of 256 IPv4 in use`. Of a pool where only one family is full, only that one: it is what stands in the way. */
export function nameUse(entries: readonly PoolEntry[], families: readonly IpFamily[]): string {
  const shown = entries.slice(0, NAMES_SHOWN).map((entry) => {
    const full = families.filter((family) => BigInt(entry[family].used) === entry[family].total);
    const counts = (full.length > 0 ? full : families).map(
      (f) => `${entry[f].used} of ${entry[f].total} ${FAMILY_NAMES[f]}`,
    );
    return `pool "${entry.pool.name}": ${counts.join(', ')} in use`;
  });
  const rest = entries.length - shown.length;
  return rest <= 0 ? shown.join('; ') : `${shown.join('; ')}; and ${rest} more pools`;
}

export const earliest = (times: readonly (Milliseconds | undefined)[]): Milliseconds | undefined =>
  times.reduce(
    (first, time) => (first === undefined || (time !== undefined && time < first) ? time : first),
    undefined,
  );
