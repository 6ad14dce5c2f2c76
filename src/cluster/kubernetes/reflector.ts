import type { BackoffRange } from '../../base/backoff.ts';
import { type Milliseconds, ms, seconds } from '../../base/clock.ts';
import { unreachable } from '../../base/errors.ts';
import type { ApiFailure, StreamEnd } from './api-client.ts';

/**
 * How one resource is followed: read once as a list in pages, then watched from the version of that list, resumed where a
 * watch ended, read again when the server no longer knows what happened since. The rules only, as a pure step;
 * reflector-driver.ts does what they say.
 *
 * - Whatever goes wrong is waited for with backoff and jitter, and with the time the server asks for. Only a watch that was
 *   healthy for a while makes the next failure the first one again, so no server can make us run in circles.
 * - A clean end is how a server ends each watch after some minutes: resumed at once, unless it came at once.
 * - `Expired` (HTTP 410) in any form: read again, spread over some time, since it meets every speaker in the same moment.
 *   On a page of a list it begins that list anew: the rest that the server offers is of another moment than what we have.
 * - Lists and questions ask for what etcd has now, never for what a server has cached, so two servers of different age cannot
 *   take us back. A cluster that was restored from a backup does: that is found out after every failure, before the watch is
 *   resumed (such a server would wait silently until its versions reach ours), and it is said.
 *
 * Standards: Kubernetes, "API Concepts" (efficient detection of changes, retrieving large results sets in chunks, resource versions).
 */
export interface ReflectorConfig {
  readonly pageSize: number;
  readonly backoff: BackoffRange;
  /** A watch that lasted so long makes the next failure the first one. */
  readonly healthyAfter: Milliseconds;
  /** A watch that ended cleanly after less than this is a failure. */
  readonly tooShort: Milliseconds;
  /** Over which the lists of all that were told `Expired` at once are spread. */
  readonly spread: Milliseconds;
}

export const REFLECTOR_CONFIG: ReflectorConfig = {
  pageSize: 500,
  backoff: { first: ms(800), limit: seconds(30) },
  healthyAfter: seconds(10),
  tooShort: seconds(1),
  spread: seconds(2),
};

/** What is done next: read the list, ask which version the server is at, watch. */
type Task = 'list' | 'ask' | 'watch';

export interface ReflectorState {
  readonly phase: Task | 'waiting' | 'stopped';
  /** Of interest while waiting. */
  readonly next: Task;
  /** Everything up to here is known; undefined before the first list was read. */
  readonly version: string | undefined;
  readonly pageSize: number;
  /** In a row, without a healthy watch in between. */
  readonly failures: number;
  /** When the server said yes to the watch that runs. */
  readonly openedAt: Milliseconds | undefined;
}

export type ReflectorEvent =
  | { readonly kind: 'started' }
  | { readonly kind: 'page-read'; readonly version: string; readonly more: string | undefined }
  /** The version that the server is at. */
  | { readonly kind: 'version-heard'; readonly version: string }
  /** Of a list or a question. */
  | { readonly kind: 'request-failed'; readonly failure: ApiFailure }
  | { readonly kind: 'watch-opened' }
  /** An object changed, or a bookmark. */
  | { readonly kind: 'word-heard'; readonly version: string; readonly bookmark: boolean }
  /** The connection ended, or an ERROR event came, after which a server may leave the connection open. */
  | { readonly kind: 'watch-ended'; readonly how: StreamEnd }
  | { readonly kind: 'wait-over' }
  /** Somebody must know what holds now. */
  | { readonly kind: 'list-asked' }
  | { readonly kind: 'stopped' };

export type ReflectorEffect =
  /** `token` undefined: the first page; pages read before are forgotten. */
  | { readonly kind: 'read-page'; readonly token: string | undefined; readonly limit: number }
  /** The pages are all there: the store becomes what they say. */
  | { readonly kind: 'replace' }
  | { readonly kind: 'ask' }
  | { readonly kind: 'watch'; readonly version: string }
  | { readonly kind: 'apply' }
  | { readonly kind: 'close-watch' }
  /** Whatever is under way is of no use any more. */
  | { readonly kind: 'abandon' }
  /** A random time in between. */
  | { readonly kind: 'wait'; readonly least: Milliseconds; readonly most: Milliseconds }
  /** The server is at an older version than we: a backup was restored. */
  | { readonly kind: 'tell-back-in-time'; readonly from: string; readonly to: string };

export interface ReflectorStep {
  readonly state: ReflectorState;
  readonly effects: readonly ReflectorEffect[];
}

export const initialReflector = (config: ReflectorConfig): ReflectorState => ({
  phase: 'waiting',
  next: 'list',
  version: undefined,
  pageSize: config.pageSize,
  failures: 0,
  openedAt: undefined,
});

