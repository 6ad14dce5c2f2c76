import { describe, expect, test } from 'vitest';
import { sessionEnd } from '../../src/bgp/session-error.ts';
import type { Notification } from '../../src/bgp/wire/message.ts';
import { cease, hardReset, notification } from '../../src/bgp/wire/notification.ts';
import { CONFIG } from './session-support.ts';

const received = (message: Notification): string =>
  sessionEnd({ kind: 'notification-received', notification: message }, CONFIG, true).message;
const sent = (message: Notification, found?: string): string =>
  sessionEnd({ kind: 'notification-sent', notification: message, message: found }, CONFIG, true).message;

/** Every code and subcode that a router may send, by IANA's registries. */
const REGISTERED: readonly (readonly [number, readonly number[]])[] = [
  [1, [0, 1, 2, 3]],
  [2, [0, 1, 2, 3, 4, 5, 6, 7, 11]],
  [3, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
  [4, [0]],
  [5, [0, 1, 2, 3]],
  [6, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
  [7, [1]],
  [8, [0]],
];
const ALL = REGISTERED.flatMap(([code, subcodes]) => subcodes.map((subcode) => [code, subcode] as const));

test.each(ALL)('received %d/%d: a sentence of its own, whoever reads it', (code, subcode) => {
  const words = received(notification(code, subcode));
  expect(words).not.toMatch(/^the router closed the session:/);
  expect(words).toMatch(/^(the|we|BFD) [^!]+[^.!]$/);
});

test.each([
  [1, 1],
  [2, 2],
  [2, 3],
  [2, 7],
  [2, 11],
  [3, 1],
  [6, 10],
  [7, 1],
])('sent %d/%d: what was found, and what to do', (code, subcode) => {
  expect(sent(notification(code, subcode), 'what was found')).toMatch(/^what was found; [^!]+[^.!]$/);
});
test.each([
  [4, 0],
  [5, 0],
  [6, 2],
  [6, 3],
  [6, 4],
  [6, 6],
  [6, 7],
  [8, 0],
])('sent %d/%d: words also where nothing in particular was found', (code, subcode) => {
  expect(sent(notification(code, subcode))).not.toMatch(/cease|error|\//);
});

test('what is not registered has its numbers', () => {
  expect(received(notification(77, 5))).toBe('the router closed the session: code-77/subcode-5');
  expect(received(notification(6, 99))).toBe('the router closed the session: cease/subcode-99');
  expect(sent(notification(6, 99))).toBe('we closed the session: cease/subcode-99');
});

describe('particulars', () => {
  test('RFC 9003: what the operator at the router says, quoted, with nothing in it that steers a terminal', () => {
    expect(received(cease(2, 'new line card\nback at 04:00'))).toContain(
      'on the router: "new line card\\nback at 04:00";',
    );
    expect(received(cease(4, '\u001b[2J \u009b2J \u202egnp'))).toBe(
      'the session was reset on the router: "\\u001b[2J \\u009b2J \\u202egnp"',
    );
    expect(received(notification(6, 2, Uint8Array.of(200, 1)))).toBe(
      'the session was shut down on the router; it comes back when it is enabled there',
    );
  });
  test('RFC 4486 §4: which limit was reached', () => {
    const data = Uint8Array.of(0, 2, 1, 0, 0, 3, 232);
    expect(received(notification(6, 1, data))).toContain('its limit of 1000 for IPv6:');
    expect(received(notification(6, 1, Uint8Array.of(0, 25, 70, 0, 0, 0, 9)))).toContain('its limit of 9:');
    expect(received(notification(6, 1, data.subarray(0, 6)))).toContain('its limit:');
  });
  test('RFC 8538 §3: what a hard reset is for', () => {
    expect(received(hardReset(cease(2)))).toContain('shut down on the router');
    expect(received(hardReset(cease(2)))).toContain('hard reset');
    expect(sent(hardReset(cease(2)))).toBe('the speaker stopped');
    expect(received(notification(6, 9))).toContain('keeps no routes');
  });
  test('our own numbers are in it, since the other side has to be compared with them', () => {
    expect(received(notification(2, 2))).toContain('64500');
    expect(received(notification(2, 3))).toContain('10.0.0.1');
    expect(received(notification(2, 6))).toContain('90 s');
    expect(received(notification(2, 7, Uint8Array.of(69, 4)))).toContain('capability 69');
  });
});

test('a collision is no error, a lost connection is none of the attempt', () => {
  const end = (message: Notification) =>
    sessionEnd({ kind: 'notification-received', notification: message }, CONFIG, true);
  expect([end(cease(7)).kind, end(cease(6)).kind]).toEqual(['collision', 'notification-received']);
  const failed = { kind: 'tcp-failed', message: 'refused' } as const;
  expect(sessionEnd(failed, CONFIG, false)).toEqual({
    kind: 'connect-failed',
    notification: undefined,
    message: 'refused',
  });
  expect(sessionEnd(failed, CONFIG, true).kind).toBe('connection-lost');
});
