import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { machineTime, ms, seconds } from '../../src/base/clock.ts';
import { startCapture } from '../../src/lab/capture.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { configMap, endpointSlice, node, service } from '../support/manifests.ts';
import { type LogLine, Scene, until } from './scene.ts';

/** The active controller is killed. There is no flag for the 15 s of its lease, so this test takes as long as that. */
const VIP = '192.0.2.200';

describe.skipIf(!privateTree.inside)(`a controller that dies${skipNote}`, () => {
  const scene = new Scene('e2e10', ['node-a', 'node-b']);
  beforeAll(() => scene.build());
  afterAll(() => scene.stop());

  test('announcements go on without any, and the other controller takes over when the lease has run out, not before', async () => {
    scene.write('config.json', configMap('pools: [{name: public, addresses: [192.0.2.200-192.0.2.203]}]\n'));
    scene.write('nodes.json', node('node-a'));
    const web = (ready: boolean): void =>
      scene.write(
        'web.json',
        service('web'),
        endpointSlice('web', ['node-a'], { conditions: { ready, serving: ready } }),
      );
    web(true);
    const active = ({ msg }: LogLine): boolean => msg === 'active controller now';
    const [first, speaker] = await Promise.all([
      scene.start({ command: 'controller', node: 'node-a' }),
      scene.start({ command: 'speaker', node: 'node-a' }),
    ]);
    await first.log.first('the first is active', 0, seconds(5), active);
    const second = await scene.start({ command: 'controller', node: 'node-b' });
    await scene.announcedBy('node-a', VIP);
    const capture = await startCapture(scene.lab, 'client', 'eth0');
    capture.ask([VIP], ms(50));

    expect(await first.stop('SIGKILL')).toBe('SIGKILL');
    const killed = machineTime();
    // Nobody assigns now; speakers follow endpoints as ever.
    scene.write('later.json', service('later'), endpointSlice('later', ['node-a']));
    const announced = (count: number): Promise<void> =>
      until(
        `${count} addresses are announced`,
        async () => (await speaker.metric('clarion_layer2_addresses', 'announced')) === count,
      );
    web(false);
    await announced(0);
    web(true);
    await announced(1);
    const mark = capture.seen.mark();
    expect(scene.addressesOf('shop/later')).toEqual([]);

    await second.log.first('the second takes over', 0, seconds(20), active);
    // Seen for the last time by the second up to a retry period before the kill; the rest is the machine's load.
    expect(machineTime() - killed).toBeGreaterThan(12_000);
    await until('the Service gets its address', () => scene.addressesOf('shop/later').length > 0);
    expect(scene.addressesOf('shop/web')).toEqual([VIP]);
    await announced(2);
    const answers = capture.seen.since(mark).filter(({ what, address }) => what === 'answer' && address === VIP);
    const pauses = answers.slice(1).map(({ at }, i) => at - answers[i]!.at);
    expect(Math.max(...pauses)).toBeLessThan(1000);
    expect([...new Set(answers.map(({ mac }) => mac))]).toEqual([scene.mac('node-a')]);
    expect(await second.stop()).toBe(0);
  });
});
