import { type Milliseconds, ms } from './clock.ts';
import type { Random } from './random.ts';

export interface BackoffRange {
  readonly first: Milliseconds;
  readonly limit: Milliseconds;
}

/** The delay before try number `attempt` (0 = the first repetition): doubled each time, capped, "equal jitter". */
export function backoffDelay(range: BackoffRange, attempt: number, random: Random): Milliseconds {
  const ceiling = Math.min(range.limit, range.first * 2 ** Math.min(attempt, 30));
  return ms(ceiling / 2 + (ceiling / 2) * random.fraction());
}
