import { describe, expect, test } from 'vitest';
import type { AddressVerdict } from '../../src/announcement/verdict.ts';
import { drain } from '../../src/commands/drain.ts';
import { undrain } from '../../src/commands/undrain.ts';
import { type ClusterNode, impliedNode } from '../../src/inventory/node.ts';
import type { Answer } from '../../src/status/cluster-status.ts';
import type { StatusQuery } from '../../src/status/report.ts';
import { answer, held, NODES, reportOf, verdict } from '../status/scene.ts';
import { Operated } from './operate.ts';

const DRAINED = ['Node', '', 'node-a', { 'clarion.dev/drain': 'true' }];
const TEXTS = ['192.0.2.1', '192.0.2.2'];

/** What all three say while node-a holds these and node-b the others. */
const nodeAHolds =
  (texts: readonly string[], verdicts: readonly AddressVerdict[] = TEXTS.map((text) => verdict(text))) =>
  (query: StatusQuery): Answer[] =>
    NODES.map((node) => {
      const holderOf = (text: string): string => (texts.includes(text) ? 'node-a' : 'node-b');
      const wire = TEXTS.map((text) => held(text, holderOf(text), 1, node === holderOf(text)));
      return answer(reportOf({ node, ...query, speaker: { verdicts, wire } }));
    });

test('sets the annotation and waits until the node holds nothing', async () => {
  const operated = new Operated(nodeAHolds(TEXTS));
  const exit = drain('node-a', operated.waiting(30_000));
  await operated.run(2100);
  operated.answer(nodeAHolds(['192.0.2.2']));
  await operated.run(1100);
  operated.answer(nodeAHolds([]));
  await operated.run(100);
  expect(await exit).toBe(0);
  expect(operated.annotated).toEqual([DRAINED]);
  expect(operated.said).toEqual([
    'node-a hands over 2 addresses',
    'node-a still holds 2',
    'node-a still holds 2',
    'node-a still holds 1',
    expect.stringMatching(/^node-a holds nothing: 2 addresses handed over in \d+ ms\. It takes nothing until/),
  ]);
});

test('of a node that holds nothing is done at once, however often', async () => {
  const operated = new Operated(nodeAHolds([]));
  expect(await drain('node-a', operated.waiting(30_000))).toBe(0);
  expect(await drain('node-a', operated.waiting(30_000))).toBe(0);
  expect(operated.said[0]).toBe('node-a holds nothing. It takes nothing until: clarion undrain node-a');
});

describe('a drain that cannot end', () => {
  test('what is left, and why, when time is up; the node serves on', async () => {
    const alone = verdict('192.0.2.1', { 'node-b': 'no-local-endpoints', 'node-c': 'node-not-selected' });
    const operated = new Operated(nodeAHolds(['192.0.2.1'], [alone, verdict('192.0.2.2')]));
    const exit = drain('node-a', operated.waiting(500));
    await operated.run(600);
    expect(await exit).toBe(1);
    expect(operated.said).toEqual([
      'node-a hands over 1 address',
      'node-a still holds 1 address and serves on:',
      '  192.0.2.1: no other node may hold it (node-b: no-local-endpoints, node-c: node-not-selected)',
      'The drain goes on until: clarion undrain node-a',
    ]);
  });

  test('Ctrl-C leaves the annotation and says so', async () => {
    const operated = new Operated(nodeAHolds(TEXTS));
    const exit = drain('node-a', operated.waiting(30_000));
    await operated.run(100);
    operated.interrupt();
    expect(await exit).toBe(130);
    expect(operated.annotated).toEqual([DRAINED]);
    expect(operated.said.at(-1)).toBe(
      'Interrupted with 2 addresses left. The drain goes on until: clarion undrain node-a',
    );
  });

  test('a node that there is not: nothing is written', async () => {
    const operated = new Operated(nodeAHolds(TEXTS));
    const message = 'there is no node node-z. There are node-a, node-b, node-c.';
    await expect(drain('node-z', operated.waiting(500))).rejects.toMatchObject({ exitCode: 1, message });
    await expect(undrain('node-z', operated.waiting(500))).rejects.toMatchObject({ exitCode: 1, message });
    expect(operated.annotated).toEqual([]);
  });
});

describe('undrain', () => {
  const draining = (is: boolean) => (): Answer[] => {
    const nodeOf = (name: string): ClusterNode => ({ ...impliedNode(name), draining: is && name === 'node-a' });
    const nodes = new Map(NODES.map((name) => [name, nodeOf(name)]));
    return NODES.map((node) => answer(reportOf({ node, speaker: { nodes } })));
  };

  test('takes the annotation away and waits until the speakers know', async () => {
    const operated = new Operated(draining(true));
    const exit = undrain('node-a', operated.waiting(10_000));
    await operated.run(100);
    operated.answer(draining(false));
    await operated.run(100);
    expect(await exit).toBe(0);
    expect(operated.annotated).toEqual([['Node', '', 'node-a', { 'clarion.dev/drain': undefined }]]);
  });

  test("an annotation in the owner's file stays, and where it is is said", async () => {
    const operated = new Operated(draining(true));
    operated.outcome = { kind: 'refused', message: 'nodes.yaml:1 sets clarion.dev/drain at Node node-a' };
    await expect(undrain('node-a', operated.waiting(500))).rejects.toMatchObject({
      exitCode: 1,
      message: 'node-a stays drained: nodes.yaml:1 sets clarion.dev/drain at Node node-a',
    });
  });
});
