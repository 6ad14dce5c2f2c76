import { describe, expect, test } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import { step } from '../../src/bgp/fsm.ts';
import { type Fsm, type FsmConfig, type FsmEffect, isConnected, TIMERS } from '../../src/bgp/fsm-events.ts';
import {
  cell,
  EVENTS,
  type EventName,
  FSM_CONFIG,
  inWords,
  NEGOTIATED,
  STATES,
  type StateName,
} from './fsm-support.ts';
import { TABLE } from './fsm-table.ts';

const STATE_NAMES = Object.keys(STATES) as StateName[];
const EVENT_NAMES = Object.keys(EVENTS) as EventName[];

describe.each(STATE_NAMES)('in %s', (state) => {
  test.each(EVENT_NAMES)('%s', (event) => {
    expect(inWords(cell(state, event))).toBe(TABLE[state][event]);
  });
});

/** What must hold in every cell, whatever is configured and agreed upon. */
const CONFIGS: Readonly<Record<string, FsmConfig>> = {
  active: FSM_CONFIG,
  passive: { ...FSM_CONFIG, passive: true },
  'with DelayOpen': { ...FSM_CONFIG, delayOpenTime: seconds(2) },
};
interface Cell {
  readonly name: string;
  readonly before: Fsm;
  readonly after: Fsm;
  readonly effects: readonly FsmEffect[];
}
const cells: readonly Cell[] = Object.entries(CONFIGS).flatMap(([mode, config]) =>
  [90, 0].flatMap((holdTime) =>
    STATE_NAMES.flatMap((state) =>
      EVENT_NAMES.map((event): Cell => {
        const agreed = { ...NEGOTIATED, holdTime: seconds(holdTime), keepaliveTime: seconds(holdTime / 3) };
        const from: Fsm = STATES[state];
        const before = from.negotiated === undefined ? from : { ...from, negotiated: agreed };
        const happened = EVENTS[event];
        const { fsm, effects } = step(
          before,
          happened.kind === 'open' ? { ...happened, negotiated: agreed } : happened,
          config,
        );
        return { name: `${mode}, hold time ${holdTime}, ${state}, ${event}`, before, after: fsm, effects };
      }),
    ),
  ),
);
const kinds = (effects: readonly FsmEffect[]): string[] => effects.map(({ kind }) => kind);
const isNotification = (effect: FsmEffect): boolean => effect.kind === 'send' && effect.message.kind === 'notification';
const hadConnection = ({ before }: Cell): boolean => isConnected(before) || before.state === 'connect';

describe('in every cell', () => {
  const violations = (holds: (cell: Cell) => boolean): string[] =>
    cells.filter((each) => !holds(each)).map(({ name }) => name);

  test('there are cells', () => expect(cells.length).toBe(3 * 2 * STATE_NAMES.length * EVENT_NAMES.length));

  test('entering Idle closes everything and stops every timer', () => {
    const released = (each: Cell): boolean => {
      if (each.after.state !== 'idle' || each.before.state === 'idle') return true;
      const stopped = each.effects.flatMap((effect) => (effect.kind === 'stop-timer' ? [effect.timer] : []));
      const closed = each.effects.filter(({ kind }) => kind === 'close').length === (hadConnection(each) ? 1 : 0);
      const { delayingOpen, negotiated } = each.after;
      return closed && TIMERS.every((timer) => stopped.includes(timer)) && !delayingOpen && negotiated === undefined;
    };
    expect(violations(released)).toEqual([]);
    expect(
      violations(({ after, effects }) => after.state !== 'idle' || !kinds(effects).includes('start-timer')),
    ).toEqual([]);
  });

  test('a NOTIFICATION is the last thing sent, and the connection is closed right after it', () => {
    expect(
      violations(({ effects, after }) => {
        const at = effects.findIndex(isNotification);
        return at < 0 || (after.state === 'idle' && kinds(effects.slice(at)).join() === 'send,close');
      }),
    ).toEqual([]);
  });

  test('no message but a NOTIFICATION leaves on the way to Idle', () => {
    expect(
      violations(
        ({ after, effects }) =>
          after.state !== 'idle' || effects.every((each) => each.kind !== 'send' || isNotification(each)),
      ),
    ).toEqual([]);
  });

  test('a NOTIFICATION is never answered by one', () => {
    const answered = cells.filter(({ name, effects }) => / (24|25) /.test(name) && effects.some(isNotification));
    expect(answered).toEqual([]);
  });

  test('every connection that ends says so, before it is closed', () => {
    expect(
      violations(({ effects }) => {
        const ended = kinds(effects).indexOf('ended');
        const closed = kinds(effects).indexOf('close');
        return closed < 0 ? ended < 0 : ended >= 0 && ended < closed;
      }),
    ).toEqual([]);
  });

  test('Established is reached from OpenConfirm by a KEEPALIVE alone', () => {
    const reached = cells.filter(
      ({ before, after }) => after.state === 'established' && before.state !== 'established',
    );
    expect(reached.length).toBeGreaterThan(0);
    expect(reached.every(({ before, name }) => before.state === 'open-confirm' && name.endsWith('26 KEEPALIVE'))).toBe(
      true,
    );
  });

  test('what is agreed upon is known in OpenConfirm and Established, and nowhere else', () => {
    expect(
      violations(
        ({ after: { state, negotiated } }) =>
          (negotiated !== undefined) === (state === 'open-confirm' || state === 'established'),
      ),
    ).toEqual([]);
  });

  test('in Idle nothing happens but a start', () => {
    const woken = cells.filter(
      ({ before, effects, name }) => before.state === 'idle' && effects.length > 0 && !name.includes('start'),
    );
    expect(woken).toEqual([]);
  });

  test('a passive session never connects', () => {
    const connecting = cells.filter(
      ({ name, effects }) =>
        name.startsWith('passive') &&
        effects.some(
          (each) => each.kind === 'connect' || (each.kind === 'start-timer' && each.timer === 'connect-retry'),
        ),
    );
    expect(connecting).toEqual([]);
  });
});
