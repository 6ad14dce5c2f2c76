import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatIpAddress, parseIpAddress } from '../../src/base/ip-address.ts';
import { BROADCAST_MAC } from '../../src/base/mac-address.ts';
import { decodeArp, encodeArp } from '../../src/layer2/wire/arp.ts';
import { ArpOperation } from '../../src/layer2/wire/constants.ts';
import { configMap, endpointSlice, node, service } from '../support/manifests.ts';
import { macEnding, Scenario } from '../support/scenario.ts';

/** Controller, speaker and wire thread together, on virtual time, on a segment in memory. */
const POOL = 'pools:\n- name: public\n  addresses: [192.0.2.200-192.0.2.203]\n';

let scenario: Scenario;
beforeEach(() => {
  scenario = new Scenario();
});
afterEach(() => scenario.stop());

const ip = (text: string) => {
  const parsed = parseIpAddress(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};

const seen = () =>
  scenario.client.received.flatMap((frame) => {
    const arp = decodeArp(frame);
    return arp.ok ? [arp.value] : [];
  });
const gratuitousFor = (address: string) =>
  seen().filter(
    ({ senderIp, targetIp }) => formatIpAddress(senderIp) === address && formatIpAddress(targetIp) === address,
  );
const probesFor = (address: string) =>
  seen().filter(({ senderIp, targetIp }) => senderIp.value === 0n && formatIpAddress(targetIp) === address);

const answersTo = (address: string) => scenario.answersTo(address);
const addressesOf = (key: string) => scenario.addressesOf(key);
const conditionOf = (key: string, type: string) => scenario.conditionOf(key, type);

async function start(...speakers: string[]): Promise<void> {
  await scenario.startController();
  for (const [i, name] of speakers.entries()) await scenario.startSpeaker(name, 0x11 + i);
}

describe('a Service and its address', () => {
  test('is assigned, probed while nothing serves, and announced at once when something does', async () => {
    scenario.cluster.put(configMap(POOL), node('a'), service('web'));
    await start('a');
    await scenario.run(2000);
    expect(addressesOf('shop/web')).toEqual(['192.0.2.200']);
    expect(probesFor('192.0.2.200').length).toBeGreaterThan(0);
    expect(gratuitousFor('192.0.2.200')).toEqual([]);
    expect(await answersTo('192.0.2.200')).toEqual([]);
    expect(conditionOf('shop/web', 'Announced')).toMatchObject({ status: 'False', reason: 'NoEndpoints' });

    scenario.cluster.put(endpointSlice('web', ['a']));
    await scenario.run(3);
    expect(gratuitousFor('192.0.2.200').length).toBeGreaterThan(0);
    expect(await answersTo('192.0.2.200')).toEqual([macEnding(0x11)]);
    await scenario.run(100);
    expect(conditionOf('shop/web', 'Announced')).toMatchObject({ status: 'True', reason: 'Announced' });
    expect(conditionOf('shop/web', 'Allocated')).toMatchObject({ status: 'True', reason: 'Assigned' });
  });

  test('goes silent with the last endpoint, keeps its address, and speaks again when one returns', async () => {
    scenario.cluster.put(configMap(POOL), node('a'), service('web'), endpointSlice('web', ['a']));
    await start('a');
    await scenario.run(200);
    expect(await answersTo('192.0.2.200')).toHaveLength(1);
    scenario.cluster.put(endpointSlice('web', ['a'], { conditions: { ready: false, serving: false } }));
    await scenario.run(3);
    expect(await answersTo('192.0.2.200')).toEqual([]);
    expect(addressesOf('shop/web')).toEqual(['192.0.2.200']);
    scenario.cluster.put(endpointSlice('web', ['a']));
    await scenario.run(3);
    expect(await answersTo('192.0.2.200')).toHaveLength(1);
  });

  test('ends with the Service: silent, and the address is free for another', async () => {
    scenario.cluster.put(configMap(POOL), node('a'), service('web'), endpointSlice('web', ['a']));
    await start('a');
    await scenario.run(200);
    scenario.cluster.delete('Service', 'shop', 'web');
    await scenario.run(5);
    expect(await answersTo('192.0.2.200')).toEqual([]);
    for (const name of ['b', 'c', 'd', 'e']) scenario.cluster.put(service(name));
    await scenario.run(20);
    expect(['b', 'c', 'd', 'e'].flatMap((name) => addressesOf(`shop/${name}`)).sort()).toEqual([
      '192.0.2.200',
      '192.0.2.201',
      '192.0.2.202',
      '192.0.2.203',
    ]);
  });

  test('one too many is told why, and gets the first address that becomes free', async () => {
    scenario.cluster.put(configMap(POOL), node('a'), ...['a', 'b', 'c', 'd', 'e'].map((name) => service(name)));
    await start('a');
    await scenario.run(20);
    expect(addressesOf('shop/e')).toEqual([]);
    expect(conditionOf('shop/e', 'Allocated')).toMatchObject({ status: 'False', reason: 'PoolExhausted' });
    expect(scenario.cluster.events.filter(({ reason }) => reason === 'AllocationFailed')).toHaveLength(1);
    scenario.cluster.delete('Service', 'shop', 'b');
    await scenario.run(20);
    expect(addressesOf('shop/e')).toEqual(['192.0.2.201']);
  });
});

describe('a configuration that changes', () => {
  test('a typo in one pool disables that pool only, also after a restart of everything', async () => {
    const two = `${POOL}- name: lab\n  autoAssign: false\n  addresses: [198.51.100.0/28]\n`;
    scenario.cluster.put(configMap(two), node('a'), service('web'), endpointSlice('web', ['a']));
    scenario.cluster.put(service('lab', { annotations: { 'metallb.io/address-pool': 'lab' } }));
    await start('a');
    await scenario.run(200);
    scenario.cluster.put(configMap(two.replace('198.51.100.0/28', '198.51.100.0/99')));
    await scenario.run(20);
    scenario.stopController();
    await scenario.startController();
    scenario.cluster.put(service('new'));
    await scenario.run(20);
    expect(addressesOf('shop/web')).toEqual(['192.0.2.200']);
    expect(addressesOf('shop/lab')).toEqual(['198.51.100.0']);
    expect(addressesOf('shop/new')).toEqual(['192.0.2.201']);
    expect(await answersTo('192.0.2.200')).toHaveLength(1);
  });

  test('a pool that is moved away leaves the live address where it is, announced and reported', async () => {
    scenario.cluster.put(configMap(POOL), node('a'), service('web'), endpointSlice('web', ['a']));
    await start('a');
    await scenario.run(200);
    scenario.cluster.put(configMap(POOL.replace('192.0.2.200-192.0.2.203', '192.0.2.210-192.0.2.213')));
    scenario.cluster.put(service('new'));
    await scenario.run(100);
    expect(addressesOf('shop/web')).toEqual(['192.0.2.200']);
    expect(conditionOf('shop/web', 'Allocated')).toMatchObject({ status: 'True', reason: 'AddressOutsidePools' });
    expect(await answersTo('192.0.2.200')).toHaveLength(1);
    expect(addressesOf('shop/new')).toEqual(['192.0.2.210']);
  });

  test('a ConfigMap that is deleted takes nothing away and gives nothing new', async () => {
    scenario.cluster.put(configMap(POOL), node('a'), service('web'), endpointSlice('web', ['a']));
    await start('a');
    await scenario.run(200);
    scenario.cluster.delete('ConfigMap', 'clarion-system', 'clarion');
    scenario.cluster.put(service('new'));
    await scenario.run(100);
    expect(addressesOf('shop/web')).toEqual(['192.0.2.200']);
    expect(await answersTo('192.0.2.200')).toHaveLength(1);
    expect(conditionOf('shop/new', 'Allocated')).toMatchObject({ status: 'False', reason: 'NoPool' });
  });

  test('an address in a status is announced even where there never was a readable configuration', async () => {
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.200' }] } };
    scenario.cluster.put(configMap('pools: {'), node('a'), { ...service('web'), status }, endpointSlice('web', ['a']));
    await start('a');
    await scenario.run(100);
    expect(await answersTo('192.0.2.200')).toHaveLength(1);
    expect(conditionOf('shop/web', 'Allocated')).toMatchObject({ status: 'True', reason: 'AddressOutsidePools' });
  });

  test('a restarted controller changes nothing and writes nothing', async () => {
    scenario.cluster.put(configMap(POOL), node('a'), service('web'), service('api'), endpointSlice('web', ['a']));
    await start('a');
    await scenario.run(200);
    const before = ['shop/web', 'shop/api'].map((key) => scenario.cluster.statusOf(key));
    const events = scenario.cluster.events.length;
    scenario.stopController();
    await scenario.startController();
    await scenario.run(100);
    expect(['shop/web', 'shop/api'].map((key) => scenario.cluster.statusOf(key))).toEqual(before);
    expect(scenario.cluster.events).toHaveLength(events);
  });

  test('a restarted speaker announces what it announced before at once, without a probe, and nothing seems lost meanwhile', async () => {
    scenario.cluster.put(configMap(POOL), node('a'), service('web'), endpointSlice('web', ['a']));
    await start('a');
    await scenario.run(200);
    const before = scenario.cluster.statusOf('shop/web');
    const writes = scenario.cluster.writes;
    scenario.stopSpeaker('a');
    await scenario.run(50);
    const [probes, frames] = [probesFor('192.0.2.200').length, gratuitousFor('192.0.2.200').length];
    await scenario.startSpeaker('a', 0x11);
    await scenario.run(3);
    expect(gratuitousFor('192.0.2.200').length).toBeGreaterThan(frames);
    await scenario.run(200);
    expect(probesFor('192.0.2.200')).toHaveLength(probes);
    expect(scenario.cluster.statusOf('shop/web')).toEqual(before);
    expect(scenario.cluster.writes).toBe(writes);
  });

  test('statuses that cannot be written are written later', async () => {
    scenario.cluster.put(configMap(POOL), node('a'), service('web'));
    scenario.cluster.failure = 'the disk is full';
    await start('a');
    await scenario.run(1000);
    expect(addressesOf('shop/web')).toEqual([]);
    expect(scenario.cluster.writes).toBeLessThan(10);
    scenario.cluster.failure = undefined;
    await scenario.run(30_000);
    expect(addressesOf('shop/web')).toEqual(['192.0.2.200']);
  });
});

describe('an address that somebody else uses', () => {
  const squatter = macEnding(0x66);
  const claim = () =>
    scenario.client.send(
      encodeArp({
        destination: BROADCAST_MAC,
        source: squatter,
        operation: ArpOperation.reply,
        senderMac: squatter,
        senderIp: ip('192.0.2.200'),
        targetMac: BROADCAST_MAC,
        targetIp: ip('192.0.2.200'),
      }),
    );

  test('is not announced, and says whose it is', async () => {
    scenario.cluster.put(configMap(POOL), node('a'), service('web'), endpointSlice('web', ['a']));
    await start('a');
    await scenario.run(10);
    claim();
    await scenario.run(200);
    expect(gratuitousFor('192.0.2.200').filter(({ senderMac }) => senderMac === macEnding(0x11))).toEqual([]);
    expect(await answersTo('192.0.2.200')).toEqual([]);
    expect(conditionOf('shop/web', 'Announced')).toMatchObject({ status: 'False', reason: 'AddressConflict' });
    expect(conditionOf('shop/web', 'Announced')?.message).toContain(squatter);
    // Silent now: taken after the next try.
    await scenario.run(31_000);
    expect(await answersTo('192.0.2.200')).toEqual([macEnding(0x11)]);
  });

  test('is defended while it is ours', async () => {
    scenario.cluster.put(configMap(POOL), node('a'), service('web'), endpointSlice('web', ['a']));
    await start('a');
    await scenario.run(6000);
    const before = gratuitousFor('192.0.2.200').length;
    claim();
    await scenario.run(100);
    expect(gratuitousFor('192.0.2.200').length).toBeGreaterThan(before);
    expect(await answersTo('192.0.2.200')).toEqual([macEnding(0x11)]);
    expect(conditionOf('shop/web', 'Announced')).toMatchObject({ status: 'True', reason: 'AddressConflict' });
    expect(scenario.cluster.events.at(-1)).toMatchObject({ type: 'Warning', reason: 'AddressConflict' });
  });
});

test('one bad Service never blocks another', async () => {
  const bad = { ...service('bad'), spec: { type: 'LoadBalancer', ports: 'many', clusterIPs: [7] } };
  const typo = service('typo', { annotations: { 'metallb.io/loadBalancerIPs': '192.0.2.2o1' } });
  scenario.cluster.put(configMap(POOL), node('a'), bad, typo, service('web'), endpointSlice('web', ['a']));
  await start('a');
  await scenario.run(200);
  expect(addressesOf('shop/web')).toHaveLength(1);
  expect(conditionOf('shop/typo', 'Allocated')).toMatchObject({ status: 'False', reason: 'InvalidAnnotation' });
  expect(await answersTo(addressesOf('shop/web')[0]!)).toHaveLength(1);
});
