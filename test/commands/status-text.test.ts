import { beforeAll, expect, test } from 'vitest';
import { statusText } from '../../src/commands/status-text.ts';
import { impliedNode } from '../../src/inventory/node.ts';
import { type Answer, clusterStatus } from '../../src/status/cluster-status.ts';
import type { StatusFacts } from '../../src/status/report.ts';
import { plainStyle } from '../../src/terminal/table.ts';
import { answer, held, member, NODES, reportOf, silent, verdict } from '../status/scene.ts';

beforeAll(() => {
  process.env['TZ'] = 'UTC';
});

const usage = (total: bigint, used: bigint) => ({ total, used, available: total - used });
const controller: StatusFacts['controller'] = {
  effective: undefined,
  usage: [
    { name: 'public', ...usage(256n, 4n), ipv4: usage(256n, 4n), ipv6: usage(0n, 0n) },
    { name: 'six', ...usage(2n ** 64n, 1n), ipv4: usage(0n, 0n), ipv6: usage(2n ** 64n, 1n) },
  ],
  decisions: [{ service: 'shop/late' as never, addresses: [], pool: undefined, reason: 'pool-exhausted', message: '' }],
  problems: [
    {
      severity: 'error',
      file: 'edge.yaml',
      line: 14,
      column: 17,
      code: 'pool-overlap',
      message: '198.51.100.0/24 of pool "edge" overlaps pool "lab"\nPool "edge" is not used until this is mended.',
    },
  ],
  pendingWrites: 0,
};

test('a cluster that is well', async () => {
  const answers = NODES.map((node) => {
    const members = NODES.filter((other) => other !== node).map((other) => member(other));
    const problems = { problems: [], decisions: [] };
    return answer(
      reportOf({
        node,
        speaker: { members },
        ...(node === 'node-a' && { controller: { ...controller, ...problems } }),
      }),
    );
  });
  await expect(statusText(clusterStatus(answers), plainStyle)).toMatchFileSnapshot('status/well.txt');
});

test('a cluster with all kinds of trouble', async () => {
  const says = (node: string): Answer => {
    const here = (text: string, holder: string, term: number) => held(text, holder, term, node === holder);
    const barred = verdict('192.0.2.4', {}, { barred: 'no-endpoints' });
    const excluded = { 'node-a': 'node-excluded', 'node-b': 'node-excluded', 'node-c': 'node-excluded' } as const;
    return answer(
      reportOf({
        node,
        ...(node === 'node-a' && { controller }),
        speaker: {
          nodes: new Map(NODES.map((name) => [name, { ...impliedNode(name), draining: name === 'node-b' }])),
          verdicts: [verdict('192.0.2.1'), verdict('192.0.2.2'), verdict('192.0.2.3', excluded), barred],
          wire: [
            here('192.0.2.1', node, node === 'node-a' ? 1 : 2),
            { ...here('192.0.2.2', 'node-b', 4), handingOver: 'not-eligible' },
            ...(node === 'node-a' ? [{ ...held('192.0.2.4', undefined), layer2: { kind: 'prepared' } as const }] : []),
          ],
          members: [member('node-a'), member('node-b'), member('node-c', node === 'node-a' ? 'dead' : 'suspect')],
        },
      }),
    );
  };
  const answers = [says('node-a'), says('node-b'), silent('node-c'), silent('node-x (controller)')];
  await expect(statusText(clusterStatus(answers), plainStyle)).toMatchFileSnapshot('status/trouble.txt');
});

test('nothing at all', () => {
  expect(statusText(clusterStatus([silent('node-a')]), plainStyle)).toBe(`NODE    SPEAKER  MEMBER  HOLDS
node-a  silent   -       0      not running

No Service has an address.

No controller answers: addresses stay as they are, and nothing new is assigned.
`);
});
