import { describe, expect, it, test } from 'vitest';
import { type LogFields, silentLogger } from '../../src/base/logger.ts';
import type { ClusterObject, ServiceStatus, StatusOutcome, WriteOutcome } from '../../src/cluster/ports.ts';
import { StatusWrites } from '../../src/controller/status-writes.ts';
import { byName } from '../inventory/manifest.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const ALLOCATED = { type: 'clarion.dev/Allocated', status: 'True', reason: 'Assigned', message: '' } as const;
const status = (ip: string): ServiceStatus => ({ ingress: [ip], pool: 'public', conditions: [ALLOCATED] });
const NOTHING: ServiceStatus = { ingress: [], pool: undefined, conditions: [] };

/** A Service as an API server shows it. */
const service = (name: string, resourceVersion = '1', shown = NOTHING): ClusterObject => ({
  kind: 'Service',
  namespace: 'shop',
  name,
  body: {
    metadata: {
      resourceVersion,
      annotations: shown.pool === undefined ? {} : { 'clarion.dev/ip-allocated-from-pool': shown.pool },
    },
    status: {
      loadBalancer: { ingress: shown.ingress.map((ip) => ({ ip, ipMode: 'VIP' })) },
      conditions: shown.conditions,
    },
  },
  origin: { file: name, line: 1, text: undefined },
});
const services = (count: number): ClusterObject[] =>
  Array.from({ length: count }, (_, i) => service(`s${String(i).padStart(2, '0')}`));

