import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { ms, seconds } from '../../src/base/clock.ts';
import { routerInstalled } from '../../src/lab/router.ts';
import { startRouter } from '../../src/lab/router-start.ts';
import { type Daemon, Scene, until } from '../e2e/scene.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { configMap, endpointSlice, node, service } from '../support/manifests.ts';

/** docs/routers.md as it stands: our side of it and the router's, with a real router on the other end. */
const DOCUMENT = readFileSync(new URL('../../docs/routers.md', import.meta.url), 'utf8');
/** The first indented block after a heading. */
function recipe(heading: string): string {
  const section = `\n${DOCUMENT}`.slice(`\n${DOCUMENT}`.indexOf(`\n${heading}\n`));
  const lines = section.split('\n');
  const first = lines.findIndex((line) => line.startsWith('    '));
  const last = lines.findIndex((line, i) => i > first && line !== '' && !line.startsWith('    '));
  return lines
    .slice(first, last)
    .map((line) => line.slice(4))
    .join('\n');
}

const ROUTERS = [
  {
    name: 'BIRD 2',
    kind: 'bird',
    prefix: 'rcpb',
    start: async (scene: Scene): Promise<void> => {
      mkdirSync('/run/recipe-bird', { recursive: true });
      writeFileSync('/run/recipe-bird/bird.conf', recipe('## BIRD 2'));
      scene.lab.spawn('tor', 'bird -f -c /run/recipe-bird/bird.conf -s /run/recipe-bird/ctl'.split(' '));
    },
    table: (scene: Scene, family: 4 | 6) =>
      scene.lab.run('tor', `birdc -s /run/recipe-bird/ctl show route table master${family}`.split(' ')),
  },
  {
    name: 'FRR',
    kind: 'frr',
    prefix: 'rcpf',
    /** Whatever it is started with, the recipe is added to it line by line, as an operator does. */
    start: async (scene: Scene): Promise<void> => {
      const nobody = { address: '192.0.2.250', asn: 64599, bfd: { interval: ms(300), multiplier: 3 } };
      await startRouter('frr', scene.lab, 'tor', { asn: 64500, routerId: '192.0.2.1', neighbours: [nobody] });
      mkdirSync('/run/recipe-frr', { recursive: true });
      writeFileSync('/run/recipe-frr/recipe.conf', recipe('## FRR'));
      const instance = scene.lab.namespace('tor');
      await scene.lab.run('tor', ['vtysh', '-N', instance, '-f', '/run/recipe-frr/recipe.conf']);
    },
    table: (scene: Scene, family: 4 | 6) =>
      scene.lab.run('tor', [
        'vtysh',
        '-N',
        scene.lab.namespace('tor'),
        '-d',
        'bgpd',
        '-c',
        `show bgp ipv${family} unicast`,
      ]),
  },
] as const;

describe.each(ROUTERS)('the recipe for $name', ({ kind, prefix, start, table }) => {
  const installed = routerInstalled(kind);
  const note = installed ? skipNote : ` (${kind} is not installed)`;
  const scene = new Scene(prefix, ['node-a', 'node-b', 'node-c', 'tor']);
  const daemons: Daemon[] = [];
  afterEach(async () => {
    await Promise.all(daemons.splice(0).map((daemon) => daemon.stop('SIGKILL')));
    await scene.stop();
  });

  test.skipIf(!privateTree.inside || !installed)(`brings the address of a Service into the router${note}`, async () => {
    await scene.build();
    // The document's router is .1; the lab's host of that name is .14.
    await scene.lab.run('tor', 'ip address add 192.0.2.1/24 dev eth0'.split(' '));
    await start(scene);
    scene.write('config.json', configMap(recipe("# The router's side").replaceAll(/^ {4}/gm, '')));
    scene.write('secret.json', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'tor', namespace: 'clarion-system' },
      stringData: { password: 'between-us' },
    });
    scene.write('nodes.json', node('node-a', { address: '192.0.2.11' }));
    scene.write('web.json', service('web', { families: ['IPv4', 'IPv6'] }), endpointSlice('web', ['node-a']));
    daemons.push(await scene.start());
    await until(
      'the IPv4 address is there',
      async () => (await table(scene, 4)).includes('203.0.113.0/32'),
      seconds(25),
    );
    await until('the IPv6 address is there', async () => (await table(scene, 6)).includes('2001:db8:100::/128'));
    await until('BFD is up', async () => (await daemons[0]!.metric('clarion_bfd_session_up')) === 1, seconds(10));
    expect(scene.condition('shop/web', 'Announced')).toBe('True');
  });
});
