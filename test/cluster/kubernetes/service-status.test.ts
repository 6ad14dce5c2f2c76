import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { openApiClient } from '../../../src/cluster/kubernetes/http-client.ts';
import { writeServiceStatus } from '../../../src/cluster/kubernetes/service-status.ts';
import { slim } from '../../../src/cluster/kubernetes/slim.ts';
import type { ClusterObject, ServiceStatus, StatusOutcome } from '../../../src/cluster/ports.ts';
import { statusDifference } from '../../../src/cluster/status-difference.ts';
import { type Body, FakeApiServer, type FakeRequest, metadataOf, statusBody } from '../../support/fake-api-server.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const ALLOCATED = {
  type: 'clarion.dev/Allocated',
  status: 'True',
  reason: 'Assigned',
  message: 'from public',
} as const;
const ANNOUNCED = { type: 'clarion.dev/Announced', status: 'Unknown', reason: 'Pending', message: 'not yet' } as const;
const STATUS: ServiceStatus = {
  ingress: ['192.0.2.1', '2001:db8::1'],
  pool: 'public',
  conditions: [ALLOCATED, ANNOUNCED],
};
const NOTHING: ServiceStatus = { ingress: [], pool: undefined, conditions: [] };
const FOREIGN = {
  type: 'example.com/Audited',
  status: 'True',
  reason: 'Fine',
  message: '',
  lastTransitionTime: 'then',
};

let fake: FakeApiServer;
let clock: VirtualClock;
beforeEach(async () => {
  fake = await FakeApiServer.start();
  clock = new VirtualClock();
});
afterEach(() => fake.stop());

const put = (changes: Body = {}): Body =>
  fake.store.put('services', {
    metadata: { namespace: 'shop', name: 'web', annotations: { team: 'x' } },
    spec: { type: 'LoadBalancer' },
    status: { loadBalancer: {}, conditions: [FOREIGN] },
    ...changes,
  });
const stored = (): Body => fake.store.get('services', 'shop', 'web')!;
const find = (namespace: string, name: string): ClusterObject | undefined => {
  const raw = fake.store.get('services', namespace, name);
  return raw === undefined ? undefined : slim('Service', raw);
};
const write = (status: ServiceStatus, version?: string, seen = find): Promise<StatusOutcome> => {
  const client = openApiClient({ access: fake.access, clock: systemClock, userAgent: 'test' });
  return writeServiceStatus({ client, clock, find: seen }, 'shop', 'web', status, version);
};
const patches = (): readonly FakeRequest[] => fake.requests.filter(({ method }) => method === 'PATCH');
const versionIn = (object: Body): string => String(metadataOf(object)['resourceVersion']);

describe('one patch', () => {
  it('says address, pool and conditions together, on the version that was decided on, within a time', async () => {
    const before = put();
    expect(await write(STATUS, versionIn(before))).toEqual({ kind: 'done' });
    expect(patches()).toHaveLength(1);
    const [{ url, headers, body }] = patches() as [FakeRequest];
    expect(url.pathname).toBe('/api/v1/namespaces/shop/services/web/status');
    expect(url.searchParams.get('timeout')).toBe('4s');
    expect(headers['content-type']).toBe('application/strategic-merge-patch+json');
    expect(body).toEqual({
      metadata: {
        resourceVersion: versionIn(before),
        annotations: { 'clarion.dev/ip-allocated-from-pool': 'public' },
      },
      status: {
        loadBalancer: {
          ingress: [
            { ip: '192.0.2.1', ipMode: 'VIP' },
            { ip: '2001:db8::1', ipMode: 'VIP' },
          ],
        },
        conditions: [
          { ...ALLOCATED, lastTransitionTime: '2026-01-01T00:00:00Z' },
          { ...ANNOUNCED, lastTransitionTime: '2026-01-01T00:00:00Z' },
        ],
      },
    });
    expect(metadataOf(stored())['annotations']).toEqual({ team: 'x', 'clarion.dev/ip-allocated-from-pool': 'public' });
  });

  it('says only what differs, and a condition keeps its time while its status is the same', async () => {
    put();
    await write(STATUS);
    clock.advance(5000);
    const conditions = [
      { ...ALLOCATED, message: 'another word' },
      { ...ANNOUNCED, status: 'True', reason: 'Announced' } as const,
    ];
    await write({ ...STATUS, conditions });
    expect(patches()[1]?.body).toEqual({
      metadata: { resourceVersion: expect.any(String) },
      status: {
        conditions: [
          { ...conditions[0], lastTransitionTime: '2026-01-01T00:00:00Z' },
          { ...conditions[1], lastTransitionTime: '2026-01-01T00:00:05Z' },
        ],
      },
    });
  });

  it('takes everything of ours away, and nothing of others', async () => {
    put();
    await write(STATUS);
    expect(await write(NOTHING)).toEqual({ kind: 'done' });
    expect(patches()[1]?.body).toMatchObject({
      metadata: { annotations: { 'clarion.dev/ip-allocated-from-pool': null } },
      status: {
        loadBalancer: { ingress: [] },
        conditions: [
          { type: 'clarion.dev/Allocated', $patch: 'delete' },
          { type: 'clarion.dev/Announced', $patch: 'delete' },
        ],
      },
    });
    expect(stored()['status']).toEqual({ loadBalancer: {}, conditions: [FOREIGN] });
    expect(metadataOf(stored())['annotations']).toEqual({ team: 'x' });
  });

  it('is not sent where the status stands', async () => {
    put();
    await write(STATUS);
    for (const again of [STATUS, { ...STATUS, conditions: STATUS.conditions.toReversed() }])
      expect(await write(again)).toEqual({ kind: 'done' });
    expect(patches()).toHaveLength(1);
  });
});

