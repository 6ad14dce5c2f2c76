import { type Clock, type Milliseconds, ms, type Timer } from '../base/clock.ts';
import type { Random } from '../base/random.ts';

/** Timers by name: one that is started again replaces the one before. */
export class TimerSet<Name extends string> {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #title: string;
  readonly #fired: (name: Name) => void;
  readonly #running = new Map<Name, { readonly timer: Timer; readonly due: number }>();

  /** `title`: whose they are, for a test that finds one running. */
  constructor(clock: Clock, random: Random, title: string, fired: (name: Name) => void) {
    this.#clock = clock;
    this.#random = random;
    this.#title = title;
    this.#fired = fired;
  }

  /** Drawn uniformly between the two: jitter (RFC 4271 §10). */
  start(name: Name, atLeast: Milliseconds, atMost: Milliseconds): void {
    this.stop(name);
    const after = ms(atLeast + (atMost - atLeast) * this.#random.fraction());
    const timer = this.#clock.startTimer(`${this.#title} ${name}`, after, () => {
      this.#running.delete(name);
      this.#fired(name);
    });
    this.#running.set(name, { timer, due: this.#clock.now() + after });
  }

  stop(name: Name): void {
    this.#running.get(name)?.timer.stop();
    this.#running.delete(name);
  }

  stopAll(): void {
    for (const name of [...this.#running.keys()]) this.stop(name);
  }

  /** Wall time of the first one; undefined: none runs. */
  nextDue(): number | undefined {
    if (this.#running.size === 0) return undefined;
    const due = Math.min(...[...this.#running.values()].map((running) => running.due));
    return this.#clock.wallTime(ms(due - this.#clock.now())).getTime();
  }
}
