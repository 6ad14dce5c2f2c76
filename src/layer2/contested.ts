import { type Milliseconds, ms, seconds } from '../base/clock.ts';
import type { ConflictTimer, Rival } from './conflict.ts';
import { type Held, isAnnounced, rivalOf } from './held.ts';

/**
 * Addresses that another machine has and that we would have. Each is tried for again every second, so that it is taken soon after
 * the other one falls silent (a move from another announcer does that to all at once); but no link gets more than
 * so many probes a second for it, and where one of them is found free, the others of the same machine are tried at once.
 */
const HURRY_INTERVAL = seconds(1);
/** 500 probes a second and node. */
const PROBE_SHARE = ms(2);

export class Contested {
  readonly #all = new Set<Held>();
  #hurriedAt: Milliseconds | undefined;

  update(held: Held): void {
    if (rivalOf(held.conflict) !== undefined && !isAnnounced(held.conflict)) this.#all.add(held);
    else this.#all.delete(held);
  }

  forget(held: Held): void {
    this.#all.delete(held);
  }

  /** When the timer ends. */
  delayOf({ timer, after }: { readonly timer: ConflictTimer; readonly after: Milliseconds }): Milliseconds {
    return timer === 'retry' ? ms(Math.max(after, this.#all.size * PROBE_SHARE)) : after;
  }

  /** `rival` has just been found silent about one address: those of its others that wait for their next try. */
  othersOf(rival: Rival, now: Milliseconds): readonly Held[] {
    if (this.#hurriedAt !== undefined && now - this.#hurriedAt < HURRY_INTERVAL) return [];
    const others = [...this.#all].filter(
      ({ conflict }) => conflict?.kind === 'refused' && conflict.rival.mac === rival.mac,
    );
    if (others.length > 0) this.#hurriedAt = now;
    return others;
  }
}