test.each([
  ['ipMode filled in by the server', [{ ip: '192.0.2.1', ipMode: 'VIP' }], false],
  ['ipMode dropped by an old server', [{ ip: '192.0.2.1' }], false],
  ['another ipMode', [{ ip: '192.0.2.1', ipMode: 'Proxy' }], true],
  ['another address', [{ ip: '192.0.2.2' }], true],
  ['a host name beside it', [{ ip: '192.0.2.1', hostname: 'x' }], true],
  ['one address more', [{ ip: '192.0.2.1' }, { ip: '192.0.2.2' }], true],
  ['none', undefined, true],
])('%s: differs from 192.0.2.1 is %s', (_title, ingress, differs) => {
  const service = slim('Service', {
    metadata: { namespace: 'shop', name: 'web', annotations: { 'clarion.dev/ip-allocated-from-pool': 'public' } },
    status: { loadBalancer: { ingress } },
  })!;
  const wanted = { ingress: ['192.0.2.1'], pool: 'public', conditions: [] };
  expect(statusDifference(service, wanted) !== undefined).toBe(differs);
});

describe('what the server says', () => {
  it('somebody changed the Service since: outdated, without a request where the reader knows it', async () => {
    const before = put();
    const seen = slim('Service', before)!;
    put({ spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local' } });
    expect(await write(STATUS, versionIn(before))).toEqual({ kind: 'outdated' });
    expect(patches()).toHaveLength(0);
    expect(await write(STATUS, versionIn(before), () => seen)).toEqual({ kind: 'outdated' });
    expect(patches()).toHaveLength(1);
    expect(stored()['status']).toEqual({ loadBalancer: {}, conditions: [FOREIGN] });
  });

  it('the Service is gone: nothing is left to do', async () => {
    const seen = slim('Service', put())!;
    fake.store.remove('services', 'shop', 'web');
    expect(await write(STATUS, undefined, () => seen)).toEqual({ kind: 'done' });
    expect(await write(STATUS)).toMatchObject({ kind: 'refused' });
  });

  it('its type is LoadBalancer no more: no address, and our conditions go', async () => {
    const ours = [{ ...ALLOCATED, lastTransitionTime: 'then' }, FOREIGN];
    put({ spec: { type: 'ClusterIP' }, status: { loadBalancer: {}, conditions: ours } });
    expect(await write(STATUS)).toEqual({ kind: 'done' });
    expect(patches()).toHaveLength(2);
    expect(stored()['status']).toEqual({ loadBalancer: {}, conditions: [FOREIGN] });
    expect(metadataOf(stored())['annotations']).toEqual({ team: 'x' });
  });

  it('its annotations are full: everything else is written', async () => {
    put({ metadata: { namespace: 'shop', name: 'web', annotations: { big: 'x'.repeat(256 * 1024 - 10) } } });
    expect(await write(STATUS)).toEqual({ kind: 'done' });
    expect(stored()['status']).toMatchObject({
      loadBalancer: { ingress: [{ ip: '192.0.2.1' }, { ip: '2001:db8::1' }] },
    });
    // What is missing then is refused for good, until the Service changes.
    expect(await write(STATUS)).toMatchObject({ kind: 'refused' });
  });

  const rbac =
    'services "web" is forbidden: User "system:serviceaccount:clarion-system:controller" cannot patch resource "services/status" in API group "" in the namespace "shop"';
  it.each([
    [
      403,
      'Forbidden',
      rbac,
      {},
      'retry',
      /needs \{apiGroups: \[""\], resources: \["services\/status"\], verbs: \["patch"\]\}/,
    ],
    [403, 'Forbidden', 'admission policy "no" denied the request', {}, 'retry', /admission policy "no" denied/],
    [429, 'TooManyRequests', 'slow down', { 'retry-after': '7' }, 'retry', /slow down/],
    [500, 'InternalError', 'webhook failed', {}, 'retry', /webhook failed/],
    [504, 'Timeout', 'did not complete within requested timeout', {}, 'retry', /did not complete/],
    [401, 'Unauthorized', 'Unauthorized', {}, 'retry', /Unauthorized/],
    [400, 'BadRequest', 'strange', {}, 'refused', /strange/],
  ] as const)('HTTP %i %s (%s)', async (code, reason, message, headers, kind, words) => {
    put();
    fake.fault = ({ method }) =>
      method === 'PATCH' ? { code, headers, body: statusBody(code, reason, message) } : 'pass';
    const outcome = await write(STATUS);
    expect(outcome).toMatchObject({ kind, message: expect.stringMatching(words) });
    expect((outcome as { after?: number }).after).toBe(code === 429 ? 7000 : undefined);
  });

  it('nothing, or the connection is cut: tried again', async () => {
    put();
    fake.fault = () => 'reset';
    expect(await write(STATUS)).toMatchObject({ kind: 'retry' });
  });
});
