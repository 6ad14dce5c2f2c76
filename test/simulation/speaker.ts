import { type Milliseconds, ms } from '../../src/base/clock.ts';
import { unreachable } from '../../src/base/errors.ts';
import type { IpAddress } from '../../src/base/ip-address.ts';
import { formatIpAddress } from '../../src/base/ip-address.ts';
import type { MacAddress } from '../../src/base/mac-address.ts';
import type { ElectionAddress } from '../../src/election/address.ts';
import type { ClaimCause } from '../../src/election/claim.ts';
import type { AddressState, ElectionEffect, ElectionEvent } from '../../src/election/events.ts';
import type { FactInterface } from '../../src/election/facts.ts';
import { Election } from '../../src/election/fsm.ts';
import { decodeMessage } from '../../src/election/wire/message.ts';
import type { TransportAddress } from '../../src/membership/member.ts';
import { DEFAULT_PROFILE } from '../../src/membership/settings.ts';
import { addressOf, type MembershipNetwork, MembershipNode, seedsOf } from './membership-node.ts';
import type { Scheduled } from './network-model.ts';
import type { NodeClock } from './node-clock.ts';

type Step = ElectionEvent extends infer E ? (E extends ElectionEvent ? Omit<E, 'now'> : never) : never;

export interface SpeakerOptions {
  readonly node: string;
  readonly number: number;
  readonly count: number;
  readonly seed: number;
  readonly time: NodeClock;
  readonly network: MembershipNetwork;
  readonly rebalancePerMinute: number | undefined;
  /** Its own health check for the address answers, after a while. */
  /** Of the Node by its name, where the process is elsewhere. */
  readonly addresses?: readonly TransportAddress[];
  readonly check: (speaker: Speaker, address: IpAddress) => void;
  readonly onEffect: (speaker: Speaker, effect: ElectionEffect) => void;
  /** It did not run for so long; without end when it is dead. `jump`: nobody else saw that. */
  readonly onPause: (speaker: Speaker, pause: number, seen: 'stop' | 'jump') => void;
}

export const cable = (number: number, up = true): FactInterface => ({
  name: 'eth0',
  up,
  alive: true,
  mac: '02:00:00:00:00:01' as MacAddress,
  physical: true,
  addresses: [{ address: addressOf(number).address, prefixLength: 8 }],
});

/** One start of one speaker: membership and election as the wire thread joins them, and a layer 2 that is a set of addresses. */
export class Speaker {
  readonly node: string;
  readonly membership: MembershipNode;
  readonly election: Election;
  state: 'running' | 'frozen' | 'dead' = 'running';
  /** Answered for on the link, were it not for `muted`. */
  readonly held = new Set<string>();
  readonly prepared = new Set<string>();
  muted = false;
  /** Received anything since it last woke. */
  askedSince = true;
  emptied = false;
  leaving = false;
  /** By address: what Kubernetes last said of it, and why this node made its latest claim. */
  readonly told = new Map<string, ElectionAddress>();
  readonly causes = new Map<string, ClaimCause>();
  readonly states = new Map<string, AddressState>();
  readonly #options: SpeakerOptions;
  #timer: Scheduled | undefined;
  #missed: Step[] = [];
  #frozenAt = ms(0);
  #interfaces: readonly FactInterface[];
  #heard: ReadonlySet<string> = new Set(['eth0']);
  #apiViewAge = ms(0);

  constructor(options: SpeakerOptions) {
    this.#options = options;
    const { node, number, count, seed, time, network } = options;
    this.node = node;
    this.#interfaces = [cable(number)];
    this.membership = new MembershipNode(
      {
        node,
        profile: DEFAULT_PROFILE,
        time,
        network,
        seed,
        ...(options.addresses === undefined ? {} : { addresses: options.addresses }),
        onReport: (report) => {
          if (report.kind === 'member-changed') this.step({ kind: 'member-changed', member: report.member });
          else if (report.kind === 'member-forgotten') this.step(report);
          else if (report.kind === 'payload') {
            this.askedSince = true;
            this.step({ kind: 'received', from: report.from, payload: report.payload });
          } else if (report.kind === 'digest-differs') this.step({ kind: 'digest-differs', member: report.member });
          else if (report.kind === 'standing') this.step({ kind: 'standing', standing: report.standing });
          else if (report.kind === 'name-taken') this.step(report);
        },
      },
      number,
    );
    this.election = new Election({
      node,
      instance: this.membership.instance,
      settleTime: ms(1000),
      rebalancePerMinute: options.rebalancePerMinute,
      observe: false,
      isDeaf: () => this.membership.fsm.deaf,
    });
    this.step({ kind: 'nodes', nodes: new Set(seedsOf(count).map((seed) => seed.node)) });
    this.#tellFacts();
    this.step({ kind: 'started' });
    this.membership.step({ kind: 'seeds-changed', seeds: seedsOf(count) });
    this.membership.step({ kind: 'started' });
  }

  get answering(): ReadonlySet<string> {
    return this.state === 'running' && !this.muted ? this.held : NOTHING;
  }

