import { describe, expect, test } from 'vitest';
import { ms } from '../../src/base/clock.ts';
import type { MacAddress } from '../../src/base/mac-address.ts';
import {
  CONFLICT_TIMERS,
  type ConflictEvent,
  type ConflictState,
  startConflict,
  stepConflict,
} from '../../src/layer2/conflict.ts';

const config = { count: 2, wait: ms(30) };
const rival = { mac: '02:00:00:00:00:99' as MacAddress, interface: 'eth0' };

const states: readonly ConflictState[] = [
  { kind: 'probing', hold: true, left: 1, rival: undefined },
  { kind: 'probing', hold: false, left: 0, rival: undefined },
  { kind: 'probing', hold: true, left: 0, rival },
  { kind: 'clear' },
  { kind: 'refused', hold: true, rival },
  { kind: 'announced' },
  { kind: 'defending', rival, rested: false },
  { kind: 'defending', rival, rested: true },
];
const events: readonly ConflictEvent[] = [
  { kind: 'wanted', hold: true },
  { kind: 'wanted', hold: false },
  { kind: 'probe-sent' },
  { kind: 'rival-excused' },
  { kind: 'rival-seen', rival, claim: 'uses' },
  { kind: 'rival-seen', rival, claim: 'probes' },
  ...CONFLICT_TIMERS.map((timer) => ({ kind: 'expired' as const, timer })),
];
const answers = (state: ConflictState): boolean => state.kind === 'announced' || state.kind === 'defending';

describe('in every state, on every event', () => {
  const cells = states.flatMap((state) => events.map((event) => ({ state, event, ...step(state, event) })));
  function step(state: ConflictState, event: ConflictEvent) {
    const { state: next, effects } = stepConflict(state, event, config);
    return { next, kinds: effects.map(({ kind }) => kind), effects };
  }

  test('answering begins with an announcement and ends with a withdrawal, and neither happens otherwise', () => {
    for (const { state, next, kinds } of cells) {
      expect(kinds.includes('announce')).toBe(!answers(state) && answers(next));
      expect(kinds.includes('withdraw')).toBe(answers(state) && !answers(next));
    }
  });

  test('only an address that is held is defended, and never twice without a rest', () => {
    for (const { state, next, kinds } of cells)
      if (kinds.includes('defend')) {
        expect(state.kind === 'announced' || (state.kind === 'defending' && state.rested)).toBe(true);
        expect(next).toMatchObject({ kind: 'defending', rested: false });
      }
  });

  test('an address comes into use only from a finished probe or from one that was found free', () => {
    for (const { state, event, next } of cells)
      if (!answers(state) && answers(next)) {
        const finished =
          state.kind === 'probing' && state.left === 0 && event.kind === 'expired' && event.timer === 'wait';
        expect(finished || state.kind === 'clear').toBe(true);
      }
  });

  test('whoever is refused tries again, with every other timer stopped', () => {
    const refusals = cells.filter(({ state, next }) => next.kind === 'refused' && state.kind !== 'refused');
    expect(refusals.length).toBeGreaterThan(0);
    for (const { effects } of refusals)
      expect(effects).toEqual([{ kind: 'stop-timers' }, { kind: 'start-timer', timer: 'retry', after: 1000 }]);
  });

  test('what the table wants is not forgotten', () => {
    for (const { next } of cells)
      for (const hold of [true, false]) {
        const told = stepConflict(next, { kind: 'wanted', hold }, config).state;
        if ('hold' in told) expect(told.hold).toBe(hold);
        else expect(answers(told)).toBe(hold);
      }
  });
});

describe('the start', () => {
  test.each([
    [true, false, 2, 'probing', ['send-probe']],
    [false, false, 2, 'probing', ['send-probe']],
    [true, true, 2, 'announced', ['announce']],
    [false, true, 2, 'clear', []],
    [true, false, 0, 'announced', ['announce']],
  ] as const)('hold %s, known %s, %i probes: %s', (hold, known, count, kind, effects) => {
    const started = startConflict(hold, known, { count, wait: ms(30) });
    expect(started.state.kind).toBe(kind);
    expect(started.effects.map((effect) => effect.kind)).toEqual(effects);
  });

  test('each probe waits after it was sent, not after it was wanted', () => {
    const { state } = startConflict(true, false, config);
    expect(stepConflict(state, { kind: 'probe-sent' }, config).effects).toEqual([
      { kind: 'start-timer', timer: 'wait', after: 30 },
    ]);
  });

  test('probes switched off while an address is refused: it is used with the next try', () => {
    const refused: ConflictState = { kind: 'refused', hold: true, rival };
    const retried = stepConflict(refused, { kind: 'expired', timer: 'retry' }, { count: 0, wait: ms(0) });
    expect(retried.state).toEqual({ kind: 'announced' });
  });
});
