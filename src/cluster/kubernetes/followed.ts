import { afterThisTurn, type Clock, type Milliseconds, ms, type Timer } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import type { Named } from '../sorted-objects.ts';
import type { ApiClient } from './api-client.ts';
import type { ObjectStore } from './object-store.ts';
import { Reflector, type ReflectorReport, type WatchedResource } from './reflector-driver.ts';

/** All that is followed of a server, as one: is it all there, how old is it, what is wrong. For metrics and readiness. */
export interface ApiState {
  readonly server: string;
  /** Every list was read at least once. */
  readonly synced: boolean;
  /** For how long something of it may be outdated; 0 while every watch runs. */
  readonly viewAge: Milliseconds;
  /** Why something of it is not as of now, in words. */
  readonly trouble: string | undefined;
  readonly resources: readonly ReflectorReport[];
}

export interface FollowedDeps {
  readonly client: ApiClient;
  readonly server: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Nothing is read before that; undefined: at once. */
  readonly after?: Promise<void> | undefined;
  /** Once for all that happened in a turn, and not before everything was read. */
  readonly changed: () => void;
}

export class Followed {
  readonly #deps: FollowedDeps;
  readonly #reflectors: Reflector[] = [];
  readonly #waiting: (() => void)[] = [];
  #turn: Timer | undefined;
  #synced = false;
  #stopped = false;
  #trouble: string | undefined;
  #since: Milliseconds | undefined;

  constructor(deps: FollowedDeps) {
    this.#deps = deps;
  }

  add<T extends Named>(resource: WatchedResource, store: ObjectStore<T>): Reflector {
    const { client, clock, random, logger, after } = this.#deps;
    const onChange = (): void => this.changed();
    const reflector = new Reflector({ client, clock, random, logger, resource, store, onChange });
    this.#reflectors.push(reflector);
    if (after === undefined) reflector.start();
    else void after.then(() => this.#stopped || reflector.start());
    return reflector;
  }

  /** Resolves once every list was read. */
  synced(): Promise<void> {
    return this.#synced ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  state(): ApiState {
    const resources = this.#reflectors.map((reflector) => reflector.report());
    return {
      server: this.#deps.server,
      synced: this.#synced,
      viewAge: this.viewAge(resources),
      trouble: this.#trouble,
      resources,
    };
  }

  viewAge(resources = this.#reflectors.map((reflector) => reflector.report())): Milliseconds {
    return ms(Math.max(0, ...resources.map(({ current, sinceLastWord }) => (current ? 0 : (sinceLastWord ?? 0)))));
  }

  /** Something that is shown is another one now. */
  changed(): void {
    this.#turn ??= afterThisTurn(() => {
      this.#turn = undefined;
      this.#look();
      if (this.#synced) this.#deps.changed();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#turn?.stop();
    for (const reflector of this.#reflectors) reflector.stop();
  }

  /** An outage is one line when it begins and one when it is over, however many watches it cuts. */
  #look(): void {
    const { logger, clock, server } = this.#deps;
    const resources = this.#reflectors.map((reflector) => reflector.report());
    const first = resources.find(({ trouble }) => trouble !== undefined);
    const before = this.#trouble;
    this.#trouble = first === undefined ? undefined : `${first.resource}: ${first.trouble}`;
    this.#synced ||= resources.every(({ synced }) => synced);
    if (this.#trouble !== undefined && before === undefined) {
      this.#since = clock.now();
      const what = this.#synced
        ? 'the API server cannot be followed; what was known stays in force'
        : 'waiting for the API server; nothing is done before the cluster was read';
      logger.warn(what, { server, why: this.#trouble });
    }
    if (this.#trouble === undefined && before !== undefined)
      logger.info('the API server is followed again', { server, after: clock.now() - (this.#since ?? 0) });
    if (this.#synced) for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
