import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds, systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { Bgp } from '../../src/bgp/driver.ts';
import { noLiveness } from '../../src/bgp/liveness.ts';
import { Lab } from '../../src/lab/lab.ts';
import { type Router, routerInstalled } from '../../src/lab/router.ts';
import { startRouter } from '../../src/lab/router-start.ts';
import { linuxNetwork } from '../../src/network/linux.ts';
import { linuxNeighbours } from '../../src/network/neighbour-monitor.ts';
import { linuxStreams } from '../../src/network/stream-network.ts';
import { peerOf } from '../bgp/driver-scene.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { until } from '../support/until.ts';
import { OUR_ASN, ROUTER_ASN, routes } from './scene.ts';

/** A link without addresses: FRR and we find each other by router advertisements, and IPv4 goes over IPv6 (RFC 8950). */
const HERE = 'bgp66';
const present = routerInstalled('frr');
const note = present ? skipNote : ' (skipped for want of the program: apt-get install frr)';

describe.skipIf(!privateTree.inside || !present)(`an unnumbered session with FRR${note}`, () => {
  const lab = new Lab('bgp66');
  let router: Router;
  let bgp: Bgp;
  beforeAll(async () => {
    await lab.build({
      hosts: ['frr'],
      bridges: [],
      cables: [[{ interface: HERE }, { host: 'frr', interface: 'eth0' }]],
      routes: [],
    });
    router = await startRouter('frr', lab, 'frr', {
      asn: ROUTER_ASN,
      routerId: '192.0.2.1',
      networks: ['198.51.100.1/32'],
      neighbours: [
        {
          ...{ address: '', interface: 'eth0', asn: OUR_ASN, families: ['ipv4', 'ipv6'], extendedNextHop: true },
          passive: true,
        },
      ],
    });
    const [network, streams, neighbours] = [linuxNetwork(), linuxStreams(systemClock), linuxNeighbours()];
    if (!network.ok || !streams.ok || !neighbours.ok) throw new Error('no network');
    bgp = new Bgp({
      streams: streams.value,
      neighbours: neighbours.value,
      network: network.value,
      clock: systemClock,
      random: systemRandom,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      liveness: noLiveness,
      onReport() {},
    });
  });
  afterAll(async () => {
    await bgp?.stop('for-good');
    await lab.stop();
  });

  test('the router is found, the session is up, and IPv4 routes have link-local next hops', async () => {
    bgp.setPeers([
      peerOf('192.0.2.1', {
        session: { extendedNextHop: true, peerAsn: 'external', connectTime: seconds(1) },
        transport: { remote: { kind: 'interface', interface: HERE } },
      }),
    ]);
    bgp.setRoutes(new Map([['tor', routes(['203.0.113.1/32', '2001:db8:f::1/128'])]]));
    const report = () => bgp.reports()[0]!;
    await until(
      'the session',
      seconds(25),
      () => report().state === 'established',
      async () => [report(), await router.sessions()],
    );
    expect(report().remote).toMatch(/^fe80::[0-9a-f:]+%bgp66$/);
    expect(report().negotiated).toMatchObject({ extendedNextHop: true });
    await until('the routes', seconds(5), async () => (await router.count('ipv4')) === 2);
    const [four] = (await router.routes('ipv4')).filter(({ from }) => from !== undefined);
    expect(four).toMatchObject({ prefix: '203.0.113.1/32', asPath: [OUR_ASN] });
    expect(four!.nextHops.some((hop) => hop.startsWith('fe80::'))).toBe(true);
    const [six] = (await router.routes('ipv6')).filter(({ from }) => from !== undefined);
    expect(six).toMatchObject({ prefix: '2001:db8:f::1/128' });
    await until('its route, counted', seconds(5), () => report().families[0]!.receivedAndDropped >= 1);
  });

  test('the interface goes away and comes back, and so does the session', async () => {
    const report = () => bgp.reports()[0]!;
    await lab.run(undefined, ['ip', 'link', 'set', HERE, 'down']);
    await lab.run('frr', ['vtysh', '-N', lab.namespace('frr'), '-d', 'bgpd', '-c', 'clear bgp *']);
    await lab.run(undefined, ['ip', 'link', 'set', HERE, 'up']);
    bgp.reset('tor', 'hard');
    await until('the session again', seconds(25), () => report().state === 'established' && report().flaps > 0);
    await until('the routes', seconds(5), async () => (await router.count('ipv4')) === 2);
  });
});
