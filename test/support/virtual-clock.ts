import { type Clock, type Milliseconds, ms, type Timer } from '../../src/base/clock.ts';

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly name: string;
  readonly fire: () => void;
}

/** A clock that stands still until a test advances it; timers fire in order of time, then of their start. */
export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  #pending: Pending[] = [];
  readonly #epoch: number;

  constructor(epoch = Date.UTC(2026, 0, 1)) {
    this.#epoch = epoch;
  }

  now(): Milliseconds {
    return ms(this.#now);
  }

  wallTime(ahead = 0): Date {
    return new Date(this.#epoch + this.#now + ahead);
  }

  startTimer(name: string, after: Milliseconds, fire: () => void): Timer {
    const entry: Pending = { at: this.#now + Math.max(0, after), order: this.#order++, name, fire };
    this.#pending.push(entry);
    return {
      stop: () => {
        this.#pending = this.#pending.filter((other) => other !== entry);
      },
    };
  }

  /** "name@time" of every timer that runs, so that a test can demand that none is left. */
  pending(): string[] {
    return this.#pending.map((entry) => `${entry.name}@${entry.at}`);
  }

  advance(by: number): void {
    const until = this.#now + by;
    for (;;) {
      const due = this.#pending.filter((e) => e.at <= until).sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (due === undefined) break;
      this.#pending = this.#pending.filter((other) => other !== due);
      this.#now = due.at;
      due.fire();
    }
    this.#now = until;
  }
}
