import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Milliseconds, machineTime, ms, seconds } from '../../src/base/clock.ts';
import { pause } from '../../src/lab/logged-program.ts';
import { type Router, type RouterConfig, type RouterNeighbour, routerInstalled } from '../../src/lab/router.ts';
import { startRouter } from '../../src/lab/router-start.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { configMap, endpointSlice, node, service } from '../support/manifests.ts';
import { type Daemon, type DaemonOptions, Scene, until } from './scene.ts';

/** The real program beside FRR, seen from the router: its table, and the routes that its kernel forwards by. */
const POOLS = 'pools: [{name: public, addresses: [198.51.100.0/24]}]\nbgpAdvertisements: [{}]\n';
const PEER = 'name: tor, myASN: 64512, peerASN: 64500, connectTime: 1s';
const FAST = 'bfdProfiles: [{name: fast, receiveInterval: 100, transmitInterval: 100, detectMultiplier: 3}]\n';
const DETECTION = 300;
const TOR = '192.0.2.13';
const VIP = '198.51.100.0';
const installed = routerInstalled('frr');
const note = installed ? skipNote : ' (skipped for want of the program: apt-get install frr)';

describe.skipIf(!privateTree.inside || !installed)(`the program and FRR${note}`, () => {
  const scene = new Scene('e2e12', ['node-a', 'node-b', 'tor']);
  const daemons: Daemon[] = [];
  let router: Router;

  beforeAll(() => scene.build(), 30_000);
  afterEach(async () => {
    await Promise.all(daemons.splice(0).map((daemon) => daemon.stop('SIGKILL')));
    await router?.stop();
    scene.empty();
  });
  afterAll(() => scene.stop());

  const start = async (options: DaemonOptions = {}): Promise<Daemon> => {
    const daemon = await scene.start(options);
    daemons.push(daemon);
    return daemon;
  };
  const frr = async (...neighbours: readonly RouterNeighbour[]): Promise<void> => {
    const config: RouterConfig = { asn: 64500, routerId: TOR, neighbours, forward: true };
    if (router === undefined) router = await startRouter('frr', scene.lab, 'tor', config);
    else await router.start(config);
  };
  /** What the router's kernel does with packets for the address: each next hop with its weight. */
  const hops = async (): Promise<readonly Hop[]> => {
    const [route] = JSON.parse(await scene.lab.run('tor', `ip -json route show ${VIP}/32`.split(' '))) as KernelRoute[];
    return route === undefined ? [] : (route.nexthops ?? [{ ...route, weight: 1 }]);
  };
  const stale = async (): Promise<readonly boolean[]> => (await router.routes('ipv4')).map((route) => route.stale);
  const established = async (): Promise<boolean> => (await router.sessions())[0]?.established === true;
  const bfdUp = async (daemon: Daemon): Promise<boolean> => (await daemon.metric('clarion_bfd_session_up')) === 1;
  /** Whether the switch passes on what comes from node-a. */
  const cable = (state: 'disabled' | 'forwarding') =>
    scene.lab.run('switch', ['bridge', 'link', 'set', 'dev', 'node-a', 'state', state]);
  /** Until the router's kernel has no route any more; how long that took. */
  const gone = async (limit: Milliseconds): Promise<number> => {
    const from = machineTime();
    await until('the route is gone', async () => (await hops()).length === 0, limit);
    return machineTime() - from;
  };

  describe('a speaker that restarts, with BFD beside it', () => {
    const announce = async (graceful: boolean): Promise<Daemon> => {
      const bfd = { interval: ms(100), multiplier: 3, graceful };
      await frr({ address: '192.0.2.11', asn: 64512, bfd });
      scene.write('nodes.json', node('node-a', { address: '192.0.2.11' }));
      scene.write('web.json', service('web'), endpointSlice('web', ['node-a']));
      const peer = `peers: [{${PEER}, peerAddress: ${TOR}, bfdProfile: fast, enableGracefulRestart: ${graceful}}]\n`;
      scene.write('config.json', configMap(`${POOLS}${peer}${FAST}`));
      const daemon = await start();
      await until('the route is there', async () => (await hops()).length === 1, seconds(15));
      await until('BFD is up', () => bfdUp(daemon));
      return daemon;
    };

    test('SIGTERM, then SIGKILL, each with a new start: the route is there all the time, and nothing stale afterwards', async () => {
      let daemon = await announce(true);
      // The kernel tells of every change, however short.
      const changes = scene.lab.spawn('tor', ['ip', 'monitor', 'route'], { stdio: ['ignore', 'pipe', 'inherit'] });
      let heard = '';
      changes.stdout?.setEncoding('utf8').on('data', (text: string) => {
        heard += text;
      });
      const missing: string[] = [];
      let step = '';
      let watching = true;
      const watch = (async () => {
        for (; watching; await pause(ms(5))) if ((await router.routes('ipv4')).length !== 1) missing.push(step);
      })();
      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        step = signal;
        await daemon.stop(signal);
        await until('the router marks the route as stale', async () => (await stale())[0] === true, seconds(5));
        // Long enough for BFD to say that nobody is there.
        await pause(ms(3 * DETECTION));
        daemon = await start();
        await until('it is fresh again', async () => (await stale())[0] === false, seconds(15));
        await until('BFD is up again', () => bfdUp(daemon));
        expect(await established()).toBe(true);
        expect(await hops()).toMatchObject([{ gateway: '192.0.2.11' }]);
      }
      watching = false;
      await watch;
      changes.kill();
      expect(missing).toEqual([]);
      expect(heard).not.toContain(`Deleted ${VIP}`);
    });

    test('without graceful restart: SIGTERM and SIGKILL take the route at once, and BFD takes it where the cable is dead as well', async () => {
      let daemon = await announce(false);
      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        void daemon.stop(signal);
        await gone(seconds(3));
        daemon = await start();
        await until('it is back', async () => (await hops()).length === 1, seconds(15));
        await until('BFD is up', () => bfdUp(daemon));
      }
      await cable('disabled');
      void daemon.stop('SIGKILL');
      // The rest is the time of the question, and this machine's load.
      expect(await gone(seconds(5))).toBeLessThan(DETECTION + 700);
      expect((await router.sessions())[0]?.detail).toMatch(/BFD down/i);
      await cable('forwarding');
    });
  });

  test('weighted ECMP: two speakers and a controller; the weights in the kernel of the router are the numbers of endpoints', async () => {
    await frr({ address: '192.0.2.11', asn: 64512 }, { address: '192.0.2.12', asn: 64512 });
    scene.write('nodes.json', node('node-a', { address: '192.0.2.11' }), node('node-b', { address: '192.0.2.12' }));
    const web = (...nodes: readonly string[]): void =>
      scene.write(
        'web.json',
        service('web', { spec: { externalTrafficPolicy: 'Local' } }),
        endpointSlice('web', nodes),
      );
    web('node-a', 'node-a', 'node-b');
    scene.write(
      'config.json',
      configMap(`${POOLS}peers: [{${PEER}, peerAddress: ${TOR}}]\nbgp: {weightedEcmp: true}\n`),
    );
    await start({ command: 'controller', node: 'node-a' });
    await Promise.all(['node-a', 'node-b'].map((name) => start({ command: 'speaker', node: name })));
    /** Of node-b's share, how much node-a has; FRR scales the sum to 100 and rounds. */
    const ratio = async (): Promise<number | undefined> => {
      const weights = new Map((await hops()).map(({ gateway, weight }) => [gateway, weight]));
      const [a, b] = [weights.get('192.0.2.11'), weights.get('192.0.2.12')];
      return a === undefined || b === undefined ? undefined : Math.round((10 * a) / b) / 10;
    };
    await until('2:1', async () => (await ratio()) === 2, seconds(15));
    web('node-a', 'node-b', 'node-b', 'node-b', 'node-b');
    await until('1:4', async () => (await ratio()) === 0.3);
    web('node-a', 'node-b');
    await until('1:1', async () => (await ratio()) === 1);
    web('node-b');
    await until('one is left', async () => (await hops()).length === 1);
    expect(await hops()).toMatchObject([{ gateway: '192.0.2.12' }]);
  });

  test('unnumbered: a session over link-local addresses, the IPv4 route with an IPv6 next hop, and packets that go by it', async () => {
    const { lab } = scene;
    await frr({ address: '', interface: 'eth0', asn: 64512, families: ['ipv4', 'ipv6'], extendedNextHop: true });
    scene.write('nodes.json', node('node-a', { address: '192.0.2.11' }));
    scene.write('web.json', service('web'), endpointSlice('web', ['node-a']));
    scene.write('config.json', configMap(`${POOLS}peers: [{${PEER}, interface: eth0}]\n`));
    await lab.sysctl('tor', { 'net.ipv4.ip_forward': 1, 'net.ipv4.conf.eth0.send_redirects': 0 });
    await lab.run('node-a', `ip address add ${VIP}/32 dev lo`.split(' '));
    await lab.run('client', `ip route add ${VIP}/32 via ${TOR}`.split(' '));
    const daemon = await start();
    await until('the route is there', async () => (await hops()).length === 1, seconds(25));
    const [hop] = await hops();
    expect(hop?.via).toMatchObject({ family: 'inet6' });
    expect(hop?.via?.host).toMatch(/^fe80::/);
    const [route] = await router.routes('ipv4');
    expect(route?.nextHops.some((address) => address.startsWith('fe80::'))).toBe(true);
    expect(await lab.run('client', ['ping', '-c', '3', '-i', '0.1', '-W', '1', VIP])).toContain(' 0% packet loss');
    expect(await daemon.stop()).toBe(0);
    await gone(seconds(3));
  });
});

interface Hop {
  readonly gateway?: string;
  /** A next hop of another family. */
  readonly via?: { readonly family: string; readonly host: string };
  readonly weight: number;
}

type KernelRoute = Omit<Hop, 'weight'> & { readonly nexthops?: readonly Hop[] };
