import type { IpAddress } from '../base/ip-address.ts';

/** Who connected: we, or the peer. */
export type Direction = 'out' | 'in';

/** What both sides see alike. */
export interface CollisionParties {
  readonly local: { readonly routerId: IpAddress; readonly asn: number };
  readonly remote: { readonly routerId: IpAddress; readonly asn: number };
}

/**
 * RFC 4271 §6.8: of two connections between the same speakers, the one that the speaker with the higher BGP identifier made
 * is kept; with equal identifiers (allowed between ASes) the higher AS number decides (RFC 6286 §2.3).
 */
function keptDirection({ local, remote }: CollisionParties): Direction {
  if (local.routerId.value !== remote.routerId.value)
    return local.routerId.value > remote.routerId.value ? 'out' : 'in';
  return local.asn > remote.asn ? 'out' : 'in';
}

/**
 * Which of two to close when an OPEN has come on `fresh` while `existing` is already in OpenConfirm. Both from one side: it
 * made the second one because it gave the first one up.
 */
export function loserOf(existing: Direction, fresh: Direction, parties: CollisionParties): 'existing' | 'fresh' {
  if (existing === fresh) return 'existing';
  return keptDirection(parties) === fresh ? 'existing' : 'fresh';
}
