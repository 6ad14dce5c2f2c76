import { describe, expect, test } from 'vitest';
import { statusText } from '../../src/commands/status-text.ts';
import { clusterStatus } from '../../src/status/cluster-status.ts';
import { plainStyle } from '../../src/terminal/table.ts';
import { answer, held, ip, member, reportOf, silent, verdict } from './scene.ts';

const one = (node: string, ...wire: ReturnType<typeof held>[]) =>
  answer(reportOf({ node, speaker: { verdicts: [verdict('192.0.2.1')], wire } }));

describe('an address', () => {
  test('its holder is believed before the others', () => {
    const { addresses } = clusterStatus([
      one('node-b', held('192.0.2.1', 'node-a', 1)),
      one('node-a', held('192.0.2.1', 'node-a', 1, true)),
    ]);
    expect(addresses).toMatchObject([{ holder: 'node-a', state: 'announced', interfaces: ['eth0'] }]);
    expect(addresses[0]?.alsoHeldBy).toBeUndefined();
  });

  test('of two that say "I", the higher term counts, and the other one is told', () => {
    const { addresses } = clusterStatus([
      one('node-a', held('192.0.2.1', 'node-a', 1, true)),
      one('node-b', held('192.0.2.1', 'node-b', 2, true)),
    ]);
    expect(addresses).toMatchObject([{ holder: 'node-b', term: 2, alsoHeldBy: ['node-a'] }]);
  });

  test('who prepares for it is asked before those that know of nobody', () => {
    const prepared = { ...held('192.0.2.1', undefined), layer2: { kind: 'prepared' } as const };
    const { addresses } = clusterStatus([one('node-a', held('192.0.2.1', undefined)), one('node-b', prepared)]);
    expect(addresses).toMatchObject([{ state: 'prepared' }]);
  });

  test('who lacks an interface for it is asked after those that may take it', () => {
    const unable = { ...held('192.0.2.1', undefined), layer2: { kind: 'no-interface' } as const };
    const prepared = { ...held('192.0.2.1', undefined), layer2: { kind: 'prepared' } as const };
    expect(clusterStatus([one('node-a', unable), one('node-b', prepared)]).addresses).toMatchObject([
      { state: 'prepared' },
    ]);
    expect(clusterStatus([one('node-b', held('192.0.2.1', undefined)), one('node-a', unable)]).addresses).toMatchObject(
      [{ state: 'refused', reason: 'no-interface' }],
    );
  });

  test('hearsay is better than nothing', () => {
    const { addresses } = clusterStatus([
      one('node-b', held('192.0.2.1', undefined)),
      one('node-c', held('192.0.2.1', 'node-a', 1)),
      silent('node-a'),
    ]);
    expect(addresses).toMatchObject([{ holder: 'node-a', state: 'elsewhere' }]);
  });

  test('all are sorted as the nodes sort them, whoever names them first', () => {
    const late = answer(
      reportOf({ node: 'node-b', speaker: { verdicts: [verdict('192.0.2.10'), verdict('2001:db8::1')] } }),
    );
    const { addresses } = clusterStatus([late, answer(reportOf({ node: 'node-a' }))]);
    expect(addresses.map(({ address }) => address)).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.10', '2001:db8::1']);
  });
});

test('nodes: those that answer, those that do not, those that were never started', () => {
  const { nodes } = clusterStatus([answer(reportOf({ node: 'node-a' })), silent('node-b')]);
  expect(nodes).toMatchObject([
    { node: 'node-a', answers: true, version: '1.0.0', holds: 2, draining: false },
    { node: 'node-b', answers: false, error: 'not running', holds: 1 },
    { node: 'node-c', answers: false, error: expect.stringContaining('no socket'), holds: 0 },
  ]);
});

test('controllers of their own: beside the nodes', () => {
  const { controllers, nodes } = clusterStatus([
    answer({ node: 'node-x', version: '1', time: '', controller: { state: 'standby' } }),
    silent('node-y (controller)'),
    answer(reportOf({ node: 'node-a' })),
  ]);
  expect(controllers).toMatchObject([
    { node: 'node-x', answers: true, state: 'standby' },
    { node: 'node-y', answers: false },
  ]);
  expect(nodes.map(({ node }) => node)).toEqual(['node-a', 'node-b', 'node-c']);
});

test('members: the same word of several is one entry, another word another', () => {
  const says = (node: string, ...members: ReturnType<typeof member>[]) =>
    answer(reportOf({ node, speaker: { members } }));
  const { members } = clusterStatus([
    says('node-a', member('node-b'), member('node-c')),
    says('node-b', member('node-c')),
    says('node-c', member('node-b', 'dead')),
  ]);
  expect(members.map(({ node, status, seenBy }) => [node, status, seenBy])).toEqual([
    ['node-b', 'alive', ['node-a']],
    ['node-b', 'dead', ['node-c']],
    ['node-c', 'alive', ['node-a', 'node-b']],
  ]);
});

test('a name that two speakers claim is said, by whoever knows it', () => {
  const namesakes = [{ node: 'node-b', addresses: [{ address: ip('192.0.2.13'), port: 7946 }] }];
  const told = clusterStatus([answer(reportOf({ node: 'node-a', speaker: { namesakes } })), silent('node-b')]);
  expect(told.nodes.map(({ node, namesakes: others }) => [node, others])).toEqual([
    ['node-a', undefined],
    ['node-b', ['192.0.2.13:7946']],
    ['node-c', undefined],
  ]);
  expect(statusText(told, plainStyle)).toContain('two speakers claim this name, one at 192.0.2.13:7946');
  const later = clusterStatus([answer(reportOf({ node: 'node-c', speaker: { nameTaken: true } }))]);
  expect(later.nodes.find(({ node }) => node === 'node-c')?.namesakes).toEqual([]);
});
