import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Milliseconds, ms, seconds } from '../../../src/base/clock.ts';
import type { ApiFailure, StreamEnd } from '../../../src/cluster/kubernetes/api-client.ts';
import {
  initialReflector,
  REFLECTOR_CONFIG,
  type ReflectorEffect,
  type ReflectorEvent,
  type ReflectorState,
  step,
} from '../../../src/cluster/kubernetes/reflector.ts';

const CLOSED: StreamEnd = { kind: 'closed' };
const RESET: ApiFailure = { kind: 'unreachable', message: 'reset' };
const status = (code: number, retryAfter?: Milliseconds, reason = ''): ApiFailure => ({
  kind: 'status',
  code,
  reason,
  message: `HTTP ${code}`,
  retryAfter,
  body: undefined,
});

/** Plays events, each at its time in seconds, and shows the effects of the last one. */
function play(...events: readonly (readonly [number, ReflectorEvent])[]): {
  readonly state: ReflectorState;
  readonly effects: readonly ReflectorEffect[];
} {
  let state = initialReflector(REFLECTOR_CONFIG);
  let effects: readonly ReflectorEffect[] = [];
  for (const [at, event] of [[0, { kind: 'started' }] as const, ...events])
    ({ state, effects } = step(state, event, REFLECTOR_CONFIG, seconds(at)));
  return { state, effects };
}
const page = (version: string, more?: string): ReflectorEvent => ({ kind: 'page-read', version, more });
const ended = (how: StreamEnd): ReflectorEvent => ({ kind: 'watch-ended', how });
const word = (version: string, bookmark = false): ReflectorEvent => ({ kind: 'word-heard', version, bookmark });
const LISTED = [0, page('100')] as const;
const OPENED = [0, { kind: 'watch-opened' }] as const;
const WAITED = { kind: 'wait-over' } as const;
const kinds = (effects: readonly ReflectorEffect[]): readonly string[] => effects.map(({ kind }) => kind);
const waitOf = (effects: readonly ReflectorEffect[]) => effects.find((effect) => effect.kind === 'wait');

describe('API Concepts: retrieving large results sets in chunks', () => {
  test('a list is read page by page, and the store is replaced when the last one is there', () => {
    expect(play().effects).toEqual([{ kind: 'read-page', token: undefined, limit: 500 }]);
    expect(play([0, page('100', 'next')]).effects).toEqual([{ kind: 'read-page', token: 'next', limit: 500 }]);
    expect(play([0, page('100', 'next')], [1, page('100')]).effects).toEqual([
      { kind: 'replace' },
      { kind: 'watch', version: '100' },
    ]);
  });

  test('a continue token that expired (410) begins the list anew, after a wait', () => {
    const failed = play([0, page('100', 'next')], [1, { kind: 'request-failed', failure: status(410) }]);
    expect(kinds(failed.effects)).toEqual(['wait']);
    expect(step(failed.state, WAITED, REFLECTOR_CONFIG, seconds(2)).effects).toEqual([
      { kind: 'read-page', token: undefined, limit: 500 },
    ]);
  });

  test('an answer that is too large makes the pages smaller, and never empty', () => {
    let state = play().state;
    const limits: number[] = [];
    for (let i = 0; i < 8; i++) {
      const failure: ApiFailure = { kind: 'unreachable', message: 'too large', tooLarge: true };
      state = step(state, { kind: 'request-failed', failure }, REFLECTOR_CONFIG, seconds(i)).state;
      const next = step(state, WAITED, REFLECTOR_CONFIG, seconds(i));
      state = next.state;
      for (const effect of next.effects) if (effect.kind === 'read-page') limits.push(effect.limit);
    }
    expect(limits).toEqual([125, 32, 8, 2, 1, 1, 1, 1]);
  });
});

