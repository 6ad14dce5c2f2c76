import { type Milliseconds, ms } from '../base/clock.ts';
import { DueQueue } from '../base/due-queue.ts';
import type { Instance } from '../membership/member.ts';
import { addDigests, beats, type Claim, type ClaimCause, type Digest } from './claim.ts';
import { type AddressRecord, ClaimTable, nextTerm } from './claim-table.ts';
import type { AddressState, ElectionConfig, ElectionEffect } from './events.ts';
import { type Facts, NO_FACTS, Reachable } from './facts.ts';
import { HandOvers } from './hand-over.ts';
import { EVERYBODY, Outbox, type Receiver } from './outbox.ts';
import { type Peer, Peers } from './peers.ts';
import { Quorum } from './quorum.ts';
import { Solitude } from './solitude.ts';

/** Things to do at a time that concern no single address. */
export type Chore = 'settle' | 'ask' | 'agree' | 'strengthen' | 'rebalance' | 'listen' | 'sweep' | 'announce' | 'look';

/** `waking`: was settled, slept, and must ask before it says anything. */
export type Phase = 'starting' | 'settled' | 'waking' | 'stopped';

/** A holder announces again after a foreign burst no more often than this; what comes sooner is answered when this is over. */
const BURST_INTERVAL = ms(500);
const LISTEN_AGAIN = ms(20);
/**
 * Half or fewer were heard and another comes back, or this process is new: so long until all have had their say. A kernel that
 * got no answer to an ARP request asks again after a second, and until then nothing reaches a member that is there.
 */
export const REUNION = ms(1200);
/** Weak claims are looked at when no member came or went for so long: longer than the deaths of one side of a partition are apart. */
export const STRENGTHEN_AFTER = ms(1500);

/**
 * So many addresses are looked at in one go. Thousands take longer than others wait for an answer, so between two parts neighbours
 * and members are heard.
 */
const PART = 250;

/** What the parts of the election share while they handle an event. */
export class Desk {
  readonly config: ElectionConfig;
  readonly table = new ClaimTable();
  readonly peers = new Peers();
  readonly quorum: Quorum;
  readonly due = new DueQueue<AddressRecord | Chore>();
  readonly outbox = new Outbox();
  readonly handOvers = new HandOvers();
  readonly solitude: Solitude;
  /** What this node holds by its own claims. */
  readonly holding = new Set<AddressRecord>();
  /** Told by others in this event, to be answered when it is clear who holds. */
  readonly heardClaims: { readonly record: AddressRecord; readonly claim: Claim }[] = [];
  /** To be looked at before this event is done. */
  readonly unsettled = new Set<AddressRecord>();
  /** To be looked at in parts: what became of members or facts may concern them. */
  readonly waiting = new Set<AddressRecord>();
  now: Milliseconds = ms(0);
  phase: Phase = 'starting';
  facts: Facts = NO_FACTS;
  factsAt: Milliseconds = ms(0);
  reach = new Reachable([]);
  leaving = false;
  /** Muted since it slept; what was lost meanwhile is released before anything is answered for again. */
  muted = false;
  membersChangedAt: Milliseconds = ms(0);
  perMinute: number | undefined;
  #sequence = 0;
  #effects: ElectionEffect[] = [];
  readonly #reports = new Set<AddressRecord>();
  /** To be announced again as soon as that may be. */
  readonly #owed = new Set<AddressRecord>();

  constructor(config: ElectionConfig) {
    this.config = config;
    this.quorum = new Quorum(config.node);
    this.solitude = new Solitude(config.settleTime);
    this.perMinute = config.rebalancePerMinute;
  }

  emit(effect: ElectionEffect): void {
    this.#effects.push(effect);
  }

  takeEffects(): readonly ElectionEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  nextSequence(): number {
    return ++this.#sequence;
  }

  /** Those who come back tell one after the other what they hold: until then nothing that seems free is taken. */
  reunionUntil = ms(0);
  /** Until then who made a claim may only not have been met yet. */
  metBy = ms(0);

  /** Takes nothing: it stops, or only watches. */
  get closed(): boolean {
    return this.leaving || this.config.observe || this.facts.draining;
  }

  /** Whoever should have a speaker is met, and has said what it holds: a table from somebody else may have lacked it. */
  knowsAll(): boolean {
    return this.quorum
      .others()
      .every((node) => this.peers.get(node)?.living === true && this.peers.get(node)?.merged === true);
  }

  /** And looks again soon: either somebody is heard, or all are dead. */
  isDeaf(): boolean {
    const deaf = this.config.isDeaf();
    if (deaf) this.due.set('listen', ms(this.now + LISTEN_AGAIN));
    return deaf;
  }

  isMine({ instance }: Claim): boolean {
    return instance === this.config.instance;
  }

  /** Whether the process that made the claim is a member now, and stands by what it said. */
  isLiving({ node, instance }: { readonly node: string; readonly instance: Instance }): boolean {
    if (instance === this.config.instance) return true;
    const peer = this.peers.get(node);
    return peer?.instance === instance && peer.living && !peer.returned;
  }

  /** By the claims of the living. */
  holderOf({ claims }: AddressRecord): Claim | undefined {
    let best: Claim | undefined;
    for (const claim of claims)
      if (claim.phase === 'held' && this.isLiving(claim) && (best === undefined || beats(claim, best))) best = claim;
    return best;
  }

