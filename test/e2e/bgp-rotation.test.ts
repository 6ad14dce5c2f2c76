import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import { ended } from '../../src/lab/lab.ts';
import {
  ROUTER_KINDS,
  type Router,
  type RouterKind,
  type RouterNeighbour,
  routerFolder,
  routerInstalled,
} from '../../src/lab/router.ts';
import { startRouter } from '../../src/lab/router-start.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { configMap, endpointSlice, node, service } from '../support/manifests.ts';
import { type Daemon, PROGRAM, Scene, until } from './scene.ts';

/** What an operator changes at a session while it is up, and a peer that has to wait for the router: one process, real routers. */
const POOLS = 'pools: [{name: public, addresses: [198.51.100.0/24]}]\nbgpAdvertisements: [{}]\n';
const HOSTS = { bird: 'tor-bird', frr: 'tor-frr' } as const;
const ADDRESS = { bird: '192.0.2.12', frr: '192.0.2.13' } as const;
type Kind = keyof typeof HOSTS;
const KINDS = (['bird', 'frr'] as const).filter(routerInstalled);
const absent = ROUTER_KINDS.filter((kind) => kind !== 'gobgp' && !routerInstalled(kind));
const note =
  absent.length === 0 ? skipNote : ` (skipped for want of the program: ${absent.join(', ')}; apt-get install)`;

