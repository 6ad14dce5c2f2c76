import { type Milliseconds, ms } from '../../src/base/clock.ts';
import { unreachable } from '../../src/base/errors.ts';
import { ipAddress } from '../../src/base/ip-address.ts';
import type { MembershipEffect, MembershipEvent, TimerName } from '../../src/membership/events.ts';
import { Membership } from '../../src/membership/fsm.ts';
import { type Instance, instanceFromBytes, type Seed, type TransportAddress } from '../../src/membership/member.ts';
import type { Profile } from '../../src/membership/settings.ts';
import { encodeMessages } from '../../src/membership/wire/codec.ts';
import { HEADER, INSTANCE, TAG } from '../../src/membership/wire/constants.ts';
import type { Message } from '../../src/membership/wire/message.ts';
import { seededRandom } from '../support/seeded-random.ts';
import type { Scheduled, SimulatedNetwork } from './network-model.ts';
import type { TimeSource } from './node-clock.ts';

/** What travels: a datagram whose sealing is taken for granted, so that it costs no time. */
export interface SimulatedDatagram {
  readonly sender: Instance;
  readonly receiver: Instance | undefined;
  /** Of its sender, never twice: what the replay window looks at. */
  readonly counter: number;
  readonly messages: readonly Message[];
}

export type MembershipNetwork = SimulatedNetwork<SimulatedDatagram>;
export type MembershipReport = Exclude<MembershipEffect, { kind: 'transmit' | 'knock' | 'start-timer' | 'stop-timer' }>;
type Step = MembershipEvent extends infer E ? (E extends MembershipEvent ? Omit<E, 'now'> : never) : never;

export interface SimulatedSpeaker {
  readonly node: string;
  readonly profile: Profile;
  readonly time: TimeSource;
  readonly network: MembershipNetwork;
  readonly seed: number;
  /** What the Node by its name has, where that is not where it is. */
  readonly addresses?: readonly TransportAddress[];
  /** Some of its timers fire this many milliseconds late. */
  readonly late?: { readonly part: number; readonly by: number };
  readonly onReport: (report: MembershipReport) => void;
}

const PORT = 7946;
/** IPv4 and UDP. */
const PACKET_HEADERS = 28;

/** Node n is at 10.0.0.0 + n, which the simulated network knows by the name of the node. */
export const addressOf = (number: number): TransportAddress => ({
  address: ipAddress('ipv4', 0x0a00_0000n + BigInt(number)),
  port: PORT,
});
export const nameOf = (number: number): string => `node-${number}`;
export const seedsOf = (count: number): readonly Seed[] =>
  Array.from({ length: count }, (_, i) => ({ node: nameOf(i + 1), addresses: [addressOf(i + 1)] }));

/** The effects of one speaker's membership in a simulated world, with what a driver does: sockets before timers, the look at the clock. */
export class MembershipNode {
  readonly instance: Instance;
  readonly fsm: Membership;
  sent = 0;
  octets = 0;
  readonly #options: SimulatedSpeaker;
  readonly #place: string;
  #measuring = false;
  readonly #random;
  readonly #timers = new Map<TimerName, Scheduled>();
  readonly #seen = new Map<Instance, Set<number>>();
  readonly #heldDatagrams: (() => void)[] = [];
  readonly #heldTimers: (() => void)[] = [];
  #frozenAt: Milliseconds | undefined;
  #alive = true;
  #counter = 0;

