import { ms, seconds } from '../base/clock.ts';
import { type Claim, EMPTY_DIGEST, sameDigest } from './claim.ts';
import { type Desk, REUNION } from './desk.ts';
import { hearClaim, tellOwn } from './merging.ts';
import { EVERYBODY, inParts } from './outbox.ts';
import { Parts } from './parts.ts';
import type { Peer } from './peers.ts';
import type { Message } from './wire/message.ts';

/**
 * Taking part, at the start and after a pause. A speaker that starts asks a settled member for the table and is silent until it has
 * it; where nobody is settled, until the settle time is over. A speaker that slept holds what it held, mute, until a settled
 * member confirms its claims or tells what happened to them; who was declared dead meanwhile gives all up and is as at the start.
 */

/** A member that does not answer is not asked alone for longer. */
const ASK_AGAIN = ms(300);
/** Members that a waking process asks at once: the first answer counts. */
const ASK_AT_ONCE = 3;
/** How much longer than the pause a death may lie back: until the timers of the others expired, and on its way. */
const SLACK = seconds(1);

/** Longer than it takes to wake, be greeted and ask. */
const BACK = ms(300);

type Table = Extract<Message, { kind: 'table' }>;

export class Joining {
  readonly #parts = new Parts();
  #asleep = 0;
  #asked = 0;
  /** A table with parts missing, or an answer, is awaited. */
  #waiting = false;
  /** So often the settle time was prolonged for somebody settled that did not answer. */
  #patience = 0;
  /** Nobody counts this process as a member, since another one has its name: it takes no part until that is over. */
  #barred = false;

