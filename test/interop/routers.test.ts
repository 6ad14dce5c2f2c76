import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import { Lab } from '../../src/lab/lab.ts';
import { lanPlan } from '../../src/lab/plan.ts';
import {
  ROUTER_KINDS,
  type Router,
  type RouterConfig,
  type RouterKind,
  routerInstalled,
} from '../../src/lab/router.ts';
import { startRouter } from '../../src/lab/router-start.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { until } from '../support/until.ts';

/** The routers as such: what the other suites say of ours is worth as much as what is read here of theirs. */
const NUMBER: Readonly<Record<RouterKind, number>> = { bird: 1, frr: 2, gobgp: 3 };
const kinds = ROUTER_KINDS.filter(routerInstalled);
const absent = ROUTER_KINDS.filter((kind) => !routerInstalled(kind));

describe.skipIf(!privateTree.inside)(`real routers with each other${skipNote}`, () => {
  const lab = new Lab('rt');
  const routers = new Map<RouterKind, Router>();
  const configOf = (kind: RouterKind): RouterConfig => ({
    asn: 64500 + NUMBER[kind],
    routerId: `192.0.2.${NUMBER[kind]}`,
    networks: [`198.51.100.${NUMBER[kind]}/32`, `2001:db8:99::${NUMBER[kind]}/128`],
    neighbours: kinds
      .filter((other) => other !== kind)
      .flatMap((other) => [
        { address: `192.0.2.${NUMBER[other]}`, asn: 64500 + NUMBER[other], families: ['ipv4' as const] },
        { address: `2001:db8:2::${NUMBER[other]}`, asn: 64500 + NUMBER[other], families: ['ipv6' as const] },
      ]),
  });

  beforeAll(async () => {
    await lab.build(lanPlan(kinds.map((kind) => ({ name: kind, number: NUMBER[kind] }))));
    await Promise.all(kinds.map(async (kind) => routers.set(kind, await startRouter(kind, lab, kind, configOf(kind)))));
  }, seconds(30));
  afterAll(() => lab.stop());

  test.skipIf(absent.length > 0)(
    `${absent.length === 0 ? 'all three are installed' : `missing here (apt-get install): ${absent.join(', ')}`}`,
    () => expect(kinds).toEqual(ROUTER_KINDS),
  );

  test.each(kinds)(
    '%s: its sessions come up, and it has the routes of the others with their attributes',
    async (kind) => {
      const router = routers.get(kind)!;
      await until(`sessions of ${kind}`, seconds(20), async () =>
        (await router.sessions()).every((one) => one.established),
      );
      await until(`routes of ${kind}`, seconds(10), async () => (await router.count('ipv4')) === kinds.length);
      const routes = [...(await router.routes('ipv4')), ...(await router.routes('ipv6'))];
      for (const other of kinds) {
        const own = other === kind;
        const four = routes.find(
          (one) => one.prefix === `198.51.100.${NUMBER[other]}/32` && (own || one.from === `192.0.2.${NUMBER[other]}`),
        );
        expect(four, other).toMatchObject(
          own
            ? { prefix: expect.any(String) }
            : { asPath: [64500 + NUMBER[other]], nextHops: [`192.0.2.${NUMBER[other]}`], stale: false },
        );
        const six = routes.find(
          (one) =>
            one.prefix === `2001:db8:99::${NUMBER[other]}/128` && (own || one.from === `2001:db8:2::${NUMBER[other]}`),
        );
        expect(six, other).toBeDefined();
      }
    },
    seconds(40),
  );
});
