import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { seconds, systemClock } from '../../src/base/clock.ts';
import { fieldsOf } from '../../src/base/fields.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { keepAliveAgent } from '../../src/cluster/kubernetes/agent.ts';
import type { ApiAnswer, ApiClient } from '../../src/cluster/kubernetes/api-client.ts';
import { Events } from '../../src/cluster/kubernetes/events.ts';
import { openApiClient } from '../../src/cluster/kubernetes/http-client.ts';
import { type KubernetesCluster, openKubernetes } from '../../src/cluster/kubernetes/kubernetes.ts';
import { writeServiceStatus } from '../../src/cluster/kubernetes/service-status.ts';
import { runLease } from '../../src/cluster/lease-driver.ts';
import type { ServiceStatus, StatusOutcome } from '../../src/cluster/ports.ts';
import { versionOf } from '../../src/cluster/status-difference.ts';
import { annotationContract, clusterContract, leaseContract, until as untilShown } from '../cluster/contract.ts';
import { kubernetes, kubernetesSkipNote, type TestControlPlane, testControlPlane } from '../support/kubernetes.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { until } from '../support/until.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const NS = 'clarion-system';
type Body = Readonly<Record<string, unknown>>;
const ALLOCATED = {
  type: 'clarion.dev/Allocated',
  status: 'True',
  reason: 'Assigned',
  message: 'from public',
} as const;
const STATUS: ServiceStatus = { ingress: ['192.0.2.1', '2001:db8::1'], pool: 'public', conditions: [ALLOCATED] };
const NOTHING: ServiceStatus = { ingress: [], pool: undefined, conditions: [] };

