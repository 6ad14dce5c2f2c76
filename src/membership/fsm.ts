import { unreachable } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { Agreement } from './agreement.ts';
import { Arrivals } from './arrivals.ts';
import { Desk } from './desk.ts';
import type { MembershipConfig, MembershipEffect, MembershipEvent, TimerName } from './events.ts';
import { showsHearing } from './evidence.ts';
import { Gossip } from './gossip.ts';
import { Greeter } from './handshake.ts';
import { Hearsay } from './hearsay.ts';
import { LocalHealth } from './local-health.ts';
import {
  type Instance,
  isMember,
  type Member,
  type Seed,
  sameTransportAddress,
  type TransportAddress,
} from './member.ts';
import { Payloads } from './payloads.ts';
import { Probing } from './probing.ts';
import { isLive, type Peer, placesOf } from './roster.ts';
import { DEPARTURE_INTERVAL, DEPARTURE_TELLS, NAME_TAKEN_LASTS } from './settings.ts';
import { Suspicions } from './suspicion.ts';
import type { Message } from './wire/message.ts';

/**
 * Membership: which speakers are alive, and a way to say something to each of them. SWIM with the local health of Lifeguard.
 *
 * Data: a `Roster` with one entry a node. Around it, each in its file: greetings by which an instance is proved
 * (handshake.ts) and what follows (arrivals.ts), probes (probing.ts), suspicions (suspicion.ts), what is passed on
 * (gossip.ts) and what is believed of it (hearsay.ts), reliable payloads (payloads.ts), anti-entropy (agreement.ts). They
 * share a `Desk`, which collects the effects of an event. Deterministic: time and messages come with events, randomness is
 * injected, so a whole cluster runs in one process on virtual time.
 *
 * Other than in the paper: the order of probes is fixed; a suspicion is told to the suspect alone, at once and repeatedly;
 * whoever says anything that shows that it hears is not suspected; the dead are greeted as long as they have a Node.
 * Deliberately missing: any other way to find members than the Node list, and any view of who holds what (election).
 *
 * Standards: Das, Gupta, Motivala, "SWIM" (2002); Dadgar, Phillips, Currey, "Lifeguard" (2018).
 */

export class Membership {
  readonly #desk: Desk;
  readonly #health: LocalHealth;
  readonly #gossip: Gossip;
  readonly #suspicions: Suspicions;
  readonly #probing: Probing;
  readonly #payloads: Payloads;
  readonly #arrivals: Arrivals;
  readonly #greeter: Greeter;
  readonly #hearsay: Hearsay;
  readonly #agreement: Agreement;
  #phase: 'new' | 'running' | 'leaving' | 'departed' = 'new';
  /** After a pause: nobody said yet what it thinks of us. */
  #asking = false;
  #departures = 0;
  #nameTaken = false;

  constructor(config: MembershipConfig, random: Random) {
    const desk = new Desk(config, random);
    this.#desk = desk;
    this.#health = new LocalHealth(desk);
    this.#gossip = new Gossip(desk);
    this.#suspicions = new Suspicions(desk, this.#gossip, this.#health);
    this.#probing = new Probing(desk, this.#gossip, this.#health, this.#suspicions);
    this.#payloads = new Payloads(desk);
    this.#arrivals = new Arrivals(desk, this.#gossip, this.#suspicions, this.#probing, this.#payloads);
    this.#greeter = new Greeter(desk, this.#arrivals);
    this.#hearsay = new Hearsay(desk, this.#gossip, this.#suspicions, this.#probing, this.#greeter);
    this.#agreement = new Agreement(desk, this.#probing);
  }

