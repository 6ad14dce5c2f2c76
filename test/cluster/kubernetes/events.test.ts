import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seconds, systemClock } from '../../../src/base/clock.ts';
import { silentLogger } from '../../../src/base/logger.ts';
import { Events } from '../../../src/cluster/kubernetes/events.ts';
import { openApiClient } from '../../../src/cluster/kubernetes/http-client.ts';
import { slim } from '../../../src/cluster/kubernetes/slim.ts';
import type { ClusterEvent } from '../../../src/cluster/ports.ts';
import { type Body, FakeApiServer, metadataOf, statusBody } from '../../support/fake-api-server.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { until } from '../../support/until.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

let fake: FakeApiServer;
let clock: VirtualClock;
let events: Events;
let warnings: string[];
beforeEach(async () => {
  fake = await FakeApiServer.start();
  clock = new VirtualClock();
  warnings = [];
  events = new Events({
    client: openApiClient({ access: fake.access, clock: systemClock, userAgent: 'test' }),
    clock,
    random: seededRandom(1),
    logger: { ...silentLogger, warn: (message, fields) => void warnings.push(`${message} ${JSON.stringify(fields)}`) },
    instance: 'clarion-controller-7d9',
    find: (kind, namespace, name) => {
      const raw = fake.store.get(
        kind === 'Node' ? 'nodes' : 'services',
        namespace === '' ? undefined : namespace,
        name,
      );
      return raw === undefined ? undefined : slim(kind, raw);
    },
  });
});
afterEach(async () => {
  events.stop();
  if (clock.pending().length > 0) throw new Error(`still runs: ${clock.pending().join(', ')}`);
  await fake.stop();
});

const event = (message = '192.0.2.1 from pool public', name = 'web'): ClusterEvent => ({
  regarding: { kind: 'Service', namespace: 'shop', name },
  type: 'Normal',
  reason: 'AddressAssigned',
  message,
});
const stored = (): readonly Body[] => fake.store.list('events');
const writes = (): number => fake.requests.filter(({ method }) => method !== 'GET').length;
const attempts = (count: number): Promise<void> => until(`${count} requests`, seconds(5), () => writes() >= count);
const quiet = (count: number): Promise<void> =>
  until(`${count} answers`, seconds(5), () => writes() >= count && events.counters.waiting === 0);

describe('an Event', () => {
  it('names the object with its uid, who reports, and when to the microsecond', async () => {
    fake.store.put('services', { metadata: { namespace: 'shop', name: 'web' } });
    events.record(event());
    await quiet(1);
    const uid = metadataOf(fake.store.get('services', 'shop', 'web')!)['uid'];
    expect(stored()).toEqual([
      expect.objectContaining({
        apiVersion: 'events.k8s.io/v1',
        eventTime: '2026-01-01T00:00:00.000000Z',
        reportingController: 'clarion.dev/controller',
        reportingInstance: 'clarion-controller-7d9',
        action: 'AddressAssigned',
        reason: 'AddressAssigned',
        type: 'Normal',
        note: '192.0.2.1 from pool public',
        regarding: expect.objectContaining({ apiVersion: 'v1', kind: 'Service', namespace: 'shop', name: 'web', uid }),
      }),
    ]);
    expect(metadataOf(stored()[0]!)).toMatchObject({
      namespace: 'shop',
      name: expect.stringMatching(/^web\.[0-9a-f]+$/),
    });
  });

  it('about a Node lies in the namespace default, where kubectl describe looks', async () => {
    events.record({ ...event(), regarding: { kind: 'Node', namespace: '', name: 'node-a' } });
    await quiet(1);
    expect(metadataOf(stored()[0]!)['namespace']).toBe('default');
    expect(stored()[0]!['regarding']).toEqual({ apiVersion: 'v1', kind: 'Node', name: 'node-a' });
  });

  it('fits into what the API takes, however long the words', async () => {
    events.record(event('x'.repeat(5000), `${'n'.repeat(253)}`));
    await quiet(1);
    expect(String(stored()[0]!['note'])).toHaveLength(1024);
    expect(String(metadataOf(stored()[0]!)['name'])).toHaveLength(253);
  });
});