/** A cluster whose answers the test gives, one by one. */
function slowCluster() {
  const waiting: {
    name: string;
    ip: string;
    version: string | undefined;
    answer: (outcome: StatusOutcome) => void;
  }[] = [];
  return {
    waiting,
    statusWritesAtOnce: 8,
    writeServiceStatus: (_namespace: string, name: string, { ingress }: ServiceStatus, version?: string) =>
      new Promise<StatusOutcome>((answer) => waiting.push({ name, ip: ingress[0] ?? '', version, answer })),
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
  const lease = { valid: true };
  const mayWrite = (): boolean => lease.valid;
  const writes = new StatusWrites({ cluster, clock, random: seededRandom(1), logger, mayWrite });
  const answer = async (i: number, outcome: StatusOutcome): Promise<void> => {
    cluster.waiting[i]?.answer(outcome);
    await settle();
  };
  const sent = (): string[] => cluster.waiting.map(({ name, ip, version }) => `${name}@${version} ${ip}`);
  return { cluster, clock, writes, logs, lease, answer, sent };
};
const RETRY: StatusOutcome = { kind: 'retry', message: 'disk full' };
const DONE: StatusOutcome = { kind: 'done' };

test('one write at a time for a Service, and then the newest status only', async () => {
  const { writes, answer, sent } = setUp();
  writes.want('shop', 'web', status('192.0.2.1'));
  writes.passed(byName([service('web')]));
  writes.want('shop', 'web', status('192.0.2.2'));
  writes.want('shop', 'web', status('192.0.2.3'));
  expect(sent()).toEqual(['web@1 192.0.2.1']);
  await answer(0, DONE);
  expect(sent()).toEqual(['web@1 192.0.2.1', 'web@1 192.0.2.3']);
  await answer(1, DONE);
  expect(writes.pending).toBe(0);
});

test('as many at once as the cluster takes; one that hangs does not hold up the others', async () => {
  const { cluster, writes, answer } = setUp();
  const all = services(20);
  for (const { name } of all) writes.want('shop', name, status('192.0.2.1'));
  writes.passed(byName(all));
  expect(cluster.waiting).toHaveLength(8);
  for (let i = 1; i < 20; i++) await answer(i, DONE);
  expect(cluster.waiting).toHaveLength(20);
  expect(writes.pending).toBe(1);
});

test('a failure is tried again with backoff, a refusal is not', async () => {
  const { cluster, clock, writes, answer } = setUp();
  writes.want('shop', 'web', status('192.0.2.1'));
  writes.passed(byName([service('web')]));
  await answer(0, RETRY);
  expect(cluster.waiting).toHaveLength(1);
  clock.advance(200);
  expect(cluster.waiting).toHaveLength(2);
  await answer(1, { kind: 'refused', message: 'the Service is gone' });
  clock.advance(60_000);
  expect(cluster.waiting).toHaveLength(2);
  expect(writes.pending).toBe(0);
});

describe('while nothing succeeds', () => {
  const failing = async (count: number) => {
    const scene = setUp();
    const { cluster, writes, answer } = scene;
    const all = services(count);
    for (const { name } of all) writes.want('shop', name, status('192.0.2.1'));
    writes.passed(byName(all));
    for (let i = 0; i < cluster.waiting.length; i++) await answer(i, RETRY);
    return scene;
  };

  it('one is tried at a time, seldom, and at the first success all go', async () => {
    const { cluster, clock, writes, answer } = await failing(100);
    const before = cluster.waiting.length;
    expect(before).toBeLessThan(16);
    for (let second = 0; second < 300; second++) {
      clock.advance(1000);
      await answer(cluster.waiting.length - 1, RETRY);
    }
    // Five minutes away: one request in five seconds, and in the beginning some more.
    expect(cluster.waiting.length - before).toBeLessThan(130);
    clock.advance(5000);
    const tried = cluster.waiting.length;
    await answer(tried - 1, DONE);
    expect(cluster.waiting.length).toBe(tried + 8);
    for (let i = tried; i < cluster.waiting.length; i++) await answer(i, DONE);
    clock.advance(30_000);
    for (let i = tried; i < cluster.waiting.length; i++) await answer(i, DONE);
    expect(writes.pending).toBe(0);
  });

  it('the log gets a few lines, however many Services there are, and one when it is over', async () => {
    const { cluster, clock, writes, answer, logs } = await failing(100);
    for (let i = 0; i < 20; i++) {
      clock.advance(5000);
      await answer(cluster.waiting.length - 1, RETRY);
    }
    expect(logs).toHaveLength(10);
    expect(logs[0]).toContain('status not written, will try again');
    logs.length = 0;
    for (let i = 0; i < cluster.waiting.length || writes.pending > 0; i++) {
      clock.advance(30_000);
      await answer(i, DONE);
    }
    expect(logs).toHaveLength(1);
    expect(logs[0]).toContain('all statuses written after all');
  });

  it('one Service that always fails holds up no other', async () => {
    const { cluster, clock, writes, answer } = setUp();
    const all = services(40);
    for (const { name } of all) writes.want('shop', name, status('192.0.2.1'));
    writes.passed(byName(all));
    for (let i = 0; i < cluster.waiting.length; i++) await answer(i, cluster.waiting[i]?.name === 's00' ? RETRY : DONE);
    expect(writes.pending).toBe(1);
    clock.advance(200);
    expect(cluster.waiting.at(-1)?.name).toBe('s00');
  });

  it('what a server asks for with Retry-After, it gets', async () => {
    const { cluster, clock, writes, answer } = setUp();
    const all = services(9);
    for (const { name } of all) writes.want('shop', name, status('192.0.2.1'));
    writes.passed(byName(all));
    await answer(0, { kind: 'retry', message: 'HTTP 429', after: 3000 as never });
    expect(cluster.waiting).toHaveLength(8);
    clock.advance(2999);
    expect(cluster.waiting).toHaveLength(8);
    clock.advance(1);
    expect(cluster.waiting.length).toBeGreaterThan(8);
  });
});

describe('a write is for the Service that the pass saw', () => {
  it('with its version; what is outdated waits for the next pass', async () => {
    const { cluster, clock, writes, answer, sent } = setUp();
    writes.want('shop', 'web', status('192.0.2.1'));
    writes.passed(byName([service('web', '7')]));
    await answer(0, { kind: 'outdated' });
    clock.advance(60_000);
    expect(cluster.waiting).toHaveLength(1);
    writes.passed(byName([service('web', '8')]));
    expect(sent()).toEqual(['web@7 192.0.2.1', 'web@8 192.0.2.1']);
  });

  it('also when that pass was over before the answer came', async () => {
    const { writes, answer, sent } = setUp();
    writes.want('shop', 'web', status('192.0.2.1'));
    writes.passed(byName([service('web', '7')]));
    writes.passed(byName([service('web', '8')]));
    await answer(0, { kind: 'outdated' });
    expect(sent()).toEqual(['web@7 192.0.2.1', 'web@8 192.0.2.1']);
  });

  it('one that is gone gets none, and one of the same name gets its own', async () => {
    const { cluster, clock, writes, answer, sent } = setUp();
    writes.want('shop', 'web', status('192.0.2.1'));
    writes.passed(byName([service('web', '7')]));
    await answer(0, RETRY);
    writes.passed(byName([]));
    clock.advance(60_000);
    expect(cluster.waiting).toHaveLength(1);
    expect(writes.pending).toBe(0);
    writes.want('shop', 'web', status('192.0.2.2'));
    writes.passed(byName([service('web', '9')]));
    expect(sent().at(-1)).toBe('web@9 192.0.2.2');
  });
});

describe('what a Service shows', () => {
  it('is left alone while it is what it should be, whatever else changes', async () => {
    const { cluster, writes, answer } = setUp();
    writes.want('shop', 'web', status('192.0.2.1'));
    writes.passed(byName([service('web', '1')]));
    await answer(0, DONE);
    for (let i = 2; i < 50; i++) writes.passed(byName([service('web', String(i), status('192.0.2.1'))]));
    expect(cluster.waiting).toHaveLength(1);
  });

  it('is put right when somebody else changed it: at once, then ever more seldom', async () => {
    const { cluster, clock, writes, logs } = setUp();
    writes.want('shop', 'web', status('192.0.2.1'));
    let version = 1;
    writes.passed(byName([service('web', String(version))]));
    const answerAll = async (): Promise<void> => {
      for (const { answer } of cluster.waiting) answer(DONE);
      await settle();
    };
    await answerAll();
    const fight = async (milliseconds: number): Promise<number> => {
      const before = cluster.waiting.length;
      for (let i = 0; i < milliseconds; i += 10) {
        writes.passed(byName([service('web', String(++version), status('192.0.2.66'))]));
        clock.advance(10);
        await answerAll();
      }
      return cluster.waiting.length - before;
    };
    expect(await fight(10)).toBe(1);
    expect(await fight(10_000)).toBeLessThan(10);
    expect(await fight(60_000)).toBeLessThan(6);
    expect(logs.filter((line) => line.startsWith('somebody else keeps changing this status'))).toHaveLength(1);
  });

  it('is not ours any more once we gave it up: who writes there next is left alone', async () => {
    const { cluster, clock, writes, answer } = setUp();
    writes.want('shop', 'web', status('192.0.2.1'));
    writes.passed(byName([service('web', '1')]));
    await answer(0, DONE);
    writes.want('shop', 'web', NOTHING);
    writes.passed(byName([service('web', '2', status('192.0.2.1'))]));
    await answer(1, DONE);
    writes.passed(byName([service('web', '3', status('198.51.100.1'))]));
    clock.advance(60_000);
    expect(cluster.waiting).toHaveLength(2);
  });
});

test('who does not hold the lease sends nothing, not even what was tried before', async () => {
  const { cluster, clock, writes, answer, lease } = setUp();
  const all = services(20);
  for (const { name } of all) writes.want('shop', name, status('192.0.2.1'));
  writes.passed(byName(all));
  lease.valid = false;
  await answer(0, DONE);
  await answer(1, RETRY);
  clock.advance(60_000);
  expect(cluster.waiting).toHaveLength(8);
  lease.valid = true;
  clock.advance(1000);
  expect(cluster.waiting.length).toBeGreaterThan(8);
});

test('stopping leaves no timer, and is over when nothing is under way any more', async () => {
  const { clock, writes, answer } = setUp();
  const all = services(3);
  for (const { name } of all) writes.want('shop', name, status('192.0.2.1'));
  writes.passed(byName(all));
  await answer(0, RETRY);
  let over = false;
  void writes.stop().then(() => (over = true));
  expect(clock.pending()).toEqual([]);
  await answer(1, DONE);
  expect(over).toBe(false);
  await answer(2, RETRY);
  expect(over).toBe(true);
  expect(clock.pending()).toEqual([]);
});
