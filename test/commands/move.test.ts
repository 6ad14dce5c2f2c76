import { describe, expect, test } from 'vitest';
import { move } from '../../src/commands/move.ts';
import type { Answer } from '../../src/status/cluster-status.ts';
import type { StatusQuery } from '../../src/status/report.ts';
import { answer, held, ip, NODES, reportOf, silent } from '../status/scene.ts';
import { Operated } from './operate.ts';

const ADDRESS = ip('192.0.2.1');
const ASKED = ['Service', 'shop', 'web-1', { 'clarion.dev/move-to': 'node-b,term=1,address=192.0.2.1' }];
const TAKEN_BACK = ['Service', 'shop', 'web-1', { 'clarion.dev/move-to': undefined }];

/** What all three say while `holder` holds the address. */
const heldBy =
  (holder: string, term: number) =>
  (query: StatusQuery): Answer[] =>
    NODES.map((node) => {
      const wire = [held('192.0.2.1', holder, term, node === holder)];
      return answer(reportOf({ node, ...query, speaker: { wire } }));
    });

test('asks the holder, waits for the word of the taker, and takes the request away', async () => {
  const operated = new Operated(heldBy('node-a', 1));
  const exit = move(ADDRESS, 'node-b', operated.waiting(10_000));
  await operated.run(100);
  expect(operated.annotated).toEqual([ASKED]);
  operated.answer(heldBy('node-b', 2));
  await operated.run(100);
  expect(await exit).toBe(0);
  expect(operated.annotated).toEqual([ASKED, TAKEN_BACK]);
  expect(operated.said).toEqual([
    'node-a is asked to hand 192.0.2.1 over to node-b',
    expect.stringMatching(/^node-b holds 192\.0\.2\.1 \(term 2\), \d+ ms after the request$/),
  ]);
});

test('is done where it is there already, and takes a request back that was given up', async () => {
  const operated = new Operated(heldBy('node-b', 2));
  expect(await move(ADDRESS, 'node-b', operated.waiting(10_000))).toBe(0);
  expect(operated.annotated).toEqual([TAKEN_BACK]);
  expect(operated.said).toEqual(['node-b holds 192.0.2.1 already.']);
});

describe('an end that nobody wants', () => {
  test('time is up: exit 1, the holder serves on, the request stays', async () => {
    const operated = new Operated(heldBy('node-a', 1));
    const exit = move(ADDRESS, 'node-b', operated.waiting(1000));
    await operated.run(1100);
    expect(await exit).toBe(1);
    expect(operated.annotated).toEqual([ASKED]);
    expect(operated.said[1]).toContain('node-a keeps serving. The request stays: annotation clarion.dev/move-to');
  });

  test('Ctrl-C: exit 130, the request stays', async () => {
    const operated = new Operated(heldBy('node-a', 1));
    const exit = move(ADDRESS, 'node-b', operated.waiting(10_000));
    await operated.run(100);
    operated.interrupt();
    expect(await exit).toBe(130);
    expect(operated.annotated).toEqual([ASKED]);
    expect(operated.said[1]).toContain('Interrupted. The request stays');
  });

  test('another node took it meanwhile: exit 1, nothing is left behind', async () => {
    const operated = new Operated(heldBy('node-a', 1));
    const exit = move(ADDRESS, 'node-b', operated.waiting(10_000));
    await operated.run(100);
    operated.answer(heldBy('node-c', 2));
    await operated.run(100);
    expect(await exit).toBe(1);
    expect(operated.annotated).toEqual([ASKED, TAKEN_BACK]);
    expect(operated.said[1]).toBe('node-c holds 192.0.2.1 since term 2: something else moved it meanwhile.');
  });

  test.each([
    ['what cannot be done', heldBy('node-a', 1), 'node-z', 1, 'there is no node node-z'],
    ['nobody answers', () => [silent('node-a')], 'node-b', 3, 'nobody answers. node-a: not running'],
  ] as const)('%s: said why, and nothing is asked', async (_title, answers, to, exitCode, message) => {
    const operated = new Operated(answers);
    await expect(move(ADDRESS, to, operated.waiting(1000))).rejects.toMatchObject({
      exitCode,
      message: expect.stringContaining(message),
    });
    expect(operated.annotated).toEqual([]);
  });

  test('the request cannot be written', async () => {
    const operated = new Operated(heldBy('node-a', 1));
    operated.outcome = { kind: 'retry', message: 'the disk is full' };
    await expect(move(ADDRESS, 'node-b', operated.waiting(1000))).rejects.toMatchObject({
      exitCode: 1,
      message: '192.0.2.1 is not moved: the disk is full',
    });
  });
});
