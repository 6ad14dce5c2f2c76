import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import type { LoggedProgram } from '../../src/lab/logged-program.ts';
import { kubernetes, kubernetesSkipNote } from '../support/kubernetes.ts';
import { until } from '../support/until.ts';
import { addressesOf, type ControllersScene, controllersScene, NAMESPACE, type ServiceObject } from './controllers.ts';

/**
 * Objects that an API server takes and that make no sense. Each has a condition and an Event that say what, where and what to
 * do; a good Service beside it gets its address as ever.
 */
const CONFIG = `
pools:
- {name: public, addresses: [10.210.0.0/24]}
- {name: other, addresses: [10.211.0.0/24], autoAssign: false}
`;

describe.skipIf(!kubernetes.available)(`bad input in a cluster${kubernetesSkipNote}`, { timeout: 60_000 }, () => {
  let scene: ControllersScene;
  let controller: LoggedProgram;
  let goods = 0;
  beforeAll(async () => {
    scene = await controllersScene('bad');
    await scene.configure(CONFIG);
    controller = await scene.startController('one', 17_101);
  });
  afterAll(() => scene?.stop());

  const create = (name: string, annotations: object = {}, spec: object = {}, labels: object = {}) =>
    scene.api.request({
      method: 'POST',
      path: '/api/v1/namespaces/default/services',
      body: {
        metadata: { name, annotations, labels },
        spec: { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }], ...spec },
      },
    });
  const find = async (name: string): Promise<ServiceObject | undefined> =>
    (await scene.services()).find(({ metadata }) => metadata.name === name);
  const condition = async (name: string, type = 'Allocated') =>
    (await find(name))?.status.conditions?.find((one) => one.type === `clarion.dev/${type}`);
  const expectAllocated = async (name: string, reason: string, words: RegExp) => {
    await until(
      `${name} is ${reason}`,
      seconds(10),
      async () => (await condition(name))?.reason === reason,
      async () => ({ found: await condition(name), log: controller.log().slice(-1500) }),
    );
    expect((await condition(name))?.message).toMatch(words);
  };
  const events = async (kind: string, name: string, namespace = 'default'): Promise<readonly string[]> => {
    const words = [
      'get',
      'events',
      '-n',
      namespace,
      '-o',
      'json',
      '--field-selector',
      `involvedObject.name=${name},involvedObject.kind=${kind}`,
    ];
    const { items } = JSON.parse(await scene.plane.kubectl(words)) as {
      readonly items: readonly { readonly message: string }[];
    };
    return items.map(({ message }) => message);
  };
  const expectEvent = (kind: string, name: string, words: RegExp, namespace?: string) =>
    until(
      `an Event at ${kind} ${name} says ${words}`,
      seconds(10),
      async () => (await events(kind, name, namespace)).some((message) => words.test(message)),
      () => events(kind, name, namespace),
    );
  /** What is bad stops nobody else. */
  async function expectGoodServed(): Promise<void> {
    const name = `good-${++goods}`;
    await create(name);
    await until(
      `${name} has an address`,
      seconds(10),
      async () => addressesOf((await find(name))!).length === 1,
      async () => ({ status: (await find(name))?.status, log: controller.log().slice(-2500) }),
    );
  }

  it('annotation garbage, unicode, and what is no address', async () => {
    await create('garbage', { 'clarion.dev/loadBalancerIPs': '☃ and 300.1.2.3' });
    await expectAllocated('garbage', 'InvalidAnnotation', /loadBalancerIPs/);
    await expectEvent('Service', 'garbage', /invalid-annotation/);
    await expectGoodServed();
  });

  it('an address outside of all pools, and one that another Service has', async () => {
    await create('outside', { 'metallb.io/loadBalancerIPs': '172.31.0.1' });
    await expectAllocated('outside', 'AddressOutsidePools', /172\.31\.0\.1/);
    await create('owner', { 'metallb.io/loadBalancerIPs': '10.210.0.77' });
    await expectAllocated('owner', 'Assigned', /10\.210\.0\.77/);
    await create('rival', { 'metallb.io/loadBalancerIPs': '10.210.0.77' });
    await expectAllocated('rival', 'AddressInUse', /owner/);
    await expectEvent('Service', 'rival', /10\.210\.0\.77/);
    await expectGoodServed();
  });

  it('a pool that is not there, and one that is not for everybody', async () => {
    await create('nowhere', { 'clarion.dev/address-pool': 'nope' });
    await until('it is refused', seconds(10), async () => (await condition('nowhere'))?.status === 'False');
    await expectEvent('Service', 'nowhere', /nope/);
    await expectGoodServed();
  });

  it('as many ports, labels and annotations as an API server takes', async () => {
    const ports = Array.from({ length: 1000 }, (_, i) => ({ name: `p${i}`, port: i + 1 }));
    const share = { 'clarion.dev/allow-shared-ip': 'crowd' };
    await create('ports-1', share, { ports });
    await expectAllocated('ports-1', 'Assigned', /public/);
    await create(
      'ports-2',
      { ...share, 'clarion.dev/loadBalancerIPs': addressesOf((await find('ports-1'))!)[0] },
      { ports },
    );
    await expectAllocated('ports-2', 'SharingRefused', /port/);
    const labels = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`label-${i}`, 'x'.repeat(60)]));
    await create('labels', { note: 'y'.repeat(200_000) }, {}, labels);
    await expectAllocated('labels', 'Assigned', /public/);
    // Beyond 256 KiB of annotations the API server says no by itself.
    expect((await create('too-much', { note: 'z'.repeat(1_000_000) })).kind).toBe('status');
    await expectGoodServed();
  });

  it('a pool in use renamed, and taken away: addresses stay, and the Service says why it stands so', async () => {
    await create('tenant', { 'clarion.dev/address-pool': 'other' });
    await expectAllocated('tenant', 'Assigned', /other/);
    const before = addressesOf((await find('tenant'))!);
    await scene.configure(CONFIG.replace('name: other', 'name: renamed'));
    await expectGoodServed();
    expect(addressesOf((await find('tenant'))!)).toEqual(before);
    await scene.configure(CONFIG.replace(/- \{name: other.*\n/, ''));
    await expectGoodServed();
    expect(addressesOf((await find('tenant'))!)).toEqual(before);
    await scene.configure(CONFIG);
    await expectAllocated('tenant', 'Assigned', /other/);
  });

  it('bad elements, also at a restart: each is an Event at the ConfigMap with its line, and the rest is in force', async () => {
    const bad = `${CONFIG}- {name: typo, adresses: [10.212.0.0/24]}
- {name: twice, addresses: [10.210.0.0/25]}
peers:
- {name: tor, myASN: 64512, peerASN: nonsense, peerAddress: 192.0.2.1}
`;
    await scene.configure(bad);
    await expectEvent('ConfigMap', 'clarion', /unknown-key.*adresses/, NAMESPACE);
    await expectEvent('ConfigMap', 'clarion', /overlap/, NAMESPACE);
    await expectEvent('ConfigMap', 'clarion', /peerASN/, NAMESPACE);
    await expectGoodServed();
    const before = (await scene.services()).flatMap(addressesOf).sort();
    await controller.stop();
    controller = await scene.startController('two', 17_102);
    await expectGoodServed();
    const after = new Set((await scene.services()).flatMap(addressesOf));
    for (const address of before) expect(after.has(address)).toBe(true);
  });

  it('no YAML at all: what was in force stays in force', async () => {
    await scene.configure('pools: [');
    await expectEvent('ConfigMap', 'clarion', /yaml/i, NAMESPACE);
    await expectGoodServed();
  });

  it('the ConfigMap that speakers follow, edited by hand: emptied, made unreadable or deleted it is written anew', async () => {
    const words = ['configmap', 'clarion-effective', '-n', NAMESPACE];
    const get = (): Promise<string> =>
      scene.plane.kubectl(['get', ...words, '-o', 'jsonpath={.data}{.binaryData}', '--ignore-not-found']);
    const before = await get();
    expect(before).toContain('public');
    const patch = (body: object): Promise<string> =>
      scene.plane.kubectl(['patch', ...words, '--type=merge', '-p', JSON.stringify(body)]);
    const edits = {
      emptied: () => patch({ data: null }),
      'no gzip': () => patch({ data: null, binaryData: { 'effective.json.gz': 'bm8=' } }),
      'no JSON': () => patch({ data: { 'effective.json': 'no' } }),
      deleted: () => scene.plane.kubectl(['delete', ...words]),
    };
    for (const [what, edit] of Object.entries(edits)) {
      await edit();
      await until(`${what}: it is as before`, seconds(10), async () => (await get()) === before, get);
    }
  });

  it('an empty ConfigMap, none, and a restart without one: what is assigned stays, nothing new is given', async () => {
    const addresses = async () => (await scene.services()).flatMap(addressesOf).sort();
    const before = await addresses();
    await scene.configure('');
    await create('too-late');
    await expectAllocated('too-late', 'NoPool', /pool/);
    await scene.plane.kubectl(['delete', 'configmap', 'clarion', '-n', NAMESPACE]);
    await controller.stop();
    controller = await scene.startController('three', 17_103);
    await until('it is active', seconds(15), async () => (await scene.leaseHolder()).startsWith('three'));
    await create('later-still');
    await expectAllocated('later-still', 'NoPool', /pool/);
    expect(await addresses()).toEqual(before);
    await scene.configure(CONFIG);
    await expectAllocated('too-late', 'Assigned', /public/);
  });
});
