import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ms } from '../../src/base/clock.ts';
import type { SessionEvent, SessionTimer } from '../../src/bfd/events.ts';
import { NEXT_STATE } from '../../src/bfd/fsm.ts';
import type { Session } from '../../src/bfd/session.ts';
import type { BfdSessionConfig } from '../../src/bfd/session-config.ts';
import { SESSION_STATES, type SessionState } from '../../src/bfd/wire/constants.ts';
import { config, packet, Solo } from './scene.ts';

/** RFC 5880 §6.2's diagram, written down once more by hand: ours, theirs, what we become, our diagnostic. */
const CELLS: readonly (readonly [SessionState, SessionState, SessionState, number])[] = [
  ['admin-down', 'admin-down', 'admin-down', 7],
  ['admin-down', 'down', 'admin-down', 7],
  ['admin-down', 'init', 'admin-down', 7],
  ['admin-down', 'up', 'admin-down', 7],
  ['down', 'admin-down', 'down', 0],
  ['down', 'down', 'init', 0],
  ['down', 'init', 'up', 0],
  ['down', 'up', 'down', 0],
  ['init', 'admin-down', 'down', 3],
  ['init', 'down', 'init', 0],
  ['init', 'init', 'up', 0],
  ['init', 'up', 'up', 0],
  ['up', 'admin-down', 'down', 3],
  ['up', 'down', 'down', 3],
  ['up', 'init', 'up', 0],
  ['up', 'up', 'up', 0],
];

const REACH: Readonly<Record<SessionState, () => Solo>> = {
  'admin-down': () => new Solo(config({}, { adminDown: true })),
  down: () => new Solo(),
  init: () => new Solo().hears('down'),
  up: () => new Solo().up(),
};
const kinds = (solo: Solo): readonly string[] => solo.effects.map(({ kind }) => kind);

describe('every cell of the state table', () => {
  test('it is the one of the code, and complete', () => {
    expect(CELLS.length).toBe(SESSION_STATES.length ** 2);
    for (const [ours, theirs, next] of CELLS) expect(NEXT_STATE[ours][theirs]).toBe(next);
  });

  test.each(CELLS)('%s hears %s: %s, diagnostic %i', (ours, theirs, next, diagnostic) => {
    const solo = REACH[ours]().hears(theirs);
    expect(solo.session).toMatchObject({ state: next, diagnostic });
    expect(solo.session.remote).toMatchObject({ state: theirs, discriminator: 77 });
    // Whoever relies on the session hears of every change, and the neighbour at once.
    expect(kinds(solo).includes('state-changed')).toBe(next !== ours);
    if (next !== ours) expect(solo.sent.at(-1)).toMatchObject({ state: next, diagnostic });
    // RFC 5880 §6.8.3: only who is up may be fast.
    expect(solo.session.intervals.desiredMinTxUs >= 1_000_000).toBe(next !== 'up');
    expect(solo.session.detectionDue).toBeDefined();
  });

  test.each(SESSION_STATES)('%s, and nothing is heard for the detection time', (ours) => {
    const solo = REACH[ours]().hears(ours === 'admin-down' ? 'up' : ours === 'init' ? 'down' : ours);
    if (ours === 'down') solo.hears('admin-down');
    const { state } = solo.session;
    solo.at(solo.session.detectionDue! - 1).fires('detection');
    expect([solo.session.state, kinds(solo)]).toEqual([state, ['start-timer']]);
    solo.at(solo.session.detectionDue!).fires('detection');
    const failed = state === 'init' || state === 'up';
    expect(solo.session.state).toBe(failed ? 'down' : state);
    if (failed) expect(solo.session.diagnostic).toBe(1);
    expect(solo.session.remote).toMatchObject({ discriminator: 0, minRxUs: 1, demand: false, minEchoRxUs: 0 });
    expect(solo.session.intervals.poll).toBe('none');
    expect(solo.session.detectionDue).toBeUndefined();
  });

  test.each(SESSION_STATES)('%s is taken down by the operator, and given back', (ours) => {
    const solo = REACH[ours]().configure({}, { adminDown: true });
    expect(solo.session).toMatchObject({ state: 'admin-down', diagnostic: 7 });
    if (ours !== 'admin-down') expect(solo.sent).toMatchObject([{ state: 'admin-down', diagnostic: 7 }]);
    solo.configure({}, { adminDown: false });
    expect(solo.session).toMatchObject({ state: 'down', diagnostic: 0 });
    expect(solo.sent).toMatchObject([{ state: 'down', diagnostic: 0 }]);
  });
});

