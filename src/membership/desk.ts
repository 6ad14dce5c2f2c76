import type { Milliseconds } from '../base/clock.ts';
import { ms } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { MembershipConfig, MembershipEffect, TimerName } from './events.ts';
import type { Member, MemberStatus, TransportAddress } from './member.ts';
import { type Peer, Roster, updateOf } from './roster.ts';
import { PAYLOAD_DIGEST } from './wire/constants.ts';
import type { MemberUpdate, Message, ProbeState, SelfRecord } from './wire/message.ts';

/** What the parts of the membership share while they handle an event: the time, the table, what we say of ourselves, the effects. */
export class Desk {
  /** Of it the profile may change. */
  config: MembershipConfig;
  readonly random: Random;
  readonly roster: Roster;
  now: Milliseconds = ms(0);
  /** When anybody was heard last. */
  heardAt: Milliseconds = ms(0);
  payloadDigest: Uint8Array = new Uint8Array(PAYLOAD_DIGEST);
  #incarnation = 0;
  #sequence: number;
  #effects: MembershipEffect[] = [];

  constructor(config: MembershipConfig, random: Random) {
    this.config = config;
    this.random = random;
    this.roster = new Roster(random, config.instance);
    this.#sequence = Math.floor(random.fraction() * 0x1_0000);
  }

  get incarnation(): number {
    return this.#incarnation;
  }
  get self(): SelfRecord {
    const { node, addresses } = this.config;
    return { node, addresses, incarnation: this.#incarnation };
  }
  /** This node as the others should see it. */
  selfUpdate(status: MemberStatus): MemberUpdate {
    return { ...this.self, instance: this.config.instance, status, confirmed: false };
  }

  /** Outlives what others said of this incarnation. */
  refute(incarnation: number): void {
    this.#incarnation = Math.max(this.#incarnation, incarnation + 1);
    this.emit({ kind: 'notice', notice: { kind: 'refuted' } });
  }

  /** Nobody was heard for as long as it takes to call somebody dead: then it is more likely us. */
  get deaf(): boolean {
    const { indirectTimeout, suspicion } = this.config.profile;
    return this.now - this.heardAt > indirectTimeout + suspicion;
  }

  probeState(): ProbeState {
    const { payloadDigest, deaf } = this;
    return { incarnation: this.#incarnation, deaf, payloadDigest, memberDigest: this.roster.digest };
  }

  /** Of 32 bits; used again only when every answer to it is long gone. */
  nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    return this.#sequence;
  }

  emit(effect: MembershipEffect): void {
    this.#effects.push(effect);
  }
  takeEffects(): readonly MembershipEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** To the member's current instance, where it proved to be, or at another of its places. */
  transmit(peer: Peer, messages: readonly Message[], to: TransportAddress | undefined = peer.path): void {
    if (peer.member !== undefined && to !== undefined)
      this.emit({ kind: 'transmit', to, receiver: peer.member.instance, messages });
  }

  startTimer(timer: string, after: number): void {
    this.emit({ kind: 'start-timer', timer: timer as TimerName, after: ms(Math.max(0, after)) });
  }
  stopTimer(timer: string): void {
    this.emit({ kind: 'stop-timer', timer: timer as TimerName });
  }

  /** Changes a known instance. */
  change(peer: Peer, change: Partial<Omit<Member, 'node' | 'instance'>>): void {
    const { member } = peer;
    if (member === undefined) return;
    const changed = { ...member, ...change };
    this.roster.set(peer, changed);
    if (changed.status !== member.status) this.emit({ kind: 'member-changed', member: changed, before: member.status });
  }

  /** What is known of a peer that ever was a member. */
  updateOf(peer: Peer, confirmed = false): readonly MemberUpdate[] {
    return peer.member === undefined ? [] : [updateOf(peer.member, confirmed)];
  }
}