  ownClaim({ claims }: AddressRecord): Claim | undefined {
    return claims.find((claim) => this.isMine(claim));
  }

  /** Holds the address from now on, or claims it anew. */
  claim(record: AddressRecord, cause: ClaimCause, more: { readonly weak: boolean; readonly term?: number }): void {
    const { weak, term = nextTerm(record) } = more;
    const fresh = record.seen === 0 || latest(record)?.cause === 'refused';
    this.#say(record, { term, weak, phase: 'held', cause });
    if (weak && !this.due.has('strengthen')) this.due.set('strengthen', ms(this.now + STRENGTHEN_AFTER));
    this.holding.add(record);
    record.vacantSince = undefined;
    record.taking = undefined;
    this.setDuty(record, 'hold', fresh);
  }

  /** Silent at once. `yield` keeps the term, since the other's claim is the one that counts. */
  vacate(record: AddressRecord, cause: ClaimCause, how: 'vacate' | 'yield' = 'vacate'): void {
    const own = this.ownClaim(record);
    if (own?.phase !== 'held') return;
    const term = how === 'yield' ? own.term : nextTerm(record);
    // Whoever claims it next must know.
    const said = own.cause === 'refused' ? own.cause : cause;
    this.#say(record, { term, weak: own.weak, phase: 'vacated', cause: said });
    this.holding.delete(record);
    this.handOvers.end(record);
    record.wish = undefined;
    this.setDuty(record, 'none');
  }

  setDuty(record: AddressRecord, duty: AddressRecord['duty'], fresh = false): void {
    if (record.duty === duty) return;
    record.duty = duty;
    const { address } = record;
    if (duty === 'hold') this.emit({ kind: 'hold', address, fresh });
    else this.emit({ kind: duty === 'prepare' ? 'prepare' : 'release', address });
  }

  announceAgain(record: AddressRecord): void {
    const earliest = record.lastBurst === undefined ? this.now : ms(record.lastBurst + BURST_INTERVAL);
    if (earliest > this.now) {
      // Whoever spoke last is believed: to say nothing would leave neighbours with the other one.
      this.#owed.add(record);
      if (!this.due.has('announce')) this.due.set('announce', earliest);
      return;
    }
    this.#owed.delete(record);
    record.lastBurst = this.now;
    this.emit({ kind: 'announce-again', address: record.address });
  }

  /** By timer: what was too early before. */
  announceOwed(): void {
    for (const record of [...this.#owed]) {
      // Who takes over announces before we hear of it: that must stand.
      if (record.duty === 'hold' && record.handOver === undefined) this.announceAgain(record);
      else this.#owed.delete(record);
    }
  }

  report(record: AddressRecord): void {
    this.#reports.add(record);
  }

  tellFacts(to: Receiver): void {
    const facts = { ...this.facts, draining: this.closed, apiViewAge: this.apiViewAge() };
    const sequence = this.nextSequence();
    const settled = this.phase === 'settled';
    this.outbox.message(to, { kind: 'facts', sequence, settled, strong: !this.quorum.weak, facts });
  }

  apiViewAge(of: Pick<Peer, 'facts' | 'factsAt'> = this): Milliseconds {
    const age = of.facts?.apiViewAge ?? 0;
    return ms(age === 0 ? 0 : age + this.now - of.factsAt);
  }

  /** Of what all living members hold: equal at all members when they agree. */
  digest(): Digest {
    return this.peers
      .living()
      .reduce(
        (sum, { instance }) => addDigests(sum, this.table.digestOf(instance)),
        this.table.digestOf(this.config.instance),
      );
  }

  lookAtAll(): void {
    for (const record of this.table.records()) this.unsettled.add(record);
  }

  /** The next part of those that wait; the others when the timer fires. */
  lookAtPart(): void {
    let left = PART;
    for (const record of this.waiting) {
      if (left-- === 0) break;
      this.waiting.delete(record);
      this.unsettled.add(record);
    }
    if (this.waiting.size > 0) this.due.set('look', this.now);
    else this.due.delete('look');
  }

  /** Members or facts: they may concern any address that nobody holds, or that this node holds. */
  everythingChanged(): void {
    for (const record of this.table.records())
      if (record.holder === undefined || this.isMine(record.holder) || !this.isLiving(record.holder))
        this.waiting.add(record);
    this.handOvers.reconsider(this);
  }

  flushReports(): void {
    if (this.#reports.size === 0) return;
    this.emit({ kind: 'holders', changed: [...this.#reports].map((record) => stateOf(record)) });
    this.#reports.clear();
  }

  #say(record: AddressRecord, claim: Pick<Claim, 'term' | 'weak' | 'phase' | 'cause'>): void {
    const { node, instance } = this.config;
    const made: Claim = { address: record.address, node, instance, ...claim };
    this.table.merge(record, made, this.#sequence + 1);
    this.outbox.claim(EVERYBODY, made);
    this.unsettled.add(record);
  }
}

export function stateOf({ address, holder, since, seen, handOver }: AddressRecord): AddressState {
  return {
    address,
    holder:
      holder === undefined
        ? undefined
        : { node: holder.node, term: Math.max(holder.term, seen), weak: holder.weak, cause: holder.cause, since },
    handingOver: handOver?.why,
  };
}

const latest = ({ claims }: AddressRecord): Claim | undefined =>
  claims.reduce<Claim | undefined>(
    (best, claim) => (best === undefined || claim.term > best.term ? claim : best),
    undefined,
  );
