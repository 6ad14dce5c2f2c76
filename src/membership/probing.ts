import type { Desk } from './desk.ts';
import type { Gossip } from './gossip.ts';
import type { LocalHealth } from './local-health.ts';
import type { Instance, TransportAddress } from './member.ts';
import { type Peer, pathOf, placesOf } from './roster.ts';
import { HELPERS } from './settings.ts';
import type { Suspicions } from './suspicion.ts';
import type { Message, ProbeState } from './wire/message.ts';

/**
 * One member is probed each period. If it does not answer in time, up to three others are asked to probe it, we ask it once
 * more at every place that we know, and the kernel there is asked whether anybody listens. When nobody has heard of it by
 * then, it is suspected. The same the other way: others ask us to probe for them, and we say also when we heard nothing.
 */
interface Probe {
  readonly peer: Peer;
  readonly instance: Instance;
  readonly sequence: number;
  readonly began: number;
  helpers: number;
  /** Helpers that said that they heard nothing either. */
  nacks: number;
  /** When the timer that runs should fire. */
  due: number;
}

interface Relay {
  readonly target: Instance;
  readonly asker: Peer;
  readonly askedAs: number;
}

const MOST_RELAYS = 256;
/** Of the time between direct and indirect time-out, so that a nack still arrives within it. */
const NACK_AFTER = 0.75;

export class Probing {
  readonly #desk: Desk;
  readonly #gossip: Gossip;
  readonly #health: LocalHealth;
  readonly #suspicions: Suspicions;
  readonly #relays = new Map<number, Relay>();
  #probe: Probe | undefined;
  /** When the next probe should begin. */
  #due = 0;

  constructor(desk: Desk, gossip: Gossip, health: LocalHealth, suspicions: Suspicions) {
    this.#desk = desk;
    this.#gossip = gossip;
    this.#health = health;
    this.#suspicions = suspicions;
  }

  /** Speakers that started together do not probe together. */
  start(): void {
    this.#schedule(this.#desk.config.profile.period * this.#desk.random.fraction());
  }

  /** By timer: the next member's turn. */
  begin(): void {
    const { roster, now, config } = this.#desk;
    this.#noteLateness(this.#due);
    // Keeps the beat, unless it is lost already.
    const period = config.profile.period * this.#health.factor;
    this.#schedule(Math.max(this.#due + period - now, period / 2));
    const peer = roster.nextMember();
    if (peer?.member === undefined || this.#suspicions.has(peer)) return;
    const sequence = this.ping(peer);
    const due = now + config.profile.directTimeout * this.#health.factor;
    this.#probe = { peer, instance: peer.member.instance, sequence, began: now, helpers: 0, nacks: 0, due };
    this.#desk.startTimer('direct', due - now);
  }

  /** Returns the sequence that its answer will have. */
  ping(peer: Peer, places = pathOf(peer)): number {
    const sequence = this.#desk.nextSequence();
    this.#ping(peer, sequence, places);
    return sequence;
  }

  /** By timer: no direct answer. */
  directTimedOut(): void {
    const probe = this.#current();
    if (probe === undefined) return;
    this.#noteLateness(probe.due);
    const { peer, sequence, instance } = probe;
    const helpers = this.#desk.roster.pick(HELPERS, (other) => other !== peer && !this.#suspicions.has(other));
    probe.helpers = helpers.length;
    for (const helper of helpers) this.#desk.transmit(helper, [{ kind: 'ping-req', sequence, instance }]);
    this.#ping(peer, sequence, placesOf(peer));
    if (peer.path !== undefined) this.#desk.emit({ kind: 'knock', to: peer.path });
    const { profile } = this.#desk.config;
    probe.due = this.#desk.now + (profile.indirectTimeout - profile.directTimeout) * this.#health.factor;
    this.#desk.startTimer('indirect', probe.due - this.#desk.now);
  }

  /** By timer: nobody heard it. */
  indirectTimedOut(): void {
    const probe = this.#current();
    if (probe === undefined) return;
    this.#noteLateness(probe.due);
    this.#probe = undefined;
    if (probe.peer.heardAt >= probe.began) return;
    if (probe.helpers > 1 && probe.nacks === 0) this.#health.worse();
    this.#suspicions.begin(probe.peer, probe.sequence, probe.nacks);
  }

  answer(peer: Peer, sequence: number): void {
    this.#desk.transmit(peer, [{ kind: 'ack', sequence, state: this.#desk.probeState() }, ...this.#gossip.take()]);
  }

  acked(peer: Peer, sequence: number): void {
    if (this.#probe?.sequence === sequence && this.#probe.peer === peer) this.#succeed();
    const relay = this.#relays.get(sequence);
    if (relay === undefined || relay.target !== peer.member?.instance) return;
    this.#endRelay(sequence);
    this.#desk.transmit(relay.asker, [{ kind: 'relayed-ack', sequence: relay.askedAs }]);
  }

  /** A helper heard it: as good as an answer, and it ends the suspicion that this probe led to. */
  relayedAck(sequence: number): void {
    if (this.#probe?.sequence === sequence) this.#succeed();
    else this.#suspicions.heardByHelper(sequence);
  }

  nack(sequence: number): void {
    if (this.#probe?.sequence === sequence) this.#probe.nacks++;
    else this.#suspicions.confirm(sequence);
  }

  /** Somebody asks us to probe for it. Of an instance that is unknown here we have nothing to say. */
  relay(asker: Peer, sequence: number, target: Instance): void {
    const peer = this.#desk.roster.byInstance(target);
    if (peer?.path === undefined || peer === asker || this.#relays.size >= MOST_RELAYS) return;
    const own = this.ping(peer);
    this.#relays.set(own, { target, asker, askedAs: sequence });
    const { directTimeout, indirectTimeout } = this.#desk.config.profile;
    this.#desk.startTimer(`relay ${own}`, (indirectTimeout - directTimeout) * NACK_AFTER);
  }

  /** By timer. */
  relayTimedOut(own: number): void {
    const relay = this.#relays.get(own);
    if (relay === undefined) return;
    this.#relays.delete(own);
    this.#desk.transmit(relay.asker, [{ kind: 'nack', sequence: relay.askedAs }]);
  }

  /** After a pause nothing that was under way means anything. */
  reset(): void {
    this.#probe = undefined;
    this.#desk.stopTimer('direct');
    this.#desk.stopTimer('indirect');
    for (const own of [...this.#relays.keys()]) this.#endRelay(own);
    this.#schedule(this.#desk.config.profile.period);
  }

  #ping(peer: Peer, sequence: number, places: readonly TransportAddress[]): void {
    const state: ProbeState = this.#desk.probeState();
    const messages: readonly Message[] = [{ kind: 'ping', sequence, state }, ...this.#gossip.take()];
    for (const place of places) this.#desk.transmit(peer, messages, place);
  }

  /** Undefined also when the node has another instance meanwhile. */
  #current(): Probe | undefined {
    return this.#probe?.instance === this.#probe?.peer.member?.instance ? this.#probe : undefined;
  }

  #succeed(): void {
    this.#probe = undefined;
    this.#desk.stopTimer('direct');
    this.#desk.stopTimer('indirect');
    this.#health.better();
  }

  #schedule(after: number): void {
    this.#due = this.#desk.now + after;
    this.#desk.startTimer('probe', after);
  }

  #noteLateness(due: number): void {
    if (this.#desk.now - due > this.#desk.config.profile.directTimeout / 2) this.#health.worse();
  }

  #endRelay(own: number): void {
    this.#relays.delete(own);
    this.#desk.stopTimer(`relay ${own}`);
  }
}
