import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatIpAddress, ipAddressIn } from '../../src/base/ip-address.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { encodeEffective, mergeEffective } from '../../src/config/effective.ts';
import { judgeConfig } from '../../src/config/judge.ts';
import { MOVE_ANNOTATION } from '../../src/inventory/move-request.ts';
import { Control } from '../../src/speaker/control.ts';
import type { ToWire } from '../../src/speaker/messages.ts';
import { endpointSlice, node, service } from '../support/manifests.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** What the control thread tells the wire thread of addresses, and when it says nothing. */
const POOL = 'pools:\n- {name: public, addresses: [192.0.2.200-192.0.2.209]}\n';

let clock: VirtualClock;
let cluster: MemoryCluster;
let control: Control;
let told: Extract<ToWire, { kind: 'addresses' }>[];

beforeEach(async () => {
  clock = new VirtualClock();
  cluster = new MemoryCluster();
  told = [];
  cluster.put(node('a'), node('b'));
  for (const name of ['web', 'mail']) cluster.put(service(name), endpointSlice(name, ['a', 'b']));
  await cluster.publishEffectiveConfig(
    encodeEffective(mergeEffective(undefined, judgeConfig({ file: 'clarion.yaml', text: POOL }), new Set())),
  );
  await assign('web', '192.0.2.200');
  await assign('mail', '192.0.2.201');
  control = new Control({
    node: 'a',
    cluster,
    clock,
    logger: silentLogger,
    loadBalancerClass: undefined,
    ignoreExcludeLb: false,
    routing: undefined,
    keys: undefined,
    toWire: (message) => void (message.kind === 'addresses' && told.push(message)),
  });
});
afterEach(() => control.stop());

const assign = (name: string, address: string) =>
  cluster.writeServiceStatus('shop', name, { ingress: [address], pool: 'public', conditions: [] });

/** What has been told since the last call: `address`, `address -> node` where it is to move, `- address` that is gone. */
async function news(): Promise<readonly string[]> {
  clock.advance(2000);
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  clock.advance(2000);
  const messages = told.splice(0);
  return messages
    .flatMap(({ set, remove }) => [
      ...set.map(({ address, move }) => `${formatIpAddress(address)}${move === undefined ? '' : ` -> ${move.to}`}`),
      ...remove.map((address) => `- ${formatIpAddress(address)}`),
    ])
    .sort();
}
const move = (name: string, to: string) => service(name, { annotations: { [MOVE_ANNOTATION]: `${to},term=3` } });

describe('the wire thread is told', () => {
  test('everything once, and then nothing while nothing changes', async () => {
    expect(await news()).toEqual(['192.0.2.200', '192.0.2.201']);
    cluster.put(node('a'), service('web', { labels: { app: 'web' } }));
    expect(await news()).toEqual([]);
  });

  test('of the address whose endpoints changed, and of no other', async () => {
    await news();
    cluster.put(endpointSlice('mail', []));
    expect(await news()).toEqual(['192.0.2.201']);
    cluster.delete('Service', 'shop', 'mail');
    expect(await news()).toEqual(['- 192.0.2.201']);
  });

  test('of a move that is asked for, changed, or asked for no more, once each', async () => {
    await news();
    cluster.put(move('web', 'b'));
    expect(await news()).toEqual(['192.0.2.200 -> b']);
    cluster.put(move('web', 'b'));
    expect(await news()).toEqual([]);
    cluster.put(move('web', 'a'));
    expect(await news()).toEqual(['192.0.2.200 -> a']);
    cluster.put(service('web'));
    expect(await news()).toEqual(['192.0.2.200']);
  });

  test('of a move that a Service asks for before it has an address', async () => {
    await news();
    cluster.put(move('new', 'b'), endpointSlice('new', ['a', 'b']));
    expect(await news()).toEqual([]);
    await assign('new', '192.0.2.202');
    expect(await news()).toEqual(['192.0.2.202 -> b']);
  });
});

test('what is known for status is by address', async () => {
  await news();
  const { verdicts, wire } = control.snapshot();
  expect([...verdicts.keys()].sort()).toEqual(['192.0.2.200', '192.0.2.201']);
  expect(wire.size).toBe(0);
  control.fromWire({
    kind: 'report',
    changed: [
      {
        address: ipAddressIn('192.0.2.200'),
        holder: 'a',
        term: 1,
        since: undefined,
        handingOver: undefined,
        layer2: { kind: 'announced', interfaces: ['eth0'] },
      },
    ],
    removed: [],
  });
  clock.advance(20);
  expect(wire.get('192.0.2.200')?.holder).toBe('a');
  expect([...(cluster.reports()[0]?.addresses ?? [])].map(([address, words]) => [address, words[0]?.state])).toEqual([
    ['192.0.2.200', 'announced'],
  ]);
});