describe('API Concepts: efficient detection of changes', () => {
  test('a watch is resumed from the last version heard, a bookmark included', () => {
    expect(play(LISTED, OPENED, [1, word('105')]).effects).toEqual([{ kind: 'apply' }]);
    expect(play(LISTED, OPENED, [1, word('105')], [2, word('110', true)]).effects).toEqual([]);
    expect(play(LISTED, OPENED, [1, word('105')], [2, word('110', true)], [300, ended(CLOSED)]).effects).toEqual([
      { kind: 'watch', version: '110' },
    ]);
  });

  test('after a failure the server is asked where it is before it is watched again', () => {
    const failed = play(LISTED, OPENED, [5, word('105')], [60, ended(RESET)]);
    expect(kinds(failed.effects)).toEqual(['close-watch', 'wait']);
    const asked = step(failed.state, WAITED, REFLECTOR_CONFIG, seconds(61));
    expect(asked.effects).toEqual([{ kind: 'ask' }]);
    const heard = step(asked.state, { kind: 'version-heard', version: '200' }, REFLECTOR_CONFIG, seconds(62));
    // From where we were: what happened until 200 is not known yet.
    expect(heard.effects).toEqual([{ kind: 'watch', version: '105' }]);
  });

  test.each([
    ['by HTTP', status(410)],
    ['by an ERROR event', status(410, undefined, 'Expired')],
    ['by its reason only', status(500, undefined, 'Expired')],
  ])('Expired %s: listed again, spread over two seconds', (_how, failure) => {
    const expired = play(LISTED, OPENED, [60, ended(failure)]);
    expect(expired.effects).toEqual([{ kind: 'close-watch' }, { kind: 'wait', least: 0, most: 2000 }]);
    expect(kinds(step(expired.state, WAITED, REFLECTOR_CONFIG, seconds(61)).effects)).toEqual(['read-page']);
  });

  test('a server that always says Expired is asked less and less', () => {
    let state = play(LISTED).state;
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      const gone = step(state, ended(status(410)), REFLECTOR_CONFIG, seconds(0));
      waits.push(waitOf(gone.effects)!.most);
      state = step(gone.state, WAITED, REFLECTOR_CONFIG, seconds(0)).state;
      state = step(state, page('100'), REFLECTOR_CONFIG, seconds(0)).state;
    }
    expect(waits).toEqual([2000, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
  });

  test('an ERROR event that is no 410 is a failure like any other', () => {
    expect(kinds(play(LISTED, OPENED, [60, ended(status(504))]).effects)).toEqual(['close-watch', 'wait']);
  });
});

describe('a server in trouble', () => {
  test('Retry-After is waited for, and not by everybody to the same moment', () => {
    const wait = waitOf(play(LISTED, [0, ended(status(429, seconds(7)))]).effects);
    expect(wait).toEqual({ kind: 'wait', least: 7000, most: 10_500 });
    expect(waitOf(play([0, { kind: 'request-failed', failure: status(503, seconds(1)) }]).effects)).toEqual({
      kind: 'wait',
      least: 1000,
      most: 1500,
    });
  });

  test('failures in a row wait from 0.8 to 30 s; a watch that was healthy for 10 s forgets them', () => {
    let state = play().state;
    const waits: number[] = [];
    for (let i = 0; i < 7; i++) {
      const failed = step(state, { kind: 'request-failed', failure: RESET }, REFLECTOR_CONFIG, seconds(0));
      waits.push(waitOf(failed.effects)!.most);
      state = step(failed.state, WAITED, REFLECTOR_CONFIG, seconds(0)).state;
    }
    expect(waits).toEqual([800, 1600, 3200, 6400, 12_800, 25_600, 30_000]);
    state = step(state, page('1'), REFLECTOR_CONFIG, seconds(0)).state;
    state = step(state, { kind: 'watch-opened' }, REFLECTOR_CONFIG, seconds(0)).state;
    expect(waitOf(step(state, ended(RESET), REFLECTOR_CONFIG, seconds(9)).effects)!.most).toBe(30_000);
    expect(waitOf(step(state, ended(RESET), REFLECTOR_CONFIG, seconds(10)).effects)!.most).toBe(800);
  });

  test('a clean end is resumed at once, one that came within a second is a failure', () => {
    expect(kinds(play(LISTED, OPENED, [1, ended(CLOSED)]).effects)).toEqual(['watch']);
    expect(kinds(play(LISTED, OPENED, [0.9, ended(CLOSED)]).effects)).toEqual(['wait']);
    expect(kinds(play(LISTED, [5, ended(CLOSED)]).effects)).toEqual(['wait']);
  });

  test('whatever it answers, and however fast: never many requests', () => {
    const failure = fc.constantFrom<ApiFailure>(RESET, status(410), status(429), status(500, ms(1)), status(403));
    const answer = fc.record({
      failure,
      how: fc.oneof(failure, fc.constant(CLOSED)),
      fails: fc.boolean(),
      lasts: fc.constantFrom(0, 10, 900, 1000, 9999),
      opens: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(answer, { minLength: 1, maxLength: 30 }), (answers) => {
        let now = 0;
        let requests = 0;
        let turn = 0;
        let state = initialReflector(REFLECTOR_CONFIG);
        let queue: ReflectorEvent[] = [{ kind: 'started' }];
        // Ten minutes, with every wait as short as it may be.
        while (now < 600_000) {
          const event = queue.shift();
          if (event === undefined) throw new Error('nothing is under way');
          const next = step(state, event, REFLECTOR_CONFIG, ms(now));
          state = next.state;
          for (const effect of next.effects) {
            const { failure: how, fails, ...watch } = answers[turn % answers.length]!;
            if (effect.kind === 'wait') {
              now += effect.least;
              queue = [WAITED];
            } else if (effect.kind === 'read-page' || effect.kind === 'ask') {
              requests++;
              turn++;
              const version = {
                kind: effect.kind === 'ask' ? 'version-heard' : 'page-read',
                version: '1',
                more: undefined,
              };
              queue = [fails ? { kind: 'request-failed', failure: how } : (version as ReflectorEvent)];
            } else if (effect.kind === 'watch') {
              requests++;
              turn++;
              if (watch.opens) state = step(state, { kind: 'watch-opened' }, REFLECTOR_CONFIG, ms(now)).state;
              now += watch.lasts;
              queue = [ended(watch.how)];
            }
          }
        }
        // A watch that lives for a second is resumed at once; whatever is shorter backs off to 15 s and more.
        expect(requests).toBeLessThan(1300);
      }),
      { numRuns: 60 },
    );
  });
});

describe('never back in time without saying', () => {
  const back = { kind: 'tell-back-in-time', from: '100', to: '99' };

  test('found out by the question after a failure: everything is listed anew, and it is told', () => {
    const asking = play(LISTED, OPENED, [60, ended(RESET)], [61, WAITED]);
    const heard = step(asking.state, { kind: 'version-heard', version: '99' }, REFLECTOR_CONFIG, seconds(61));
    expect(heard.effects).toEqual([{ kind: 'wait', least: 0, most: 2000 }]);
    const listing = step(heard.state, WAITED, REFLECTOR_CONFIG, seconds(62));
    expect(step(listing.state, page('99'), REFLECTOR_CONFIG, seconds(63)).effects).toEqual([
      back,
      { kind: 'replace' },
      { kind: 'watch', version: '99' },
    ]);
  });

  test('found out by a word on the watch', () => {
    expect(kinds(play(LISTED, OPENED, [1, word('99', true)]).effects)).toEqual(['close-watch', 'wait']);
  });

  test.each([
    ['9', '10'],
    ['99999999999999999998', '99999999999999999999'],
  ])('%s is before %s', (older, newer) => {
    expect(play([0, page(newer)], [1, word(older)]).state.next).toBe('list');
    expect(play([0, page(older)], [1, word(newer)]).effects).toEqual([{ kind: 'apply' }]);
  });

  test('versions that are no numbers are not compared', () => {
    expect(play([0, page('b')], [1, word('a')]).effects).toEqual([{ kind: 'apply' }]);
  });
});

describe('asked to read again', () => {
  test('what is under way is left, and the list is read', () => {
    expect(kinds(play(LISTED, OPENED, [1, { kind: 'list-asked' }]).effects)).toEqual(['abandon', 'read-page']);
    expect(kinds(play([1, { kind: 'list-asked' }]).effects)).toEqual(['abandon', 'read-page']);
  });

  test('a wait for the server goes on, and the list is what comes then', () => {
    const waiting = play(LISTED, [0, ended(RESET)], [0, { kind: 'list-asked' }]);
    expect(waiting.effects).toEqual([]);
    expect(kinds(step(waiting.state, WAITED, REFLECTOR_CONFIG, seconds(1)).effects)).toEqual(['read-page']);
  });
});

test('stopped: everything is abandoned, and nothing happens any more', () => {
  const stopped = play(LISTED, OPENED, [1, { kind: 'stopped' }]);
  expect(kinds(stopped.effects)).toEqual(['abandon']);
  for (const event of [WAITED, page('1'), word('7'), ended(CLOSED), { kind: 'list-asked' }] as ReflectorEvent[])
    expect(step(stopped.state, event, REFLECTOR_CONFIG, seconds(2)).effects).toEqual([]);
});

test('an answer that comes too late is an answer to nothing', () => {
  const watching = play(LISTED);
  for (const event of [page('7'), { kind: 'version-heard', version: '7' }, WAITED] as ReflectorEvent[])
    expect(step(watching.state, event, REFLECTOR_CONFIG, seconds(2)).effects).toEqual([]);
});
