import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { configMap, endpointSlice, node, service } from '../support/manifests.ts';
import { Scenario } from '../support/scenario.ts';

/** A controller that starts where another one has already done everything, as after a rollout or a change of the active one. */
const POOL = 'pools:\n- name: public\n  addresses: [192.0.2.200-192.0.2.209]\n';

let scenario: Scenario;
beforeEach(async () => {
  scenario = new Scenario();
  scenario.cluster.put(configMap(POOL), node('a'), service('web'), endpointSlice('web', ['a']));
  await scenario.startController();
  await scenario.startSpeaker('a', 0x11);
  await scenario.run(3000);
});
afterEach(() => scenario.stop());

describe('a controller that becomes active', () => {
  test('has announced a Service, the state that the others start from', () => {
    expect(scenario.conditionOf('shop/web', 'Announced')).toMatchObject({ status: 'True' });
  });

  test('writes nothing where everything stands, before and after the speakers have been heard', async () => {
    const { cluster } = scenario;
    scenario.stopController();
    const reports = cluster.reports();
    cluster.forgetReports();
    cluster.heard = false;
    const changes = cluster.changes;
    const events = cluster.events.length;
    await scenario.startController();
    await scenario.run(1000);
    expect(cluster.changes).toBe(changes);
    for (const report of reports) await cluster.publish(report);
    cluster.heard = true;
    await scenario.run(1000);
    expect(cluster.changes).toBe(changes);
    expect(cluster.events.length).toBe(events);
    expect(scenario.conditionOf('shop/web', 'Announced')).toMatchObject({ status: 'True' });
  });

  test('serves a new Service at once, although no speaker has been heard', async () => {
    scenario.stopController();
    scenario.cluster.heard = false;
    await scenario.startController();
    scenario.cluster.put(service('new'));
    await scenario.run(20);
    expect(scenario.addressesOf('shop/new')).toEqual(['192.0.2.201']);
  });

  test('says so once it is clear that nobody announces an address any more', async () => {
    const { cluster } = scenario;
    scenario.stopController();
    scenario.stopSpeaker('a');
    cluster.forgetReports();
    cluster.heard = false;
    await scenario.startController();
    await scenario.run(1000);
    expect(scenario.conditionOf('shop/web', 'Announced')).toMatchObject({ status: 'True' });
    cluster.heard = true;
    cluster.put(node('a'));
    await scenario.run(20);
    expect(scenario.conditionOf('shop/web', 'Announced')).toMatchObject({ status: 'Unknown', reason: 'Pending' });
  });

  test('takes its conditions from a Service that stopped being a LoadBalancer meanwhile', async () => {
    const { cluster } = scenario;
    scenario.stopController();
    cluster.put(service('web', { spec: { type: 'ClusterIP' } }));
    await scenario.startController();
    await scenario.run(1000);
    expect(cluster.statusOf('shop/web')).toEqual({ ingress: [], pool: undefined, conditions: [] });
  });
});

describe('a Service that stops being a LoadBalancer', () => {
  test('loses its conditions and its address at once', async () => {
    scenario.cluster.put(service('web', { spec: { type: 'ClusterIP' } }));
    await scenario.run(20);
    expect(scenario.cluster.statusOf('shop/web')).toEqual({ ingress: [], pool: undefined, conditions: [] });
    expect(await scenario.answersTo('192.0.2.200')).toEqual([]);
    expect(scenario.cluster.events.at(-1)).toMatchObject({
      reason: 'AddressReleased',
      message: '192.0.2.200 is free again',
    });
  });
});

describe('a new Service', () => {
  test('has its address, its pool and both conditions in one write', async () => {
    const { cluster } = scenario;
    const changes = cluster.changes;
    cluster.put(service('new'));
    await scenario.run(1000);
    expect(cluster.changes).toBe(changes + 1);
    expect(scenario.conditionOf('shop/new', 'Announced')).toMatchObject({ status: 'False', reason: 'NoEndpoints' });
    cluster.put(endpointSlice('new', ['a']));
    await scenario.run(1000);
    expect(scenario.conditionOf('shop/new', 'Announced')).toMatchObject({ status: 'True' });
    expect(cluster.changes).toBe(changes + 2);
  });

  test('whose endpoints have come says that nobody has reported it, when nobody has for two seconds', async () => {
    const { cluster } = scenario;
    cluster.put(service('new'));
    await scenario.run(1000);
    scenario.kill('a');
    const changes = cluster.changes;
    cluster.put(endpointSlice('new', ['a']));
    await scenario.run(1900);
    expect(cluster.changes).toBe(changes);
    expect(scenario.conditionOf('shop/new', 'Announced')).toMatchObject({ status: 'False', reason: 'NoEndpoints' });
    await scenario.run(200);
    expect(scenario.conditionOf('shop/new', 'Announced')).toMatchObject({ status: 'Unknown', reason: 'Pending' });
    // That it has another address is said at once, and of that one nobody has said anything.
    cluster.put(service('new', { annotations: { 'clarion.dev/loadBalancerIPs': '192.0.2.209' } }));
    await scenario.run(20);
    expect(cluster.changes).toBe(changes + 2);
    await scenario.run(60_000);
    expect(cluster.changes).toBe(changes + 2);
  });

  test('that loses its endpoints for a moment is written when they go, and when it is announced again', async () => {
    const { cluster } = scenario;
    const { changes, events } = cluster;
    const told = events.length;
    for (const nodes of [[], ['a']]) {
      cluster.put(endpointSlice('web', nodes));
      await scenario.run(1000);
    }
    expect(cluster.changes).toBe(changes + 2);
    expect(events.slice(told).map(({ reason }) => reason)).toEqual(['NotAnnounced', 'Announced']);
  });
});

describe('the effective configuration', () => {
  test.each([
    ['deleted', undefined],
    ['edited', '{}'],
  ])('%s by somebody, it is published again, also after a restart', async (_what, text) => {
    const { cluster } = scenario;
    const published = cluster.effectiveConfig();
    cluster.overwriteEffectiveConfig(text);
    await scenario.run(50);
    expect(cluster.effectiveConfig()).toBe(published);
    scenario.stopController();
    await scenario.startController();
    cluster.overwriteEffectiveConfig(text);
    await scenario.run(50);
    expect(cluster.effectiveConfig()).toBe(published);
  });
});
