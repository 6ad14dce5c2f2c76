import type { Clock, Timer } from './clock.ts';
import { ms } from './clock.ts';

/**
 * Level-triggered reconciliation: `mark` says only that something changed, and the pass reads everything anew.
 * The first mark after a quiet time runs the pass at once (in a microtask, so that marks of one turn become one pass);
 * under a storm the loop rests as long as the last pass took, at most a second, so that it never takes more than half of a core.
 * A pass that throws is our bug: `failed` is told, what runs goes on, and the next change tries again.
 */
export class ReconcileLoop {
  readonly #clock: Clock;
  readonly #pass: () => void;
  readonly #failed: (thrown: unknown) => void;
  readonly #name: string;
  #state: 'idle' | 'scheduled' | 'resting' | 'stopped' = 'idle';
  #markedWhileResting = false;
  #rest: Timer | undefined;

  constructor(name: string, clock: Clock, pass: () => void, failed: (thrown: unknown) => void) {
    this.#name = name;
    this.#failed = failed;
    this.#clock = clock;
    this.#pass = pass;
  }

  mark(): void {
    if (this.#state === 'resting') this.#markedWhileResting = true;
    if (this.#state !== 'idle') return;
    this.#state = 'scheduled';
    queueMicrotask(() => this.#run());
  }

  stop(): void {
    this.#state = 'stopped';
    this.#rest?.stop();
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
    this.#rest = this.#clock.startTimer(`${this.#name} rest`, ms(Math.min(1000, took)), () => {
      if (this.#state !== 'resting') return;
      this.#state = 'idle';
      if (this.#markedWhileResting) this.mark();
    });
  }
}
