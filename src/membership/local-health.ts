import type { Desk } from './desk.ts';
import { WORST_HEALTH } from './settings.ts';

/**
 * Whether *we* are the slow one: Lifeguard's local health. Each point makes our own time-outs longer by one time themselves,
 * so that a starved node takes longer to call others dead instead of calling them dead wrongly. Points come from our own
 * timers firing late and from helpers of whom none says anything, not even that it heard nothing; a probe that is answered in
 * time takes one away. Refuting a suspicion costs none, other than in the paper: lost datagrams cause most of them here.
 *
 * Standards: Dadgar, Phillips, Currey, "Lifeguard: Local Health Awareness for More Accurate Failure Detection" (2018).
 */
export class LocalHealth {
  readonly #desk: Desk;
  #score = 0;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** What to multiply time-outs with, 1 when all is well. */
  get factor(): number {
    return 1 + this.#score;
  }

  better(): void {
    this.#set(this.#score - 1);
  }
  worse(by = 1): void {
    this.#set(this.#score + by);
  }

  #set(score: number): void {
    const bounded = Math.min(WORST_HEALTH, Math.max(0, score));
    if (bounded === this.#score) return;
    this.#score = bounded;
    this.#desk.emit({ kind: 'notice', notice: { kind: 'local-health', score: bounded } });
  }
}
