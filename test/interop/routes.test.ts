import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds, systemClock } from '../../src/base/clock.ts';
import { prefix } from '../bgp/driver-scene.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { until } from '../support/until.ts';
import { absentNote, Interop, kinds, ROUTER_ASN, routes } from './scene.ts';

/** What real routers make of what we tell them. */
describe.skipIf(!privateTree.inside)(`routes in real routers${skipNote}${absentNote}`, () => {
  const scene = new Interop(62);
  beforeAll(() => scene.build());
  afterAll(() => scene.stop());

  describe.each(kinds)('%s', (kind) => {
    test('added, changed and withdrawn, one family or both', async () => {
      await scene.session(kind);
      const change = (set: readonly string[], remove: readonly string[]): void =>
        scene.bgp.changeRoutes(new Map([[kind, { set: routes(set), remove: remove.map(prefix) }]]));
      change(['203.0.113.1/32', '203.0.113.2/32', '2001:db8:f::1/128'], []);
      await scene.has(kind, ['203.0.113.1/32', '203.0.113.2/32', '2001:db8:f::1/128']);
      change(['203.0.113.3/32'], ['203.0.113.1/32', '2001:db8:f::1/128']);
      await scene.has(kind, ['203.0.113.2/32', '203.0.113.3/32']);
      change(['2001:db8:f::2/128'], ['203.0.113.2/32', '203.0.113.3/32']);
      const [left] = await scene.has(kind, ['2001:db8:f::2/128']);
      expect(left).toMatchObject({ stale: false });
    });

    test('aggregates, communities of both sizes, link bandwidth', async () => {
      const attributes = {
        communities: [
          { kind: 'standard', value: 64_512 * 65_536 + 7 },
          { kind: 'standard', value: 0xffff_0000 },
          { kind: 'large', global: 64_512, local1: 1, local2: 2 },
        ] as const,
        linkBandwidth: 3,
      };
      const announce = routes(['203.0.113.0/24', '198.51.100.64/26', '2001:db8:f::/64'], attributes);
      await scene.session(kind, {}, {}, { announce });
      const found = await scene.has(kind, ['203.0.113.0/24', '198.51.100.64/26', '2001:db8:f::/64']);
      for (const one of found) {
        expect(one.communities).toEqual(['64512:7', '65535:0']);
        expect(one.largeCommunities).toEqual(['64512:1:2']);
        expect(one.extendedCommunities).toHaveLength(1);
      }
    });

    test('LOCAL_PREF to an internal peer; graceful shutdown (RFC 8326) makes it 0', async () => {
      const ours = {
        session: { myAsn: ROUTER_ASN },
        transport: { reach: { kind: 'multihop', ttl: 255 } },
      } as const;
      const announce = [
        ...routes(['203.0.113.1/32'], { localPref: 250 }),
        ...routes(['203.0.113.2/32'], {
          localPref: 0,
          communities: [{ kind: 'standard', value: 0xffff_0000 }],
        }),
      ];
      await scene.session(kind, ours, { asn: ROUTER_ASN }, { announce });
      const found = await scene.has(kind, ['203.0.113.1/32', '203.0.113.2/32']);
      expect(found.map(({ localPref, communities }) => ({ localPref, communities }))).toEqual(
        expect.arrayContaining([
          { localPref: 250, communities: [] },
          { localPref: 0, communities: ['65535:0'] },
        ]),
      );
    });

    // GoBGP answers requests to refresh but has no command to send one.
    test.skipIf(kind === 'gobgp')('route refresh: all of them again, and none is lost', async () => {
      const router = await scene.session(kind, {}, {}, { announce: routes(['203.0.113.1/32', '2001:db8:f::1/128']) });
      await scene.has(kind, ['203.0.113.1/32', '2001:db8:f::1/128']);
      const before = scene.report(kind).messages;
      if (kind === 'bird') await router.ask('reload', 'in', 'n0');
      else await router.ask(`clear bgp ${scene.address(10)} in`);
      await until(
        'a request to refresh, and the answer',
        seconds(5),
        () =>
          scene.report(kind).messages.received.routeRefresh > before.received.routeRefresh &&
          scene.report(kind).messages.sent.update > before.sent.update,
        () => Promise.resolve(scene.report(kind)),
      );
      await scene.has(kind, ['203.0.113.1/32', '2001:db8:f::1/128']);
      expect(scene.report(kind)).toMatchObject({ state: 'established', flaps: 0 });
    });

    test('its own routes are counted and dropped', async () => {
      await scene.session(kind, {}, {}, { config: { networks: ['198.51.100.1/32', '2001:db8:99::1/128'] } });
      await until(
        'its routes',
        seconds(5),
        () => scene.report(kind).families.every(({ receivedAndDropped }) => receivedAndDropped >= 1),
        () => Promise.resolve(scene.report(kind)),
      );
    });

    test('20,000 prefixes, all of them and then half', async () => {
      const text = (index: number): string => `10.${128 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}/32`;
      const all = Array.from({ length: 20_000 }, (_, index) => text(index));
      const router = await scene.session(kind);
      const begin = systemClock.now();
      scene.bgp.setRoutes(new Map([[kind, routes(all)]]));
      await until(
        'all of them',
        seconds(15),
        async () => (await router.count('ipv4')) === 20_000,
        () => router.count('ipv4'),
      );
      expect(scene.report(kind).messages.sent.octets).toBeLessThan(20_000 * 5.4);
      const took = systemClock.now() - begin;
      scene.bgp.setRoutes(new Map([[kind, routes(all.slice(0, 10_000))]]));
      await until(
        'half of them',
        seconds(15),
        async () => (await router.count('ipv4')) === 10_000,
        () => router.count('ipv4'),
      );
      expect(took).toBeLessThan(10_000);
    });
  });
});
