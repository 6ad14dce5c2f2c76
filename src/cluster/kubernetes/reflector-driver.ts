import { type Clock, type Milliseconds, ms, seconds, type Timer } from '../../base/clock.ts';
import { unreachable as impossible } from '../../base/errors.ts';
import { fieldsOf } from '../../base/fields.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import type { Named } from '../sorted-objects.ts';
import { statusFailure } from './api-answer.ts';
import type { ApiClient, ApiFailure, ApiStream, StreamEnd } from './api-client.ts';
import type { ObjectStore } from './object-store.ts';
import {
  initialReflector,
  REFLECTOR_CONFIG,
  type ReflectorConfig,
  type ReflectorEffect,
  type ReflectorEvent,
  step,
} from './reflector.ts';

/** The effects of reflector.ts: asks the server, keeps the store, counts, and says once that something is wrong. */
export interface ReflectorOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly resource: WatchedResource;
  readonly store: ObjectStore<Named>;
  /** The store, or what `report` says, is another one now. Often; the receiver puts many together. */
  readonly onChange: () => void;
  readonly config?: Partial<ReflectorConfig>;
}

export interface WatchedResource {
  /** For logs and metrics: `services`, `configmaps/clarion`. */
  readonly name: string;
  /** `/api/v1/services`, `/apis/discovery.k8s.io/v1/endpointslices`, `/api/v1/namespaces/NS/configmaps`. */
  readonly path: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

/** Counters only grow. */
export interface ReflectorReport {
  readonly resource: string;
  readonly objects: number;
  /** Read as a whole at least once. */
  readonly synced: boolean;
  /** A watch runs that nothing speaks against: what the store holds is what the cluster has. */
  readonly current: boolean;
  /** How long ago the server last confirmed what the store holds, by a list, a watch that it took, or a word on it. */
  readonly sinceLastWord: Milliseconds | undefined;
  readonly lists: number;
  readonly watches: number;
  readonly events: number;
  readonly errors: number;
  /** Why it is not current, in words; undefined while all is well. */
  readonly trouble: string | undefined;
}

/** The server ends a watch after a time in this range, so that not all begin anew at once. */
const WATCH_SECONDS = { least: 240, most: 480 };
/** Above the longest watch: then only the connection can be what is dead. */
const IDLE = seconds(WATCH_SECONDS.most + 30);
/** A server that sends bookmarks does so every minute: once one has come, silence tells more. */
const IDLE_BETWEEN_BOOKMARKS = seconds(150);

export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #config: ReflectorConfig;
  #state: ReturnType<typeof initialReflector>;
  #event: Readonly<Record<string, unknown>> = {};
  #watch: ApiStream | undefined;
  #silence: Timer | undefined;
  #settled: Timer | undefined;
  #waiting: Timer | undefined;
  /** Answers to requests of before belong to nothing any more. */
  #turn = 0;
  #lastWord: Milliseconds | undefined;
  #trouble: string | undefined;
  #told = '';
  #synced = false;
  #lists = 0;
  #watches = 0;
  #events = 0;
  #errors = 0;
  #asked: (() => void)[] = [];

  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.#config = { ...REFLECTOR_CONFIG, ...options.config };
    this.#state = initialReflector(this.#config);
  }

  start(): void {
    this.#dispatch({ kind: 'started' });
  }

  stop(): void {
    this.#dispatch({ kind: 'stopped' });
  }

  /** Resolves once everything was read that the server had when this was called; never while the server is away. */
  readAgain(): Promise<void> {
    return new Promise((resolve) => {
      this.#asked.push(resolve);
      this.#dispatch({ kind: 'list-asked' });
    });
  }

  report(): ReflectorReport {
    const now = this.#options.clock.now();
    return {
      resource: this.#options.resource.name,
      objects: this.#options.store.all.size,
      synced: this.#synced,
      current: this.#isCurrent,
      sinceLastWord: this.#lastWord === undefined ? undefined : ms(now - this.#lastWord),
      lists: this.#lists,
      watches: this.#watches,
      events: this.#events,
      errors: this.#errors,
      trouble: this.#trouble,
    };
  }

  get #isCurrent(): boolean {
    return this.#synced && this.#state.phase === 'watch' && this.#trouble === undefined;
  }

  #dispatch(event: ReflectorEvent): void {
    const { state, effects } = step(this.#state, event, this.#config, this.#options.clock.now());
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: ReflectorEffect): void {
    const { clock, random, logger, resource, store, onChange } = this.#options;
    switch (effect.kind) {
      case 'read-page':
        this.#readPage(effect.token, effect.limit);
        return;
      case 'replace':
        this.#synced = true;
        this.#heard();
        store.complete();
        logger.debug('list read', { resource: resource.name, objects: store.all.size });
        for (const resolve of this.#asked.splice(0)) resolve();
        onChange();
        return;
      case 'ask':
        this.#ask();
        return;
      case 'watch':
        this.#openWatch(effect.version);
        return;
      case 'apply': {
        this.#events++;
        const { type, object } = this.#event;
        const raw = fieldsOf(object);
        if (type === 'DELETED' ? store.remove(raw) : store.put(raw)) onChange();
        return;
      }
      case 'close-watch':
        this.#closeWatch();
        return;
      case 'abandon':
        this.#turn++;
        this.#waiting?.stop();
        this.#closeWatch();
        return;
      case 'wait': {
        const after = effect.least + (effect.most - effect.least) * random.fraction();
        this.#waiting = clock.startTimer(`reflector ${resource.name}`, ms(after), () =>
          this.#dispatch({ kind: 'wait-over' }),
        );
        return;
      }
      case 'tell-back-in-time':
        logger.warn('the API server is at an older version than it was; was a backup restored? all is read anew', {
          resource: resource.name,
          from: effect.from,
          to: effect.to,
        });
        return;
      default:
        impossible(effect);
    }
  }

  #readPage(token: string | undefined, limit: number): void {
    if (token === undefined) {
      this.#options.store.begin();
      this.#lists++;
    }
    this.#request({ limit: String(limit), ...(token === undefined ? {} : { continue: token }) }, (body, version) => {
      const { items, metadata } = body;
      const more = fieldsOf(metadata)['continue'];
      for (const item of Array.isArray(items) ? items : []) this.#options.store.collect(fieldsOf(item));
      this.#dispatch({ kind: 'page-read', version, more: typeof more === 'string' && more !== '' ? more : undefined });
    });
  }

  #ask(): void {
    this.#request({ limit: '1' }, (_body, version) => {
      this.#dispatch({ kind: 'version-heard', version });
    });
  }

  #request(
    query: Readonly<Record<string, string>>,
    answered: (body: Readonly<Record<string, unknown>>, version: string) => void,
  ): void {
    const turn = ++this.#turn;
    void this.#options.client.request({ method: 'GET', path: this.#path(query) }).then((answer) => {
      if (turn !== this.#turn || this.#state.phase === 'stopped') return;
      if (answer.kind !== 'ok') return this.#requestFailed(answer);
      const body = fieldsOf(answer.body);
      const version = versionOf(body);
      if (version === undefined || !Array.isArray(body['items'] ?? []))
        return this.#requestFailed({ kind: 'unreachable', message: 'the answer is no list of objects' });
      answered(body, version);
    });
  }

  #requestFailed(failure: ApiFailure): void {
    this.#wentWrong(failure.message);
    this.#dispatch({ kind: 'request-failed', failure });
  }

  #openWatch(version: string): void {
    this.#watches++;
    const { least, most } = WATCH_SECONDS;
    const timeoutSeconds = Math.floor(least + (most - least) * this.#options.random.fraction());
    const query = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: version,
      timeoutSeconds: String(timeoutSeconds),
    };
    const handlers = {
      opened: () => {
        this.#heard();
        this.#dispatch({ kind: 'watch-opened' });
        // A server may say yes, and then that it does not know the version.
        const { clock } = this.#options;
        this.#settled = clock.startTimer('reflector watch', this.#config.tooShort, () => this.#wentWell());
      },
      line: (line: string) => this.#line(line),
      ended: (how: StreamEnd) => this.#ended(how),
    };
    this.#watch = this.#options.client.stream(this.#path(query), handlers, { idleTimeout: IDLE });
  }

  #line(line: string): void {
    if (line === '') return;
    this.#heard();
    const event = parseEvent(line);
    const version = event === undefined ? undefined : versionOf(fieldsOf(event['object']));
    if (event?.['type'] === 'ERROR') {
      const code = fieldsOf(event['object'])['code'];
      this.#ended(statusFailure(typeof code === 'number' ? code : 500, undefined, event['object']));
    } else if (event === undefined || version === undefined)
      this.#ended({ kind: 'unreachable', message: `the watch says what is no event: ${line.slice(0, 100)}` });
    else {
      this.#event = event;
      this.#wentWell();
      const bookmark = event['type'] === 'BOOKMARK';
      if (bookmark) this.#expectBookmarks();
      this.#dispatch({ kind: 'word-heard', version, bookmark });
    }
  }

  #ended(how: StreamEnd): void {
    this.#closeWatch();
    if (how.kind !== 'closed') this.#wentWrong(how.message);
    this.#dispatch({ kind: 'watch-ended', how });
    if (how.kind === 'closed' && this.#state.phase === 'waiting') this.#wentWrong('the server ended the watch at once');
  }

  #closeWatch(): void {
    this.#silence?.stop();
    this.#settled?.stop();
    this.#watch?.close();
    this.#watch = undefined;
  }

  #expectBookmarks(): void {
    const { clock } = this.#options;
    this.#silence?.stop();
    this.#silence = clock.startTimer('reflector bookmark', IDLE_BETWEEN_BOOKMARKS, () => {
      const message = `no bookmark within ${IDLE_BETWEEN_BOOKMARKS / 1000} s, where there was one before`;
      this.#ended({ kind: 'unreachable', message });
    });
  }

  #heard(): void {
    this.#lastWord = this.#options.clock.now();
  }

  #wentWell(): void {
    if (this.#trouble === undefined) return;
    this.#trouble = undefined;
    this.#options.onChange();
  }

  /** One line for each thing that is wrong, and for each outage: what is repeated is counted. */
  #wentWrong(message: string): void {
    const { logger, resource, onChange } = this.#options;
    this.#errors++;
    this.#trouble = message;
    if (message !== this.#told)
      logger.debug('reading from the API server failed', { resource: resource.name, why: message });
    this.#told = message;
    onChange();
  }

  #path(query: Readonly<Record<string, string>>): string {
    const { path, fieldSelector, labelSelector } = this.#options.resource;
    const selectors = {
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
    };
    return `${path}?${new URLSearchParams({ ...selectors, ...query }).toString()}`;
  }
}

function versionOf(object: Readonly<Record<string, unknown>>): string | undefined {
  const version = fieldsOf(object['metadata'])['resourceVersion'];
  return typeof version === 'string' && version !== '' ? version : undefined;
}

const TYPES: readonly unknown[] = ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'];

function parseEvent(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const event = fieldsOf(JSON.parse(line));
    return TYPES.includes(event['type']) ? event : undefined;
  } catch {
    return undefined;
  }
}
