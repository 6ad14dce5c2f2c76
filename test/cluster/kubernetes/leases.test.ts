import { afterEach, beforeEach, expect, it } from 'vitest';
import { ms, seconds, systemClock } from '../../../src/base/clock.ts';
import { silentLogger } from '../../../src/base/logger.ts';
import { openApiClient } from '../../../src/cluster/kubernetes/http-client.ts';
import { Leases } from '../../../src/cluster/kubernetes/leases.ts';
import { runLease } from '../../../src/cluster/lease-driver.ts';
import type { LeaseRecord } from '../../../src/cluster/ports.ts';
import { FakeApiServer, metadataOf, statusBody } from '../../support/fake-api-server.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { until } from '../../support/until.ts';

const NS = 'clarion-system';
let fake: FakeApiServer;
beforeEach(async () => {
  fake = await FakeApiServer.start();
});
afterEach(() => fake.stop());
const leases = (): Leases =>
  new Leases(openApiClient({ access: fake.access, clock: systemClock, userAgent: 'test' }), NS);
const record = (holder: string): LeaseRecord => ({
  holder,
  durationSeconds: 15,
  acquired: '2026-01-01T00:00:00.000000Z',
  renewed: '2026-01-01T00:00:02.000000Z',
  transitions: 3,
});

it("has client-go's fields, and leaves to others what they wrote beside them", async () => {
  const store = leases();
  expect(await store.write('clarion-controller', record('a'), undefined)).toBe('written');
  const stored = fake.store.get('leases', NS, 'clarion-controller')!;
  expect(stored['spec']).toEqual({
    holderIdentity: 'a',
    leaseDurationSeconds: 15,
    acquireTime: '2026-01-01T00:00:00.000000Z',
    renewTime: '2026-01-01T00:00:02.000000Z',
    leaseTransitions: 3,
  });
  fake.store.put('leases', { ...stored, metadata: { ...metadataOf(stored), labels: { team: 'x' } } });
  const found = (await store.read('clarion-controller'))!;
  expect(found.record).toEqual(record('a'));
  expect(await store.write('clarion-controller', record('b'), found.version)).toBe('written');
  expect(metadataOf(fake.store.get('leases', NS, 'clarion-controller')!)['labels']).toEqual({ team: 'x' });
  expect(
    fake.requests.filter(({ method }) => method !== 'GET').map(({ url }) => url.searchParams.get('timeout')),
  ).toEqual(['4s', '4s']);
});

it('is a conflict where somebody wrote since, made it, or deleted it', async () => {
  const store = leases();
  const made = await leases().write('x', record('a'), undefined);
  expect(made).toBe('written');
  expect(await store.write('x', record('b'), undefined)).toBe('conflict');
  const { version } = (await store.read('x'))!;
  expect(await leases().write('x', record('a'), version)).toBe('written');
  expect(await store.write('x', record('b'), version)).toBe('conflict');
  fake.store.remove('leases', NS, 'x');
  expect(await store.write('x', record('b'), version)).toBe('conflict');
  expect(await store.read('x')).toBeUndefined();
});

it('that was made by hand, with nothing in it, is as good as given back', async () => {
  fake.store.put('leases', { metadata: { namespace: NS, name: 'x' }, spec: {} });
  const found = await leases().read('x');
  expect(found?.record).toEqual({ holder: '', durationSeconds: 0, acquired: '', renewed: '', transitions: 0 });
});

it('names the rule that is missing', async () => {
  fake.fault = ({ method }) => ({
    code: 403,
    body: statusBody(403, 'Forbidden', `User "x" cannot ${method === 'GET' ? 'get' : 'create'} resource "leases"`),
  });
  await expect(leases().read('x')).rejects.toThrow(
    'the Role in namespace clarion-system needs {apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get"]}',
  );
  await expect(leases().write('x', record('a'), undefined)).rejects.toThrow('verbs: ["create"]');
});

it('of a server that freezes ends in time: the active one stands down, and another one takes over when it is back', async () => {
  const roles = new Map<string, boolean>();
  const timing = { duration: ms(1500), renewDeadline: ms(1000), retryPeriod: ms(100) };
  const run = (identity: string) =>
    runLease({
      store: leases(),
      name: 'x',
      identity,
      clock: systemClock,
      random: seededRandom(identity.charCodeAt(0)),
      logger: silentLogger,
      timing,
      onActive: () => void roles.set(identity, true),
      onStandby: () => void roles.set(identity, false),
    });
  const a = run('a');
  await until('a is active', seconds(5), () => roles.get('a') === true);
  expect(a.valid()).toBe(true);
  fake.fault = () => 'hang';
  const frozen = systemClock.now();
  await until('a stands down', seconds(5), () => roles.get('a') === false);
  expect(systemClock.now() - frozen).toBeLessThan(1300);
  expect(a.valid()).toBe(false);
  fake.fault = () => 'pass';
  const b = run('b');
  await until('b is active', seconds(5), () => roles.get('b') === true);
  await Promise.all([a.stop(), b.stop()]);
}, 15_000);
