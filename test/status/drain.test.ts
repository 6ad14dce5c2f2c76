import { expect, test } from 'vitest';
import { clusterStatus } from '../../src/status/cluster-status.ts';
import { heldBy, whyKept } from '../../src/status/drain.ts';
import { answer, held, ip, reportOf, silent, verdict } from './scene.ts';

const heldOf = (...given: Parameters<typeof heldBy>) => heldBy(...given).map(({ address }) => address);

test('a node holds what it says itself, whatever the others believe', () => {
  const handedOver = [
    held('192.0.2.1', 'node-b', 2),
    held('192.0.2.2', 'node-b', 4),
    held('2001:db8::1', 'node-a', 1, true),
  ];
  const own = answer(reportOf({ node: 'node-a', holder: 'node-a', speaker: { wire: handedOver } }));
  const late = answer(reportOf({ node: 'node-c', holder: 'node-a' }));
  expect(heldOf([own, late], 'node-a')).toEqual(['2001:db8::1']);
  expect(heldOf([own, late], 'node-b')).toEqual([]);
});

test('where it does not answer, what the others say', () => {
  expect(heldOf([silent('node-a'), answer(reportOf({ node: 'node-c' }))], 'node-a')).toEqual([
    '192.0.2.1',
    '2001:db8::1',
  ]);
});

test('an address that nothing serves holds nothing up', () => {
  const verdicts = [verdict('192.0.2.1', {}, { barred: 'no-endpoints' })];
  const wire = [{ ...held('192.0.2.1', 'node-a', 1), layer2: { kind: 'prepared' } as const }];
  expect(heldOf([answer(reportOf({ node: 'node-a', speaker: { verdicts, wire } }))], 'node-a')).toEqual([]);
});

test('why an address is kept', () => {
  const why = (reasons: Parameters<typeof verdict>[1]) => {
    const report = reportOf({
      node: 'node-a',
      address: ip('192.0.2.1'),
      speaker: { verdicts: [verdict('192.0.2.1', reasons)] },
    });
    return whyKept(clusterStatus([answer(report)]).addresses[0]!, 'node-a');
  };
  expect(why({})).toBe('192.0.2.1: offered to node-b, node-c, not taken yet');
  expect(why({ 'node-b': 'no-local-endpoints', 'node-c': 'node-excluded' })).toBe(
    '192.0.2.1: no other node may hold it (node-b: no-local-endpoints, node-c: node-excluded)',
  );
});