describe.skipIf(!privateTree.inside || absent.length > 0)(`passwords and passive peers${note}`, () => {
  const scene = new Scene('e2e13', ['node-a', 'tor-bird', 'tor-frr']);
  const routers = new Map<RouterKind, Router>();
  let daemon: Daemon;

  beforeAll(() => scene.build(), 30_000);
  afterEach(async () => {
    await daemon?.stop('SIGKILL');
    await Promise.all([...routers.values()].map((router) => router.stop()));
    scene.empty();
  });
  afterAll(() => scene.stop());

  const begin = async (kind: Kind, more: Partial<RouterNeighbour>): Promise<void> => {
    const neighbours = [{ address: '192.0.2.11', asn: 64512, ...more }];
    const config = { asn: 64500, routerId: ADDRESS[kind], neighbours };
    const router = routers.get(kind);
    if (router !== undefined) await router.start(config);
    else routers.set(kind, await startRouter(kind, scene.lab, HOSTS[kind], config));
  };
  const configure = (more: (kind: Kind) => string): void => {
    const peers = KINDS.map(
      (kind) =>
        `- {name: ${kind}, myASN: 64512, peerASN: 64500, peerAddress: ${ADDRESS[kind]}, connectTime: 1s, ${more(kind)}}\n`,
    );
    scene.write('config.json', configMap(`${POOLS}peers:\n${peers.join('')}`));
  };
  const run = async (): Promise<void> => {
    scene.write('nodes.json', node('node-a', { address: '192.0.2.11' }));
    scene.write('web.json', service('web'), endpointSlice('web', ['node-a']));
    daemon = await scene.start();
  };
  const up = async (kind: Kind): Promise<boolean> =>
    (await daemon.metric('clarion_bgp_session_up', `peer="${kind}"`)) === 1;
  const has = async (kind: Kind): Promise<boolean> => (await routers.get(kind)?.count('ipv4')) === 1;
  /** Times that Clarion lost the session. */
  const flaps = (kind: Kind): Promise<number> => daemon.metric('clarion_bgp_flaps_total', `peer="${kind}"`);
  const status = async (): Promise<string> => {
    const words = [process.execPath, PROGRAM, 'status', '--directory', scene.folder];
    const child = scene.lab.spawn('node-a', words, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    await ended(child);
    return text;
  };

  /** As its operator does: the router goes on running. */
  const CHANGE_PASSWORD: Readonly<Record<Kind, (before: string, after: string) => Promise<string>>> = {
    bird: (before, after) => {
      const file = `${routerFolder('bird', scene.lab, HOSTS.bird)}/bird.conf`;
      writeFileSync(file, readFileSync(file, 'utf8').replace(`"${before}"`, `"${after}"`));
      return routers.get('bird')!.ask('configure');
    },
    frr: (_before, after) => {
      const words = ['conf t', 'router bgp 64500', `neighbor 192.0.2.11 password ${after}`].flatMap((line) => [
        '-c',
        line,
      ]);
      return scene.lab.run(HOSTS.frr, ['vtysh', '-N', scene.lab.namespace(HOSTS.frr), '-d', 'bgpd', ...words]);
    },
  };

  // Both routers end the session themselves when their password is changed (BIRD restarts its protocol, FRR resets the
  // neighbour), so it cannot live on; what Clarion owes is that it is back at once, without a word of its operator.
  test.each([
    ['we connect', ''],
    ['the routers connect', ', passive: true'],
  ])(
    'a password is changed in two steps, %s: Clarion drops nothing at its own, and is back after that of the router',
    async (_, mode) => {
      for (const kind of KINDS) await begin(kind, { password: 'old-one' });
      configure(() => `passwords: [old-one]${mode}`);
      await run();
      const both = (check: (kind: Kind) => Promise<boolean>) => async (): Promise<boolean> =>
        (await Promise.all(KINDS.map(check))).every(Boolean);
      await until('sessions with the old password', both(up), seconds(15));
      await until('the routes are there', both(has));
      const change = async (passwords: string): Promise<void> => {
        const before = await daemon.metric('clarion_config_generation');
        configure(() => `passwords: ${passwords}${mode}`);
        await until('it is in use', async () => (await daemon.metric('clarion_config_generation')) > before);
      };

      await change('[old-one, new-one]');
      expect(await both(up)()).toBe(true);
      for (const kind of KINDS) expect(await flaps(kind), kind).toBe(0);

      for (const kind of KINDS) await CHANGE_PASSWORD[kind]('old-one', 'new-one');
      await until(
        'each lost it once',
        both(async (kind) => (await flaps(kind)) === 1),
      );
      await until('sessions with the new password', both(up), seconds(15));
      await until('the routes are back', both(has));

      await change('[new-one]');
      // Keepalives and routes still go through, under the one key that is left.
      scene.write('more.json', service('more'), endpointSlice('more', ['node-a']));
      await until(
        'another route',
        both(async (kind) => (await routers.get(kind)?.count('ipv4')) === 2),
      );
      for (const kind of KINDS) expect(await flaps(kind), kind).toBe(1);
    },
  );

  test('a passive peer: port 179 taken is its problem alone and said; free again, the router gets in', async () => {
    const taker = scene.lab.spawn(
      'node-a',
      [process.execPath, '-e', "require('net').createServer().listen(179, '0.0.0.0', () => console.log('taken'))"],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await new Promise((resolve) => taker.stdout?.once('data', resolve));
    await begin('bird', {});
    await begin('frr', { passive: true });
    configure((kind) => (kind === 'bird' ? 'passive: true' : ''));
    await run();
    await until('the other peer has everything', async () => (await up('frr')) && (await has('frr')), seconds(15));
    expect(await up('bird')).toBe(false);
    const text = await status();
    expect(text).toMatch(/bird +192\.0\.2\.12 AS64500 +(active|idle) .*another process listens at port 179/);
    expect(text).toMatch(/frr +192\.0\.2\.13 AS64500 +established /);
    expect(await routers.get('bird')?.count('ipv4')).toBe(0);

    taker.kill('SIGKILL');
    await until('the router connects to us', async () => (await up('bird')) && (await has('bird')), seconds(15));
    const [connection] = (await scene.lab.run('node-a', 'ss -Htn state established dst 192.0.2.12'.split(' '))).split(
      '\n',
    );
    expect(connection).toContain('192.0.2.11:179');
    expect(await flaps('frr')).toBe(0);
  });
});
