import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compareNames, compareText } from '../../src/base/name-order.ts';
import { Follower, TrackedMap } from '../../src/base/tracked-map.ts';
import type {
  AddressWord,
  AnnotationWriter,
  ClusterObject,
  ClusterReader,
  ClusterWriter,
  LeaseRecord,
  LeaseStore,
  ObjectKind,
  ReportBoard,
  RunningCluster,
  ServiceStatus,
} from '../../src/cluster/ports.ts';
import { statusDifference } from '../../src/cluster/status-difference.ts';

type Running = Pick<RunningCluster, 'caughtUp' | 'viewAge'>;

/** What an implementation gives the suites: the cluster as one process sees it, and the hand of its user. */
export interface ClusterUnderTest<Ports> {
  readonly cluster: Ports;
  /** The same cluster as seen by a second process. */
  second(): Promise<Ports>;
  /** As `kubectl apply` would. */
  apply(body: Readonly<Record<string, unknown>>): Promise<void>;
  remove(kind: ObjectKind, namespace: string, name: string): Promise<void>;
  stop(): Promise<void>;
}

const service = (name: string, spec: Readonly<Record<string, unknown>> = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'shop', name },
  spec: { type: 'LoadBalancer', ports: [{ port: 80, protocol: 'TCP' }], ...spec },
});

const status = (...ingress: readonly string[]): ServiceStatus => ({
  ingress,
  pool: 'public',
  conditions: [
    { type: 'clarion.dev/Allocated', status: 'True', reason: 'AddressAssigned', message: 'from pool public' },
  ],
});

const lease = (holder: string): LeaseRecord => ({
  holder,
  durationSeconds: 15,
  acquired: '2026-01-01T00:00:00.000000Z',
  renewed: '2026-01-01T00:00:00.000000Z',
  transitions: 0,
});

/** Resolves once the condition holds; looked at after every change that the cluster tells, and nothing else. */
export function until(cluster: ClusterReader, holds: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => {
      stop();
      reject(new Error(`not within 5 s: ${String(holds)}`));
    }, 5000);
    const stop = cluster.onChange(look);
    function look(): void {
      if (!holds()) return;
      clearTimeout(limit);
      stop();
      resolve();
    }
    look();
  });
}

/** Without what a real cluster has anyway. */
const names = (cluster: ClusterReader, kind: ObjectKind): string[] =>
  cluster
    .list(kind)
    .filter(({ namespace }) => namespace === 'shop' || namespace === '')
    .map((object) => `${object.namespace}/${object.name}`);
const found = (cluster: ClusterReader, name: string): ClusterObject | undefined =>
  cluster.list('Service').find((object) => object.name === name);
const ingressOf = (cluster: ClusterReader, name: string): readonly unknown[] =>
  (found(cluster, name)?.body['status'] as { loadBalancer?: { ingress?: readonly unknown[] } } | undefined)
    ?.loadBalancer?.ingress ?? [];

const annotationsOf = (cluster: ClusterReader, kind: ObjectKind, name: string): Readonly<Record<string, unknown>> => {
  const body = cluster.list(kind).find((object) => object.name === name)?.body;
  return (body?.['metadata'] as { annotations?: Readonly<Record<string, unknown>> } | undefined)?.annotations ?? {};
};

interface Current<Ports> {
  readonly now: ClusterUnderTest<Ports>;
}

/** A fresh one for every test. */
function each<Ports>(start: () => Promise<ClusterUnderTest<Ports>>): Current<Ports> {
  let under: ClusterUnderTest<Ports> | undefined;
  beforeEach(async () => {
    under = await start();
  });
  afterEach(async () => {
    await under?.stop();
    under = undefined;
  });
  return {
    get now() {
      if (under === undefined) throw new Error('not started');
      return under;
    },
  };
}

