import { appendFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterThisTurn, type Clock, type Timer } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import type { ClusterEvent } from '../ports.ts';
import { makeFolder } from './state-files.ts';

const LARGEST = 1024 * 1024;
const REMEMBERED = 1000;

/**
 * Events as lines of JSON in `events.jsonl`, at most two files of a megabyte (the older is `events.1.jsonl`).
 * What an object said last is not said again. Written after the turn that recorded them; a full disk loses them, with one log line.
 */
export class EventLog {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #last = new Map<string, string>();
  #lines: string[] = [];
  #next: Timer | undefined;
  #failing = false;

  constructor(path: string, clock: Clock, logger: Logger) {
    this.#path = path;
    this.#clock = clock;
    this.#logger = logger;
  }

  record({ regarding, type, reason, message }: ClusterEvent): void {
    const { kind, namespace, name } = regarding;
    const about = `${kind}/${namespace}/${name}`;
    const said = `${type} ${reason} ${message}`;
    if (this.#last.get(about) === said) return;
    this.#last.delete(about);
    this.#last.set(about, said);
    if (this.#last.size > REMEMBERED) this.#last.delete(this.#last.keys().next().value!);
    const time = this.#clock.wallTime().toISOString();
    this.#lines.push(`${JSON.stringify({ time, type, reason, kind, namespace, name, message })}\n`);
    this.#next ??= afterThisTurn(() => this.flush());
  }

  flush(): void {
    this.#next?.stop();
    this.#next = undefined;
    const text = this.#lines.join('');
    this.#lines = [];
    if (text === '') return;
    try {
      makeFolder(dirname(this.#path));
      const size = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
      if (size + text.length > LARGEST && size > 0) renameSync(this.#path, this.#path.replace(/\.jsonl$/, '.1.jsonl'));
      appendFileSync(this.#path, text);
      this.#failing = false;
    } catch (thrown) {
      if (!this.#failing) this.#logger.warn('events cannot be written', { path: this.#path, why: messageOf(thrown) });
      this.#failing = true;
    }
  }
}
