import { backoffDelay } from '../../base/backoff.ts';
import { type Clock, type Milliseconds, ms, seconds, type Timer } from '../../base/clock.ts';
import { EventReader } from '../../base/event-stream.ts';
import { HEARTBEAT_EVERY } from '../../base/followers.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import type { SpeakerReport } from '../ports.ts';
import type { ApiClient, ApiStream, StreamEnd } from './api-client.ts';
import { type PodFacts, podProxyPath } from './pod.ts';
import { HeardReport } from './report-event.ts';

export interface ReportStreamDeps {
  readonly client: ApiClient;
  readonly namespace: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly changed: () => void;
}

export type SpeakerPod = Pick<PodFacts, 'name' | 'uid' | 'port' | 'running'>;

/** What a speaker said that cannot be reached any more. */
const LASTS = seconds(10);
/** Two heartbeats that did not come, and some more. */
const IDLE = ms(2.5 * HEARTBEAT_EVERY);
const BACKOFF = { first: ms(100), limit: seconds(5) } as const;
/** A stream that lasted so long was a good one, so the next try is soon. */
const GOOD_AFTER = seconds(10);
/** Whether it is the API server that does not answer. */
const CHECK_LIMIT = seconds(2);

/** The stream of one speaker's reports, opened again whenever it ends. */
export class ReportStream {
  readonly #pod: SpeakerPod;
  readonly #deps: ReportStreamDeps;
  readonly #heard = new HeardReport();
  #stream: ApiStream | undefined;
  #openSince: Milliseconds | undefined;
  #attempt = 0;
  #again: Timer | undefined;
  /** Runs while the API server answers and the speaker cannot be reached. */
  #dropping: Timer | undefined;
  #dropped = false;
  #refusal: string | undefined;
  #stopped = false;

  constructor(pod: SpeakerPod, deps: ReportStreamDeps) {
    this.#pod = pod;
    this.#deps = deps;
    this.#open();
  }

  get open(): boolean {
    return this.#openSince !== undefined;
  }

  /** Undefined: nothing was heard yet, or too long ago. */
  report(): SpeakerReport | undefined {
    return this.#dropped ? undefined : this.#heard.report();
  }

  stop(): void {
    this.#stopped = true;
    this.#stream?.close();
    this.#again?.stop();
    this.#dropping?.stop();
  }

  #open(): void {
    const { client, namespace, clock } = this.#deps;
    const reader = new EventReader();
    // One that was closed since it made no sense has nothing to say any more, and another may be open.
    const stream: ApiStream = client.stream(
      podProxyPath(namespace, this.#pod, '/report'),
      {
        opened: () => {
          if (stream === this.#stream) this.#openSince = clock.now();
        },
        line: (line) => {
          if (stream !== this.#stream) return;
          const event = reader.line(line);
          if (event === undefined) return;
          const taken = this.#heard.take(event);
          if (!taken.ok) {
            stream.close();
            void this.#ended({ kind: 'unreachable', message: `its report cannot be read: ${taken.error}` });
          } else if (taken.value) this.#saidSomething();
        },
        ended: (how) => {
          if (stream === this.#stream) void this.#ended(how);
        },
      },
      { idleTimeout: IDLE, accept: 'text/event-stream' },
    );
    this.#stream = stream;
  }

  #saidSomething(): void {
    const { logger, changed } = this.#deps;
    this.#dropping?.stop();
    this.#dropping = undefined;
    if (this.#dropped || this.#refusal !== undefined) logger.info('speaker heard again', { pod: this.#pod.name });
    this.#dropped = false;
    this.#refusal = undefined;
    changed();
  }

  async #ended(how: StreamEnd): Promise<void> {
    const { clock, random, client, namespace } = this.#deps;
    if (this.#openSince !== undefined && clock.now() - this.#openSince >= GOOD_AFTER) this.#attempt = 0;
    this.#openSince = undefined;
    this.#stream = undefined;
    if (this.#stopped) return;
    this.#again = clock.startTimer('report stream', backoffDelay(BACKOFF, this.#attempt++, random), () => this.#open());
    this.#tellRefusal(how);
    const path = `/api/v1/namespaces/${namespace}/pods/${this.#pod.name}`;
    const serverAnswers =
      how.kind === 'status' ||
      (await client.request({ method: 'GET', path, timeout: CHECK_LIMIT })).kind !== 'unreachable';
    if (this.#stopped || this.open) return;
    if (serverAnswers) this.#dropLater();
    else {
      this.#dropping?.stop();
      this.#dropping = undefined;
    }
  }

  #dropLater(): void {
    const { clock, logger, changed } = this.#deps;
    if (this.#dropped || this.#heard.report() === undefined) return;
    this.#dropping ??= clock.startTimer('drop the report', LASTS, () => {
      this.#dropping = undefined;
      this.#dropped = true;
      logger.warn('speaker not heard any more; what it announced counts no longer', { pod: this.#pod.name });
      changed();
    });
  }

  /** Once for each cause; a Pod that is only starting is no news. */
  #tellRefusal(how: StreamEnd): void {
    if (how.kind !== 'status' || (how.code !== 403 && how.code !== 404) || how.message === this.#refusal) return;
    this.#refusal = how.message;
    const { logger, namespace } = this.#deps;
    const next = how.code === 403 ? `give this ServiceAccount get on pods/proxy in ${namespace}` : undefined;
    logger.warn('the report of a speaker is refused', { pod: this.#pod.name, why: how.message, next });
  }
}
