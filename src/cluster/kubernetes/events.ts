import { type BackoffRange, backoffDelay } from '../../base/backoff.ts';
import { type Clock, type Milliseconds, ms, seconds, type Timer } from '../../base/clock.ts';
import { fieldsOf } from '../../base/fields.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import type { ClusterEvent, ClusterObject, ObjectKind } from '../ports.ts';
import type { ApiClient } from './api-client.ts';
import { type BucketSize, TokenBucket } from './token-bucket.ts';
import { outcomeOf, SERVER_TIMEOUT } from './write-outcome.ts';

/**
 * Events of events.k8s.io/v1, one request at a time, behind everything else that has to be written. What an object says again is one
 * Event with a series, as in client-go. Never more than a bounded number wait; what does not fit is dropped and counted, since the
 * conditions of the Service tell the same.
 *
 * Standards: events.k8s.io/v1; KEP-383 (series, regarding, reportingController).
 */
export interface EventsDeps {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Who reports, of several: the name of the Pod. */
  readonly instance: string;
  /** The first of several is sent no sooner: an API server that stores an Event stores the status of its Service later. */
  readonly patience?: Milliseconds;
  readonly find: (kind: ObjectKind, namespace: string, name: string) => ClusterObject | undefined;
}

/** For metrics. */
export interface EventCounters {
  /** Since the start. */
  readonly sent: number;
  readonly dropped: number;
  /** Now. */
  readonly waiting: number;
}

/** Ten thousand Services at once, or endpoints that flap for hours, say what they have to say in their conditions. */
const ALL: BucketSize = { burst: 500, refill: ms(200) };
/** An address that flaps for hours. */
const ONE_OBJECT: BucketSize = { burst: 10, refill: seconds(60) };
const WAITING_LIMIT = 1000;
const REMEMBERED = 1000;
/** After so long it is news again, and an API server forgets an Event after an hour. */
const SERIES_ENDS = seconds(6 * 60);
/** How often the counts of what was said again are written. */
const SERIES_PERIOD = seconds(30);
const RETRY: BackoffRange = { first: seconds(1), limit: seconds(30) };
const ATTEMPTS = 8;
const TIMEOUT = seconds(5);
/** Limits of the API, in characters. */
const NOTE_LIMIT = 1024;
const NAME_LIMIT = 253;

interface Series {
  readonly namespace: string;
  readonly name: string;
  readonly body: Readonly<Record<string, unknown>>;
  count: number;
  last: Milliseconds;
  lastAt: Date;
  /** In the queue. */
  waits: boolean;
  /** It is there; else it has to be made first. */
  created: boolean;
}

export class Events {
  readonly #deps: EventsDeps;
  readonly #series = new Map<string, Series>();
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #all: TokenBucket;
  readonly #queue: Series[] = [];
  #sending = false;
  #sent = 0;
  #dropped = 0;
  #attempts = 0;
  #failing = false;
  #numbers = 0;
  #retry: Timer | undefined;
  readonly #repeated = new Set<Series>();
  #repeatedTimer: Timer | undefined;
  #stopped = false;

  constructor(deps: EventsDeps) {
    this.#deps = deps;
    this.#all = new TokenBucket(ALL, deps.clock.now());
  }