  handle(event: MembershipEvent): readonly MembershipEffect[] {
    this.#desk.now = event.now;
    if (this.#phase !== 'departed') this.#step(event);
    const effects = this.#desk.takeEffects();
    return effects.some(endsMembership) ? [...effects, ...this.#tidy(effects)] : effects;
  }

  /** Nobody was heard for as long as it takes to call somebody dead: then it is more likely us, and no time to take over anything. */
  get deaf(): boolean {
    return this.#desk.deaf;
  }

  /** Of every node that ever was a member and is not forgotten, without this one. */
  members(): readonly Member[] {
    return this.#desk.roster.all().flatMap(({ member }) => member ?? []);
  }

  #step(event: MembershipEvent): void {
    if (this.#phase === 'leaving' && event.kind !== 'timer-fired') return;
    switch (event.kind) {
      case 'started':
        this.#phase = 'running';
        this.#desk.heardAt = event.now;
        this.#probing.start();
        this.#greetAbsent();
        for (const peer of this.#desk.roster.all()) this.#greeter.greet(peer);
        return;
      case 'seeds-changed':
        this.#seed(event.seeds);
        return;
      case 'received':
        for (const message of event.messages) this.#received(message, event.sender, event.from);
        return;
      case 'timer-fired':
        this.#fired(event.timer);
        return;
      case 'send':
        this.#payloads.send(event.to, event.payload);
        return;
      case 'profile-changed':
        this.#desk.config = { ...this.#desk.config, profile: event.profile };
        return;
      case 'payload-digest':
        this.#desk.payloadDigest = event.digest;
        return;
      case 'woke':
        this.#woke();
        return;
      case 'refused': {
        const peer = this.#desk.roster.at(event.to);
        if (peer !== undefined) this.#suspicions.beginBrief(peer);
        return;
      }
      case 'leave':
        this.#phase = 'leaving';
        this.#depart();
        return;
      default:
        unreachable(event);
    }
  }

  #seed(seeds: readonly Seed[]): void {
    const { fresh, forgotten } = this.#desk.roster.seed(seeds, this.#desk.config.node);
    for (const { member } of forgotten) if (member !== undefined) this.#desk.emit({ kind: 'member-forgotten', member });
    if (this.#phase === 'running') for (const peer of fresh) if (!isLive(peer)) this.#greeter.greet(peer);
  }

  #received(message: Message, sender: Instance, from: TransportAddress): void {
    if (message.kind === 'hello' || message.kind === 'challenge' || message.kind === 'echo') {
      this.#greeter.received(message, sender, from);
      return;
    }
    if (message.kind === 'duplicate') {
      this.#arrivals.report(this.#desk.config.node, message.addresses);
      // A namesake says it too, of whichever of us came first; a member knows.
      if (this.#desk.roster.byInstance(sender) !== undefined) this.#setNameTaken(true);
      return;
    }
    const peer = this.#desk.roster.byInstance(sender);
    if (peer === undefined || !isLive(peer)) {
      this.#greeter.greetStranger(sender, from);
      return;
    }
    this.#heard(peer, message, from);
    switch (message.kind) {
      case 'ping':
        this.#probing.answer(peer, message.sequence);
        return;
      case 'ack':
        this.#probing.acked(peer, message.sequence);
        this.#arrivals.acked(peer, message.sequence);
        return;
      case 'ping-req':
        this.#probing.relay(peer, message.sequence, message.instance);
        return;
      case 'relayed-ack':
        this.#probing.relayedAck(message.sequence);
        return;
      case 'nack':
        this.#probing.nack(message.sequence);
        return;
      case 'updates':
        for (const update of message.updates) this.#hearsay.received(update, peer);
        return;
      case 'sync':
        for (const update of message.updates) this.#hearsay.received({ ...update, confirmed: false }, peer);
        if (message.reply) this.#agreement.send(peer, false);
        return;
      case 'payload':
        this.#payloads.received(peer, message.sequence, message.payload);
        return;
      case 'payload-ack':
        this.#payloads.acknowledged(peer, message.sequence);
        return;
      default:
        unreachable(message);
    }
  }

  /** Whatever the message is about: the member speaks, and perhaps it hears. */
  #heard(peer: Peer, message: Message, from: TransportAddress): void {
    const desk = this.#desk;
    desk.heardAt = desk.now;
    if (peer.path !== undefined && !sameTransportAddress(peer.path, from))
      peer.path = placesOf(peer).find((place) => sameTransportAddress(place, from)) ?? peer.path;
    if (showsHearing(message, peer.node)) {
      peer.heardAt = desk.now;
      this.#suspicions.cancel(peer);
    }
    if (message.kind !== 'ping' && message.kind !== 'ack') return;
    this.#agreement.compare(peer, message.state);
    const { member } = peer;
    if (member === undefined) return;
    if (message.state.incarnation > member.incarnation) desk.change(peer, { incarnation: message.state.incarnation });
    // It missed that it was thought dead.
    if (message.state.incarnation <= peer.diedAs) {
      const dead = { ...member, incarnation: peer.diedAs, status: 'dead', confirmed: false } as const;
      desk.transmit(peer, [{ kind: 'updates', updates: [dead] }]);
    }
    if (this.#asking && message.kind === 'ack') {
      this.#asking = false;
      desk.emit({ kind: 'standing', by: member, standing: 'current' });
    }
  }

  #fired(timer: TimerName): void {
    const [name = '', argument = ''] = timer.split(' ');
    if (name === 'depart') this.#depart();
    if (this.#phase !== 'running') return;
    switch (name) {
      case 'probe':
        this.#probing.begin();
        return;
      case 'direct':
        this.#probing.directTimedOut();
        return;
      case 'indirect':
        this.#probing.indirectTimedOut();
        return;
      case 'relay':
        this.#probing.relayTimedOut(Number(argument));
        return;
      case 'greet':
        this.#greeter.tick();
        return;
      case 'absent':
        this.#greetAbsent();
        return;
      case 'name':
        this.#setNameTaken(false);
        return;
      case 'namesake':
        this.#desk.emit({ kind: 'duplicate-name-over', node: argument });
        return;
      default: {
        const peer = this.#desk.roster.get(argument);
        if (peer !== undefined) this.#firedFor(peer, name);
      }
    }
  }

  #firedFor(peer: Peer, name: string): void {
    switch (name) {
      case 'tell':
        this.#suspicions.tell(peer);
        return;
      case 'suspect':
        this.#suspicions.expire(peer);
        return;
      case 'payload':
        this.#payloads.repeat(peer);
        return;
      case 'rival':
        this.#arrivals.decide(peer);
        return;
      case 'verify':
        this.#agreement.verify(peer);
        return;
    }
  }

  /** By timer: one of those that should be there and are not. Seldom in a large cluster, where many greet the same one. */
  #greetAbsent(): void {
    const { roster, config } = this.#desk;
    const peer = roster.nextAbsent();
    if (peer !== undefined) this.#greeter.greetOnce(peer);
    this.#desk.startTimer('absent', 2 * config.profile.period * Math.max(1, roster.memberCount / 8));
  }

