import { type Milliseconds, ms } from '../../src/base/clock.ts';
import type { Scheduled, SimulatedTime } from './network-model.ts';

/** What a process reads and sets timers on. */
export interface TimeSource {
  readonly now: Milliseconds;
  after(delay: number, run: () => void): Scheduled;
  cancel(scheduled: Scheduled): void;
}

/**
 * The monotonic clock of one process: it starts anywhere, since no two machines booted together, and it may jump ahead, as
 * that of a virtual machine does that was paused without any of its processes being told. Timers are then overdue, all at once.
 */
export class NodeClock implements TimeSource {
  readonly #world: SimulatedTime;
  readonly #running = new Map<Scheduled, Milliseconds>();
  #ahead: number;

  constructor(world: SimulatedTime, ahead: number) {
    this.#world = world;
    this.#ahead = ahead;
  }

  get now(): Milliseconds {
    return ms(this.#world.now + this.#ahead);
  }

  after(delay: number, run: () => void): Scheduled {
    const scheduled = {
      run: () => {
        this.#running.delete(scheduled);
        run();
      },
    };
    this.#world.schedule(scheduled, delay);
    this.#running.set(scheduled, ms(this.now + Math.max(0, delay)));
    return scheduled;
  }

  cancel(scheduled: Scheduled): void {
    if (this.#running.delete(scheduled)) this.#world.cancel(scheduled);
  }

  jump(by: number): void {
    this.#ahead += by;
    for (const [scheduled, due] of this.#running) this.#world.schedule(scheduled, Math.max(0, due - this.now));
  }
}