/** What every implementation of ClusterReader and ClusterWriter does. */
export function clusterContract(
  implementation: string,
  start: () => Promise<ClusterUnderTest<ClusterReader & ClusterWriter & Running>>,
): void {
  describe(`${implementation}: the contract of a cluster's reader and writer`, () => {
    const under = each(start);

    it('lists objects by namespace and name, and the same array until one changes', async () => {
      const { cluster } = under.now;
      for (const name of ['web', 'api', 'mail']) await under.now.apply(service(name));
      await until(cluster, () => names(cluster, 'Service').length === 3);
      const list = cluster.list('Service');
      const [api, mail] = ['api', 'mail'].map((name) => found(cluster, name));
      expect(names(cluster, 'Service')).toEqual(['shop/api', 'shop/mail', 'shop/web']);
      expect(cluster.list('Service')).toBe(list);

      await under.now.apply(service('mail', { externalTrafficPolicy: 'Local' }));
      await until(cluster, () => cluster.list('Service') !== list);
      expect(names(cluster, 'Service')).toEqual(['shop/api', 'shop/mail', 'shop/web']);
      expect(found(cluster, 'api')).toBe(api);
      expect(found(cluster, 'mail')).not.toBe(mail);
    });

    it('has objects in one map, changed in place, that tells who follows it', async () => {
      const { cluster } = under.now;
      const services = cluster.objects('Service');
      const follower = new Follower<string, ClusterObject>();
      await under.now.apply(service('web'));
      await under.now.apply(service('api'));
      await until(cluster, () => services.has('shop/web') && services.has('shop/api'));
      // An API server has a Service of its own besides.
      const told = [...follower.changed(services)].filter((key) => key.startsWith('shop/'));
      expect(told.sort(compareText)).toEqual(['shop/api', 'shop/web']);
      expect([...services.values()].sort(compareNames)).toEqual(cluster.list('Service'));
      follower.seen();

      await under.now.apply(service('web', { externalTrafficPolicy: 'Local' }));
      await until(cluster, () => follower.changed(services).size > 0);
      expect([...follower.changed(services)]).toEqual(['shop/web']);
      expect(services.get('shop/web')).toBe(found(cluster, 'web'));
      follower.seen();

      await under.now.remove('Service', 'shop', 'api');
      await until(cluster, () => !services.has('shop/api'));
      expect([...follower.changed(services)]).toEqual(['shop/api']);
      expect(cluster.objects('Service')).toBe(services);
    });

    it('shows an object that was removed no more', async () => {
      const { cluster } = under.now;
      await under.now.apply(service('web'));
      await until(cluster, () => found(cluster, 'web') !== undefined);
      await under.now.remove('Service', 'shop', 'web');
      await until(cluster, () => found(cluster, 'web') === undefined);
      expect(names(cluster, 'Service')).toEqual([]);
    });

    it('merges a written status into the Service at once, and tells of it after the call', async () => {
      const { cluster } = under.now;
      await under.now.apply(service('web'));
      await until(cluster, () => found(cluster, 'web') !== undefined);
      let told = 0;
      cluster.onChange(() => told++);
      const outcome = cluster.writeServiceStatus('shop', 'web', status('192.0.2.1', '2001:db8::1'));
      expect(told).toBe(0);
      expect(await outcome).toEqual({ kind: 'done' });
      await until(cluster, () => ingressOf(cluster, 'web').length > 0 && told > 0);
      expect(ingressOf(cluster, 'web')).toEqual([
        { ip: '192.0.2.1', ipMode: 'VIP' },
        { ip: '2001:db8::1', ipMode: 'VIP' },
      ]);
      const { metadata, status: shown } = found(cluster, 'web')!.body as {
        metadata: { annotations: unknown };
        status: { conditions: unknown };
      };
      expect(metadata.annotations).toEqual({ 'clarion.dev/ip-allocated-from-pool': 'public' });
      expect(shown.conditions).toEqual([
        { ...status().conditions[0], lastTransitionTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) },
      ]);
      // Or whoever keeps it would write for ever.
      expect(statusDifference(found(cluster, 'web')!, status('192.0.2.1', '2001:db8::1'))).toBeUndefined();
    });

    it('changes nothing for a status that says the same', async () => {
      const { cluster } = under.now;
      await under.now.apply(service('web'));
      await until(cluster, () => found(cluster, 'web') !== undefined);
      await cluster.writeServiceStatus('shop', 'web', status('192.0.2.1'));
      await until(cluster, () => ingressOf(cluster, 'web').length > 0);
      const list = cluster.list('Service');
      expect(await cluster.writeServiceStatus('shop', 'web', status('192.0.2.1'))).toEqual({ kind: 'done' });
      expect(cluster.list('Service')).toBe(list);
    });

    it('clears the addresses by an empty status, and refuses one for a Service that is not there', async () => {
      const { cluster } = under.now;
      await under.now.apply(service('web'));
      await until(cluster, () => found(cluster, 'web') !== undefined);
      await cluster.writeServiceStatus('shop', 'web', status('192.0.2.1'));
      await until(cluster, () => ingressOf(cluster, 'web').length > 0);
      await cluster.writeServiceStatus('shop', 'web', { ingress: [], pool: undefined, conditions: [] });
      await until(cluster, () => ingressOf(cluster, 'web').length === 0);
      expect(
        statusDifference(found(cluster, 'web')!, { ingress: [], pool: undefined, conditions: [] }),
      ).toBeUndefined();
      expect((await cluster.writeServiceStatus('shop', 'nobody', status('192.0.2.2'))).kind).toBe('refused');
    });

    it('shows a second process what the first one wrote', async () => {
      const { cluster } = under.now;
      await under.now.apply(service('web'));
      await until(cluster, () => found(cluster, 'web') !== undefined);
      const other = await under.now.second();
      await cluster.writeServiceStatus('shop', 'web', status('192.0.2.1'));
      await cluster.publishEffectiveConfig('{"generation":1}');
      await until(other, () => ingressOf(other, 'web').length > 0 && other.effectiveConfig() !== undefined);
      expect(ingressOf(other, 'web')).toEqual([{ ip: '192.0.2.1', ipMode: 'VIP' }]);
      expect(other.effectiveConfig()).toBe('{"generation":1}');
    });

    it('gives the effective configuration back as it was published, undefined before', async () => {
      const { cluster } = under.now;
      expect(cluster.effectiveConfig()).toBeUndefined();
      expect(await cluster.publishEffectiveConfig('{"generation":7}')).toEqual({ kind: 'done' });
      expect(cluster.effectiveConfig()).toBe('{"generation":7}');
    });

    it('stops telling who asked no longer to be told', async () => {
      const { cluster } = under.now;
      let told = 0;
      const stop = cluster.onChange(() => told++);
      stop();
      await under.now.apply(service('web'));
      await until(cluster, () => found(cluster, 'web') !== undefined);
      expect(told).toBe(0);
    });

    it('has caught up with what another process wrote before', async () => {
      const { cluster } = under.now;
      await under.now.apply(service('web'));
      await until(cluster, () => found(cluster, 'web') !== undefined);
      const other = await under.now.second();
      await cluster.writeServiceStatus('shop', 'web', status('192.0.2.1'));
      await other.caughtUp();
      expect(ingressOf(other, 'web')).toEqual([{ ip: '192.0.2.1', ipMode: 'VIP' }]);
      expect(other.viewAge()).toBe(0);
    });
  });
}

