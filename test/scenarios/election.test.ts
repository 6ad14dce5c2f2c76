import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { configMap, endpointSlice, node, service } from '../support/manifests.ts';
import { macEnding, Scenario } from '../support/scenario.ts';

/** Two nodes: controller, speakers, membership and election together, on virtual time. */
const POOL = 'pools:\n- name: public\n  addresses: [192.0.2.200-192.0.2.203]\n';

let scenario: Scenario;
beforeEach(() => {
  scenario = new Scenario();
});
afterEach(() => scenario.stop());

const answersTo = (address: string) => scenario.answersTo(address);
const addressesOf = (key: string) => scenario.addressesOf(key);
const conditionOf = (key: string, type: string) => scenario.conditionOf(key, type);

async function start(...speakers: string[]): Promise<void> {
  await scenario.startController();
  for (const [i, name] of speakers.entries()) await scenario.startSpeaker(name, 0x11 + i);
}

describe('two speakers on one folder', () => {
  test('agree on one holder for every address, spread over both', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `s${i}`);
    scenario.cluster.put(configMap(POOL.replace('.203', '.220')), node('a'), node('b'));
    for (const name of names) scenario.cluster.put(service(name), endpointSlice(name, ['a', 'b']));
    await start('a', 'b');
    await scenario.run(1500);
    const holders: string[] = [];
    for (const name of names) {
      const answers = await answersTo(addressesOf(`shop/${name}`)[0]!);
      expect(answers).toHaveLength(1);
      holders.push(answers[0]!);
    }
    expect(new Set(holders).size).toBe(2);
  });

  test('externalTrafficPolicy Local: only a node with a serving endpoint speaks', async () => {
    const spec = { externalTrafficPolicy: 'Local' };
    scenario.cluster.put(configMap(POOL), node('a'), node('b'), service('web', { spec }), endpointSlice('web', ['b']));
    await start('a', 'b');
    await scenario.run(1500);
    expect(await answersTo('192.0.2.200')).toEqual([macEnding(0x12)]);
  });

  test('a node that is excluded does not speak', async () => {
    const labels = { 'node.kubernetes.io/exclude-from-external-load-balancers': '' };
    scenario.cluster.put(
      configMap(POOL),
      node('a', { labels }),
      node('b'),
      service('web'),
      endpointSlice('web', ['a']),
    );
    await start('a', 'b');
    await scenario.run(1500);
    expect(await answersTo('192.0.2.200')).toEqual([macEnding(0x12)]);
  });

  const both = async (): Promise<void> => {
    scenario.cluster.put(configMap(POOL), node('a'), node('b'), service('web'), endpointSlice('web', ['a', 'b']));
    await start('a', 'b');
    await scenario.run(1500);
  };
  const holder = async (): Promise<string> => {
    const answers = await answersTo('192.0.2.200');
    expect(answers).toHaveLength(1);
    return answers[0] === macEnding(0x11) ? 'a' : 'b';
  };
  const other = (name: string): string => (name === 'a' ? 'b' : 'a');

  test('the other takes over within half a second when the holder dies, and keeps it when the first returns', async () => {
    await both();
    const first = await holder();
    scenario.kill(first);
    await scenario.run(500);
    expect(await holder()).toBe(other(first));
    await scenario.startSpeaker(first, first === 'a' ? 0x11 : 0x12);
    await scenario.run(3000);
    expect(await holder()).toBe(other(first));
  });

  test('a drained node hands over, and the address stays where it went', async () => {
    await both();
    const first = await holder();
    scenario.cluster.put(node(first, { annotations: { 'clarion.dev/drain': 'true' } }));
    await scenario.run(300);
    expect(await holder()).toBe(other(first));
    scenario.cluster.put(node(first));
    await scenario.run(3000);
    expect(await holder()).toBe(other(first));
  });

  test('an address is moved where the annotation says, once', async () => {
    await both();
    const first = await holder();
    const annotations = { 'clarion.dev/move-to': `${other(first)},term=1` };
    scenario.cluster.put(service('web', { annotations }));
    await scenario.run(300);
    expect(await holder()).toBe(other(first));
  });

  test('a speaker that stops hands over first', async () => {
    await both();
    const first = await holder();
    scenario.stopSpeaker(first);
    await scenario.run(100);
    expect(await holder()).toBe(other(first));
  });

  test('the announcement of the one that takes over is not taken for a conflict', async () => {
    await both();
    const first = await holder();
    scenario.cluster.put(node(first, { annotations: { 'clarion.dev/drain': 'true' } }));
    await scenario.run(5000);
    expect(scenario.cluster.events.filter(({ reason }) => reason === 'AddressConflict')).toEqual([]);
    expect(conditionOf('shop/web', 'Announced')).toMatchObject({ status: 'True', reason: 'Announced' });
  });

  test('of three, a speaker that is killed and started again at once moves nothing', async () => {
    const names = ['a', 'b', 'c'];
    const services = ['s0', 's1', 's2', 's3'];
    scenario.cluster.put(configMap(POOL), ...names.map((name) => node(name)));
    for (const name of services) scenario.cluster.put(service(name), endpointSlice(name, names));
    await start(...names);
    // Who has just started takes nothing that only seems free.
    await scenario.run(3000);
    const holders = async (): Promise<string[]> => {
      const found: string[] = [];
      for (const name of services) {
        const answers = await answersTo(addressesOf(`shop/${name}`)[0]!);
        expect(answers).toHaveLength(1);
        found.push(answers[0]!);
      }
      return found;
    };
    const [victim] = await holders();
    const name = names.find((_, i) => macEnding(0x11 + i) === victim)!;
    scenario.kill(name);
    await scenario.run(600);
    const taken = await holders();
    expect(taken).not.toContain(victim);
    await scenario.startSpeaker(name, 0x11 + names.indexOf(name));
    await scenario.run(4000);
    expect(await holders()).toEqual(taken);
  });
});
