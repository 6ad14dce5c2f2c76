import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ms, seconds, systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { wordsIn } from '../../src/cluster/address-words.ts';
import { KubernetesCluster } from '../../src/cluster/kubernetes/kubernetes.ts';
import type { AddressWord, SpeakerReport } from '../../src/cluster/ports.ts';
import { Controller } from '../../src/controller/controller.ts';
import { type Body, FakeApiServer, type FakeRequest, metadataOf } from '../support/fake-api-server.ts';
import { configMap, endpointSlice, node, service } from '../support/manifests.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { until } from '../support/until.ts';

/** How often a controller writes: counted at an API server in memory, over real sockets. */
const POOL = 'pools:\n- name: public\n  addresses: [10.200.0.0/16]\n';

let fake: FakeApiServer;
let stops: (() => Promise<void>)[];
beforeEach(async () => {
  fake = await FakeApiServer.start();
  stops = [];
  fake.store.put('nodes', node('a'));
  fake.store.put('namespaces', { metadata: { name: 'shop' } });
  fake.store.put('configmaps', configMap(POOL));
});
afterEach(async () => {
  for (const stop of stops) await stop();
  await fake.stop();
});

/** A controller that is the active one, with what the speakers say in the hand of the test. */
async function startController() {
  const cluster = new KubernetesCluster({
    access: fake.access,
    namespace: 'clarion-system',
    role: 'controller',
    instance: 'controller-0',
    version: 'test',
    clock: systemClock,
    random: seededRandom(1),
    logger: silentLogger,
  });
  await cluster.synced();
  await cluster.caughtUp();
  const said = { reports: [] as readonly SpeakerReport[], heard: true };
  const listeners = new Set<() => void>();
  const overrides: Readonly<Record<PropertyKey, unknown>> = {
    reports: () => said.reports,
    heardAll: () => said.heard,
    onChange: (changed: () => void) => {
      listeners.add(changed);
      return cluster.onChange(changed);
    },
  };
  const seen = new Proxy(cluster, {
    get(target, key) {
      const value: unknown = overrides[key] ?? Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const controller = new Controller({
    cluster: seen,
    clock: systemClock,
    random: seededRandom(2),
    logger: silentLogger,
    node: 'a',
    loadBalancerClass: undefined,
    ignoreExcludeLb: false,
  });
  const stop = async (): Promise<void> => {
    await controller.stop();
    await cluster.close();
  };
  stops.push(stop);
  const report = (state: AddressWord['state'], ...addresses: readonly string[]): void => {
    const all = wordsIn(addresses.map((address) => ({ address, state })));
    said.reports = [{ node: 'a', at: new Date(systemClock.now()).toISOString(), addresses: all }];
    for (const listener of listeners) listener();
  };
  return { controller, said, report, stop };
}

const writes = (resource = 'services'): readonly FakeRequest[] =>
  fake.requests.filter((request) => request.method !== 'GET' && request.resource === resource);
const writesOf = (name: string): number => writes().filter((request) => request.name === name).length;
const stored = (name: string): Body => fake.store.get('services', 'shop', name)!;
const statusText = (name: string): string => JSON.stringify(stored(name)['status'] ?? {});
const has = (name: string, word: string): Promise<void> =>
  until(
    `${name} shows ${word}`,
    seconds(10),
    () => statusText(name).includes(word),
    async () => stored(name),
  );
/** Long enough for a write that should not be. */
const quiet = (): Promise<void> => new Promise((resolve) => void systemClock.startTimer('quiet', ms(200), resolve));
const change = (name: string, changes: Body): void => void fake.store.put('services', { ...stored(name), ...changes });

describe('a controller', () => {
  it('writes each of many pending Services once, and after a restart none', async () => {
    const names = Array.from({ length: 300 }, (_, i) => `web-${i}`);
    for (const name of names) fake.store.put('services', service(name));
    for (const name of names) fake.store.put('endpointslices', endpointSlice(name, ['a']));
    const first = await startController();
    for (const name of names) await has(name, 'ipMode');
    await quiet();
    expect(writes()).toHaveLength(300);
    expect(new Set(writes().map(({ name }) => name)).size).toBe(300);
    const addresses = names.map((name) => /10\.200\.\d+\.\d+/.exec(statusText(name))![0]);
    expect(new Set(addresses).size).toBe(300);
    expect(writes('configmaps')).toHaveLength(1);
    await until('the events are out', seconds(10), () => writes('events').length === 300);

    await first.stop();
    const before = fake.requests.filter(({ method }) => method !== 'GET').length;
    const second = await startController();
    await until('a pass', seconds(10), () => second.controller.snapshot().decisions.length === 300);
    await quiet();
    expect(fake.requests.filter(({ method }) => method !== 'GET')).toHaveLength(before);
  });

  it('writes twice from the first sight of a Service until it is announced, and nothing at its end', async () => {
    const { report } = await startController();
    fake.store.put('services', service('web'));
    await has('web', 'ipMode');
    await quiet();
    fake.store.put('endpointslices', endpointSlice('web', ['a']));
    await quiet();
    report('probing', '10.200.0.0');
    await quiet();
    report('announced', '10.200.0.0');
    await has('web', '"True","reason":"Announced"');
    await quiet();
    expect(writesOf('web')).toBe(2);
    const before = writesOf('web');
    fake.store.remove('services', 'shop', 'web');
    await quiet();
    expect(writesOf('web')).toBe(before);
  });

  it('leaves a status that is right alone, whatever else changes at the Service', async () => {
    await startController();
    fake.store.put('services', service('web'));
    await has('web', 'ipMode');
    await quiet();
    const before = writesOf('web');
    change('web', { metadata: { ...metadataOf(stored('web')), labels: { x: 'y' } } });
    // As a server of a version shows it that does not know ipMode.
    const status = JSON.parse(statusText('web').replace(/,?"ipMode":"VIP",?/, '')) as Body;
    change('web', { status });
    await quiet();
    expect(writesOf('web')).toBe(before);
  });

  it('gives a Service its status back that somebody took away: the same address, with one write', async () => {
    await startController();
    fake.store.put('services', service('web'));
    await has('web', '10.200.0.0');
    await quiet();
    const before = writesOf('web');
    change('web', { status: { loadBalancer: {} } });
    await has('web', '10.200.0.0');
    await quiet();
    expect(writesOf('web')).toBe(before + 1);
  });

  it('gives a Service that was deleted and made again under its name its status at once', async () => {
    await startController();
    fake.store.put('services', service('web'));
    await has('web', '10.200');
    fake.store.remove('services', 'shop', 'web');
    fake.store.put('services', service('web'));
    await has('web', '10.200');
    expect(writesOf('web')).toBe(2);
  });

  it('takes its conditions from a Service that is no LoadBalancer any more, with one write', async () => {
    await startController();
    fake.store.put('services', service('web'));
    await has('web', '10.200.0.0');
    await quiet();
    const before = writesOf('web');
    const { conditions } = stored('web')['status'] as Body;
    change('web', { spec: { type: 'ClusterIP' }, status: { loadBalancer: {}, conditions } });
    await until('no condition', seconds(10), () => !statusText('web').includes('clarion.dev'));
    await quiet();
    expect(writesOf('web')).toBe(before + 1);
    expect(JSON.stringify(metadataOf(stored('web'))['annotations'] ?? {})).not.toContain('clarion.dev');
  });

  it('loses no status while the server refuses writes, asks seldom, and is done soon after', async () => {
    await startController();
    fake.fault = ({ method, resource }) =>
      method === 'PATCH' && resource === 'services' ? { code: 503, body: 'no' } : 'pass';
    for (let i = 0; i < 200; i++) fake.store.put('services', service(`web-${i}`));
    await until('it was tried', seconds(5), () => writes().length > 0);
    await new Promise<void>((resolve) => void systemClock.startTimer('outage', seconds(3), resolve));
    expect(writes().length).toBeLessThan(60);
    fake.fault = () => 'pass';
    for (let i = 0; i < 200; i++) await has(`web-${i}`, 'ipMode');
  });
});
