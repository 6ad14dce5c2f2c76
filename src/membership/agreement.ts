import type { Desk } from './desk.ts';
import type { Probing } from './probing.ts';
import { isLive, type Peer } from './roster.ts';
import { DIFFERENCE_LASTS, DIFFERENCE_REPEATS, SYNC_FIRST, SYNC_LONGEST } from './settings.ts';
import { lengthOfUpdate, UPDATES_HEADER } from './wire/codec.ts';
import { MAX_PLAINTEXT } from './wire/constants.ts';
import type { MemberUpdate, ProbeState } from './wire/message.ts';

/**
 * Anti-entropy. Every probe and answer carries two digests: of the members, ours to compare, and of whatever the owner of
 * the payloads keeps in step. A difference may be nothing but news under way; so the member is asked again a little later,
 * and only a difference that is still there counts. Then the member tables are exchanged, or the owner is told.
 */
interface Difference {
  readonly since: number;
  toldAt: number;
}

export class Agreement {
  readonly #desk: Desk;
  readonly #probing: Probing;
  readonly #payloads = new Map<Peer, Difference>();
  readonly #tables = new Map<Peer, Difference>();
  #syncInterval: number = SYNC_FIRST;
  #syncedAt = Number.NEGATIVE_INFINITY;
  #syncedDigest = 0;

  constructor(desk: Desk, probing: Probing) {
    this.#desk = desk;
    this.#probing = probing;
  }

  compare(peer: Peer, state: ProbeState): void {
    const { payloadDigest, roster } = this.#desk;
    const samePayloads = state.payloadDigest.every((byte, i) => byte === payloadDigest[i]);
    if (this.#lasts(this.#payloads, peer, samePayloads, DIFFERENCE_REPEATS) && peer.member !== undefined)
      this.#desk.emit({ kind: 'digest-differs', member: peer.member });
    if (this.#lasts(this.#tables, peer, state.memberDigest === roster.digest, SYNC_FIRST)) this.#sync(peer);
  }

  /** By timer: is it still different? */
  verify(peer: Peer): void {
    if (isLive(peer)) this.#probing.ping(peer);
    else this.forget(peer);
  }

  /** The whole table. `reply`: the other one is to send its own. */
  send(peer: Peer, reply: boolean): void {
    const others = this.#desk.roster.all().filter((other) => other !== peer);
    const table = [this.#desk.selfUpdate('alive'), ...others.flatMap((other) => this.#desk.updateOf(other))];
    for (const [i, updates] of parts(table).entries())
      this.#desk.transmit(peer, [{ kind: 'sync', reply: reply && i === 0, updates }]);
  }

  forget(peer: Peer): void {
    this.#payloads.delete(peer);
    this.#tables.delete(peer);
    this.#desk.stopTimer(`verify ${peer.node}`);
  }

  #lasts(differences: Map<Peer, Difference>, peer: Peer, same: boolean, repeats: number): boolean {
    if (same) {
      differences.delete(peer);
      return false;
    }
    const { now } = this.#desk;
    const difference = differences.get(peer);
    if (difference === undefined) {
      differences.set(peer, { since: now, toldAt: Number.NEGATIVE_INFINITY });
      this.#desk.startTimer(`verify ${peer.node}`, DIFFERENCE_LASTS);
      return false;
    }
    if (now - difference.since < DIFFERENCE_LASTS || now - difference.toldAt < repeats) return false;
    difference.toldAt = now;
    return true;
  }

  /** Ever more seldom while it changes nothing: a link that works in one direction only keeps two tables different. */
  #sync(peer: Peer): void {
    const { now, roster } = this.#desk;
    if (roster.digest !== this.#syncedDigest) this.#syncInterval = SYNC_FIRST;
    if (now - this.#syncedAt < this.#syncInterval) return;
    this.#syncedAt = now;
    this.#syncedDigest = roster.digest;
    this.#syncInterval = Math.min(SYNC_LONGEST, 2 * this.#syncInterval);
    this.send(peer, true);
  }
}

/** As many in a datagram as fit. */
function parts(updates: readonly MemberUpdate[]): readonly (readonly MemberUpdate[])[] {
  const all: MemberUpdate[][] = [];
  let room = 0;
  for (const update of updates) {
    const length = lengthOfUpdate(update);
    if (length > room) {
      all.push([]);
      room = MAX_PLAINTEXT - UPDATES_HEADER - 1;
    }
    all.at(-1)!.push(update);
    room -= length;
  }
  return all;
}
