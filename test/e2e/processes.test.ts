import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { machineTime, ms, seconds } from '../../src/base/clock.ts';
import { type Capture, startCapture } from '../../src/lab/capture.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { configMap, endpointSlice, node, service } from '../support/manifests.ts';
import { type Daemon, FIRST_NODE, type LogLine, Scene, until } from './scene.ts';

/** `clarion controller` and `clarion speaker` as separate processes that share nothing but a folder. */
const POOL = '- {name: public, addresses: [192.0.2.200-192.0.2.239]}\n';
/** An address is announced as soon as it is known: these tests measure the way, not the probe. */
const WITHOUT_PROBE = 'layer2: {conflictProbe: {count: 0}}\n';
const VIP = '192.0.2.200';
const NODES = ['node-a', 'node-b'];

describe.skipIf(!privateTree.inside)(`controller and speakers as processes${skipNote}`, () => {
  const scene = new Scene('e2e3', NODES);
  const started: Daemon[] = [];
  let capture: Capture;
  beforeAll(async () => {
    await scene.build();
    capture = await startCapture(scene.lab, 'client', 'eth0');
  });
  beforeEach(() => {
    scene.write('config.json', configMap(`pools:\n${POOL}${WITHOUT_PROBE}`));
    scene.write('nodes.json', ...NODES.map((name, i) => node(name, { address: `192.0.2.${FIRST_NODE + i}` })));
  });
  afterEach(async () => {
    capture.ask([]);
    await Promise.all(started.splice(0).map((daemon) => daemon.stop('SIGKILL')));
    scene.empty();
  });
  afterAll(() => scene.stop());

  const start = async (command: 'controller' | 'speaker', name: string): Promise<Daemon> => {
    const daemon = await scene.start({ command, node: name });
    started.push(daemon);
    return daemon;
  };
  const web = (name = 'web', nodes: readonly string[] = NODES): void =>
    scene.write(`${name}.json`, service(name), endpointSlice(name, nodes));
  const active = ({ msg }: LogLine): boolean => msg === 'active controller now';

  test('an address that one process assigns is announced by another within 50 ms', async () => {
    scene.write('nodes.json', node('node-a'));
    const [controller] = await Promise.all([start('controller', 'node-b'), start('speaker', 'node-a')]);
    const wallTimeAtBoot = Date.now() - machineTime();
    const took: number[] = [];
    for (let i = 0; i < 15; i++) {
      const [lines, frames] = [controller.log.mark(), capture.seen.mark()];
      web(`web${i}`, ['node-a']);
      const assigned = await controller.log.first(
        'assigned',
        lines,
        seconds(5),
        ({ msg }) => msg === 'address assigned',
      );
      const vip = /^\S+(?= from pool)/.exec(String(assigned['what']))?.[0];
      const sighting = await capture.seen.first(
        `${vip} is announced`,
        frames,
        seconds(5),
        ({ what, address }) => what === 'announcement' && address === vip,
      );
      took.push(sighting.at + wallTimeAtBoot - Date.parse(String(assigned['time'])));
    }
    const [median] = took.toSorted((a, b) => a - b).slice(7);
    expect(median, `all: ${took.map(Math.round).join(' ')} ms`).toBeLessThan(50);
  });

  test('two speakers: of each address exactly one is the holder, and nobody else answers', async () => {
    const names = Array.from({ length: 10 }, (_, i) => `web${i}`);
    for (const name of names) web(name);
    const speakers = await Promise.all([
      start('speaker', 'node-a'),
      start('speaker', 'node-b'),
      start('controller', 'node-a'),
    ]);
    const vips = names.map((_, i) => `192.0.2.${200 + i}`);
    const answers = (mark: number) => capture.seen.since(mark).filter(({ what }) => what === 'answer');
    const counts = (mark: number): number[] =>
      vips.map((vip) => answers(mark).filter(({ address }) => address === vip).length);
    capture.ask(vips, ms(20));
    await until('all are answered', () => counts(0).every((count) => count > 0));
    // From here on, every question counts.
    const mark = capture.seen.mark();
    await until('all are answered ten times', () => counts(mark).every((count) => count >= 10));
    for (const vip of vips)
      expect(
        [...new Set(answers(mark).flatMap(({ address, mac }) => (address === vip ? [mac] : [])))],
        vip,
      ).toHaveLength(1);
    const held = await Promise.all(
      speakers.slice(0, 2).map((speaker) => speaker.metric('clarion_layer2_addresses', 'announced')),
    );
    expect(held.reduce((sum, count) => sum + count, 0)).toBe(10);
    expect(Math.min(...held)).toBeGreaterThan(0);
    // Each node has a socket of its own in the folder; the controller has none.
    for (const speaker of speakers.slice(0, 2)) expect((await speaker.get('/readyz')).status).toBe(200);
  });

  test('a speaker that stops lets the other serve nothing of its own: the rest of the addresses goes on', async () => {
    web('a', ['node-a']);
    web('b', ['node-b']);
    scene.write('a.json', service('a', { spec: { externalTrafficPolicy: 'Local' } }), endpointSlice('a', ['node-a']));
    scene.write('b.json', service('b', { spec: { externalTrafficPolicy: 'Local' } }), endpointSlice('b', ['node-b']));
    const [a] = await Promise.all([
      start('speaker', 'node-a'),
      start('speaker', 'node-b'),
      start('controller', 'node-a'),
    ]);
    await scene.announcedBy('node-a', VIP);
    await scene.announcedBy('node-b', '192.0.2.201');
    expect(await a.stop()).toBe(0);
    expect(await scene.resolve(VIP)).toBeUndefined();
    await scene.announcedBy('node-b', '192.0.2.201');
  });

  test('two controllers: one is active; it stops, and the other takes over at once and changes nothing', async () => {
    web();
    // The controller makes the key that a speaker waits for.
    const first = await start('controller', 'node-a');
    await start('speaker', 'node-a');
    await first.log.first('the first is active', 0, seconds(5), active);
    const second = await start('controller', 'node-b');
    await until('the address is assigned', () => scene.addressesOf('shop/web').length > 0);
    const renewals = (): number =>
      Math.max(
        ...readdirSync(join(scene.folder, '.clarion/leases/clarion-controller')).map(
          (name) => Number.parseInt(name, 10) || 0,
        ),
      );
    const then = renewals();
    await until('the first has renewed its lease beside the second', () => renewals() > then);
    expect(second.log.since(0).filter(active)).toEqual([]);
    const before = scene.status('shop/web')?.ingress;
    expect(await first.stop()).toBe(0);
    await second.log.first('the second is active', 0, seconds(5), active);
    web('later');
    await until('it assigns', () => scene.addressesOf('shop/later').length > 0);
    expect(scene.status('shop/web')?.ingress).toEqual(before);
    expect(second.log.since(0).filter((line) => line['service'] === 'shop/web')).toEqual([]);
  });

  test('no controller: speakers start, announce what was assigned, and follow endpoints', async () => {
    scene.write('nodes.json', node('node-a'));
    web('web', ['node-a']);
    const [controller, speaker] = await Promise.all([start('controller', 'node-b'), start('speaker', 'node-a')]);
    await scene.announcedBy('node-a', VIP);
    await Promise.all([controller.stop(), speaker.stop()]);
    await start('speaker', 'node-a');
    await scene.announcedBy('node-a', VIP);
    scene.write(
      'web.json',
      service('web'),
      endpointSlice('web', ['node-a'], { conditions: { ready: false, serving: false } }),
    );
    await until('it is withdrawn', async () => (await scene.resolve(VIP)) === undefined);
    scene.write('web.json', service('web'), endpointSlice('web', ['node-a']));
    await scene.announcedBy('node-a', VIP);
  });
});
