import type { Milliseconds } from '../base/clock.ts';

/** So much work a second and no more, a second's worth of it at once after a quiet time. */
export class Budget {
  readonly #perSecond: number;
  #left: number;
  #at: number | undefined;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#left = perSecond;
  }

  take(now: Milliseconds): boolean {
    const earned = ((now - (this.#at ?? now)) / 1000) * this.#perSecond;
    this.#at = now;
    this.#left = Math.min(this.#perSecond, this.#left + earned);
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
