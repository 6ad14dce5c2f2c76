import { type Milliseconds, ms } from '../../src/base/clock.ts';
import { DueQueue } from '../../src/base/due-queue.ts';
import type { Random } from '../../src/base/random.ts';

/** Virtual time for whole clusters: what happens is a queue of calls, and a day of three nodes takes half a minute. */
export class SimulatedTime {
  readonly #queue = new DueQueue<Scheduled>();
  #now = ms(0);

  get now(): Milliseconds {
    return this.#now;
  }

  after(delay: number, run: () => void): Scheduled {
    const scheduled = { run };
    this.schedule(scheduled, delay);
    return scheduled;
  }

  /** Sets it, or moves it. */
  schedule(scheduled: Scheduled, delay: number): void {
    this.#queue.set(scheduled, ms(this.#now + Math.max(0, delay)));
  }

  cancel(scheduled: Scheduled): void {
    this.#queue.delete(scheduled);
  }

  /** `step` is called after each event, for invariants. */
  run(duration: number, step?: () => void): void {
    const until = ms(this.#now + duration);
    for (let next = this.#queue.peek(until); next !== undefined; next = this.#queue.peek(until)) {
      this.#now = this.#queue.nextDue() ?? until;
      this.#queue.delete(next);
      next.run();
      step?.();
    }
    this.#now = until;
  }
}

export interface Scheduled {
  readonly run: () => void;
}

export interface NetworkConditions {
  /** Of each datagram, 0 to 1. */
  readonly loss: number;
  readonly duplicate: number;
  /** Milliseconds, uniform: datagrams overtake each other. */
  readonly delay: readonly [number, number];
}

export const GOOD_NETWORK: NetworkConditions = { loss: 0, duplicate: 0, delay: [0.1, 0.5] };

/** Datagrams between nodes known by name. Everything that a network does to them happens here. */
export class SimulatedNetwork<T> {
  conditions: NetworkConditions;
  sent = 0;
  readonly #time: SimulatedTime;
  readonly #random: Random;
  readonly #receivers = new Map<string, (from: string, datagram: T) => void>();
  readonly #cuts = new Set<string>();

  constructor(time: SimulatedTime, random: Random, conditions: NetworkConditions = GOOD_NETWORK) {
    this.#time = time;
    this.#random = random;
    this.conditions = conditions;
  }

  attach(name: string, receive: (from: string, datagram: T) => void): void {
    this.#receivers.set(name, receive);
  }
  detach(name: string): void {
    this.#receivers.delete(name);
  }

  /** One way. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`);
  }
  mend(from: string, to: string): void {
    this.#cuts.delete(`${from}>${to}`);
  }

  /** Nobody of one side hears anybody of the other. */
  part(left: readonly string[], right: readonly string[]): void {
    for (const a of left)
      for (const b of right) {
        this.cut(a, b);
        this.cut(b, a);
      }
  }
  mendAll(): void {
    this.#cuts.clear();
  }

  send(from: string, to: string, datagram: T): void {
    this.sent++;
    const { loss, duplicate } = this.conditions;
    if (this.#cuts.size > 0 && this.#cuts.has(`${from}>${to}`)) return;
    if (loss > 0 && this.#random.fraction() < loss) return;
    this.#deliver(from, to, datagram);
    if (duplicate > 0 && this.#random.fraction() < duplicate) this.#deliver(from, to, datagram);
  }

  #deliver(from: string, to: string, datagram: T): void {
    const [least, most] = this.conditions.delay;
    this.#time.after(least + (most - least) * this.#random.fraction(), () => this.#receivers.get(to)?.(from, datagram));
  }
}
