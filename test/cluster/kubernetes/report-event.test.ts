import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventReader, type StreamEvent } from '../../../src/base/event-stream.ts';
import { Follower, TrackedMap } from '../../../src/base/tracked-map.ts';
import { HeardReport, ToldReport } from '../../../src/cluster/kubernetes/report-event.ts';
import type { AddressWord, SpeakerReport } from '../../../src/cluster/ports.ts';

const address = fc.constantFrom('192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::1');
const word = fc.record<AddressWord>({
  state: fc.constantFrom('announced', 'prepared', 'probing', 'refused'),
  reason: fc.constantFrom(undefined, 'address-conflict', 'no-session'),
  message: fc.option(fc.string(), { nil: undefined }),
});
const words = fc.array(word, { minLength: 1, maxLength: 2 });
const ANNOUNCED: readonly AddressWord[] = [{ state: 'announced', reason: undefined, message: undefined }];
const REFUSED: readonly AddressWord[] = [{ state: 'refused', reason: 'no-session', message: 'nobody hears' }];

const report = (addresses: SpeakerReport['addresses'], at = 0): SpeakerReport => ({
  node: 'node-a',
  at: new Date(at).toISOString(),
  addresses,
});

function eventsIn(text: string | undefined): StreamEvent[] {
  const reader = new EventReader();
  return (text ?? '').split('\n').flatMap((line) => reader.line(line) ?? []);
}
function hear(heard: HeardReport, text: string | undefined): void {
  for (const event of eventsIn(text)) expect(heard.take(event)).toMatchObject({ ok: true });
}

test('whoever hears the report and every change knows what was said last, whenever he comes and however slowly he reads', () => {
  const step = fc.record({
    changes: fc.array(fc.tuple(address, fc.option(words)), { maxLength: 6 }),
    // As by a speaker that makes another map each time.
    anew: fc.boolean(),
    late: fc.boolean(),
    full: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (history) => {
      const own = new TrackedMap<string, readonly AddressWord[]>();
      const readers = [{ heard: new HeardReport(), told: new ToldReport() }];
      for (const [i, { changes, anew, late, full }] of history.entries()) {
        for (const [of, said] of changes) {
          if (said === null) own.delete(of);
          else own.set(of, said);
        }
        if (late) readers.push({ heard: new HeardReport(), told: new ToldReport() });
        const latest = report(anew ? new Map(own) : own, i);
        for (const { heard, told } of full ? readers.slice(1) : readers) {
          hear(heard, told.news(latest));
          expect(heard.report()?.addresses).toEqual(own);
        }
      }
      hear(readers[0]!.heard, readers[0]!.told.news(report(own, 99)));
      expect(readers[0]!.heard.report()!.addresses).toEqual(own);
    }),
  );
});

test('a change carries what differs, whatever else there is; the time alone is none', () => {
  const many = new TrackedMap<string, readonly AddressWord[]>(
    Array.from({ length: 1000 }, (_, i) => [`10.0.${i >> 8}.${i & 255}`, ANNOUNCED]),
  );
  const told = new ToldReport();
  expect(eventsIn(told.news(report(many)))[0]?.event).toBe('report');
  many.delete('10.0.0.0');
  many.set('192.0.2.1', ANNOUNCED);
  const [event] = eventsIn(told.news(report(many, 5)));
  expect(event?.event).toBe('change');
  expect(event!.data).toBe(
    '{"node":"node-a","at":"1970-01-01T00:00:00.005Z","set":[{"address":"192.0.2.1","state":"announced"}],"remove":["10.0.0.0"]}',
  );
  expect(told.news(report(many, 9))).toBeUndefined();
});

test('both words of an address travel together, in the form that other versions read', () => {
  const [event] = eventsIn(new ToldReport().news(report(new Map([['192.0.2.1', [...ANNOUNCED, ...REFUSED]]]))));
  expect(event).toEqual({
    event: 'report',
    data: '{"node":"node-a","at":"1970-01-01T00:00:00.000Z","addresses":[{"address":"192.0.2.1","state":"announced"},{"address":"192.0.2.1","state":"refused","reason":"no-session","message":"nobody hears"}]}',
  });
});

test.each([
  ['no JSON', { event: 'report', data: '{' }, 'no JSON'],
  ['no object', { event: 'report', data: '7' }, 'without node'],
  ['no node', { event: 'report', data: '{"at":"x","addresses":[]}' }, 'without node'],
  ['no addresses', { event: 'report', data: '{"node":"a","at":"x"}' }, 'without addresses'],
  ['a change before everything', { event: 'change', data: '{"node":"a","at":"x","set":[]}' }, 'before the report'],
])('what makes no sense is an error in words: %s', (_what, event, why) => {
  const heard = new HeardReport();
  expect(heard.take(event)).toMatchObject({ ok: false, error: expect.stringContaining(why) as string });
  expect(heard.report()).toBeUndefined();
});

test('events and words of a later version are passed over', () => {
  const heard = new HeardReport();
  expect(heard.take({ event: 'weather', data: 'rain' })).toEqual({ ok: true, value: false });
  const addresses = [
    { address: '192.0.2.1', state: 'announced' },
    { address: '192.0.2.2', state: 'dreamt' },
    7,
    { state: 'announced' },
  ];
  expect(heard.take({ event: 'report', data: JSON.stringify({ node: 'a', at: 'x', addresses }) }).ok).toBe(true);
  expect([...heard.report()!.addresses]).toEqual([['192.0.2.1', ANNOUNCED]]);
  const change = { node: 'a', at: 'x', set: [{ address: '192.0.2.1', state: 'dreamt' }], remove: [] };
  expect(heard.take({ event: 'change', data: JSON.stringify(change) }).ok).toBe(true);
  expect(heard.report()?.addresses.size).toBe(0);
});

test('the report is the same object until something new is heard; its map always is, and tells what was touched', () => {
  const heard = new HeardReport();
  const told = new ToldReport();
  const words = new TrackedMap([
    ['192.0.2.1', ANNOUNCED],
    ['192.0.2.2', ANNOUNCED],
  ]);
  hear(heard, told.news(report(words)));
  const first = heard.report()!;
  expect(heard.report()).toBe(first);
  const follower = new Follower<string, readonly AddressWord[]>();
  follower.changed(first.addresses);
  follower.seen();
  words.set('192.0.2.2', REFUSED);
  hear(heard, told.news(report(words, 1)));
  expect(heard.report()).not.toBe(first);
  expect(heard.report()!.addresses).toBe(first.addresses);
  expect([...follower.changed(first.addresses)]).toEqual(['192.0.2.2']);
  follower.seen();
  // A stream that was opened again begins with everything.
  hear(heard, new ToldReport().news(report(words, 2)));
  expect([...follower.changed(first.addresses)]).toEqual([]);
});

test('what is said of a thousand addresses costs nothing once its reader is gone', () => {
  const told = new ToldReport();
  const words = new TrackedMap<string, readonly AddressWord[]>();
  told.news(report(words));
  told.stop();
  words.set('192.0.2.1', ANNOUNCED);
  // As one that knows the node, and nothing else.
  expect(told.news(report(new Map(), 1))).toBeUndefined();
});
