import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventReader, type StreamEvent } from '../../../src/base/event-stream.ts';
import { encodeReport, HeardReport } from '../../../src/cluster/kubernetes/report-event.ts';
import type { SpeakerReport } from '../../../src/cluster/ports.ts';

type Said = SpeakerReport['addresses'][number];
const said = fc.record<Said>({
  address: fc.constantFrom('192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::1'),
  state: fc.constantFrom('announced', 'prepared', 'probing', 'refused'),
  reason: fc.constantFrom(undefined, 'address-conflict', 'no-session'),
  message: fc.option(fc.string(), { nil: undefined }),
});
const report = (addresses: readonly Said[], at = 0): SpeakerReport => ({
  node: 'node-a',
  at: new Date(at).toISOString(),
  addresses,
});
const announced = (address: string): Said => ({ address, state: 'announced', reason: undefined, message: undefined });

function eventsIn(text: string | undefined): StreamEvent[] {
  const reader = new EventReader();
  return (text ?? '').split('\n').flatMap((line) => reader.line(line) ?? []);
}
const byAddress = (addresses: readonly Said[]): unknown =>
  addresses
    .map((one) => JSON.stringify([one.address, one.state, one.reason, one.message]))
    .toSorted((a, b) => (a < b ? -1 : 1));

test('whoever hears the report and every change knows what was said last', () => {
  fc.assert(
    fc.property(fc.array(fc.array(said, { maxLength: 6 }), { minLength: 1, maxLength: 8 }), (history) => {
      const heard = new HeardReport();
      let told: SpeakerReport | undefined;
      for (const [i, addresses] of history.entries()) {
        const latest = report(addresses, i);
        for (const event of eventsIn(encodeReport(told, latest))) expect(heard.take(event)).toMatchObject({ ok: true });
        told = latest;
      }
      expect(byAddress(heard.report()!.addresses)).toEqual(byAddress(told!.addresses));
    }),
  );
});

test('a change carries what differs, whatever else there is; the time alone is none', () => {
  const many = Array.from({ length: 1000 }, (_, i) => announced(`10.0.${i >> 8}.${i & 255}`));
  const before = report(many);
  const [event] = eventsIn(encodeReport(before, report([...many.slice(1), announced('192.0.2.1')], 5)));
  expect(event?.event).toBe('change');
  expect(JSON.parse(event!.data)).toEqual({
    node: 'node-a',
    at: '1970-01-01T00:00:00.005Z',
    set: [{ address: '192.0.2.1', state: 'announced' }],
    remove: ['10.0.0.0'],
  });
  expect(encodeReport(before, report(many, 9))).toBeUndefined();
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
  const addresses = [announced('192.0.2.1'), { address: '192.0.2.2', state: 'dreamt' }, 7, { state: 'announced' }];
  expect(heard.take({ event: 'report', data: JSON.stringify({ node: 'a', at: 'x', addresses }) }).ok).toBe(true);
  expect(heard.report()?.addresses).toEqual([{ address: '192.0.2.1', state: 'announced' }]);
});

test('the report is the same object until something new is heard', () => {
  const heard = new HeardReport();
  const [event] = eventsIn(encodeReport(undefined, report([announced('192.0.2.1')])));
  heard.take(event!);
  const first = heard.report();
  expect(heard.report()).toBe(first);
  heard.take(event!);
  expect(heard.report()).not.toBe(first);
});
