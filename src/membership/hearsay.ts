import { unreachable } from '../base/errors.ts';
import type { Desk } from './desk.ts';
import type { Gossip } from './gossip.ts';
import type { Greeter } from './handshake.ts';
import { isMember } from './member.ts';
import type { Probing } from './probing.ts';
import { isLive, type Peer, placesOf } from './roster.ts';
import { CONFIRMATIONS } from './settings.ts';
import { NO_PROBE, type Suspicions } from './suspicion.ts';
import type { MemberUpdate } from './wire/message.ts';

/**
 * What members say about third ones, and about us. Nobody becomes a member by hearsay: an instance that we do not know, or
 * know as dead, is greeted, and proves itself. Departures are believed. Deaths are believed unless we know better, by a later
 * incarnation, or cannot know yet: it may just not have been the member's turn to speak to us. Then it is asked, for a moment. One
 * that only the sender noticed is looked into for as long as one of our own, since a speaker that hears nothing calls everybody dead.
 */
export class Hearsay {
  readonly #desk: Desk;
  readonly #gossip: Gossip;
  readonly #suspicions: Suspicions;
  readonly #probing: Probing;
  readonly #greeter: Greeter;
  /** The latest incarnation of ours that somebody called dead. */
  #diedAs = -1;

  constructor(desk: Desk, gossip: Gossip, suspicions: Suspicions, probing: Probing, greeter: Greeter) {
    this.#desk = desk;
    this.#gossip = gossip;
    this.#suspicions = suspicions;
    this.#probing = probing;
    this.#greeter = greeter;
  }

  received(update: MemberUpdate, from: Peer): void {
    if (update.node === this.#desk.config.node) {
      this.#aboutUs(update, from);
      return;
    }
    // Only the Node list and a speaker's own hello make a node known.
    const peer = this.#desk.roster.get(update.node);
    if (peer === undefined) return;
    if (peer.member?.instance !== update.instance) {
      if (isMember(update)) this.#lookFor(peer, update);
      return;
    }
    switch (update.status) {
      case 'alive':
      case 'suspect':
        if (!isLive(peer)) this.#lookFor(peer, update);
        else if (update.incarnation > peer.member.incarnation)
          this.#desk.change(peer, { incarnation: update.incarnation, addresses: update.addresses });
        return;
      case 'left':
        if (isLive(peer)) this.#believe(peer, update, from);
        return;
      case 'dead':
        if (isLive(peer) && update.incarnation >= peer.member.incarnation) this.#saidToBeDead(peer, update, from);
        return;
      default:
        unreachable(update.status);
    }
  }

  /** The sender must hear at once that it is wrong. */
  #aboutUs(update: MemberUpdate, from: Peer): void {
    const { config, incarnation } = this.#desk;
    if (update.instance !== config.instance || update.status === 'alive' || update.status === 'left') return;
    if (update.incarnation >= incarnation) this.#desk.refute(update.incarnation);
    const alive = this.#desk.selfUpdate('alive');
    this.#desk.transmit(from, [{ kind: 'updates', updates: [alive] }]);
    // An incarnation dies once, however many say so and however late.
    if (update.status !== 'dead' || update.incarnation <= this.#diedAs) return;
    this.#diedAs = update.incarnation;
    this.#gossip.add(alive);
    if (from.member !== undefined) this.#desk.emit({ kind: 'standing', by: from.member, standing: 'void' });
  }

  #saidToBeDead(peer: Peer, update: MemberUpdate, from: Peer): void {
    const { now, roster, config } = this.#desk;
    const { period, directTimeout } = config.profile;
    // Each probes the other once in a rotation.
    const longest = period * roster.memberCount + directTimeout / 2;
    if (update.confirmed && now - peer.heardAt > longest) {
      this.#believe(peer, update, from);
      return;
    }
    if (this.#suspicions.has(peer)) return;
    this.#probing.ping(peer, placesOf(peer));
    if (peer.path !== undefined) this.#desk.emit({ kind: 'knock', to: peer.path });
    if (update.confirmed) this.#suspicions.beginBrief(peer);
    else this.#suspicions.begin(peer, NO_PROBE, CONFIRMATIONS);
  }

  #believe(peer: Peer, update: MemberUpdate, from: Peer): void {
    this.#suspicions.bury(peer, update.status === 'left' ? 'left' : 'dead');
    this.#gossip.spread(update, from);
  }

  #lookFor(peer: Peer, { addresses }: MemberUpdate): void {
    peer.hinted = addresses;
    this.#greeter.greet(peer);
  }
}