/** Of names that Kubernetes' store keeps; others are nobody's business here. */
const TEAM = 'metallb.io/team';
const OTHER = 'clarion.dev/other';

export function annotationContract(
  implementation: string,
  start: () => Promise<ClusterUnderTest<ClusterReader & ClusterWriter & AnnotationWriter>>,
): void {
  describe(`${implementation}: the contract of annotations`, () => {
    const under = each(start);

    it('merges annotations that are set into the object, and takes them away again', async () => {
      const { cluster } = under.now;
      const owner = { ...service('web'), metadata: { namespace: 'shop', name: 'web', annotations: { [TEAM]: 'x' } } };
      await under.now.apply(owner);
      await until(cluster, () => found(cluster, 'web') !== undefined);
      let told = 0;
      cluster.onChange(() => told++);
      const move = { 'clarion.dev/move-to': 'node-b,term=1' };
      const outcome = cluster.annotate('Service', 'shop', 'web', { ...move, [OTHER]: 'y' });
      expect(told).toBe(0);
      expect(await outcome).toEqual({ kind: 'done' });
      // It is shown a turn before it is told of.
      await until(cluster, () => OTHER in annotationsOf(cluster, 'Service', 'web') && told > 0);
      expect(annotationsOf(cluster, 'Service', 'web')).toEqual({ [TEAM]: 'x', ...move, [OTHER]: 'y' });

      await cluster.writeServiceStatus('shop', 'web', status('192.0.2.1'));
      await until(cluster, () => ingressOf(cluster, 'web').length > 0);
      await under.now.apply({ ...owner, spec: { ...owner.spec, externalTrafficPolicy: 'Local' } });
      await until(cluster, () => JSON.stringify(found(cluster, 'web')?.body['spec'])?.includes('Local') === true);
      expect(annotationsOf(cluster, 'Service', 'web')).toMatchObject({ [TEAM]: 'x', ...move, [OTHER]: 'y' });

      const removed = { 'clarion.dev/move-to': undefined };
      expect(await cluster.annotate('Service', 'shop', 'web', removed)).toEqual({ kind: 'done' });
      await until(cluster, () => !('clarion.dev/move-to' in annotationsOf(cluster, 'Service', 'web')));
      expect(annotationsOf(cluster, 'Service', 'web')).toMatchObject({ [TEAM]: 'x', [OTHER]: 'y' });
      const list = cluster.list('Service');
      expect(await cluster.annotate('Service', 'shop', 'web', { ...removed, [OTHER]: 'y' })).toEqual({ kind: 'done' });
      expect(cluster.list('Service')).toBe(list);
    });

    it('annotates Nodes that there are, seen at once by others, and refuses what is not there', async () => {
      const { cluster } = under.now;
      await under.now.apply({ apiVersion: 'v1', kind: 'Node', metadata: { namespace: '', name: 'node-a' } });
      await until(cluster, () => names(cluster, 'Node').length === 1);
      const other = await under.now.second();
      expect(await cluster.annotate('Node', '', 'node-a', { 'clarion.dev/drain': 'true' })).toEqual({ kind: 'done' });
      await until(other, () => 'clarion.dev/drain' in annotationsOf(other, 'Node', 'node-a'));
      expect(await other.annotate('Node', '', 'node-a', { 'clarion.dev/drain': undefined })).toEqual({ kind: 'done' });
      await until(cluster, () => !('clarion.dev/drain' in annotationsOf(cluster, 'Node', 'node-a')));
      expect((await cluster.annotate('Node', '', 'node-z', { 'clarion.dev/drain': 'true' })).kind).toBe('refused');
      expect((await cluster.annotate('Service', 'shop', 'nobody', { x: 'y' })).kind).toBe('refused');
      expect(names(cluster, 'Node')).toEqual(['/node-a']);
    });

    it('forgets the annotations of an object with the object', async () => {
      const { cluster } = under.now;
      await under.now.apply(service('web'));
      await until(cluster, () => found(cluster, 'web') !== undefined);
      await cluster.annotate('Service', 'shop', 'web', { [OTHER]: 'y' });
      await under.now.remove('Service', 'shop', 'web');
      await until(cluster, () => found(cluster, 'web') === undefined);
      await under.now.apply(service('web'));
      await until(cluster, () => found(cluster, 'web') !== undefined);
      expect(annotationsOf(cluster, 'Service', 'web')).toEqual({});
    });
  });
}