  get counters(): EventCounters {
    return { sent: this.#sent, dropped: this.#dropped, waiting: this.#queue.length };
  }

  record(event: ClusterEvent): void {
    const { clock } = this.#deps;
    const { regarding, type, reason, message } = event;
    const about = `${regarding.kind}/${regarding.namespace}/${regarding.name}`;
    const key = `${about} ${type} ${reason} ${message}`;
    const now = clock.now();
    const known = this.#series.get(key);
    if (known !== undefined && now - known.last < SERIES_ENDS) {
      remember(this.#series, key, known);
      known.count++;
      known.last = now;
      known.lastAt = clock.wallTime();
      this.#repeated.add(known);
      if (!this.#stopped)
        this.#repeatedTimer ??= clock.startTimer('events said again', SERIES_PERIOD, () => this.#sendRepeated());
      return;
    }
    const bucket = this.#buckets.get(about) ?? new TokenBucket(ONE_OBJECT, now);
    remember(this.#buckets, about, bucket);
    if (this.#queue.length >= WAITING_LIMIT || !bucket.take(now) || !this.#all.take(now)) {
      this.#dropped++;
      return;
    }
    const series = this.#begin(event, now);
    remember(this.#series, key, series);
    this.#enqueue(series);
  }

  /** What waits is lost: it says nothing that a condition does not say. */
  stop(): void {
    this.#stopped = true;
    this.#retry?.stop();
    this.#repeatedTimer?.stop();
    this.#queue.length = 0;
  }

  #begin({ regarding, type, reason, message }: ClusterEvent, now: Milliseconds): Series {
    const { clock, find, instance } = this.#deps;
    const { kind, namespace, name } = regarding;
    const { uid, resourceVersion } = fieldsOf(find(kind, namespace, name)?.body['metadata']);
    const time = clock.wallTime();
    // Events of what has no namespace lie in "default", where kubectl describe looks for them.
    const home = namespace === '' ? 'default' : namespace;
    const suffix = `.${time.getTime().toString(16)}${(this.#numbers++ & 0xff_ff).toString(16).padStart(4, '0')}`;
    const own = `${name.slice(0, NAME_LIMIT - suffix.length)}${suffix}`;
    const body = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { namespace: home, name: own },
      eventTime: microTime(time),
      reportingController: 'clarion.dev/controller',
      reportingInstance: instance.slice(0, 128),
      action: reason,
      reason,
      type,
      regarding: {
        apiVersion: kind === 'EndpointSlice' ? 'discovery.k8s.io/v1' : 'v1',
        kind,
        ...(namespace === '' ? {} : { namespace }),
        name,
        ...(typeof uid === 'string' ? { uid } : {}),
        ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
      },
      note: message.length > NOTE_LIMIT ? `${message.slice(0, NOTE_LIMIT - 3)}...` : message,
    };
    return {
      namespace: home,
      name: own,
      body,
      count: 1,
      last: now,
      lastAt: time,
      waits: false,
      created: false,
    };
  }

  #sendRepeated(): void {
    this.#repeatedTimer = undefined;
    for (const series of this.#repeated) this.#enqueue(series);
    this.#repeated.clear();
  }

  #enqueue(series: Series): void {
    if (this.#stopped || series.waits) return;
    series.waits = true;
    this.#queue.push(series);
    if (this.#sending || this.#retry !== undefined) return;
    const { patience } = this.#deps;
    if (patience === undefined) void this.#send();
    else this.#sendAfter(patience);
  }

  async #send(): Promise<void> {
    const { random } = this.#deps;
    this.#sending = true;
    for (let series = this.#queue[0]; series !== undefined && !this.#stopped; series = this.#queue[0]) {
      const wait = await this.#sendOne(series);
      if (wait === undefined || ++this.#attempts >= ATTEMPTS) {
        this.#attempts = 0;
        if (wait !== undefined) this.#dropped++;
        this.#queue.shift();
        series.waits = false;
        continue;
      }
      if (this.#stopped) break;
      this.#sendAfter(ms(Math.max(wait, backoffDelay(RETRY, this.#attempts - 1, random))));
      break;
    }
    this.#sending = false;
  }

  #sendAfter(delay: Milliseconds): void {
    this.#retry = this.#deps.clock.startTimer('events', delay, () => {
      this.#retry = undefined;
      void this.#send();
    });
  }

  /** Undefined: that is done with. Else to be tried again, no earlier than after that time. */
  async #sendOne(series: Series): Promise<Milliseconds | undefined> {
    const { client, logger } = this.#deps;
    const { namespace, name, body, count, lastAt } = series;
    const folder = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
    const state = { count, lastObservedTime: microTime(lastAt) };
    // A series is of two at least.
    const repeated = count > 1 ? { series: state } : {};
    const answer = series.created
      ? await client.request({
          method: 'PATCH',
          path: `${folder}/${name}?${SERVER_TIMEOUT}`,
          contentType: 'application/merge-patch+json',
          body: repeated,
          timeout: TIMEOUT,
        })
      : await client.request({
          method: 'POST',
          path: `${folder}?${SERVER_TIMEOUT}`,
          body: { ...body, ...repeated },
          timeout: TIMEOUT,
        });
    const code = answer.kind === 'status' ? answer.code : undefined;
    // 409: made by an earlier try whose answer was lost.
    if (answer.kind === 'ok' || (code === 409 && !series.created)) {
      series.created = true;
      this.#sent++;
      this.#failing = false;
      return undefined;
    }
    // The server forgot it; it is made again when it is said again.
    if (code === 404 && series.created) {
      series.created = false;
      return undefined;
    }
    const verb = series.created ? 'patch' : 'create';
    const outcome = outcomeOf(answer, { verb, resource: 'events', group: 'events.k8s.io', namespace: undefined });
    if (outcome.kind === 'done') return undefined;
    if (!this.#failing) logger.warn('an event could not be written', { event: name, namespace, why: outcome.message });
    this.#failing = true;
    if (outcome.kind === 'retry' && code !== 403) return outcome.after ?? ms(0);
    // A namespace that is being deleted takes none, a right that is missing will be missing for the next one too.
    this.#dropped++;
    return undefined;
  }
}

/** The latest at the end; the oldest are forgotten. */
function remember<V>(memory: Map<string, V>, key: string, value: V): void {
  memory.delete(key);
  memory.set(key, value);
  if (memory.size > REMEMBERED) memory.delete(memory.keys().next().value!);
}

/** As metav1.MicroTime writes it. */
const microTime = (time: Date): string => time.toISOString().replace('Z', '000Z');
