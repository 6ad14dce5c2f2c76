import { type Clock, seconds, type Timer } from './clock.ts';
import { HEARTBEAT } from './event-stream.ts';

/** Whom a stream is written to: a response of node:http, or what a test makes of it. */
export interface Sink {
  /** False: it has more than it takes; `drain` comes when there is room. */
  write(text: string): boolean;
  on(event: 'drain' | 'close', listener: () => void): unknown;
  destroy(): unknown;
}

/** What one follower has been told. */
export interface Told<T> {
  /** What makes it know `latest`, and is told it now; undefined: it knows it already. */
  news(latest: T): string | undefined;
  /** It is gone. */
  stop?(): void;
}

export interface FollowersOptions<T> {
  readonly clock: Clock;
  /** Of one that comes, and knows nothing yet. */
  readonly nothingTold: () => Told<T>;
}

/** Nobody reads from a process as many streams as this who means well. */
const MOST = 16;
export const HEARTBEAT_EVERY = seconds(3);
/** Who has not taken what it was sent for so long is gone, or does not read. */
const STUCK_AFTER = 10;

interface Follower<T> {
  readonly sink: Sink;
  readonly told: Told<T>;
  latest: T | undefined;
  full: boolean;
  /** Heartbeats that were due while it did not read. */
  missed: number;
}

/**
 * Those who follow one value that changes. Only the newest matters: a follower that reads slowly is told nothing while it has something left to
 * read, and then the difference to what is so by then. So each costs the memory of one message at most.
 */
export class Followers<T> {
  readonly #options: FollowersOptions<T>;
  readonly #all = new Set<Follower<T>>();
  #latest: T | undefined;
  #heartbeat: Timer | undefined;

  constructor(options: FollowersOptions<T>) {
    this.#options = options;
  }

  get count(): number {
    return this.#all.size;
  }

  /** False: there are too many already. */
  add(sink: Sink): boolean {
    if (this.#all.size >= MOST) return false;
    const follower: Follower<T> = {
      sink,
      told: this.#options.nothingTold(),
      latest: undefined,
      full: false,
      missed: 0,
    };
    this.#all.add(follower);
    sink.on('close', () => this.#remove(follower));
    sink.on('drain', () => {
      follower.full = false;
      follower.missed = 0;
      this.#tell(follower);
    });
    this.#tell(follower);
    this.#heartbeat ??= this.#nextHeartbeat();
    return true;
  }

  publish(latest: T): void {
    this.#latest = latest;
    for (const follower of this.#all) this.#tell(follower);
  }

  stop(): void {
    for (const { sink, told } of this.#all) {
      told.stop?.();
      sink.destroy();
    }
    this.#all.clear();
    this.#heartbeat?.stop();
    this.#heartbeat = undefined;
  }

  #tell(follower: Follower<T>): void {
    const latest = this.#latest;
    if (latest === undefined || follower.full || follower.latest === latest) return;
    const text = follower.told.news(latest);
    follower.latest = latest;
    if (text !== undefined) follower.full = !follower.sink.write(text);
  }

  #remove(follower: Follower<T>): void {
    follower.told.stop?.();
    this.#all.delete(follower);
    if (this.#all.size > 0) return;
    this.#heartbeat?.stop();
    this.#heartbeat = undefined;
  }

  #nextHeartbeat(): Timer {
    return this.#options.clock.startTimer('heartbeat', HEARTBEAT_EVERY, () => {
      this.#heartbeat = this.#nextHeartbeat();
      for (const follower of [...this.#all]) {
        if (!follower.full) follower.full = !follower.sink.write(HEARTBEAT);
        else if (++follower.missed >= STUCK_AFTER) follower.sink.destroy();
      }
    });
  }
}
