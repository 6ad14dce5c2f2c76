import type { Clock, Timer } from '../base/clock.ts';
import type { IpAddress } from '../base/ip-address.ts';
import type { ElectionConfig, ElectionEffect, ElectionEvent } from './events.ts';
import type { FactInterface } from './facts.ts';
import { Election } from './fsm.ts';

/** An event without its time, which the driver gives it. */
export type TimelessElectionEvent = ElectionEvent extends infer E
  ? E extends unknown
    ? Omit<E, 'now'>
    : never
  : never;
/** What concerns others; the timer is the driver's own. */
export type OutwardElectionEffect = Exclude<ElectionEffect, { kind: 'start-timer' | 'stop-timer' }>;

/** The election on a clock. All effects of one event are handed over together, in order. */
export class ElectionDriver {
  readonly #fsm: Election;
  readonly #clock: Clock;
  readonly #perform: (effects: readonly OutwardElectionEffect[]) => void;
  #timer: Timer | undefined;

  constructor(config: ElectionConfig, clock: Clock, perform: (effects: readonly OutwardElectionEffect[]) => void) {
    this.#fsm = new Election(config);
    this.#clock = clock;
    this.#perform = perform;
  }

  step(event: TimelessElectionEvent): void {
    const outward: OutwardElectionEffect[] = [];
    for (const effect of this.#fsm.handle({ ...event, now: this.#clock.now() })) {
      if (effect.kind === 'start-timer') {
        this.#timer?.stop();
        this.#timer = this.#clock.startTimer('election', effect.after, () => this.step({ kind: 'timer-fired' }));
      } else if (effect.kind === 'stop-timer') this.#timer?.stop();
      else outward.push(effect);
    }
    if (outward.length > 0) this.#perform(outward);
  }

  /** Whether an interface of this node may speak for the address. */
  canSpeakFor(address: IpAddress): boolean {
    return this.#fsm.canSpeakFor(address);
  }

  /** What each living member told of its interfaces. */
  peerInterfaces(): readonly (readonly FactInterface[])[] {
    return this.#fsm.peerInterfaces();
  }

  /** Whether a living member has an interface with this MAC. */
  isMember(mac: string): boolean {
    return this.#fsm.isMember(mac);
  }

  /** Whether the member with this MAC holds the address, by its own word. */
  isClaimedBy(address: IpAddress, mac: string): boolean {
    return this.#fsm.isClaimedBy(address, mac);
  }
}
