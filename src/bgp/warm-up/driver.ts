import { afterThisTurn, type Timer } from '../../base/clock.ts';
import { type IpFamily, ipAddress } from '../../base/ip-address.ts';
import { AdjRibOut } from '../adj-rib-out.ts';
import { PrefixIndex } from '../prefix-index.ts';
import type { Route } from '../route.ts';

/** Until V8 calls all of it hot, with more than one message in each; others have their turn between the rounds, of some milliseconds. */
const ROUNDS = 8;
const PREFIXES = 1000;

/**
 * The first withdrawal of a process matters as much as its thousandth, and code that has never run takes ten times as long. So
 * before the first session routes are announced, changed and withdrawn in an Adj-RIB-Out that nobody reads, which takes some
 * 50 ms.
 */
export function warmUp(done: () => void): Timer {
  const rib = new AdjRibOut(new PrefixIndex());
  const routes = [...routesOf('ipv4'), ...routesOf('ipv6')];
  let round = 0;
  const next = (): Timer =>
    afterThisTurn(() => {
      run(rib, routes, round++);
      if (round < ROUNDS) turn = next();
      else done();
    });
  let turn = next();
  return { stop: () => turn.stop() };
}

function run(rib: AdjRibOut, routes: readonly Route[], round: number): void {
  // Both ways of wanting something, with a session and without.
  if (round % 2 === 0) rib.want(routes);
  else rib.change(routes, []);
  rib.established({
    localAsn: 64_512,
    peerType: round % 4 === 0 ? 'internal' : 'external',
    role: undefined,
    as4: true,
    extendedMessage: false,
    enhancedRouteRefresh: false,
    families: [
      { family: 'ipv4', nextHop: [ipAddress('ipv4', 0xc000_0201n)] },
      { family: 'ipv6', nextHop: [ipAddress('ipv6', 0x2001_0db8n << 96n)] },
    ],
  });
  take(rib);
  const odd = routes.filter((_, i) => i % 2 === 1);
  rib.change(
    [],
    odd.map(({ prefix }) => prefix),
  );
  take(rib);
  rib.change(odd, []);
  take(rib);
  rib.closed();
  if (round % 3 === 0) rib.want([]);
}

function take(rib: AdjRibOut): void {
  while (rib.pending) rib.take(4096);
}

function routesOf(family: IpFamily): Route[] {
  const attributes = { localPref: undefined, communities: [], linkBandwidth: undefined };
  const [first, length] = family === 'ipv4' ? [0xc633_0000n, 32] : [0x2001_0db8n << 96n, 128];
  return Array.from({ length: family === 'ipv4' ? PREFIXES : PREFIXES / 6 }, (_, i) => ({
    prefix: { address: ipAddress(family, first + BigInt(i)), length },
    attributes,
  }));
}
