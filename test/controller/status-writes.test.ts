import { expect, test } from 'vitest';
import { type LogFields, silentLogger } from '../../src/base/logger.ts';
import type { ServiceStatus, WriteOutcome } from '../../src/cluster/ports.ts';
import { StatusWrites } from '../../src/controller/status-writes.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const status = (ip: string): ServiceStatus => ({ ingress: [ip], pool: 'public', conditions: [] });

/** A cluster whose answers the test gives, one by one. */
function slowCluster() {
  const waiting: { name: string; ip: string; answer: (outcome: WriteOutcome) => void }[] = [];
  return {
    waiting,
    statusWritesAtOnce: 8,
    writeServiceStatus: (_namespace: string, name: string, { ingress }: ServiceStatus) =>
      new Promise<WriteOutcome>((answer) => waiting.push({ name, ip: ingress[0] ?? '', answer })),
    publishEffectiveConfig: async (): Promise<WriteOutcome> => ({ kind: 'done' }),
    recordEvent() {},
  };
}
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
};
const setUp = () => {
  const cluster = slowCluster();
  const clock = new VirtualClock();
  const logs: string[] = [];
  const log = (message: string, fields?: LogFields): void => void logs.push(`${message} ${JSON.stringify(fields)}`);
  const logger = { ...silentLogger, info: log, warn: log };
  const writes = new StatusWrites({ cluster, clock, random: seededRandom(1), logger });
  return { cluster, clock, writes, logs };
};

test('one write at a time for a Service, and then the newest status only', async () => {
  const { cluster, writes } = setUp();
  writes.want('shop', 'web', status('192.0.2.1'));
  writes.want('shop', 'web', status('192.0.2.2'));
  writes.want('shop', 'web', status('192.0.2.3'));
  expect(cluster.waiting.map(({ ip }) => ip)).toEqual(['192.0.2.1']);
  cluster.waiting[0]?.answer({ kind: 'done' });
  await settle();
  expect(cluster.waiting.map(({ ip }) => ip)).toEqual(['192.0.2.1', '192.0.2.3']);
  cluster.waiting[1]?.answer({ kind: 'done' });
  await settle();
  expect(writes.pending).toBe(0);
});

test('as many at once as the cluster takes; one that hangs does not hold up the others', async () => {
  const { cluster, writes } = setUp();
  for (let i = 0; i < 20; i++) writes.want('shop', `s${i}`, status('192.0.2.1'));
  expect(cluster.waiting).toHaveLength(8);
  for (let i = 1; i < 20; i++) {
    cluster.waiting[i]?.answer({ kind: 'done' });
    await settle();
  }
  expect(cluster.waiting).toHaveLength(20);
  expect(writes.pending).toBe(1);
});

test('a failure is tried again with backoff, a refusal is not', async () => {
  const { cluster, clock, writes } = setUp();
  writes.want('shop', 'web', status('192.0.2.1'));
  cluster.waiting[0]?.answer({ kind: 'retry', message: 'disk full' });
  await settle();
  expect(cluster.waiting).toHaveLength(1);
  clock.advance(200);
  expect(cluster.waiting).toHaveLength(2);
  cluster.waiting[1]?.answer({ kind: 'refused', message: 'the Service is gone' });
  await settle();
  clock.advance(60_000);
  expect(cluster.waiting).toHaveLength(2);
  expect(writes.pending).toBe(0);
});

test('a full disk is a few lines, however many Services there are, and one when it is over', async () => {
  const { cluster, clock, writes, logs } = setUp();
  for (let i = 0; i < 100; i++) writes.want('shop', `s${i}`, status('192.0.2.1'));
  const answerAll = async (outcome: WriteOutcome): Promise<void> => {
    for (let known = 0; known < cluster.waiting.length; await settle())
      while (known < cluster.waiting.length) cluster.waiting[known++]?.answer(outcome);
    cluster.waiting.length = 0;
  };
  await answerAll({ kind: 'retry', message: 'disk full' });
  expect(logs).toHaveLength(10);
  expect(logs[0]).toContain('status not written, will try again');
  logs.length = 0;
  clock.advance(200);
  await answerAll({ kind: 'done' });
  expect(writes.pending).toBe(0);
  expect(logs).toEqual(['all statuses written after all {"count":100}']);
});

test('stopping leaves no timer', async () => {
  const { cluster, clock, writes } = setUp();
  writes.want('shop', 'web', status('192.0.2.1'));
  cluster.waiting[0]?.answer({ kind: 'retry', message: 'disk full' });
  await settle();
  writes.stop();
  expect(clock.pending()).toEqual([]);
});