describe('what is said again', () => {
  it('is a series of one Event, counted, and written seldom', async () => {
    events.record(event());
    await quiet(1);
    for (let i = 1; i <= 100; i++) {
      clock.advance(1000);
      events.record(event());
      await until('it is out', seconds(5), () => events.counters.waiting === 0);
    }
    clock.advance(30_000);
    await until('the last count', seconds(5), () => (stored()[0]!['series'] as Body | undefined)?.['count'] === 101);
    expect(stored()).toHaveLength(1);
    expect(stored()[0]!['series']).toEqual({ count: 101, lastObservedTime: '2026-01-01T00:01:40.000000Z' });
    expect(writes()).toBe(5);
  });

  it('is a new Event when the server has forgotten the old one, or after some minutes of silence', async () => {
    events.record(event());
    await quiet(1);
    const [first] = stored();
    fake.store.remove('events', 'shop', String(metadataOf(first!)['name']));
    events.record(event());
    clock.advance(30_000);
    await quiet(2);
    events.record(event());
    clock.advance(30_000);
    await quiet(3);
    expect(stored()).toHaveLength(1);
    clock.advance(400_000);
    events.record(event());
    await quiet(4);
    expect(stored()).toHaveLength(2);
  });
});

describe('too much', () => {
  it('of one object is dropped and counted; the others are heard', async () => {
    for (let i = 0; i < 50; i++) events.record(event(`flap ${i}`));
    events.record(event('well', 'other'));
    await until('eleven', seconds(5), () => events.counters.sent === 11);
    expect(stored()).toHaveLength(11);
    expect(events.counters.dropped).toBe(40);
    clock.advance(60_000);
    events.record(event('flap 99'));
    await until('one more', seconds(5), () => events.counters.sent === 12);
  });

  it('of all objects is bounded as well, one request at a time', async () => {
    for (let i = 0; i < 2000; i++) events.record(event('x', `s${i}`));
    await quiet(500);
    expect(events.counters.dropped).toBe(1500);
  });
});

describe('trouble', () => {
  it('with the server is waited out, in order, with one line in the log', async () => {
    fake.fault = () => ({ code: 503, body: statusBody(503, 'ServiceUnavailable', 'not now') });
    events.record(event('one'));
    events.record(event('two'));
    await attempts(1);
    for (let i = 2; i < 5; i++) {
      await until('a timer', seconds(5), () => clock.pending().length > 0);
      clock.advance(30_000);
      await attempts(i);
    }
    expect(stored()).toHaveLength(0);
    expect(warnings).toHaveLength(1);
    fake.fault = () => 'pass';
    await until('a timer', seconds(5), () => clock.pending().length > 0);
    clock.advance(30_000);
    await until('both', seconds(5), () => stored().length === 2);
    expect(events.counters).toMatchObject({ sent: 2, dropped: 0 });
  });

  it('with one Event for ever does not keep the next one', async () => {
    fake.fault = ({ body }) =>
      (body as Body)['note'] === 'one' ? { code: 500, body: statusBody(500, 'InternalError', 'webhook') } : 'pass';
    events.record(event('one'));
    events.record(event('two'));
    for (let i = 1; i < 8; i++) {
      await until('a timer', seconds(5), () => clock.pending().length > 0);
      clock.advance(30_000);
    }
    await until('the next', seconds(5), () => stored().length === 1);
    expect(events.counters).toMatchObject({ sent: 1, dropped: 1 });
  });

  it('with a right that is missing is told once, and each is dropped', async () => {
    fake.fault = () => ({ code: 403, body: statusBody(403, 'Forbidden', 'User "x" cannot create resource "events"') });
    for (let i = 0; i < 5; i++) events.record(event(`${i}`));
    await until('all dropped', seconds(5), () => events.counters.dropped === 5);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/events\.k8s\.io.*verbs: \[\\"create\\"\]/);
  });
});
