import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ms, seconds } from '../../src/base/clock.ts';
import { ended } from '../../src/lab/lab.ts';
import { pause } from '../../src/lab/logged-program.ts';
import { type Router, type RouterRoute, routerInstalled } from '../../src/lab/router.ts';
import { startRouter } from '../../src/lab/router-start.ts';
import type { ClusterStatus } from '../../src/status/cluster-status.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { configMap, endpointSlice, node, service } from '../support/manifests.ts';
import { type Daemon, PROGRAM, Scene, until } from './scene.ts';

/** `clarion standalone` on a folder, with a real router: from the manifest to the router's table and back. */
const CONFIG = `
pools:
- {name: public, addresses: [198.51.100.0/24, 2001:db8:100::/112]}
peers:
- {name: tor, myASN: 64512, peerASN: 64500, peerAddress: 192.0.2.12, passwordSecret: {name: tor},
   bfdProfile: quick, enableGracefulRestart: true, connectTime: 1s}
bfdProfiles:
- {name: quick, receiveInterval: 100, transmitInterval: 100, detectMultiplier: 3}
bgpAdvertisements:
- {ipAddressPools: [public], communities: ["64512:1"]}
bgp: {drainWait: 1s}
`;
const SECRET = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'tor', namespace: 'clarion-system' },
  stringData: { password: 'between us' },
};
const installed = routerInstalled('bird');
const note = installed ? skipNote : ' (bird is not installed)';

