import { describe, expect, test } from 'vitest';
import type { Reason } from '../../src/base/reason.ts';
import { clusterStatus } from '../../src/status/cluster-status.ts';
import { moveProgress, planMove } from '../../src/status/move.ts';
import type { SpeakerView } from '../../src/status/report.ts';
import { answer, held, ip, member, reportOf, verdict } from './scene.ts';

const ADDRESS = ip('192.0.2.1');
const statusWith = (speaker: Partial<SpeakerView> = {}, node = 'node-a') =>
  clusterStatus([answer(reportOf({ node, address: ADDRESS, speaker }))]);

describe('what move asks for', () => {
  test('the node, the term that it ends, and which address of the Service', () => {
    expect(planMove(statusWith(), ADDRESS, 'node-b')).toEqual({
      kind: 'ask',
      service: 'shop/web-1',
      annotation: 'node-b,term=1,address=192.0.2.1',
      from: 'node-a',
      term: 1,
    });
  });

  test('nothing where it is there already', () => {
    expect(planMove(statusWith(), ADDRESS, 'node-a')).toEqual({ kind: 'there-already', service: 'shop/web-1' });
  });
});

describe('what move refuses, and why', () => {
  const barredBy = (reason: Reason) => ({ verdicts: [verdict('192.0.2.1', { 'node-b': reason })] });
  const rows: readonly (readonly [string, Partial<SpeakerView>, string, string])[] = [
    ['an address of nobody', { verdicts: [] }, 'node-b', 'no Service has the address 192.0.2.1'],
    ['a node that there is not', {}, 'node-z', 'there is no node node-z. There are node-a, node-b, node-c.'],
    ['a node that is not selected', barredBy('node-not-selected'), 'node-b', 'node-not-selected: the nodeSelectors'],
    ['a node that is drained', barredBy('node-draining'), 'node-b', 'clarion undrain NODE'],
    ['a node whose speaker is dead', { members: [member('node-b', 'dead')] }, 'node-b', 'not-a-member'],
    [
      'an address that nothing serves',
      { verdicts: [verdict('192.0.2.1', {}, { barred: 'no-endpoints' })], wire: [held('192.0.2.1', 'node-a', 1)] },
      'node-b',
      'no-endpoints',
    ],
    ['an address without a holder', { wire: [] }, 'node-b', 'nobody holds 192.0.2.1'],
    ['an address whose term nobody tells', { wire: [held('192.0.2.1', 'node-a')] }, 'node-b', 'do not tell the term'],
  ];
  test.each(rows)('%s', (_title, speaker, to, why) => {
    expect(planMove(statusWith(speaker), ADDRESS, to)).toEqual({ kind: 'refused', why: expect.stringContaining(why) });
  });

  test('not a node that one takes for dead and another one hears', () => {
    const says = (node: string, status: 'alive' | 'dead') =>
      answer(reportOf({ node, address: ADDRESS, speaker: { members: [member('node-b', status)] } }));
    const status = clusterStatus([says('node-a', 'alive'), says('node-c', 'dead')]);
    expect(planMove(status, ADDRESS, 'node-b').kind).toBe('ask');
  });
});

describe('how far it is', () => {
  const progress = (holder: string | undefined, term: number | undefined, by: string) =>
    moveProgress(statusWith({ wire: [held('192.0.2.1', holder, term, by === holder)] }, by), ADDRESS, 'node-b', 7);

  test('done by the word of the node itself only', () => {
    expect(progress('node-b', 8, 'node-b')).toEqual({ kind: 'done', term: 8 });
    expect(progress('node-b', 8, 'node-a')).toEqual({ kind: 'waiting', holder: 'node-b' });
  });

  test('void once a third node holds it by a later term', () => {
    expect(progress('node-c', 8, 'node-c')).toEqual({ kind: 'overtaken', holder: 'node-c', term: 8 });
    expect(progress('node-c', 7, 'node-c')).toEqual({ kind: 'waiting', holder: 'node-c' });
  });

  test('waiting while nobody knows', () => {
    expect(progress(undefined, undefined, 'node-a')).toEqual({ kind: 'waiting', holder: undefined });
  });
});
