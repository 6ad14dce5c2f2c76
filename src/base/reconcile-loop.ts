import type { Clock, Milliseconds, Timer } from './clock.ts';
import { ms } from './clock.ts';

interface Pace {
  /** Before a pass that follows a quiet time. */
  readonly breath?: Milliseconds | undefined;
  /** At least so long after each pass. */
  readonly rest?: () => Milliseconds;
}

/**
 * Level-triggered reconciliation: `mark` says only that something changed, and the pass reads everything anew.
 * The first mark after a quiet time runs the pass at once (in a microtask, so that marks of one turn become one pass);
 * under a storm the loop rests as long as the last pass took, at most a second, so that it never takes more than half of a core.
 * One that is not urgent takes a breath first, in which the thread sleeps, so that others get the core that it was woken on.
 * A pass that throws is our bug: `failed` is told, what runs goes on, and the next change tries again.
 */
export class ReconcileLoop {
  readonly #clock: Clock;
  readonly #pass: () => void;
  readonly #failed: (thrown: unknown) => void;
  readonly #name: string;
  readonly #pace: Pace;
  #state: 'idle' | 'scheduled' | 'resting' | 'stopped' = 'idle';
  #markedWhileResting = false;
  #timer: Timer | undefined;

  constructor(name: string, clock: Clock, pass: () => void, failed: (thrown: unknown) => void, pace: Pace = {}) {
    this.#pace = pace;
    this.#name = name;
    this.#failed = failed;
    this.#clock = clock;
    this.#pass = pass;
  }

  mark(): void {
    if (this.#state === 'resting') this.#markedWhileResting = true;
    if (this.#state !== 'idle') return;
    this.#state = 'scheduled';
    const { breath } = this.#pace;
    if (breath === undefined) queueMicrotask(() => this.#run());
    else this.#timer = this.#clock.startTimer(`${this.#name} breath`, breath, () => this.#run());
  }

  stop(): void {
    this.#state = 'stopped';
    this.#timer?.stop();
  }

  #run(): void {
    if (this.#state === 'stopped') return;
    const started = this.#clock.now();
    this.#markedWhileResting = false;
    // Marks that the pass itself causes are for the next one.
    this.#state = 'resting';
    try {
      this.#pass();
    } catch (thrown) {
      this.#failed(thrown);
    }
    const took = this.#clock.now() - started;
    this.#timer = this.#clock.startTimer(
      `${this.#name} rest`,
      ms(Math.max(Math.min(1000, took), this.#pace.rest?.() ?? 0)),
      () => {
        if (this.#state !== 'resting') return;
        this.#state = 'idle';
        if (this.#markedWhileResting) this.mark();
      },
    );
  }
}
