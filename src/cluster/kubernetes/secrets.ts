import { type Clock, seconds, type Timer } from '../../base/clock.ts';
import { fieldsOf } from '../../base/fields.ts';
import { compareNames } from '../../base/name-order.ts';
import type { Problem } from '../../base/problem.ts';
import type { ClusterObject } from '../ports.ts';
import type { ApiClient, ApiFailure } from './api-client.ts';
import { forbidden } from './write-outcome.ts';

/** A Secret by name; without a namespace it is in ours. */
export interface WantedSecret {
  readonly namespace: string | undefined;
  readonly name: string;
}

/**
 * Secrets by name, each with a `get` and nothing else: a right to list or watch would be one to read all Secrets of the namespace.
 * So they are read when they are first wanted, and again every minute. One that is gone or may not be read is a problem, and what was
 * read before stays in use: sessions do not die of it.
 */
export interface SecretsDeps {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly namespace: string;
  /** `list()` or `problems()` is another one. */
  readonly changed: () => void;
}

const PERIOD = seconds(60);
/** One that could not be read for a reason that passes. */
const AGAIN = seconds(5);
const TIMEOUT = seconds(10);

interface Entry {
  readonly namespace: string;
  readonly name: string;
  object: ClusterObject | undefined;
  problem: Problem | undefined;
  timer: Timer | undefined;
}

export class Secrets {
  readonly #deps: SecretsDeps;
  #entries = new Map<string, Entry>();
  #list: readonly ClusterObject[] = [];

  constructor(deps: SecretsDeps) {
    this.#deps = deps;
  }

  /** Sorted by namespace, then name; the same array until one changes. */
  list(): readonly ClusterObject[] {
    return this.#list;
  }

  problems(): readonly Problem[] {
    return [...this.#entries.values()].flatMap(({ problem }) => problem ?? []);
  }

  /** From now on these, and no others. */
  want(wanted: readonly WantedSecret[]): void {
    const before = this.#entries;
    this.#entries = new Map();
    const added: Entry[] = [];
    for (const { namespace = this.#deps.namespace, name } of wanted) {
      const key = `${namespace}/${name}`;
      if (this.#entries.has(key)) continue;
      const known = before.get(key);
      const entry = known ?? { namespace, name, object: undefined, problem: undefined, timer: undefined };
      this.#entries.set(key, entry);
      if (known === undefined) added.push(entry);
      before.delete(key);
    }
    for (const { timer } of before.values()) timer?.stop();
    if ([...before.values()].some(({ object }) => object !== undefined)) this.#changed();
    for (const entry of added) void this.#read(entry);
  }

  close(): void {
    this.want([]);
  }

  async #read(entry: Entry): Promise<void> {
    const { client, clock } = this.#deps;
    const { namespace, name } = entry;
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(name)}`;
    const answer = await client.request({ method: 'GET', path, timeout: TIMEOUT });
    if (this.#entries.get(`${namespace}/${name}`) !== entry) return;
    const { object, problem } = entry;
    if (answer.kind === 'ok') {
      const body = fieldsOf(answer.body);
      if (object === undefined || versionIn(object.body) !== versionIn(body)) entry.object = asObject(entry, body);
      entry.problem = undefined;
    } else entry.problem = this.#problem(entry, answer);
    const passes = answer.kind !== 'ok' && (answer.kind === 'unreachable' || answer.code >= 429);
    entry.timer = clock.startTimer(
      `Secret ${namespace}/${name}`,
      passes && entry.object === undefined ? AGAIN : PERIOD,
      () => void this.#read(entry),
    );
    if (entry.object !== object || entry.problem?.message !== problem?.message) this.#changed();
  }

  #changed(): void {
    this.#list = [...this.#entries.values()].flatMap(({ object }) => object ?? []).sort(compareNames);
    this.#deps.changed();
  }

  #problem({ namespace, name, object }: Entry, failure: ApiFailure): Problem {
    const right = { verb: 'get', resource: 'secrets', group: '', namespace } as const;
    const secret = `Secret ${namespace}/${name}`;
    const code = failure.kind === 'status' ? failure.code : undefined;
    const elsewhere =
      namespace === this.#deps.namespace
        ? ''
        : `; Clarion reads Secrets of its own namespace, ${this.#deps.namespace}: put it there`;
    const why =
      code === 404
        ? `is not there${elsewhere}`
        : code === 403
          ? `may not be read: ${forbidden(failure.message, right)}${elsewhere}`
          : `cannot be read: ${failure.message}`;
    const kept = object === undefined ? 'What needs it waits.' : 'What was read before stays in use.';
    return {
      severity: 'warning',
      file: secret,
      line: 1,
      column: 1,
      code: 'secret-not-readable',
      object: secret,
      message: `${secret} ${why}. ${kept} It is looked for every minute.`,
    };
  }
}

const asObject = ({ namespace, name }: Entry, body: Readonly<Record<string, unknown>>): ClusterObject => ({
  kind: 'Secret',
  namespace,
  name,
  body: { metadata: { namespace, name, resourceVersion: versionIn(body) }, data: body['data'] },
  origin: { file: `Secret ${namespace}/${name}`, line: 1, text: undefined },
});

const versionIn = (body: Readonly<Record<string, unknown>>): unknown => fieldsOf(body['metadata'])['resourceVersion'];
