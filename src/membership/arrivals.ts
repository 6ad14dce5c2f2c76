import type { Desk } from './desk.ts';
import type { Gossip } from './gossip.ts';
import { type Instance, type Member, sameTransportAddress, type TransportAddress } from './member.ts';
import type { Payloads } from './payloads.ts';
import type { Probing } from './probing.ts';
import { isLive, type Peer, pathOf, placesOf, updateOf } from './roster.ts';
import { DUPLICATE_FORGOTTEN, DUPLICATE_INTERVAL } from './settings.ts';
import type { Suspicions } from './suspicion.ts';
import type { SelfRecord } from './wire/message.ts';

/**
 * What follows when an instance is proved: it becomes a member, returns as one, or takes the place of another instance of
 * its node. The last is a restart, unless the other one still answers. Where that one was heard it cannot: one process has the
 * port. Elsewhere the one that is there is asked first, for longer than a suspicion lasts; if it lives, two machines have one
 * name, and the one that came first keeps it. What a process says of its addresses tells nothing: they are those of the Node
 * by that name.
 */
interface Rival {
  readonly self: SelfRecord;
  readonly instance: Instance;
  readonly from: TransportAddress;
  /** Of the questions whether the current instance lives. */
  readonly sequences: number[];
  left: number;
}

/** So often the current instance is asked: a rival comes again and again, and must not have the name for some datagrams that were lost. */
const QUESTIONS = 8;
const QUESTIONS_A_SUSPICION = 5;

export class Arrivals {
  readonly #desk: Desk;
  readonly #gossip: Gossip;
  readonly #suspicions: Suspicions;
  readonly #probing: Probing;
  readonly #payloads: Payloads;
  readonly #rivals = new Map<Peer, Rival>();
  readonly #reported = new Map<string, number>();

  constructor(desk: Desk, gossip: Gossip, suspicions: Suspicions, probing: Probing, payloads: Payloads) {
    this.#desk = desk;
    this.#gossip = gossip;
    this.#suspicions = suspicions;
    this.#probing = probing;
    this.#payloads = payloads;
  }

  proved(self: SelfRecord, instance: Instance, from: TransportAddress): void {
    if (self.node === this.#desk.config.node) {
      this.#tellDuplicate(self, instance, from, this.#desk.config.addresses);
      return;
    }
    const peer = this.#desk.roster.ensure(self.node);
    const current = peer.member;
    if (current === undefined || current.instance === instance || !isLive(peer))
      this.#accept(peer, self, instance, from);
    else if (pathOf(peer).some((place) => sameTransportAddress(place, from))) this.#replace(peer, self, instance, from);
    else this.#challenge(peer, self, instance, from);
  }

  /** The current instance of a node that has a rival answered. */
  acked(peer: Peer, sequence: number): void {
    const rival = this.#rivals.get(peer);
    if (rival === undefined || !rival.sequences.includes(sequence)) return;
    this.#endRivalry(peer);
    this.#tellDuplicate(rival.self, rival.instance, rival.from, placesOf(peer));
  }

  /** By timer: asks again, or gives the name to the rival. */
  decide(peer: Peer): void {
    const rival = this.#rivals.get(peer);
    if (rival === undefined) return;
    if (rival.left > 0 && isLive(peer)) {
      this.#ask(peer, rival);
      return;
    }
    this.#endRivalry(peer);
    this.#replace(peer, rival.self, rival.instance, rival.from);
  }

  /** Two live processes have that name. */
  report(node: string, addresses: readonly TransportAddress[]): void {
    const { now } = this.#desk;
    this.#desk.startTimer(`namesake ${node}`, DUPLICATE_FORGOTTEN);
    if (now - (this.#reported.get(node) ?? Number.NEGATIVE_INFINITY) < DUPLICATE_INTERVAL) return;
    this.#reported.set(node, now);
    this.#desk.emit({ kind: 'duplicate-name', node, addresses });
  }

  #accept(peer: Peer, self: SelfRecord, instance: Instance, from: TransportAddress): void {
    const before = peer.member?.instance === instance ? peer.member : undefined;
    const wasLive = before !== undefined && isLive(peer);
    if (this.#rivals.get(peer)?.instance === instance) this.#endRivalry(peer);
    // Who was dead returns as the incarnation that it will have once it is told so: no late rumour of that death counts.
    if (!wasLive) peer.diedAs = before?.status === 'dead' ? before.incarnation : -1;
    const incarnation = Math.max(self.incarnation, before?.incarnation ?? 0, peer.diedAs + 1);
    const member: Member = { node: self.node, instance, incarnation, addresses: self.addresses, status: 'alive' };
    peer.path = from;
    peer.heardAt = this.#desk.now;
    peer.hinted = [];
    if (wasLive) this.#suspicions.cancel(peer);
    this.#desk.roster.set(peer, member);
    if (wasLive) return;
    this.#desk.emit({ kind: 'member-changed', member, before: before?.status });
    // A new instance greets everybody itself; one that was cut off may not know whom it can reach again.
    if (before !== undefined) this.#gossip.add(updateOf(member));
  }

  #replace(peer: Peer, self: SelfRecord, instance: Instance, from: TransportAddress): void {
    if (isLive(peer)) {
      this.#suspicions.bury(peer, 'dead');
      this.#payloads.forget(peer);
    }
    this.#accept(peer, self, instance, from);
  }

  #challenge(peer: Peer, self: SelfRecord, instance: Instance, from: TransportAddress): void {
    if (this.#rivals.has(peer)) return;
    const rival: Rival = { self, instance, from, sequences: [], left: QUESTIONS };
    this.#rivals.set(peer, rival);
    this.#ask(peer, rival);
  }

  #ask(peer: Peer, rival: Rival): void {
    rival.left--;
    rival.sequences.push(this.#probing.ping(peer, placesOf(peer)));
    this.#desk.startTimer(`rival ${peer.node}`, this.#desk.config.profile.suspicion / QUESTIONS_A_SUSPICION);
  }

  #endRivalry(peer: Peer): void {
    this.#rivals.delete(peer);
    this.#desk.stopTimer(`rival ${peer.node}`);
  }

  /** Here, and to the one that came later. */
  #tellDuplicate(
    self: SelfRecord,
    instance: Instance,
    from: TransportAddress,
    others: readonly TransportAddress[],
  ): void {
    this.report(self.node, [from]);
    this.#desk.emit({
      kind: 'transmit',
      to: from,
      receiver: instance,
      messages: [{ kind: 'duplicate', addresses: others }],
    });
  }
}
