import { expect, test } from 'vitest';
import { PasswordRotation } from '../../src/network/password-rotation.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** Each password that was applied, with the time. */
function rotating(passwords: readonly string[], start?: string) {
  const clock = new VirtualClock();
  const applied: string[] = [];
  const state = { stuck: false };
  const target = {
    apply: (password: string | undefined) => {
      applied.push(`${password}@${clock.now()}`);
      return password === 'refused' ? -22 : 0;
    },
    stuck: () => state.stuck,
  };
  const rotation = new PasswordRotation(clock, target, start);
  const result = rotation.set(passwords);
  return { clock, applied, state, rotation, result };
}

test('none or one: applied at once, and no timer runs', () => {
  for (const [passwords, expected] of [
    [[], 'undefined@0'],
    [['only'], 'only@0'],
  ] as const) {
    const { clock, applied, state } = rotating(passwords);
    state.stuck = true;
    clock.advance(60_000);
    expect(applied).toEqual([expected]);
    expect(clock.pending()).toEqual([]);
  }
});

test('what the kernel says against it is told', () => {
  expect(rotating(['refused']).result).toBe(-22);
});

test('two: the first stays while nothing is stuck', () => {
  const { clock, applied } = rotating(['old', 'new']);
  clock.advance(600_000);
  expect(applied).toEqual(['old@0']);
});

test('stuck: the other one within half a second, and each a longer time, up to eight seconds', () => {
  const { clock, applied, state } = rotating(['old', 'new']);
  clock.advance(10_000);
  state.stuck = true;
  clock.advance(40_000);
  expect(applied).toEqual(['old@0', 'new@10500', 'old@14500', 'new@22500', 'old@30500', 'new@38500', 'old@46500']);
});

test('what gets through stays, and the next time is as the first', () => {
  const { clock, applied, state } = rotating(['old', 'new']);
  clock.advance(10_000);
  state.stuck = true;
  clock.advance(500);
  state.stuck = false;
  clock.advance(10_000);
  state.stuck = true;
  clock.advance(2500);
  expect(applied).toEqual(['old@0', 'new@10500', 'old@21000']);
});

test('it begins with the one that fitted last, if that is one of them', () => {
  expect(rotating(['old', 'new'], 'new').applied).toEqual(['new@0']);
  expect(rotating(['old', 'new'], 'older').applied).toEqual(['old@0']);
});

test('the second step of a rotation: the new one alone, at once, and the timer ends', () => {
  const { clock, applied, rotation } = rotating(['old', 'new']);
  rotation.set(['new']);
  expect(applied).toEqual(['old@0', 'new@0']);
  expect(clock.pending()).toEqual([]);
});

test('what is in force stays when it is in the new list too', () => {
  const { rotation, applied } = rotating(['old', 'new'], 'new');
  rotation.set(['new', 'newer']);
  expect([rotation.current, applied]).toEqual(['new', ['new@0', 'new@0']]);
});

test('closed, it does nothing more', () => {
  const { clock, applied, state, rotation } = rotating(['old', 'new']);
  state.stuck = true;
  rotation.close();
  clock.advance(60_000);
  expect([applied, clock.pending()]).toEqual([['old@0'], []]);
});

test('an attempt that is given up: the next begins with the other one, unless it was given no time', () => {
  const { clock, rotation } = rotating(['old', 'new']);
  clock.advance(400);
  expect(rotation.next).toBe('old');
  clock.advance(100);
  expect(rotation.next).toBe('new');
  rotation.set(['new']);
  clock.advance(60_000);
  expect(rotation.next).toBe('new');
  rotation.set([]);
  expect(rotation.next).toBeUndefined();
});