const us = fc.constantFrom(0, 1, 10_000, 50_000, 300_000, 1_000_000, 2_000_000, 0xffffffff);
const anyPacket = fc
  .record({
    state: fc.constantFrom(...SESSION_STATES),
    poll: fc.boolean(),
    final: fc.boolean(),
    demand: fc.boolean(),
    detectMultiplier: fc.integer({ min: 1, max: 255 }),
    myDiscriminator: fc.constantFrom(1, 77, 0xffffffff),
    desiredMinTxUs: us,
    requiredMinRxUs: us,
    requiredMinEchoRxUs: us,
  })
  .map((fields) => packet(fields.state, fields));
const timers: readonly SessionTimer[] = ['transmit', 'detection', 'echo-transmit', 'echo-detection'];
type Untimed<T> = T extends unknown ? Omit<T, 'now'> : never;
const anyEvent: fc.Arbitrary<Untimed<SessionEvent>> = fc.oneof(
  { weight: 5, arbitrary: anyPacket.map((value) => ({ kind: 'received' as const, packet: value })) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('timer-fired' as const),
      timer: fc.constantFrom(...timers),
      stalled: fc.constantFrom(ms(0), ms(5000)),
    }),
  },
  fc.record({ kind: fc.constant('echo-possible' as const), possible: fc.boolean() }),
  fc.record({ kind: fc.constant('echo-offered' as const), offered: fc.boolean() }),
  fc.constant({ kind: 'echo-returned' as const }),
  fc.constant({ kind: 'configured' as const }),
);
const anyConfig: fc.Arbitrary<BfdSessionConfig> = fc
  .record({
    transmitInterval: fc.constantFrom(ms(10), ms(300), ms(2000)),
    receiveInterval: fc.constantFrom(ms(10), ms(300), ms(2000)),
    detectMultiplier: fc.constantFrom(1, 3, 255),
    echoMode: fc.boolean(),
    passiveMode: fc.boolean(),
  })
  .chain((timing) =>
    fc.record({ adminDown: fc.boolean(), multihop: fc.boolean() }).map((rest) => config(timing, rest)),
  );

/** What must hold after every step, whatever came before. */
function check(before: Session, solo: Solo): void {
  const { session, sent, config: rules } = solo;
  const { state, intervals, remote, echo } = session;
  for (const one of sent) {
    expect(one.poll && one.final, 'never Poll and Final at once (§6.5)').toBe(false);
    expect(one.demand, 'we have no demand mode').toBe(false);
    expect(one.state).toBe(state);
    expect([one.myDiscriminator, one.yourDiscriminator]).toEqual([1, remote.discriminator]);
    if (state !== 'up') expect(one.desiredMinTxUs, '§6.8.3').toBeGreaterThanOrEqual(1_000_000);
    if (rules.multihop || !rules.timing.echoMode) expect(one.requiredMinEchoRxUs).toBe(0);
    if (rules.timing.passiveMode) expect(remote.discriminator, '§6.1: the passive one waits').not.toBe(0);
  }
  expect(sent.filter(({ final }) => final).length).toBeLessThanOrEqual(1);
  expect(sent.length).toBeLessThanOrEqual(2);
  expect(state === 'admin-down').toBe(rules.adminDown);
  if (echo.phase !== 'off')
    expect([state, remote.minEchoRxUs > 0, rules.multihop, rules.timing.echoMode]).toEqual(['up', true, false, true]);
  if (solo.effects.some(({ kind }) => kind === 'transmit-echo')) expect(echo.phase).not.toBe('off');
  expect(solo.effects.some(({ kind }) => kind === 'state-changed')).toBe(state !== before.state);
  if (state !== 'up')
    expect(intervals.transmitMinTxUs, 'no promise of a faster time is left').toBe(intervals.desiredMinTxUs);
  expect(intervals.transmitMinTxUs, '§6.8.3').toBeLessThanOrEqual(intervals.desiredMinTxUs);
  expect(intervals.detectionMinRxUs, '§6.8.3').toBeGreaterThanOrEqual(intervals.requiredMinRxUs);
  expect(session.lastReceived === undefined).toBe(session.detectionDue === undefined);
  if (session.lastReceived === undefined) expect(remote.discriminator).toBe(0);
  if (remote.minRxUs === 0) expect(session.transmitInterval, '§6.8.7').toBeUndefined();
  for (const effect of solo.effects)
    if (effect.kind === 'start-timer') expect(effect.latest).toBeGreaterThanOrEqual(effect.earliest);
}

test('no order of events breaks a rule', () => {
  fc.assert(
    fc.property(
      anyConfig,
      fc.array(fc.tuple(fc.integer({ min: 0, max: 2000 }), anyEvent, fc.option(anyConfig)), { maxLength: 40 }),
      (first, events) => {
        const solo = new Solo(first);
        for (const [after, event, other] of events) {
          const before = solo.session;
          solo.at(solo.now + after);
          if (event.kind === 'configured' && other !== null) solo.config = other;
          solo.on(event);
          check(before, solo);
        }
      },
    ),
    { numRuns: 400 },
  );
});
