import { type BackoffRange, backoffDelay } from '../base/backoff.ts';
import { type Clock, ms, seconds, type Timer } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { ClusterWriter, ServiceStatus } from '../cluster/ports.ts';

const RETRY: BackoffRange = { first: ms(200), limit: seconds(30) };
/** A full disk fails for every Service alike: more than so many at once are told as a count when it is over. */
const LINES = 10;

interface Work {
  readonly namespace: string;
  readonly name: string;
  wanted: ServiceStatus;
  attempts: number;
  retry: Timer | undefined;
}

/** Writes statuses: one write at a time for a Service, always the newest one wanted, failures again with backoff. */
export class StatusWrites {
  readonly #work = new Map<string, Work>();
  readonly #queue: Work[] = [];
  readonly #deps: { cluster: ClusterWriter; clock: Clock; random: Random; logger: Logger };
  #writing = 0;
  #failing = 0;
  #failed = 0;
  #stopped = false;

  constructor(deps: { cluster: ClusterWriter; clock: Clock; random: Random; logger: Logger }) {
    this.#deps = deps;
  }

  /** How many are not written yet; for metrics and readiness. */
  get pending(): number {
    return this.#work.size;
  }

  want(namespace: string, name: string, status: ServiceStatus): void {
    const key = `${namespace}/${name}`;
    const known = this.#work.get(key);
    if (known !== undefined) {
      known.wanted = status;
      return;
    }
    const work: Work = { namespace, name, wanted: status, attempts: 0, retry: undefined };
    this.#work.set(key, work);
    this.#queue.push(work);
    this.#pump();
  }

  stop(): void {
    this.#stopped = true;
    for (const work of this.#work.values()) work.retry?.stop();
  }

  #pump(): void {
    while (!this.#stopped && this.#writing < this.#deps.cluster.statusWritesAtOnce) {
      const work = this.#queue.shift();
      if (work === undefined) return;
      this.#writing++;
      void this.#write(work).finally(() => {
        this.#writing--;
        this.#pump();
      });
    }
  }

  async #write(work: Work): Promise<void> {
    const { cluster, clock, random, logger } = this.#deps;
    const status = work.wanted;
    const outcome = await cluster.writeServiceStatus(work.namespace, work.name, status);
    const key = `${work.namespace}/${work.name}`;
    if (outcome.kind === 'retry') {
      if (work.attempts === 0) {
        this.#failing++;
        if (++this.#failed <= LINES)
          logger.warn('status not written, will try again', { service: key, why: outcome.message });
      }
      work.retry = clock.startTimer(`status of ${key}`, backoffDelay(RETRY, work.attempts++, random), () => {
        this.#queue.push(work);
        this.#pump();
      });
      return;
    }
    if (outcome.kind === 'refused') logger.warn('status refused', { service: key, why: outcome.message });
    if (work.attempts > 0 && --this.#failing === 0) {
      logger.info('all statuses written after all', { count: this.#failed });
      this.#failed = 0;
    }
    this.#work.delete(key);
    // Something newer was wanted while this one was on its way.
    if (work.wanted !== status && !this.#stopped) this.want(work.namespace, work.name, work.wanted);
  }
}
