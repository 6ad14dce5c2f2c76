import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventReader, encodeEvent, HEARTBEAT, type StreamEvent } from '../../src/base/event-stream.ts';

const linesOf = (text: string): string[] => text.split('\n').slice(0, -1);
const read = (text: string): StreamEvent[] => {
  const reader = new EventReader();
  return linesOf(text).flatMap((line) => reader.line(line) ?? []);
};

test('what is written is read, whatever is in it', () => {
  const data = fc.string({ unit: fc.constantFrom('a', '\n', ' ', ':', '"', 'ü') });
  fc.assert(
    fc.property(fc.array(data), (texts) => {
      const events = texts.map((text) => ({ event: 'report', data: text }));
      expect(read(events.map(encodeEvent).join(HEARTBEAT))).toEqual(events);
    }),
  );
});

test.each([
  ['a heartbeat is no event', HEARTBEAT, []],
  ['an event without a name', 'data: x\n\n', [{ event: 'message', data: 'x' }]],
  ['an event without data is none', 'event: x\n\n', []],
  ['what is unknown is passed over', 'id: 7\nretry: 1\ndata:x\n\n', [{ event: 'message', data: 'x' }]],
  ['one that is not ended is none yet', 'data: x\n', []],
])('HTML Living Standard §9.2.6: %s', (_what, text, events) => {
  expect(read(text)).toEqual(events);
});