/** What the fake API server of the unit tests is taken for: the same contract, and each answer that our writers tell apart. */
describe.skipIf(!kubernetes.available)(`writes to a real API server${kubernetesSkipNote}`, () => {
  let control: TestControlPlane;
  let admin: ApiClient;
  const clusters: KubernetesCluster[] = [];

  const clientOf = (token: string): ApiClient => {
    const agent = keepAliveAgent('https:', { ca: readFileSync(control.plane.caFile) });
    const credentials = async () => ({ ok: true, value: { authorization: `Bearer ${token}`, agent } }) as const;
    return openApiClient({
      access: { server: control.plane.apiServer.url, credentials },
      clock: systemClock,
      userAgent: 'test',
    });
  };
  const ok = async (answer: Promise<ApiAnswer>): Promise<Body> => {
    const got = await answer;
    if (got.kind !== 'ok') throw new Error(got.message);
    return fieldsOf(got.body);
  };
  const get = (path: string): Promise<Body> => ok(admin.request({ method: 'GET', path }));
  const pathOf = (kind: string, namespace: string, name: string): string =>
    kind === 'Node' ? `/api/v1/nodes/${name}` : `/api/v1/namespaces/${namespace}/services/${name}`;
  const apply = async (body: Body): Promise<void> => {
    const { namespace, name, ...rest } = fieldsOf(body['metadata']);
    const metadata = { ...rest, name, ...(namespace === '' ? {} : { namespace }) };
    const path = pathOf(String(body['kind']), String(namespace), String(name));
    await ok(
      admin.request({
        method: 'PATCH',
        path: `${path}?fieldManager=test&force=true`,
        contentType: 'application/apply-patch+yaml',
        body: { ...body, metadata },
      }),
    );
  };
  const remove = async (kind: string, namespace: string, name: string): Promise<void> => {
    await ok(admin.request({ method: 'DELETE', path: pathOf(kind, namespace, name) }));
  };
  const open = async (): Promise<KubernetesCluster> => {
    const agent = keepAliveAgent('https:', { ca: readFileSync(control.plane.caFile) });
    const credentials = async () => ({ ok: true, value: { authorization: 'Bearer admin-token', agent } }) as const;
    const cluster = await openKubernetes({
      access: { server: control.plane.apiServer.url, credentials },
      namespace: NS,
      role: 'controller',
      instance: 'controller-0',
      version: 'test',
      clock: systemClock,
      random: seededRandom(1),
      logger: silentLogger,
    });
    clusters.push(cluster);
    return cluster;
  };
  const clean = async (): Promise<void> => {
    for (const cluster of clusters.splice(0)) await cluster.close();
    const paths = ['/api/v1/namespaces/shop/services', '/api/v1/nodes'].map(async (path) => {
      const { items } = await get(path);
      const names = (items as Body[]).map((item) => String(fieldsOf(item['metadata'])['name']));
      return names.map((name) => `${path}/${name}`);
    });
    const own = [`/api/v1/namespaces/${NS}/configmaps/clarion-effective`];
    const leases = ['controller', 'clarion-controller'].map(
      (name) => `/apis/coordination.k8s.io/v1/namespaces/${NS}/leases/${name}`,
    );
    for (const path of [...(await Promise.all(paths)).flat(), ...own, ...leases])
      await admin.request({ method: 'DELETE', path });
  };
  const start = async () => {
    await clean();
    return { cluster: await open(), second: open, apply, remove, stop: clean };
  };

  beforeAll(async () => {
    control = await testControlPlane('writes');
    admin = clientOf('admin-token');
    for (const name of [NS, 'shop'])
      await ok(admin.request({ method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name } } }));
  });
  afterAll(async () => {
    for (const cluster of clusters.splice(0)) await cluster.close();
    admin?.close();
    await control?.stop();
  });

  for (const contract of [clusterContract, annotationContract, leaseContract]) contract('a real API server', start);

  describe('the status of a Service', () => {
    let cluster: KubernetesCluster;
    beforeEach(async () => {
      ({ cluster } = await start());
      await apply({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { namespace: 'shop', name: 'web' },
        spec: { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports: [{ port: 80, protocol: 'TCP' }] },
      });
      await untilShown(cluster, () => shown() !== undefined);
    });
    const shown = () => cluster.list('Service').find(({ name }) => name === 'web');
    const now = () => get('/api/v1/namespaces/shop/services/web');
    const merge = (path: string, body: Body): Promise<Body> =>
      ok(
        admin.request({
          method: 'PATCH',
          path: `/api/v1/namespaces/shop/services/web${path}`,
          contentType: 'application/merge-patch+json',
          body,
        }),
      );
    const write = (status: ServiceStatus, version?: string): Promise<StatusOutcome> =>
      cluster.writeServiceStatus('shop', 'web', status, version);

    it('leaves the conditions of others, and takes ours away', async () => {
      const foreign = {
        type: 'example.com/Audited',
        status: 'True',
        reason: 'Fine',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      };
      const { metadata } = await merge('/status', { status: { conditions: [foreign] } });
      await untilShown(cluster, () => versionOf(shown()!) === fieldsOf(metadata)['resourceVersion']);
      expect(await write(STATUS)).toEqual({ kind: 'done' });
      await untilShown(cluster, () => JSON.stringify(shown()?.body['status']).includes('192.0.2.1'));
      const types = async (): Promise<ReadonlySet<unknown>> =>
        new Set((fieldsOf((await now())['status'])['conditions'] as Body[]).map(({ type }) => type));
      expect(await types()).toEqual(new Set(['clarion.dev/Allocated', 'example.com/Audited']));
      expect(await write(NOTHING)).toEqual({ kind: 'done' });
      expect(await types()).toEqual(new Set(['example.com/Audited']));
      expect(fieldsOf((await now())['status'])['loadBalancer']).toEqual({});
    });

    it('is outdated, and not written, when somebody changed the Service since', async () => {
      const version = versionOf(shown()!);
      await merge('', { metadata: { labels: { x: 'y' } } });
      expect(await write(STATUS, version)).toEqual({ kind: 'outdated' });
      expect(fieldsOf((await now())['status'])).toEqual({ loadBalancer: {} });
    });

    it('of a Service that is gone is nothing to be done', async () => {
      const version = versionOf(shown()!);
      const seen = shown();
      await remove('Service', 'shop', 'web');
      const outcome = await write(STATUS, version);
      // The watch may have told it already.
      expect(seen === undefined || ['done', 'refused'].includes(outcome.kind)).toBe(true);
    });

    it('of one that stopped being a LoadBalancer goes, conditions too', async () => {
      await write(STATUS);
      await merge('', { spec: { type: 'ClusterIP' } });
      await untilShown(cluster, () => fieldsOf(shown()?.body['spec'])['type'] === 'ClusterIP');
      expect(await write(STATUS)).toEqual({ kind: 'done' });
      expect((await now())['status']).toEqual({ loadBalancer: {} });
      expect(fieldsOf((await now())['metadata'])['annotations']).toBeUndefined();
    });

    it('goes to a Service whose annotations are full, without the pool', async () => {
      await merge('', { metadata: { annotations: { big: 'x'.repeat(256 * 1024 - 10) } } });
      const { metadata } = await now();
      await untilShown(cluster, () => versionOf(shown()!) === fieldsOf(metadata)['resourceVersion']);
      expect(await write(STATUS)).toEqual({ kind: 'done' });
      expect(JSON.stringify((await now())['status'])).toContain('192.0.2.1');
    });

    it('is refused to who lacks the right, with the rule that is missing', async () => {
      await admin.request({
        method: 'POST',
        path: `/api/v1/namespaces/${NS}/serviceaccounts`,
        body: { metadata: { name: 'poor' } },
      });
      const request = await ok(
        admin.request({
          method: 'POST',
          path: `/api/v1/namespaces/${NS}/serviceaccounts/poor/token`,
          body: { spec: {} },
        }),
      );
      const poor = clientOf(String(fieldsOf(request['status'])['token']));
      const outcome = await writeServiceStatus(
        { client: poor, clock: systemClock, find: shown },
        'shop',
        'web',
        STATUS,
        undefined,
      );
      expect(outcome).toMatchObject({
        kind: 'retry',
        message: expect.stringContaining('resources: ["services/status"], verbs: ["patch"]'),
      });
      poor.close();
    });

    it('is told by an Event that kubectl shows, and a repetition counts', async () => {
      const clock = new VirtualClock(Date.now());
      const events = new Events({
        client: admin,
        clock,
        random: seededRandom(1),
        logger: silentLogger,
        instance: 'controller-0',
        find: (kind) => (kind === 'Service' ? shown() : undefined),
      });
      const say = (kind: 'Service' | 'Node', namespace: string, name: string): void =>
        events.record({
          regarding: { kind, namespace, name },
          type: 'Normal',
          reason: 'AddressAssigned',
          message: 'x',
        });
      say('Service', 'shop', 'web');
      await until('it is sent', seconds(5), () => events.counters.sent === 1);
      for (let i = 0; i < 2; i++) say('Service', 'shop', 'web');
      say('Node', '', 'node-a');
      clock.advance(30_000);
      await until('all is sent', seconds(5), () => events.counters.sent === 3);
      expect(events.counters.dropped).toBe(0);
      const eventsIn = async (namespace: string): Promise<Body[]> =>
        ((await get(`/apis/events.k8s.io/v1/namespaces/${namespace}/events`))['items'] as Body[]).filter(
          ({ reason }) => reason === 'AddressAssigned',
        );
      const uid = fieldsOf(shown()?.body['metadata'])['uid'];
      expect(await eventsIn('shop')).toMatchObject([
        { reportingController: 'clarion.dev/controller', regarding: { uid }, note: 'x', series: { count: 3 } },
      ]);
      expect(await eventsIn('default')).toMatchObject([{ regarding: { kind: 'Node', name: 'node-a' } }]);
      events.stop();
    });
  });

  it('a Lease is taken, renewed and given back as client-go does it', async () => {
    const { cluster } = await start();
    const lease = runLease({
      store: cluster,
      name: 'clarion-controller',
      identity: 'a',
      clock: systemClock,
      random: seededRandom(1),
      logger: silentLogger,
      onActive() {},
      onStandby() {},
    });
    await until('active', seconds(10), () => lease.valid());
    const path = `/apis/coordination.k8s.io/v1/namespaces/${NS}/leases/clarion-controller`;
    const spec = async (): Promise<Body> => fieldsOf((await get(path))['spec']);
    const first = await spec();
    expect(first).toMatchObject({ holderIdentity: expect.stringMatching(/^a_/), leaseDurationSeconds: 15 });
    await until('renewed', seconds(10), async () => (await spec())['renewTime'] !== first['renewTime']);
    await lease.stop();
    expect((await spec())['holderIdentity'] ?? '').toBe('');
    expect(await spec()).toMatchObject({ leaseDurationSeconds: 1 });
  });

  it('a large configuration and the membership key come back as they were written', async () => {
    const { cluster } = await start();
    const large = `{"generation":1,"x":"${'pool '.repeat(100_000)}"}`;
    expect(await cluster.publishEffectiveConfig(large)).toEqual({ kind: 'done' });
    const other = await open();
    expect(other.effectiveConfig()).toBe(large);
    expect(await cluster.membershipKey.read()).toBeUndefined();
    expect(await cluster.membershipKey.create('one\n')).toBe('one\n');
    expect(await other.membershipKey.create('two\n')).toBe('one\n');
  });
});
