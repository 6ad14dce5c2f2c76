import { expect, it } from 'vitest';
import { sessionStatus } from '../../src/status/sessions.ts';
import { link, peerOf, route, Scene } from './driver-scene.ts';

it('routes that a router cannot be told are a problem of its session, until they can be', async () => {
  const scene = new Scene();
  scene.changeInterfaces([link('eth0', 2, ['192.0.2.10/24'])]);
  scene.setPeers(peerOf('192.0.2.1'));
  scene.setRoutes('203.0.113.1/32', '2001:db8:1::1/128', '2001:db8:1::2/128');
  expect(sessionStatus(scene.report).problems).toBeUndefined();
  const session = await scene.router().listen().establish();
  expect(session.prefixes).toEqual(['203.0.113.1/32']);
  expect(sessionStatus(scene.report).problems).toEqual([{ kind: 'no-next-hop', family: 'ipv6', routes: 2 }]);

  // 1,100 communities of four octets are more than a message of 4,096 holds.
  const communities = Array.from({ length: 1100 }, (_, value) => ({ kind: 'standard' as const, value }));
  const large = route('203.0.113.1/32', { communities });
  scene.bgp.changeRoutes(new Map([['tor', { set: [large], remove: [] }]]));
  await scene.settle();
  expect(session.prefixes).toEqual([]);
  expect(scene.report.problems).toEqual([
    { kind: 'attributes-too-large', family: 'ipv4', routes: 1 },
    { kind: 'no-next-hop', family: 'ipv6', routes: 2 },
  ]);

  scene.setRoutes('203.0.113.1/32');
  scene.changeInterfaces([link('eth0', 2, ['192.0.2.10/24', '2001:db8:2::10/64'])]);
  await scene.settle();
  expect(session.prefixes).toEqual(['203.0.113.1/32']);
  expect(scene.report.problems).toEqual([]);
});
