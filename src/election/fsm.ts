import { type Milliseconds, ms, seconds } from '../base/clock.ts';
import { unreachable } from '../base/errors.ts';
import type { IpAddress } from '../base/ip-address.ts';
import type { Member } from '../membership/member.ts';
import { type Digest, digestBytes, EMPTY_DIGEST, sameDigest } from './claim.ts';
import type { AddressRecord } from './claim-table.ts';
import { Correspondence } from './correspondence.ts';
import { type Chore, Desk, REUNION, STRENGTHEN_AFTER, stateOf } from './desk.ts';
import type { AddressState, ElectionConfig, ElectionEffect, ElectionEvent, ElectionProgress } from './events.ts';
import { type FactInterface, type Facts, Reachable } from './facts.ts';
import { OFFER_EXPIRY } from './hand-over.ts';
import { Joining } from './joining.ts';
import { answerClaim, check, tellOwn } from './merging.ts';
import { EVERYBODY, type Receiver } from './outbox.ts';
import type { Peer } from './peers.ts';
import { claimRefused, look } from './seat.ts';
import { takeChecked } from './taking.ts';
import { FORGET_AFTER, planRebalance, rebalance, strengthen, sweep } from './upkeep.ts';

/** The membership was quiet for so long: those who are there are all. */
const AGREE_AFTER = seconds(5);

/**
 * Who holds which address. Every speaker process writes claims, with terms, and only its own; all members have all claims;
 * the holder is the best claim of the living (claim.ts). So there is nothing to vote on, and members that have heard the
 * same claims agree. A hash only proposes who claims what nobody holds (rank.ts, seat.ts).
 *
 * Data: an `AddressRecord` an address (claim-table.ts), a `Peer` a node (peers.ts), `Quorum`: whether own claims are weak. An event
 * changes those (what members write: correspondence.ts), marks the records that it concerns, and `#finish` looks at each (seat.ts),
 * offers (hand-over.ts), and puts together what is to be said (outbox.ts). Deterministic, no effects; the driver carries out what
 * is returned, in order.
 * Missing: who is alive (membership), and whether a frame really leaves (layer 2).
 */
export class Election {
  readonly #desk: Desk;
  readonly #joining = new Joining();
  readonly #correspondence = new Correspondence(this.#joining);
  #toldDigest: Digest = EMPTY_DIGEST;
  #toldStrong = true;
  #toldTimer: Milliseconds | undefined;
  #toldEmptied = false;

  constructor(config: ElectionConfig) {
    this.#desk = new Desk(config);
  }

  handle(event: ElectionEvent): readonly ElectionEffect[] {
    const desk = this.#desk;
    desk.now = event.now;
    if (desk.phase === 'stopped') return [];
    this.#take(event);
    this.#finish();
    return desk.takeEffects();
  }

  state(address: IpAddress): AddressState | undefined {
    const record = this.#desk.table.find(address);
    return record && stateOf(record);
  }

  /** Whether an interface of this node may speak for the address. */
  canSpeakFor(address: IpAddress): boolean {
    const named = this.#desk.table.find(address)?.wanted?.interfaces ?? [];
    return this.#desk.reach.fitness(address, named) !== 'none';
  }

  /** Whether a living member has an interface with this MAC. */
  isMember(mac: string): boolean {
    return this.#desk.peers.living().some((peer) => hasMac(peer, mac));
  }

  /** Whether the member with this MAC holds the address, by its own word. */
  isClaimedBy(address: IpAddress, mac: string): boolean {
    const nodes = this.#desk.peers.living().flatMap((peer) => (hasMac(peer, mac) ? [peer.node] : []));
    const claims = this.#desk.table.find(address)?.claims ?? [];
    return claims.some(({ node, phase }) => phase === 'held' && nodes.includes(node));
  }

  /** What each living member told of its interfaces. */
  peerInterfaces(): readonly (readonly FactInterface[])[] {
    return this.#desk.peers.living().flatMap(({ facts }) => (facts === undefined ? [] : [facts.interfaces]));
  }

  /** For status, and for the progress of drain and stop. */
  progress(): ElectionProgress {
    const { phase, holding, quorum } = this.#desk;
    let handingOver = 0;
    for (const { handOver } of holding) if (handOver !== undefined) handingOver++;
    return { phase, holding: holding.size, handingOver, weak: quorum.weak };
  }