describe.skipIf(!privateTree.inside || !installed)(`standalone and a top-of-rack router${note}`, () => {
  const scene = new Scene('e2e11', ['node-a', 'tor']);
  let router: Router;
  let daemon: Daemon;

  beforeAll(async () => {
    await scene.build();
    router = await startRouter('bird', scene.lab, 'tor', {
      asn: 64500,
      routerId: '192.0.2.12',
      neighbours: [
        {
          address: '192.0.2.11',
          asn: 64512,
          password: 'between us',
          families: ['ipv4', 'ipv6'],
          gracefulRestart: 'helper',
          bfd: { interval: ms(100), multiplier: 3, graceful: true },
        },
      ],
    });
    scene.write('config.json', configMap(CONFIG));
    scene.write('secret.json', SECRET);
    scene.write('nodes.json', node('node-a', { address: '192.0.2.11' }));
    web(true);
    daemon = await scene.start();
  }, 60_000);
  afterAll(async () => {
    await daemon?.stop('SIGKILL');
    await router?.stop();
    await scene.stop();
  });

  const web = (ready: boolean): void =>
    scene.write(
      'web.json',
      service('web', { families: ['IPv4', 'IPv6'] }),
      endpointSlice('web', ['node-a'], { conditions: { ready, serving: ready } }),
    );
  const routes = async (): Promise<readonly RouterRoute[]> => [
    ...(await router.routes('ipv4')),
    ...(await router.routes('ipv6')),
  ];
  const prefixes = async (): Promise<readonly string[]> => (await routes()).map(({ prefix }) => prefix);
  const detail = async (text: string): Promise<boolean> =>
    new RegExp(text).test((await router.sessions())[0]?.detail ?? '');
  const BOTH = ['198.51.100.0/32', '2001:db8:100::/128'];
  async function clarion(...words: readonly string[]): Promise<string> {
    const child = scene.lab.spawn('node-a', [process.execPath, PROGRAM, ...words, '--directory', scene.folder], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
    await ended(child);
    return text;
  }

  test('the session is up with MD5 and BFD, and the router has both addresses, with our AS, next hop and community', async () => {
    await until('the router has both', async () => (await prefixes()).length === 2, seconds(15));
    expect(await prefixes()).toEqual(BOTH);
    const [first, second] = await routes();
    expect(first).toMatchObject({ asPath: [64512], nextHops: ['192.0.2.11'], communities: ['64512:1'] });
    expect(second?.nextHops).toContain('2001:db8:2::11');
    await until('the condition says so', () => scene.condition('shop/web', 'Announced') === 'True');
  });

  test('clarion status: state, timers, prefixes, BFD', async () => {
    await until('BFD is up', async () => (await clarion('status')).includes(' up '));
    const text = await clarion('status');
    expect(text).toMatch(/node-a +tor +192\.0\.2\.12 AS64500 +established .* ipv4 1, ipv6 1 +90\/30 s +up/);
    expect(text).toContain('198.51.100.0');
    expect(text).toContain('BGP: node-a');
    const status = JSON.parse(await clarion('status', '-o', 'json')) as ClusterStatus;
    expect(status.sessions).toMatchObject([{ node: 'node-a', peer: 'tor', state: 'established', bfd: 'up' }]);
    expect(status.bfd).toMatchObject([{ remote: '192.0.2.12%eth0', state: 'up', detectionTime: 300 }]);
    expect(status.addresses[0]?.bgp).toEqual([{ node: 'node-a', told: ['tor'], untold: [] }]);
    expect(await daemon.metric('clarion_bgp_session_up', 'peer="tor"')).toBe(1);
    expect(await daemon.metric('clarion_bgp_prefixes', 'peer="tor"')).toBe(2);
    expect(await daemon.metric('clarion_bfd_session_up')).toBe(1);
  });

  test('another Service while the session is up: announced, and its condition says so', async () => {
    scene.write('more.json', service('more'), endpointSlice('more', ['node-a']));
    await until('the router has it', async () => (await prefixes()).includes('198.51.100.1/32'));
    await until('the condition says so', () => scene.condition('shop/more', 'Announced') === 'True');
    scene.remove('more.json');
    await until('withdrawn', async () => (await prefixes()).length === 2);
  });

  test('the last endpoint goes: withdrawn; it returns: announced', async () => {
    web(false);
    await until('withdrawn', async () => (await prefixes()).length === 0);
    await until('the condition says so', () => scene.condition('shop/web', 'Announced') === 'False');
    web(true);
    await until('announced', async () => (await prefixes()).length === 2);
  });

  test('a restart of the speaker: the router keeps the routes, and nothing is stale afterwards', async () => {
    const lost: string[] = [];
    let watching = true;
    const watch = (async () => {
      for (; watching; await pause(ms(5))) if ((await prefixes()).length !== 2) lost.push(String(await prefixes()));
    })();
    expect(await daemon.stop('SIGTERM')).toBe(0);
    await until('the router waits for us', () => detail('Neighbor graceful restart active'));
    daemon = await scene.start();
    await until('established again', () => detail('BGP state: +Established'), seconds(15));
    await until('and complete', async () => !(await detail('graceful restart active')));
    watching = false;
    await watch;
    expect(lost).toEqual([]);
    expect(await prefixes()).toEqual(BOTH);
  });

  test('drain of the only node: it serves on, and it is said why', async () => {
    const text = await clarion('drain', 'node-a', '--timeout', '500ms');
    expect(text).toContain('node-a still holds 2 addresses and serves on:');
    expect(await prefixes()).toEqual(BOTH);
    await clarion('undrain', 'node-a');
  });

  test('drain beside another: graceful shutdown first, withdrawn after the wait; undrain: back', async () => {
    scene.write('nodes.json', node('node-a', { address: '192.0.2.11' }), node('node-b', { address: '192.0.2.13' }));
    const draining = clarion('drain', 'node-a', '--timeout', '5s');
    await until('the community is seen at the router', async () =>
      (await routes()).some(({ communities }) => communities.includes('65535:0')),
    );
    expect(await draining).toMatch(/node-a holds nothing: 2 addresses handed over in 1\d\d\d ms/);
    expect(await prefixes()).toEqual([]);
    await clarion('undrain', 'node-a');
    await until('announced', async () => (await prefixes()).length === 2);
    expect((await routes())[0]?.communities).toEqual(['64512:1']);
  });

  test('the link is cut: BFD notices, the session ends with words, and comes back', async () => {
    await until('BFD is up', async () => (await daemon.metric('clarion_bfd_session_up')) === 1);
    await scene.lab.run('switch', ['bridge', 'link', 'set', 'dev', 'tor', 'state', 'disabled']);
    await until('the session is down', async () => (await daemon.metric('clarion_bgp_session_up')) === 0, seconds(3));
    expect(await clarion('status')).toMatch(
      /tor +192\.0\.2\.12 AS64500 +(idle|active|connect) .*detection time expired/,
    );
    await until('the condition says so', () => scene.condition('shop/web', 'Announced') === 'False');
    await scene.lab.run('switch', ['bridge', 'link', 'set', 'dev', 'tor', 'state', 'forwarding']);
    await until('established', async () => (await daemon.metric('clarion_bgp_session_up')) === 1, seconds(20));
  });

  test('the Secret with the password goes: no session with that peer, in words; it returns: established', async () => {
    scene.remove('secret.json');
    await until('it is said', async () => (await clarion('status')).includes('Secret tor is not there'));
    await until('the condition says so', () => scene.condition('shop/web', 'Announced') === 'False');
    scene.write('secret.json', SECRET);
    await until('established', async () => (await daemon.metric('clarion_bgp_session_up')) === 1, seconds(20));
    await until('the router has both', async () => (await prefixes()).length === 2);
  });
});