export function step(
  state: ReflectorState,
  event: ReflectorEvent,
  config: ReflectorConfig,
  now: Milliseconds,
): ReflectorStep {
  if (state.phase === 'stopped') return { state, effects: [] };
  switch (event.kind) {
    case 'started':
    case 'wait-over':
      return state.phase === 'waiting' ? begin(state, state.next) : { state, effects: [] };
    case 'page-read':
      return state.phase === 'list' ? pageRead(state, event.version, event.more) : { state, effects: [] };
    case 'version-heard':
      return state.phase === 'ask' ? versionHeard(state, event.version, config) : { state, effects: [] };
    case 'request-failed':
      return state.phase === 'list' || state.phase === 'ask'
        ? requestFailed(state, state.phase, event.failure, config)
        : { state, effects: [] };
    case 'watch-opened':
      return { state: { ...state, openedAt: now }, effects: [] };
    case 'word-heard':
      return state.phase === 'watch' ? wordHeard(state, event, config) : { state, effects: [] };
    case 'watch-ended':
      return state.phase === 'watch' ? watchEnded(state, event.how, config, now) : { state, effects: [] };
    case 'list-asked':
      // A wait is for the server's sake, or there is none: it goes on.
      if (state.phase === 'waiting') return { state: { ...state, next: 'list' }, effects: [] };
      return after({ kind: 'abandon' }, begin(state, 'list'));
    case 'stopped':
      return { state: { ...state, phase: 'stopped' }, effects: [{ kind: 'abandon' }] };
    default:
      return unreachable(event);
  }
}

function begin(state: ReflectorState, task: Task): ReflectorStep {
  const { version, pageSize } = state;
  const next: ReflectorState = { ...state, phase: task, next: task, openedAt: undefined };
  if (task === 'list' || version === undefined)
    return {
      state: { ...next, phase: 'list' },
      effects: [{ kind: 'read-page', token: undefined, limit: pageSize }],
    };
  return { state: next, effects: [task === 'ask' ? { kind: 'ask' } : { kind: 'watch', version }] };
}

function pageRead(state: ReflectorState, version: string, more: string | undefined): ReflectorStep {
  if (more !== undefined) return { state, effects: [{ kind: 'read-page', token: more, limit: state.pageSize }] };
  const watching = begin({ ...state, version }, 'watch');
  const back = backInTime(state, version);
  return { ...watching, effects: [...back, { kind: 'replace' }, ...watching.effects] };
}

function versionHeard(state: ReflectorState, version: string, config: ReflectorConfig): ReflectorStep {
  // The list that is read then says that it goes back.
  return backInTime(state, version).length > 0 ? wait(state, 'list', ms(0), config.spread) : begin(state, 'watch');
}

function requestFailed(state: ReflectorState, task: Task, failure: ApiFailure, config: ReflectorConfig): ReflectorStep {
  const smaller = failure.kind === 'unreachable' && failure.tooLarge === true && state.pageSize > 1;
  const pageSize = smaller ? Math.ceil(state.pageSize / 4) : state.pageSize;
  return failed({ ...state, pageSize }, task, failure, config);
}

function wordHeard(
  state: ReflectorState,
  { version, bookmark }: { readonly version: string; readonly bookmark: boolean },
  config: ReflectorConfig,
): ReflectorStep {
  if (backInTime(state, version).length > 0)
    return after({ kind: 'close-watch' }, wait(state, 'list', ms(0), config.spread));
  return { state: { ...state, version }, effects: bookmark ? [] : [{ kind: 'apply' }] };
}

function watchEnded(state: ReflectorState, how: StreamEnd, config: ReflectorConfig, now: Milliseconds): ReflectorStep {
  const lasted = state.openedAt === undefined ? 0 : now - state.openedAt;
  const since = { ...state, failures: lasted >= config.healthyAfter ? 0 : state.failures };
  if (isExpired(how)) {
    const { failures } = since;
    if (failures > 0) return after({ kind: 'close-watch' }, failed(since, 'list', how, config));
    return after({ kind: 'close-watch' }, wait({ ...since, failures: 1 }, 'list', ms(0), config.spread));
  }
  if (how.kind !== 'closed') return after({ kind: 'close-watch' }, failed(since, 'ask', how, config));
  if (lasted >= config.tooShort) return begin(since, 'watch');
  return failed(since, 'watch', how, config);
}

/** The next try later: at least after what the server asks for, and each time later than before. */
function failed(state: ReflectorState, next: Task, how: StreamEnd, config: ReflectorConfig): ReflectorStep {
  const { first, limit } = config.backoff;
  const ceiling = Math.min(limit, first * 2 ** Math.min(state.failures, 30));
  const asked = how.kind === 'status' ? (how.retryAfter ?? 0) : 0;
  const least = Math.max(ceiling / 2, asked);
  // Everybody was asked for the same time.
  const most = Math.max(ceiling, asked * 1.5);
  return wait({ ...state, failures: state.failures + 1 }, next, ms(least), ms(most));
}

const wait = (state: ReflectorState, next: Task, least: Milliseconds, most: Milliseconds): ReflectorStep => ({
  state: { ...state, phase: 'waiting', next, openedAt: undefined },
  effects: [{ kind: 'wait', least, most }],
});

const after = (effect: ReflectorEffect, { state, effects }: ReflectorStep): ReflectorStep => ({
  state,
  effects: [effect, ...effects],
});

const isExpired = (how: StreamEnd): boolean =>
  how.kind === 'status' && (how.code === 410 || how.reason === 'Expired' || how.reason === 'Gone');

const backInTime = ({ version: from }: ReflectorState, to: string): readonly ReflectorEffect[] =>
  from !== undefined && isOlder(to, from) ? [{ kind: 'tell-back-in-time', from, to }] : [];

/** Versions are decimal numbers of any length (KEP-5504); what is none cannot be compared. */
const isOlder = (a: string, b: string): boolean =>
  /^\d+$/.test(a) && /^\d+$/.test(b) && (a.length === b.length ? a < b : a.length < b.length);