  #take(event: ElectionEvent): void {
    const desk = this.#desk;
    switch (event.kind) {
      case 'started':
        this.#joining.start(desk);
        return;
      case 'nodes':
        desk.quorum.listed(event.nodes);
        return;
      case 'member-changed':
        this.#memberChanged(event.member);
        return;
      case 'member-forgotten':
        this.#forgotten(event.member);
        return;
      case 'addresses': {
        for (const address of event.remove) this.#want(desk.table.record(address), undefined);
        for (const wanted of event.set) this.#want(desk.table.record(wanted.address), wanted);
        return;
      }
      case 'own-facts':
        this.#linksChanged(event.facts);
        desk.facts = event.facts;
        desk.factsAt = event.now;
        desk.solitude.heard(event.heard, event.now);
        desk.reach = new Reachable(event.facts.interfaces);
        desk.tellFacts(EVERYBODY);
        desk.everythingChanged();
        return;
      case 'received':
        this.#correspondence.received(desk, event.from, event.payload);
        return;
      case 'timer-fired':
        this.#toldTimer = undefined;
        this.#runTimers();
        return;
      case 'digest-differs': {
        const peer = desk.peers.current(event.member);
        if (peer !== undefined) check(desk, peer, true);
        return;
      }
      case 'foreign-burst': {
        const record = desk.table.find(event.address);
        if (record?.duty === 'hold' && desk.phase === 'settled') desk.announceAgain(record);
        return;
      }
      case 'refused':
        claimRefused(desk, event.address, event.refused);
        return;
      case 'checked':
        takeChecked(desk, event.address, event.ok);
        return;
      case 'rebalance':
        desk.perMinute = event.perMinute;
        planRebalance(desk);
        return;
      case 'woke':
        this.#joining.woke(desk, event.gap);
        return;
      case 'standing':
        if (event.standing === 'void') this.#joining.void(desk);
        return;
      case 'name-taken':
        this.#joining.nameTaken(desk, event.taken);
        return;
      case 'leave':
        desk.leaving = true;
        desk.tellFacts(EVERYBODY);
        desk.everythingChanged();
        return;
      case 'stop':
        this.#stop();
        return;
      default:
        unreachable(event);
    }
  }

  /** While a link was gone others may have taken what it served, and thought us dead, so they have not told us. */
  #linksChanged(next: Facts): void {
    const desk = this.#desk;
    const wasUp = new Set(desk.facts.interfaces.flatMap(({ name, up }) => (up ? [name] : [])));
    const returned = next.interfaces.filter(({ name, up }) => up && !wasUp.has(name));
    if (desk.phase !== 'settled' || returned.length === 0) return;
    for (const { name } of returned) desk.solitude.linkReturned(name, desk.now);
    if (desk.quorum.alone) desk.emit({ kind: 'look-around' });
    if (desk.peers.living().length > 0) desk.reunionUntil = ms(desk.now + REUNION);
  }

  #want(record: AddressRecord, wanted: AddressRecord['wanted']): void {
    const desk = this.#desk;
    record.wanted = wanted;
    desk.unsettled.add(record);
    if (wanted === undefined && !desk.due.has('sweep')) desk.due.set('sweep', ms(desk.now + FORGET_AFTER));
  }

  #memberChanged(member: Member): void {
    const desk = this.#desk;
    const before = desk.peers.get(member.node);
    const lived = before?.living === true && before.instance === member.instance;
    const { peer, replaced } = desk.peers.change(member, desk.now);
    if (replaced !== undefined) {
      this.#correspondence.forget(replaced);
      for (const record of desk.table.drop(replaced)) desk.unsettled.add(record);
    }
    if (peer.living === lived && replaced === undefined) return;
    desk.membersChangedAt = desk.now;
    if (peer.living) this.#joined(peer);
    else desk.quorum.lost(peer.node, member.status === 'left');
    desk.due.set('agree', ms(desk.now + AGREE_AFTER));
    desk.due.set('strengthen', ms(desk.now + STRENGTHEN_AFTER));
    for (const { record } of desk.table.claimsOf(peer.instance)) desk.waiting.add(record);
    desk.everythingChanged();
  }

  #joined(peer: Peer): void {
    const desk = this.#desk;
    if (peer.returned) desk.outbox.message(peer.node, { kind: 'ask-own' });
    if (desk.phase === 'settled' && desk.quorum.weak) desk.reunionUntil = ms(desk.now + REUNION);
    desk.quorum.joined(peer.node);
    desk.tellFacts(peer.node);
    if (desk.phase !== 'waking') tellOwn(desk, peer.node);
  }

  #forgotten(member: Member): void {
    const desk = this.#desk;
    desk.peers.forget(member);
    this.#correspondence.forget(member.instance);
    for (const record of desk.table.drop(member.instance)) desk.unsettled.add(record);
  }

  #runTimers(): void {
    const { due, now } = this.#desk;
    for (let key = due.peek(now); key !== undefined; key = due.peek(now)) {
      due.delete(key);
      if (typeof key === 'string') this.#runChore(key);
      else {
        this.#desk.handOvers.expired(this.#desk, key);
        this.#desk.unsettled.add(key);
      }
    }
  }

  #runChore(chore: Chore): void {
    const desk = this.#desk;
    switch (chore) {
      case 'settle':
        this.#joining.expired(desk);
        return;
      case 'ask':
        this.#joining.ask(desk);
        return;
      case 'agree':
        desk.quorum.agree();
        return;
      case 'strengthen':
        strengthen(desk);
        return;
      case 'rebalance':
        rebalance(desk);
        return;
      case 'listen':
        desk.everythingChanged();
        return;
      case 'announce':
        desk.announceOwed();
        return;
      case 'sweep':
        sweep(desk);
        return;
      case 'look':
        // The next part is looked at in any case.
        return;
      default:
        unreachable(chore);
    }
  }

  #stop(): void {
    const desk = this.#desk;
    for (const record of [...desk.holding]) desk.vacate(record, 'stopped');
    for (const record of desk.table.records()) desk.setDuty(record, 'none');
    this.#flush();
    desk.phase = 'stopped';
    desk.emit({ kind: 'stop-timer' });
  }

  /** Looks at every record that was concerned, until nothing follows any more; then tells. */
  #finish(): void {
    const desk = this.#desk;
    if (desk.phase === 'stopped') return;
    if (desk.solitude.note(desk.quorum.alone, desk.now)) desk.emit({ kind: 'look-around' });
    desk.lookAtPart();
    for (;;) {
      for (const record of desk.unsettled) {
        desk.unsettled.delete(record);
        desk.waiting.delete(record);
        look(desk, record);
      }
      const heard = desk.heardClaims.splice(0);
      for (const { record, claim } of heard) answerClaim(desk, record, claim);
      if (desk.unsettled.size === 0 && heard.length === 0) break;
    }
    if (desk.phase === 'settled') {
      if (desk.muted) desk.emit({ kind: 'unmute' });
      desk.muted = false;
      desk.handOvers.pump(desk);
    }
    const strong = !desk.quorum.weak;
    if (strong !== this.#toldStrong) {
      this.#toldStrong = strong;
      desk.tellFacts(EVERYBODY);
    }
    desk.flushReports();
    this.#flush();
    const idle = desk.waiting.size === 0 && desk.handOvers.idle;
    if (desk.leaving && !this.#toldEmptied && idle && desk.phase === 'settled') {
      this.#toldEmptied = true;
      desk.emit({ kind: 'emptied', kept: desk.holding.size });
    }
    this.#tellDigest();
    this.#rearm();
  }

  #flush(): void {
    const desk = this.#desk;
    let all: readonly string[] | undefined;
    desk.outbox.flush(
      () => desk.nextSequence(),
      OFFER_EXPIRY,
      (to: Receiver, payload) => {
        if (to === EVERYBODY) all ??= desk.peers.living().map(({ node }) => node);
        const nodes = to === EVERYBODY ? (all ?? []) : [to];
        if (nodes.length > 0) desk.emit({ kind: 'send', to: nodes, payload });
      },
    );
  }

  #tellDigest(): void {
    const digest = this.#desk.digest();
    if (sameDigest(digest, this.#toldDigest)) return;
    this.#toldDigest = digest;
    this.#desk.emit({ kind: 'digest', digest: digestBytes(digest) });
  }

  /** Rounded up, or a timer could fire a rounding error too early, again and again. */
  #rearm(): void {
    const next = this.#desk.due.nextDue();
    if (next === this.#toldTimer) return;
    this.#toldTimer = next;
    if (next === undefined) this.#desk.emit({ kind: 'stop-timer' });
    else
      this.#desk.emit({ kind: 'start-timer', after: ms(Math.max(0, Math.ceil((next - this.#desk.now) * 100) / 100)) });
  }
}

const hasMac = ({ facts }: Peer, mac: string): boolean => facts?.interfaces.some((link) => link.mac === mac) === true;
