import { closeSync, type FSWatcher, openSync, readSync, watch } from 'node:fs';
import { machineTime, seconds } from '../src/base/clock.ts';
import { Feed } from '../src/lab/feed.ts';
import type { Lab } from '../src/lab/lab.ts';
import { routerFolder } from '../src/lab/router.ts';

/** What BIRD writes into its log, with the time at which it got there: costs BIRD a line, and nobody else anything. */
export class BirdLog {
  readonly #file: number;
  readonly #watcher: FSWatcher;
  readonly #lines = new Feed<{ readonly line: string; readonly at: number }>();
  readonly #buffer = Buffer.alloc(1 << 16);
  #rest = '';

  constructor(lab: Lab, host: string) {
    const path = `${routerFolder('bird', lab, host)}/log`;
    this.#file = openSync(path, 'r');
    while (this.#read() > 0);
    this.#watcher = watch(path, () => {
      const at = machineTime();
      for (let length = this.#read(); length > 0; length = this.#read()) {
        const lines = (this.#rest + this.#buffer.toString('utf8', 0, length)).split('\n');
        this.#rest = lines.pop() ?? '';
        for (const line of lines) this.#lines.push({ line, at });
      }
    });
  }

  mark(): number {
    return this.#lines.mark();
  }

  async says(words: string, since: number): Promise<number> {
    const { at } = await this.#lines.first(words, since, seconds(60), ({ line }) => line.includes(words));
    return at;
  }

  close(): void {
    this.#watcher.close();
    closeSync(this.#file);
  }

  #read(): number {
    return readSync(this.#file, this.#buffer);
  }
}
