import { ms } from '../../src/base/clock.ts';
import { unreachable } from '../../src/base/errors.ts';
import type { IpAddress } from '../../src/base/ip-address.ts';
import { formatIpAddress } from '../../src/base/ip-address.ts';
import type { MacAddress } from '../../src/base/mac-address.ts';
import type { ElectionAddress } from '../../src/election/address.ts';
import type { AddressState, ElectionEffect, ElectionEvent } from '../../src/election/events.ts';
import type { FactInterface } from '../../src/election/facts.ts';
import { Election } from '../../src/election/fsm.ts';
import { DEFAULT_PROFILE } from '../../src/membership/settings.ts';
import { addressOf, type MembershipNetwork, MembershipNode, seedsOf } from './membership-node.ts';
import type { Scheduled, SimulatedTime } from './network-model.ts';

type Step = ElectionEvent extends infer E ? (E extends ElectionEvent ? Omit<E, 'now'> : never) : never;

export interface SpeakerOptions {
  readonly node: string;
  readonly number: number;
  readonly count: number;
  readonly seed: number;
  readonly time: SimulatedTime;
  readonly network: MembershipNetwork;
  readonly onEffect: (speaker: Speaker, effect: ElectionEffect) => void;
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
        onReport: (report) => {
          if (report.kind === 'member-changed') this.step({ kind: 'member-changed', member: report.member });
          else if (report.kind === 'member-forgotten') this.step(report);
          else if (report.kind === 'payload') {
            this.askedSince = true;
            this.step({ kind: 'received', from: report.from, payload: report.payload });
          } else if (report.kind === 'digest-differs') this.step({ kind: 'digest-differs', member: report.member });
          else if (report.kind === 'standing') this.step({ kind: 'standing', standing: report.standing });
        },
      },
      number,
    );
    this.election = new Election({
      node,
      instance: this.membership.instance,
      settleTime: ms(1000),
      rebalancePerMinute: undefined,
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
    const effects = this.election.handle({ ...event, now: this.#options.time.now });
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
    this.membership.die();
    this.#stopTimer();
  }

  /** SIGTERM: hand over, then go. `grace` is what the kubelet gives. */
  leave(grace: number): void {
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
    this.membership.freeze();
  }

  /** First the look at the clock, then what arrived, then timers. */
  thaw(): void {
    if (this.state !== 'frozen') return;
    this.state = 'running';
    const gap = ms(this.#options.time.now - this.#frozenAt);
    if (gap > DEFAULT_PROFILE.suspicion / 2) {
      this.askedSince = false;
      this.step({ kind: 'woke', gap });
    }
    this.membership.thaw();
    for (const event of this.#missed.splice(0)) this.step(event);
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
      case 'announce-again':
      case 'check':
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
