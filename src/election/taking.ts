import { ms } from '../base/clock.ts';
import type { IpAddress } from '../base/ip-address.ts';
import type { AddressRecord } from './claim-table.ts';
import type { Desk } from './desk.ts';
import { OFFER_EXPIRY } from './hand-over.ts';
import type { Peer } from './peers.ts';
import { couldTake } from './seat.ts';
import type { AddressTerm, Offer } from './wire/fields.ts';

/** The side that takes: answer for the address first, then claim it, which tells the giver to be silent. */
export function takeOffers(desk: Desk, from: Peer, offers: readonly Offer[], expiry: number): void {
  for (const offer of offers) {
    const record = desk.table.record(offer.address);
    if (!mayTake(desk, record, from, offer.term)) decline(desk, from.node, offer);
    else if (record.wanted?.verify === true) {
      const until = ms(desk.now + Math.min(expiry, OFFER_EXPIRY));
      record.taking = { from: from.node, term: offer.term, weak: offer.weak, until };
      desk.emit({ kind: 'check', address: offer.address });
    } else take(desk, record, offer);
  }
}

/** Its own health check answered. */
export function takeChecked(desk: Desk, address: IpAddress, ok: boolean): void {
  const record = desk.table.find(address);
  const taking = record?.taking;
  if (record === undefined || taking === undefined) return;
  record.taking = undefined;
  const from = desk.peers.get(taking.from);
  if (desk.now > taking.until || from === undefined) return;
  if (ok && mayTake(desk, record, from, taking.term)) take(desk, record, taking);
  else decline(desk, taking.from, { address, term: taking.term });
}

function mayTake(desk: Desk, record: AddressRecord, from: Peer, term: number): boolean {
  return couldTake(desk, record) && record.seen < term && desk.holderOf(record)?.instance === from.instance;
}

/** As strong as the claim that it ends, or it would lose against it. */
const take = (desk: Desk, record: AddressRecord, { term, weak }: Pick<Offer, 'term' | 'weak'>): void =>
  desk.claim(record, 'hand-over', { term, weak: weak && desk.quorum.weak });

const decline = (desk: Desk, to: string, { address, term }: AddressTerm): void =>
  desk.outbox.term('declines', to, { address, term });

/** A member with a newer view of the API says that this node may not hold these any more. */
export function grantRequests(desk: Desk, from: Peer, requests: readonly AddressTerm[]): void {
  for (const { address, term } of requests) {
    const record = desk.table.find(address);
    if (record === undefined || desk.ownClaim(record)?.term !== term || !desk.holding.has(record)) continue;
    record.wish ??= { to: from.node, why: 'stale-view' };
    desk.unsettled.add(record);
  }
}
