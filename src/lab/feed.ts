import { type Milliseconds, systemClock } from '../base/clock.ts';
import { ClarionError, ExitCode } from '../base/errors.ts';

/**
 * What an observer has seen so far, in order, and a bounded wait for what it has yet to see. Nothing is lost between
 * looking and waiting: a wait starts at a mark that was taken before the cause was set off.
 */
export class Feed<T> {
  readonly #items: T[] = [];
  readonly #waiting = new Set<() => void>();

  push(item: T): void {
    this.#items.push(item);
    for (const look of [...this.#waiting]) look();
  }

  /** The place where the next item will be. */
  mark(): number {
    return this.#items.length;
  }

  since(mark: number): readonly T[] {
    return this.#items.slice(mark);
  }

  /** The first item from the mark on for which the test holds. Throws (exit 1) when it does not come in time. */
  first(what: string, mark: number, limit: Milliseconds, test: (item: T) => boolean): Promise<T> {
    return new Promise((resolve, reject) => {
      let next = mark;
      const stop = (): void => {
        overdue.stop();
        this.#waiting.delete(look);
      };
      const look = (): void => {
        for (; next < this.#items.length; next++) {
          const item = this.#items[next]!;
          if (!test(item)) continue;
          stop();
          resolve(item);
          return;
        }
      };
      const overdue = systemClock.startTimer(what, limit, () => {
        stop();
        reject(
          new ClarionError(ExitCode.problems, `waited ${limit / 1000} s for this, and it did not happen: ${what}`),
        );
      });
      this.#waiting.add(look);
      look();
    });
  }
}
