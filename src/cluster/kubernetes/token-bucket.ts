import type { Milliseconds } from '../../base/clock.ts';

export interface BucketSize {
  /** At once, after a quiet time. */
  readonly burst: number;
  /** Time in which one more may be had. */
  readonly refill: Milliseconds;
}

/** Takes up to `burst` at once, and one more for each `refill` since. */
export class TokenBucket {
  readonly #size: BucketSize;
  #tokens: number;
  #at: Milliseconds;

  constructor(size: BucketSize, now: Milliseconds) {
    this.#size = size;
    this.#tokens = size.burst;
    this.#at = now;
  }

  take(now: Milliseconds): boolean {
    const { burst, refill } = this.#size;
    this.#tokens = Math.min(burst, this.#tokens + (now - this.#at) / refill);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
