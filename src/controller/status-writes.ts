import { type BackoffRange, backoffDelay } from '../base/backoff.ts';
import { type Clock, type Milliseconds, ms, seconds, type Timer } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { Follower } from '../base/tracked-map.ts';
import type { ClusterObject, ClusterWriter, Objects, ServiceStatus, StatusOutcome } from '../cluster/ports.ts';
import { statusDifference, versionOf } from '../cluster/status-difference.ts';

const RETRY: BackoffRange = { first: ms(200), limit: seconds(30) };
/** While nothing can be written it is tried with one Service at a time: seldom enough for any server, soon enough for us. */
const PAUSE: BackoffRange = { first: ms(200), limit: seconds(5) };
/** So many failures with no success between them are not the fault of a Service. */
const IN_A_ROW = 4;
/** A full disk fails for every Service alike: more than so many at once are told as a count when it is over. */
const LINES = 10;
/** Who changed a status longer ago than this does not fight with us. */
const FIGHT = seconds(600);
/** This often in a row, and somebody should know. */
const FIGHT_TOLD = 3;

interface Work {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  attempts: number;
  retry: Timer | undefined;
}

export interface StatusWritesDeps {
  readonly cluster: ClusterWriter;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Asked just before each write: a process that was asleep must not act on what it was before. */
  readonly mayWrite?: (() => boolean) | undefined;
}

/**
 * Keeps the statuses of Services as they were decided: one write at a time for a Service, always the newest status wanted, each
 * on the version of the Service that the last pass saw, so that nothing is decided on one state and written over another one.
 * Failures come again with backoff; while nothing at all succeeds, one is tried for all. Whoever else changes a status of ours
 * gets it back.
 */
export class StatusWrites {
  /** What a Service is to show, while it is there and ours. */
  readonly #wanted = new Map<string, ServiceStatus>();
  /** Services as the last pass saw them. */
  readonly #seen = new Map<string, ClusterObject>();
  readonly #services = new Follower<string, ClusterObject>();
  readonly #work = new Map<string, Work>();
  readonly #queue: Work[] = [];
  readonly #fights = new Map<string, { readonly count: number; readonly at: Milliseconds }>();
  readonly #deps: StatusWritesDeps;
  #writing = 0;
  #failing = 0;
  #failed = 0;
  #failuresInARow = 0;
  #pauses = 0;
  #pause: Timer | undefined;
  #stopped = false;
  #whenQuiet: (() => void) | undefined;

  constructor(deps: StatusWritesDeps) {
    this.#deps = deps;
  }

  /** How many are not written yet; for metrics and readiness. */
  get pending(): number {
    return this.#work.size;
  }

  /** Sent once the pass that decided so is over. One without conditions gives the Service up: written once, then it is not ours. */
  want(namespace: string, name: string, status: ServiceStatus): void {
    const key = `${namespace}/${name}`;
    this.#wanted.set(key, status);
    this.#begin(key, namespace, name);
  }

  /** At the end of every pass: the Services that it looked at. */
  passed(services: Objects): void {
    for (const key of this.#services.changed(services)) {
      const object = services.get(key);
      if (object === undefined) {
        this.#seen.delete(key);
        this.#wanted.delete(key);
        this.#fights.delete(key);
      } else {
        this.#seen.set(key, object);
        this.#check(object);
      }
    }
    this.#services.seen();
    this.#pump();
  }

  /** Resolves when no write is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#pause?.stop();
    for (const work of this.#work.values()) work.retry?.stop();
    if (this.#writing > 0) await new Promise<void>((resolve) => (this.#whenQuiet = resolve));
  }

  #begin(key: string, namespace: string, name: string): Work {
    const known = this.#work.get(key);
    if (known !== undefined) return known;
    const work: Work = { key, namespace, name, attempts: 0, retry: undefined };
    this.#work.set(key, work);
    this.#queue.push(work);
    return work;
  }

  /** A Service changed: does it still show what it is to show? */
  #check(object: ClusterObject): void {
    const key = keyOf(object);
    const wanted = this.#wanted.get(key);
    if (wanted === undefined || this.#work.has(key) || statusDifference(object, wanted) === undefined) return;
    const { clock, random, logger } = this.#deps;
    const now = clock.now();
    const last = this.#fights.get(key);
    const count = last !== undefined && now - last.at < FIGHT ? last.count + 1 : 1;
    this.#fights.set(key, { count, at: now });
    if (count === FIGHT_TOLD) logger.warn('somebody else keeps changing this status', { service: key });
    const { namespace, name } = object;
    if (count === 1) this.#begin(key, namespace, name);
    else {
      const work: Work = { key, namespace, name, attempts: 0, retry: undefined };
      this.#work.set(key, work);
      this.#later(work, backoffDelay(RETRY, count - 2, random));
    }
  }

