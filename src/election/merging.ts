import { seconds } from '../base/clock.ts';
import { type Claim, type Digest, sameDigest } from './claim.ts';
import type { AddressRecord } from './claim-table.ts';
import type { Desk } from './desk.ts';
import { inParts } from './outbox.ts';
import type { Parts } from './parts.ts';
import type { Peer } from './peers.ts';
import { defend } from './seat.ts';
import type { AddressTerm, OwnClaim } from './wire/fields.ts';
import type { Part } from './wire/message.ts';

/**
 * How tables become equal. A claim is told to all when it is made. Who becomes a member again is told all that this node
 * holds, since it may have missed any of it, and tells the same; so after a partition every conflict is one arriving claim. Should
 * something be missing all the same, the digests in the probes differ, and the two compare what each of them holds itself:
 * nobody knows that better.
 */

/** A member is compared with no more often than this. */
const CHECK_INTERVAL = seconds(1);

export function tellOwn(desk: Desk, to: string): void {
  const claims = [...desk.holding].flatMap((record) => desk.ownClaim(record) ?? []);
  for (const message of inParts(claims, desk.nextSequence(), (part, list) => ({ kind: 'own', part, claims: list })))
    desk.outbox.message(to, message);
}

export function hearClaims(desk: Desk, from: Peer, claims: readonly OwnClaim[], sequence: number): void {
  const { node, instance } = from;
  for (const claim of claims) hearClaim(desk, { ...claim, node, instance }, sequence);
}

/** Of whoever: by its maker or retold. */
export function hearClaim(desk: Desk, claim: Claim, sequence: number): void {
  const record = desk.table.record(claim.address);
  if (!isCurrent(desk, claim)) {
    record.seen = Math.max(record.seen, claim.term);
    desk.unsettled.add(record);
    return;
  }
  if (!desk.table.merge(record, claim, sequence)) return;
  desk.unsettled.add(record);
  desk.heardClaims.push({ record, claim });
}

/** Not of a process that was replaced, nor of one that is not known yet to have replaced another. */
function isCurrent(desk: Desk, { node, instance }: Claim): boolean {
  if (node === desk.config.node || desk.peers.isVoid(instance)) return false;
  const peer = desk.peers.get(node);
  return peer === undefined || !peer.living || peer.instance === instance;
}

/** What claims that were heard ask of this node, once it is clear who holds. */
export function answerClaim(desk: Desk, record: AddressRecord, claim: Claim): void {
  if (desk.phase !== 'settled' || !desk.isLiving(claim)) return;
  const { holder } = record;
  if (claim.phase === 'vacated') {
    // The loser is silent now: whoever still has it in a cache learns better.
    if (claim.cause === 'yielded' && holder !== undefined && desk.isMine(holder)) desk.announceAgain(record);
  } else if (holder !== claim) defend(desk, record, claim);
}

/** Somebody knows of higher terms than the one that we hold by. */
export function hearTerms(desk: Desk, terms: readonly AddressTerm[]): void {
  for (const { address, term } of terms) {
    const record = desk.table.record(address);
    record.seen = Math.max(record.seen, term);
    desk.unsettled.add(record);
  }
}

export function hearOwn(desk: Desk, from: Peer, part: Part, claims: readonly OwnClaim[], parts: Parts): void {
  hearClaims(desk, from, claims, part.sequence);
  if (!parts.complete(from.instance, part)) return;
  for (const { record, claim, sequence } of [...desk.table.claimsOf(from.instance)]) {
    if (sequence >= part.sequence || claim.phase === 'vacated') continue;
    desk.table.withdraw(record, from.instance);
    desk.unsettled.add(record);
  }
  from.merged = true;
  if (desk.now < desk.metBy && desk.knowsAll()) desk.lookAtAll();
  if (!from.returned) return;
  from.returned = false;
  for (const { record } of desk.table.claimsOf(from.instance)) desk.unsettled.add(record);
}

export function check(desk: Desk, peer: Peer, mutual: boolean): void {
  if (desk.phase !== 'settled' || !peer.living) return;
  if (peer.checkedAt !== undefined && desk.now - peer.checkedAt < CHECK_INTERVAL) return;
  peer.checkedAt = desk.now;
  desk.outbox.message(peer.node, { kind: 'check', digest: desk.table.digestOf(desk.config.instance), mutual });
}

export function hearCheck(desk: Desk, from: Peer, digest: Digest, mutual: boolean): void {
  if (!sameDigest(digest, desk.table.digestOf(from.instance))) desk.outbox.message(from.node, { kind: 'ask-own' });
  if (mutual) check(desk, from, false);
}