  /** At the address of that number, whatever its name. */
  constructor(options: SimulatedSpeaker, number: number) {
    const { node, profile, network, seed } = options;
    this.#place = nameOf(number);
    this.#options = options;
    this.#random = seededRandom(seed);
    this.instance = instanceFromBytes(this.#random.bytes(INSTANCE));
    const config = { node, instance: this.instance, addresses: options.addresses ?? [addressOf(number)], profile };
    this.fsm = new Membership(config, this.#random);
    network.attach(this.#place, (from, datagram) =>
      this.#whenRunning(this.#heldDatagrams, () => this.#received(from, datagram)),
    );
  }

  /** Counts from now on, octets too, which costs time. */
  measure(): void {
    this.#measuring = true;
    this.sent = 0;
    this.octets = 0;
  }

  stopMeasuring(): void {
    this.#measuring = false;
  }

  /** The names of those that run. */
  timers(): readonly string[] {
    return [...this.#timers.keys()];
  }

  step(event: Step): void {
    if (!this.#alive) return;
    const now = this.#options.time.now;
    for (const effect of this.fsm.handle({ ...event, now })) this.#perform(effect);
  }

  /** As if the power were cut. */
  die(): void {
    this.#alive = false;
    this.#options.network.detach(this.#place);
    for (const timer of this.#timers.values()) this.#options.time.cancel(timer);
    this.#timers.clear();
  }

  /** SIGSTOP. */
  freeze(): void {
    this.#frozenAt = this.#options.time.now;
  }

  /** SIGCONT: first the look at the clock, then what arrived, then timers. */
  thaw(): void {
    if (this.#frozenAt === undefined) return;
    const gap = ms(this.#options.time.now - this.#frozenAt);
    this.#frozenAt = undefined;
    this.woke(gap);
    for (const run of this.#heldDatagrams.splice(0)) run();
    for (const run of this.#heldTimers.splice(0)) run();
  }

  /** The driver looked at its clock, which went on by `gap` while nothing was done. Short ones it does not notice. */
  woke(gap: Milliseconds): void {
    if (gap > this.#options.profile.suspicion / 2) this.step({ kind: 'woke', gap });
  }

  #whenRunning(held: (() => void)[], run: () => void): void {
    if (this.#frozenAt === undefined) run();
    else held.push(run);
  }

  #received(from: string, { sender, receiver, counter, messages }: SimulatedDatagram): void {
    if (receiver !== undefined && receiver !== this.instance) return;
    if (receiver !== undefined && this.#replayed(sender, counter)) return;
    this.step({ kind: 'received', from: addressOf(Number(from.slice('node-'.length))), sender, messages });
  }

  #replayed(sender: Instance, counter: number): boolean {
    if (this.#options.network.conditions.duplicate === 0) return false;
    const seen = this.#seen.get(sender) ?? new Set<number>();
    this.#seen.set(sender, seen);
    if (seen.has(counter)) return true;
    seen.add(counter);
    return false;
  }

  #perform(effect: MembershipEffect): void {
    const { network, onReport } = this.#options;
    switch (effect.kind) {
      case 'transmit': {
        const { to, receiver, messages } = effect;
        this.sent++;
        if (this.#measuring) this.octets += encodeMessages(messages).length + HEADER + TAG + PACKET_HEADERS;
        const datagram = { sender: this.instance, receiver, counter: ++this.#counter, messages };
        network.send(this.#place, nameOf(Number(to.address.value - 0x0a00_0000n)), datagram);
        return;
      }
      case 'start-timer':
        this.#start(effect.timer, effect.after);
        return;
      case 'stop-timer':
        this.#stop(effect.timer);
        return;
      case 'knock':
        return;
      case 'member-changed':
      case 'member-forgotten':
      case 'payload':
      case 'digest-differs':
      case 'standing':
      case 'duplicate-name':
      case 'duplicate-name-over':
      case 'name-taken':
      case 'departed':
      case 'notice':
        onReport(effect);
        return;
      default:
        unreachable(effect);
    }
  }

  #start(timer: TimerName, after: number): void {
    this.#stop(timer);
    const { time, late } = this.#options;
    const lateBy = late !== undefined && this.#random.fraction() < late.part ? late.by : 0;
    const scheduled = time.after(after + lateBy, () =>
      this.#whenRunning(this.#heldTimers, () => {
        // What arrived while it was frozen may have stopped it.
        if (this.#timers.get(timer) !== scheduled) return;
        this.#timers.delete(timer);
        this.step({ kind: 'timer-fired', timer });
      }),
    );
    this.#timers.set(timer, scheduled);
  }

  #stop(timer: TimerName): void {
    const running = this.#timers.get(timer);
    if (running !== undefined) this.#options.time.cancel(running);
    this.#timers.delete(timer);
  }
}