  #setNameTaken(taken: boolean): void {
    if (taken) this.#desk.startTimer('name', NAME_TAKEN_LASTS);
    if (taken === this.#nameTaken) return;
    this.#nameTaken = taken;
    this.#desk.emit({ kind: 'name-taken', taken });
  }

  #woke(): void {
    const desk = this.#desk;
    desk.heardAt = desk.now;
    this.#health.worse(2);
    this.#probing.reset();
    this.#suspicions.cancelAll();
    for (const peer of desk.roster.members()) peer.heardAt = desk.now;
    this.#asking = true;
    for (const peer of desk.roster.pick(MOST_ASKED, () => true)) this.#probing.ping(peer);
  }

  #depart(): void {
    const desk = this.#desk;
    if (this.#departures++ === DEPARTURE_TELLS) {
      this.#phase = 'departed';
      desk.emit({ kind: 'departed' });
      return;
    }
    this.#gossip.spread(desk.selfUpdate('left'));
    desk.startTimer('depart', DEPARTURE_INTERVAL);
  }

  /** Of whoever is no member any more. */
  #tidy(effects: readonly MembershipEffect[]): readonly MembershipEffect[] {
    for (const effect of effects) {
      if (!endsMembership(effect)) continue;
      const peer = this.#desk.roster.get(effect.member.node);
      if (peer === undefined || isLive(peer)) continue;
      this.#payloads.forget(peer);
      this.#agreement.forget(peer);
      if (this.#desk.roster.forgetIfGone(peer)) this.#desk.emit({ kind: 'member-forgotten', member: effect.member });
    }
    return this.#desk.takeEffects();
  }
}

/** After a pause so many are asked what they think of us. */
const MOST_ASKED = 32;

const endsMembership = (effect: MembershipEffect): effect is Extract<MembershipEffect, { kind: 'member-changed' }> =>
  effect.kind === 'member-changed' && !isMember(effect.member);
