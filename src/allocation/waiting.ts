import type { Milliseconds } from '../base/clock.ts';
import type { Entry } from './entry.ts';
import { earliest } from './refusal.ts';

interface Place {
  /** The state of things when it was last asked. */
  readonly asked: number;
  readonly due: Milliseconds | undefined;
}

/**
 * Those who do not have (all of) what they ask for. Who of them is to be asked again costs nothing while nothing became free
 * and no rest is over, however many they are.
 */
export class Waiting {
  readonly #places = new Map<Entry, Place>();
  readonly #byDue = new Map<Milliseconds, Set<Entry>>();
  /** Counts everything that could make an offer possible. */
  #state = 0;
  /** Since when nobody waits who was not asked. */
  #allAsked = 0;

  /** An address or a port became free, a rest ended early, or terms changed. */
  stir(): void {
    this.#state++;
  }
  get isStirred(): boolean {
    return this.#places.size > 0 && this.#allAsked < this.#state;
  }

  /** It was asked just now and is to be asked again: when something stirs, or at the latest at `due`. */
  add(entry: Entry, due: Milliseconds | undefined): void {
    this.delete(entry);
    this.#places.set(entry, { asked: this.#state, due });
    if (due === undefined) return;
    const others = this.#byDue.get(due);
    if (others === undefined) this.#byDue.set(due, new Set([entry]));
    else others.add(entry);
  }

  delete(entry: Entry): void {
    const due = this.#places.get(entry)?.due;
    this.#places.delete(entry);
    if (due === undefined) return;
    const others = this.#byDue.get(due);
    others?.delete(entry);
    if (others?.size === 0) this.#byDue.delete(due);
  }

  /** Those who were not asked since the last stir. Who takes them asks them. */
  stirred(): readonly Entry[] {
    if (!this.isStirred) return [];
    this.#allAsked = this.#state;
    return [...this.#places].filter(([, { asked }]) => asked < this.#state).map(([entry]) => entry);
  }

  due(now: Milliseconds): readonly Entry[] {
    return [...this.#byDue].filter(([due]) => due <= now).flatMap(([, entries]) => [...entries]);
  }

  nextDue(): Milliseconds | undefined {
    return earliest([...this.#byDue.keys()]);
  }
}