  step(event: Step): void {
    if (this.state === 'dead') return;
    if (this.state === 'frozen') {
      this.#missed.push(event);
      return;
    }
    if (event.kind === 'addresses') {
      for (const address of event.remove) this.told.delete(formatIpAddress(address));
      for (const wanted of event.set) this.told.set(formatIpAddress(wanted.address), wanted);
    }
    const effects = this.election.handle({ ...event, now: this.#options.time.now });
    for (const effect of effects)
      if (effect.kind === 'hold' || effect.kind === 'release' || effect.kind === 'prepare')
        this.causes.delete(formatIpAddress(effect.address));
    for (const effect of effects) this.#noteCause(effect);
    for (const effect of effects) this.#perform(effect);
  }

  want(set: readonly ElectionAddress[], remove: readonly IpAddress[] = []): void {
    this.step({ kind: 'addresses', set, remove });
  }

  link(interfaces: readonly FactInterface[], heard: boolean): void {
    this.#interfaces = interfaces;
    this.#heard = new Set(heard ? interfaces.map(({ name }) => name) : []);
    this.#tellFacts();
  }

  apiView(age: number): void {
    this.#apiViewAge = ms(age);
    this.#tellFacts();
  }

  /** Power off. */
  die(): void {
    if (this.state === 'dead') return;
    this.state = 'dead';
    this.#options.onPause(this, Number.POSITIVE_INFINITY, 'stop');
    this.membership.die();
    this.#stopTimer();
  }

  /** SIGTERM: hand over, then go. `grace` is what the kubelet gives. */
  leave(grace: number): void {
    this.leaving = true;
    this.step({ kind: 'leave' });
    const depart = (): void => {
      if (this.state === 'dead') return;
      if (this.state === 'running') {
        this.step({ kind: 'stop' });
        this.membership.step({ kind: 'leave' });
      }
      this.#options.time.after(300, () => this.die());
    };
    const until = this.#options.time.now + grace;
    const look = (): void => {
      if (this.emptied || this.#options.time.now >= until) depart();
      else this.#options.time.after(20, look);
    };
    look();
  }

  freeze(): void {
    if (this.state !== 'running') return;
    this.state = 'frozen';
    this.#frozenAt = this.#options.time.now;
    this.#options.onPause(this, 0, 'stop');
    this.membership.freeze();
  }

  /** First the look at the clock, then what arrived, then timers. */
  thaw(): void {
    if (this.state !== 'frozen') return;
    this.state = 'running';
    const gap = ms(this.#options.time.now - this.#frozenAt);
    this.#options.onPause(this, gap, 'stop');
    this.#woke(gap);
    this.membership.thaw();
    for (const event of this.#missed.splice(0)) this.step(event);
  }

  /** Its clock jumps ahead: for the process that is a pause, of which nobody else knows. */
  jump(by: number): void {
    if (this.state !== 'running') return;
    this.#options.time.jump(by);
    this.#options.onPause(this, by, 'jump');
    this.#woke(ms(by));
    this.membership.woke(ms(by));
  }

  #woke(gap: Milliseconds): void {
    if (gap <= DEFAULT_PROFILE.suspicion / 2) return;
    this.askedSince = false;
    this.step({ kind: 'woke', gap });
  }

  #noteCause(effect: ElectionEffect): void {
    if (effect.kind === 'holders') {
      // Who is alone says its claims to nobody.
      for (const { address, holder } of effect.changed)
        if (holder?.node === this.node) this.causes.set(formatIpAddress(address), holder.cause);
    }
    if (effect.kind !== 'send') return;
    const message = decodeMessage(effect.payload);
    if (!message.ok || message.value === 'unknown' || message.value.kind !== 'claims') return;
    for (const { address, cause } of message.value.claims) this.causes.set(formatIpAddress(address), cause);
  }

  #tellFacts(): void {
    const facts = { interfaces: this.#interfaces, draining: false, apiViewAge: this.#apiViewAge, version: 'test' };
    this.step({ kind: 'own-facts', facts, heard: this.#heard });
  }

  #perform(effect: ElectionEffect): void {
    switch (effect.kind) {
      case 'send':
        for (const to of effect.to) this.membership.step({ kind: 'send', to, payload: effect.payload });
        break;
      case 'start-timer':
        this.#stopTimer();
        this.#timer = this.#options.time.after(effect.after, () => {
          this.#timer = undefined;
          this.step({ kind: 'timer-fired' });
        });
        break;
      case 'stop-timer':
        this.#stopTimer();
        break;
      case 'hold':
        this.prepared.delete(formatIpAddress(effect.address));
        this.held.add(formatIpAddress(effect.address));
        break;
      case 'prepare':
        this.held.delete(formatIpAddress(effect.address));
        this.prepared.add(formatIpAddress(effect.address));
        break;
      case 'release':
        this.held.delete(formatIpAddress(effect.address));
        this.prepared.delete(formatIpAddress(effect.address));
        break;
      case 'mute':
        this.muted = true;
        break;
      case 'unmute':
        this.muted = false;
        break;
      case 'digest':
        this.membership.step({ kind: 'payload-digest', digest: effect.digest });
        break;
      case 'look-around':
        this.#options.time.after(30, () => this.#tellFacts());
        break;
      case 'emptied':
        this.emptied = true;
        break;
      case 'holders':
        for (const state of effect.changed) this.#learn(state);
        break;
      case 'check':
        this.#options.check(this, effect.address);
        break;
      case 'announce-again':
      case 'handed-over':
      case 'nobody-took':
      case 'notice':
        break;
      default:
        unreachable(effect);
    }
    this.#options.onEffect(this, effect);
  }

  #learn(state: AddressState): void {
    const text = formatIpAddress(state.address);
    const before = this.states.get(text)?.holder?.term ?? 0;
    const term = state.holder?.term;
    if (term !== undefined && term < before)
      throw new Error(`${this.node}: the term of ${text} fell from ${before} to ${term}`);
    this.states.set(text, state.holder === undefined ? { ...state, holder: this.states.get(text)?.holder } : state);
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.#options.time.cancel(this.#timer);
    this.#timer = undefined;
  }
}

const NOTHING: ReadonlySet<string> = new Set();