export function reportContract(
  implementation: string,
  start: () => Promise<ClusterUnderTest<ClusterReader & ReportBoard>>,
): void {
  describe(`${implementation}: the contract of reports`, () => {
    const under = each(start);

    it('keeps the latest report of each node, sorted', async () => {
      const { cluster } = under.now;
      const report = (node: string, at: string) => ({ node, at, addresses: new Map() });
      await cluster.publish(report('node-b', '2026-01-01T00:00:00Z'));
      await cluster.publish(report('node-a', '2026-01-01T00:00:00Z'));
      await cluster.publish(report('node-b', '2026-01-01T00:00:09Z'));
      expect(cluster.reports()).toEqual([
        report('node-a', '2026-01-01T00:00:00Z'),
        report('node-b', '2026-01-01T00:00:09Z'),
      ]);
    });

    it('shows them to every process', async () => {
      const { cluster } = under.now;
      const other = await under.now.second();
      await other.publish({ node: 'node-a', at: '2026-01-01T00:00:00Z', addresses: new Map() });
      await until(cluster, () => cluster.reports().length === 1);
      expect(cluster.reports()[0]?.node).toBe('node-a');
    });

    it('shows what is said of each address in one map for each node, and tells which were touched', async () => {
      const { cluster } = under.now;
      const other = await under.now.second();
      const announced = { state: 'announced', reason: undefined, message: undefined } as const;
      const refused = { state: 'refused', reason: 'no-session', message: 'nobody hears' } as const;
      const addresses = new TrackedMap<string, readonly AddressWord[]>([
        ['192.0.2.1', [announced]],
        ['192.0.2.2', [announced, refused]],
        ['2001:db8::1', [refused]],
      ]);
      const publish = (at: string) => other.publish({ node: 'node-a', at: `2026-01-01T00:00:0${at}Z`, addresses });
      const shown = () => cluster.reports().find(({ node }) => node === 'node-a')?.addresses ?? new Map();
      await publish('1');
      await until(cluster, () => shown().size === 3);
      expect([...shown()]).toEqual([...addresses]);
      const follower = new Follower<string, readonly AddressWord[]>();
      follower.changed(shown());
      follower.seen();
      addresses.delete('192.0.2.1');
      addresses.set('192.0.2.2', [announced]);
      addresses.set('192.0.2.3', [refused]);
      await publish('2');
      await until(cluster, () => shown().has('192.0.2.3'));
      expect([...follower.changed(shown())].sort()).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3']);
      expect(Object.fromEntries(shown())).toEqual(Object.fromEntries(addresses));
    });
  });
}

export function leaseContract(implementation: string, start: () => Promise<ClusterUnderTest<LeaseStore>>): void {
  describe(`${implementation}: the contract of leases`, () => {
    const under = each(start);

    it('lets one of two write a lease', async () => {
      const { cluster } = under.now;
      const other = await under.now.second();
      expect(await cluster.read('controller')).toBeUndefined();
      expect(await cluster.write('controller', lease('a'), undefined)).toBe('written');
      expect(await other.write('controller', lease('b'), undefined)).toBe('conflict');
      const seen = (await other.read('controller'))!;
      expect(seen.record).toEqual(lease('a'));
      const both = await Promise.all([
        cluster.write('controller', lease('a2'), seen.version),
        other.write('controller', lease('b2'), seen.version),
      ]);
      expect(both.toSorted()).toEqual(['conflict', 'written']);
      expect(await cluster.write('controller', lease('late'), seen.version)).toBe('conflict');
      const winner = both[0] === 'written' ? 'a2' : 'b2';
      expect((await cluster.read('controller'))?.record.holder).toBe(winner);
    });
  });
}