  start(desk: Desk): void {
    desk.phase = 'starting';
    if (this.#barred) return;
    this.#patience = 3;
    this.#settleLater(desk);
  }

  woke(desk: Desk, gap: number): void {
    if (desk.phase === 'stopped') return;
    if (desk.phase === 'starting') {
      // What was received of the table is as good as before; what was missed is asked for again.
      this.start(desk);
      this.ask(desk);
      return;
    }
    if (!desk.muted) desk.emit({ kind: 'mute' });
    desk.muted = true;
    desk.phase = 'waking';
    this.#asleep = Math.max(1, Math.ceil(gap) + this.#asleep);
    this.#patience = 0;
    this.#settleLater(desk);
    this.ask(desk);
  }

  nameTaken(desk: Desk, taken: boolean): void {
    this.#barred = taken;
    if (taken) {
      // The one who came first holds what it holds: this is no time for a hand-over.
      for (const record of [...desk.holding]) desk.vacate(record, 'declared-dead', 'yield');
      desk.due.delete('settle');
      desk.due.delete('ask');
      this.#asleep = 0;
    }
    this.start(desk);
    desk.lookAtAll();
  }

  /** The timer `ask`, or a member has become settled. */
  ask(desk: Desk): void {
    const settled = desk.peers.living().filter(({ settled: is }) => is);
    if (this.#barred || desk.phase === 'settled' || desk.phase === 'stopped' || settled.length === 0) {
      this.#waiting = false;
      return;
    }
    const digest = this.#asleep > 0 ? desk.table.digestOf(desk.config.instance) : EMPTY_DIGEST;
    const count = this.#asleep > 0 ? Math.min(ASK_AT_ONCE, settled.length) : 1;
    for (let i = 0; i < count; i++) {
      const { node } = settled[this.#asked++ % settled.length]!;
      desk.outbox.message(node, { kind: 'ask', asleep: this.#asleep, digest });
    }
    this.#waiting = true;
    desk.due.set('ask', ms(desk.now + ASK_AGAIN));
  }

  peerSettled(desk: Desk): void {
    if (desk.phase !== 'settled' && !this.#waiting) this.ask(desk);
  }

  /** The timer `settle`: nobody told us anything. */
  expired(desk: Desk): void {
    if (desk.phase !== 'starting' && desk.phase !== 'waking') return;
    const somebody = desk.peers.living().some(({ settled }) => settled);
    // A waking process asks for as long as anybody is heard at all. Who hears nobody keeps what it holds, asleep before or not:
    // that all members are dead would be found out much later, by a process whose own time-outs have grown.
    if (somebody && (desk.phase === 'waking' ? !desk.config.isDeaf() : this.#patience-- > 0)) {
      desk.due.set('settle', ms(desk.now + desk.config.settleTime));
      return;
    }
    this.#settle(desk, 'time', true);
  }

  hearTable(desk: Desk, from: Peer, { part, standing, strong, claims }: Table): void {
    if (this.#barred || (desk.phase !== 'starting' && desk.phase !== 'waking')) return;
    for (const claim of claims) hearClaim(desk, claim, 0);
    if (standing === 'void') this.void(desk);
    if (!this.#parts.complete(from.instance, part)) return;
    if (standing !== 'asleep') this.#settle(desk, 'table', strong);
    else {
      // Where all have slept, nobody has claimed anything meanwhile.
      from.settled = false;
      if (desk.peers.living().every(({ settled }) => !settled)) this.#settle(desk, 'time', true);
    }
  }

  /** We were declared dead while we slept: what we held is not ours any more. */
  void(desk: Desk): void {
    if (desk.phase !== 'waking') return;
    desk.emit({ kind: 'notice', notice: { kind: 'woke', standing: 'void' } });
    // Who returned meanwhile has not told what it holds: what seems free may be theirs.
    desk.reunionUntil = ms(desk.now + REUNION);
    for (const record of [...desk.holding]) desk.vacate(record, 'declared-dead', 'yield');
  }

  /** Who has nobody to ask need not wait for an answer: a single node answers for its addresses at once. */
  #settleLater({ due, now, quorum, config }: Desk): void {
    due.set('settle', ms(now + (quorum.expectsOthers ? config.settleTime : 0)));
  }

  #settle(desk: Desk, by: 'table' | 'time', amongStrong: boolean): void {
    const { phase } = desk;
    desk.phase = 'settled';
    this.#asleep = 0;
    this.#waiting = false;
    desk.due.delete('settle');
    desk.due.delete('ask');
    if (phase === 'starting') {
      // The table tells of claims whose makers are not met yet, and not met is not dead.
      if (by === 'table') desk.metBy = ms(desk.now + REUNION);
      // A member that hears half or fewer may not even have heard of what the others hold.
      if (by === 'table' && !amongStrong) desk.reunionUntil = ms(desk.now + REUNION);
      const unsure = by === 'time' && desk.peers.living().length === 0;
      desk.quorum.begin(amongStrong && !unsure);
      desk.emit({ kind: 'notice', notice: { kind: 'settled', by } });
    } else {
      desk.emit({ kind: 'notice', notice: { kind: 'woke', standing: by === 'table' ? 'confirmed' : 'alone' } });
      for (const { node } of desk.peers.living()) tellOwn(desk, node);
    }
    desk.tellFacts(EVERYBODY);
    desk.lookAtAll();
  }
}

export function answerAsk(desk: Desk, from: Peer, { asleep, digest }: Extract<Message, { kind: 'ask' }>): void {
  if (desk.phase !== 'settled' && (desk.phase !== 'waking' || asleep === 0)) return;
  const { diedAt, returnedAt, instance, node } = from;
  // Who was back before it slept had been told of that death, and what came of it is in the claims.
  const wasBack = returnedAt !== undefined && desk.now - returnedAt > asleep + BACK;
  const died = asleep > 0 && diedAt !== undefined && desk.now - diedAt <= asleep + SLACK && !wasBack;
  const known = asleep > 0 && !died && sameDigest(digest, desk.table.digestOf(instance));
  const standing = died ? 'void' : desk.phase === 'waking' ? 'asleep' : known ? 'confirmed' : 'joining';
  const claims: Claim[] = [];
  if (!known)
    for (const record of desk.table.records())
      for (const claim of record.claims) if (claim.instance !== instance) claims.push(claim);
  claims.sort((a, b) => (a.instance < b.instance ? -1 : a.instance > b.instance ? 1 : 0));
  // Who has only just met more than half again has not heard yet what they hold.
  const strong = !desk.quorum.weak && desk.now >= desk.reunionUntil;
  for (const message of inParts(claims, desk.nextSequence(), (part, list) => ({
    kind: 'table',
    part,
    standing,
    strong,
    claims: list,
  })))
    desk.outbox.message(node, message);
}