  #later(work: Work, delay: Milliseconds): void {
    work.retry = this.#deps.clock.startTimer(`status of ${work.key}`, delay, () => {
      work.retry = undefined;
      this.#queue.push(work);
      this.#pump();
    });
  }

  #pump(): void {
    const { cluster, mayWrite } = this.#deps;
    const width = this.#failuresInARow >= IN_A_ROW ? 1 : cluster.statusWritesAtOnce;
    while (!this.#stopped && this.#pause === undefined && this.#writing < width && this.#queue.length > 0) {
      if (mayWrite?.() === false) {
        this.#pauseFor(seconds(1));
        return;
      }
      const work = this.#queue.shift()!;
      const object = this.#seen.get(work.key);
      const status = this.#wanted.get(work.key);
      if (object === undefined || status === undefined) {
        // Gone meanwhile.
        this.#wanted.delete(work.key);
        this.#done(work);
        continue;
      }
      this.#writing++;
      void this.#write(work, object, status).finally(() => {
        this.#writing--;
        if (this.#writing === 0) this.#whenQuiet?.();
        this.#pump();
      });
    }
  }

  async #write(work: Work, object: ClusterObject, status: ServiceStatus): Promise<void> {
    const { cluster, logger } = this.#deps;
    const outcome = await cluster.writeServiceStatus(work.namespace, work.name, status, versionOf(object));
    if (outcome.kind === 'retry') return this.#again(work, outcome);
    this.#failuresInARow = 0;
    this.#pauses = 0;
    if (outcome.kind === 'refused') logger.warn('status refused', { service: work.key, why: outcome.message });
    this.#done(work);
    if (this.#stopped) return;
    // Something newer was wanted while this one was on its way, or the Service became another one.
    if (this.#wanted.get(work.key) !== status) {
      if (this.#wanted.has(work.key)) this.#begin(work.key, work.namespace, work.name);
      return;
    }
    if (status.conditions.length === 0 && outcome.kind !== 'outdated') this.#wanted.delete(work.key);
    const seen = this.#seen.get(work.key);
    if (seen !== undefined && seen !== object) this.#check(seen);
  }

  #again(work: Work, { message, after }: StatusOutcome & { kind: 'retry' }): void {
    const { random, logger } = this.#deps;
    if (work.attempts === 0) {
      this.#failing++;
      if (++this.#failed <= LINES)
        logger.warn('status not written, will try again', { service: work.key, why: message });
    }
    if (this.#stopped) return;
    // While nothing succeeds, all wait together.
    if (this.#failuresInARow++ >= IN_A_ROW) {
      work.attempts++;
      this.#queue.push(work);
    } else this.#later(work, ms(Math.max(after ?? 0, backoffDelay(RETRY, work.attempts++, random))));
    if (this.#pause !== undefined || (this.#failuresInARow < IN_A_ROW && after === undefined)) return;
    this.#pauseFor(ms(Math.max(after ?? 0, backoffDelay(PAUSE, this.#pauses++, random))));
  }

  #pauseFor(time: Milliseconds): void {
    this.#pause = this.#deps.clock.startTimer('status writes rest', time, () => {
      this.#pause = undefined;
      this.#pump();
    });
  }

  #done(work: Work): void {
    this.#work.delete(work.key);
    if (work.attempts === 0 || --this.#failing > 0) return;
    this.#deps.logger.info('all statuses written after all', { count: this.#failed });
    this.#failed = 0;
  }
}

const keyOf = ({ namespace, name }: ClusterObject): string => `${namespace}/${name}`;
