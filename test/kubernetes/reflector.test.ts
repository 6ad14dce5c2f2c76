import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { seconds, systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { ApiAccess } from '../../src/cluster/kubernetes/api-client.ts';
import { inClusterIdentity } from '../../src/cluster/kubernetes/in-cluster.ts';
import { KubernetesCluster } from '../../src/cluster/kubernetes/kubernetes.ts';
import type { ApiServer } from '../../src/lab/kubernetes/control-plane.ts';
import {
  mintToken,
  requestToken,
  rotateToken,
  serviceAccountFolder,
} from '../../src/lab/kubernetes/service-account.ts';
import {
  kubernetes,
  kubernetesSkipNote,
  readerObjects,
  type TestControlPlane,
  testControlPlane,
} from '../support/kubernetes.ts';
import { until } from '../support/until.ts';

const ACCOUNT = { namespace: 'clarion-system', name: 'reader' };
const SETUP = `${readerObjects(
  'reader',
  'session',
  '{apiGroups: [""], resources: [services, nodes, namespaces, configmaps], verbs: [get, list, watch]}',
  '{apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list, watch]}',
)}---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
`;

describe.skipIf(!kubernetes.available)(`following a real API server${kubernetesSkipNote}`, () => {
  let control: TestControlPlane;
  let folder: string;
  let second: ApiServer;
  const clusters: KubernetesCluster[] = [];

  beforeAll(async () => {
    control = await testControlPlane('reflector');
    await control.plane.apply(SETUP);
    folder = await serviceAccountFolder(control.plane, ACCOUNT);
    // No watch cache: what etcd forgets is gone, and what it has is what is answered.
    second = await control.plane.addApiServer(['--watch-cache=false']);
  }, 90_000);
  afterEach(async () => {
    for (const cluster of clusters.splice(0)) await cluster.close();
  });
  afterAll(() => control?.stop());

  const accessTo = (server: ApiServer, directory = folder): ApiAccess => {
    const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(server.port) };
    const identity = inClusterIdentity({ clock: systemClock, environment, directory });
    if (!identity.ok) throw new Error(identity.error);
    expect(identity.value.namespace).toBe('clarion-system');
    return identity.value.access;
  };
  /** Reads from now on. */
  function begin(access: ApiAccess): KubernetesCluster {
    const cluster = new KubernetesCluster({
      access,
      namespace: 'clarion-system',
      role: 'speaker',
      instance: 'test',
      version: 'test',
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
    });
    clusters.push(cluster);
    return cluster;
  }
  async function follow(access = accessTo(control.plane.apiServer)): Promise<KubernetesCluster> {
    const cluster = begin(access);
    await cluster.synced();
    return cluster;
  }
  const create = (name: string): Promise<string> =>
    control.plane.kubectl(['create', 'service', 'clusterip', name, '--namespace=shop', '--tcp=80']);
  const remove = (name: string): Promise<string> =>
    control.plane.kubectl(['delete', 'service', name, '--namespace=shop', '--wait=false']);
  const names = (cluster: KubernetesCluster): readonly string[] =>
    cluster
      .list('Service')
      .filter(({ namespace }) => namespace === 'shop')
      .map(({ name }) => name);
  const shows = (cluster: KubernetesCluster, ...wanted: readonly string[]): Promise<void> =>
    until(
      `it shows ${wanted.join(' ')}`,
      seconds(20),
      () => wanted.every((name) => names(cluster).includes(name)),
      async () => [names(cluster), cluster.apiState().trouble],
    );
  const ofServices = (cluster: KubernetesCluster) =>
    cluster.apiState().resources.find(({ resource }) => resource === 'services')!;

  test('lists and changes, read with the rights of a ServiceAccount', async () => {
    const cluster = await follow();
    expect(cluster.list('Namespace').map(({ name }) => name)).toContain('clarion-system');
    await create('first');
    await shows(cluster, 'first');
    const [object] = cluster.list('Service').filter(({ name }) => name === 'first');
    await create('second');
    await shows(cluster, 'second');
    expect(cluster.list('Service').find(({ name }) => name === 'first')).toBe(object);
    await remove('first');
    await until('it is gone', seconds(10), () => !names(cluster).includes('first'));
    expect(cluster.apiState()).toMatchObject({ viewAge: 0, trouble: undefined });
  });

  test('a right that is missing is said in words, and taken up when it is given', async () => {
    const folderOfOther = await serviceAccountFolder(
      control.plane,
      ACCOUNT,
      await mintToken(control.plane, ACCOUNT, 600),
    );
    await control.plane.kubectl(['delete', 'clusterrolebinding', 'reader']);
    const cluster = begin(accessTo(control.plane.apiServer, folderOfOther));
    await until('it is refused', seconds(10), () => cluster.apiState().trouble !== undefined);
    expect(cluster.apiState().trouble).toMatch(/services: HTTP 403: .*reader.* cannot list resource "services"/);
    await control.plane.apply(SETUP);
    await cluster.synced();
    expect(names(cluster)).toContain('second');
  }, 40_000);

  test('killed and started again: what was known stays, what happened is there', async () => {
    const cluster = await follow();
    await control.plane.apiServer.kill();
    await until('it is noticed', seconds(5), () => cluster.apiState().trouble !== undefined);
    expect(names(cluster)).toContain('second');
    expect(cluster.viewAge()).toBeGreaterThan(0);
    await control.plane.apiServer.start();
    await create('after-kill');
    await shows(cluster, 'after-kill');
    await until('all is followed again', seconds(40), () => cluster.apiState().trouble === undefined);
    expect(cluster.viewAge()).toBe(0);
  }, 80_000);

  test('frozen for three seconds: nothing is lost, and nothing is read again', async () => {
    const cluster = await follow();
    control.plane.apiServer.freeze();
    await new Promise<void>((resolve) => void systemClock.startTimer('frozen', seconds(3), resolve));
    control.plane.apiServer.thaw();
    await create('after-thaw');
    await shows(cluster, 'after-thaw');
    expect(ofServices(cluster)).toMatchObject({ lists: 1, watches: 1, errors: 0 });
  });

  test('410: compacted while the server was away, everything is listed again, and what went meanwhile is gone', async () => {
    const cluster = await follow(accessTo(second));
    await second.kill();
    await until('it is noticed', seconds(5), () => cluster.apiState().trouble !== undefined);
    await create('while-away');
    await remove('second');
    const list = JSON.parse(await control.plane.kubectl(['get', '--raw', '/api/v1/services?limit=1'])) as {
      readonly metadata: { readonly resourceVersion: string };
    };
    const body = JSON.stringify({ revision: list.metadata.resourceVersion });
    const compacted = await fetch(`${control.plane.etcdUrl}/v3/kv/compaction`, { method: 'POST', body });
    expect(compacted.status).toBe(200);
    await second.start();
    await shows(cluster, 'while-away');
    await until('what went is gone', seconds(10), () => !names(cluster).includes('second'));
    expect(ofServices(cluster).lists).toBe(2);
    await until('all is followed again', seconds(40), () => cluster.apiState().trouble === undefined);
  }, 90_000);

  test('a token that was renewed before the old one was revoked: no gap', async () => {
    const revocable = await requestToken(control.plane, ACCOUNT, { kind: 'Secret', name: 'session' });
    const own = await serviceAccountFolder(control.plane, { ...ACCOUNT }, revocable);
    const cluster = await follow(accessTo(control.plane.apiServer, own));
    await control.plane.kubectl(['delete', 'secret', 'session', '--namespace=clarion-system']);
    rotateToken(own, await requestToken(control.plane, ACCOUNT));
    // The server believes for 10 s what it found valid; the lists below come before and after that.
    const until10 = systemClock.now() + 11_500;
    while (systemClock.now() < until10) {
      await cluster.caughtUp();
      await new Promise<void>((resolve) => void systemClock.startTimer('pause', seconds(1), resolve));
    }
    await create('after-token');
    await cluster.caughtUp();
    expect(names(cluster)).toContain('after-token');
    expect(ofServices(cluster).errors).toBe(0);
  }, 40_000);

  test('caught up: what was written through one server is shown by who follows the other', async () => {
    const cluster = await follow(accessTo(second));
    await create('through-the-first');
    await cluster.caughtUp();
    expect(names(cluster)).toContain('through-the-first');
  });
});
