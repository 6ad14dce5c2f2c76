import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { configMap, endpointSlice, node, service } from '../support/manifests.ts';
import { type Daemon, Scene } from './scene.ts';

/** The configuration is broken, and everything is restarted: where MetalLB would announce nothing any more. */
const POOL = '- {name: public, addresses: [192.0.2.200-192.0.2.239]}\n';
const VIP = '192.0.2.200';

describe.skipIf(!privateTree.inside)(`a broken configuration and a restart${skipNote}`, () => {
  const scene = new Scene('e2e7');
  const started: Daemon[] = [];
  beforeAll(() => scene.build());
  afterEach(async () => {
    await Promise.all(started.splice(0).map((daemon) => daemon.stop('SIGKILL')));
    scene.empty();
  });
  afterAll(() => scene.stop());

  const start = async (command: 'controller' | 'speaker'): Promise<Daemon> => {
    const daemon = await scene.start({ command });
    started.push(daemon);
    return daemon;
  };
  const web = (name: string): void => scene.write(`${name}.json`, service(name), endpointSlice(name, ['node-a']));

  test.each([
    {
      what: 'a typo in the pool',
      code: 'unknown-key',
      write: () => scene.write('config.json', configMap(`pools:\n${POOL.replace('addresses', 'adresses')}`)),
    },
    {
      what: 'text that is no YAML',
      code: 'not-yaml',
      write: () => scene.write('config.json', configMap(`pools: [{name: public\n`)),
    },
    {
      what: 'a file that is half-written',
      code: 'yaml-syntax',
      write: () => scene.write('config.json', '{"kind": "ConfigMap", "data": {'),
    },
    {
      what: 'a ConfigMap that is gone',
      code: undefined,
      write: () => scene.remove('config.json'),
    },
  ])('everything restarted with $what: the address stays and is announced', async ({ code, write }) => {
    scene.write('config.json', configMap(`pools:\n${POOL}`));
    scene.write('nodes.json', node('node-a'));
    web('web');
    const before = await Promise.all([start('controller'), start('speaker')]);
    await scene.announcedBy('node-a', VIP);
    write();
    await Promise.all(before.map((daemon) => daemon.stop()));
    const [controller] = await Promise.all([start('controller'), start('speaker')]);
    await scene.announcedBy('node-a', VIP);
    expect(scene.addressesOf('shop/web')).toEqual([VIP]);
    if (code === undefined) return;
    const told = await controller.log.first('the problem is told', 0, seconds(5), (line) => line['code'] === code);
    expect(told).toMatchObject({ level: 'error', file: join(scene.folder, 'config.json') });
    // The rest of the folder is as alive as ever, and a repaired file heals.
    web('more');
    scene.write('config.json', configMap(`pools:\n${POOL}`));
    await scene.announcedBy('node-a', '192.0.2.201');
    const lines = controller.log.since(0).flatMap((line) => (line['code'] === code ? [String(line['message'])] : []));
    expect(lines, 'told once').toEqual([...new Set(lines)]);
  });
});
