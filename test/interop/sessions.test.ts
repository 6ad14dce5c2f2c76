import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import type { RouterKind, RouterNeighbour } from '../../src/lab/router.ts';
import { ip } from '../bgp/driver-scene.ts';
import { privateTree, skipNote } from '../support/lab.ts';
import { until } from '../support/until.ts';
import { absentNote, HOLD, Interop, kinds, OUR_ASN, type OurPeer, pause, ROUTER_ASN, routes } from './scene.ts';

/** Sessions with real routers: every way in which one can be configured, and what each side then says of it. */
const V4 = ['203.0.113.1/32', '203.0.113.2/32'];
const V6 = ['2001:db8:f::1/128'];

describe.skipIf(!privateTree.inside)(`sessions with real routers${skipNote}${absentNote}`, () => {
  const scene = new Interop(61);
  beforeAll(() => scene.build());
  afterAll(() => scene.stop());

  interface Case {
    readonly what: string;
    readonly ours?: (kind: RouterKind) => OurPeer;
    readonly theirs?: Partial<RouterNeighbour>;
    readonly asPath?: readonly number[];
    readonly localPref?: number;
  }

  const v6 = (kind: RouterKind) => ({ kind: 'address', address: ip(scene.addressOf(kind, 'ipv6')) }) as const;
  const cases: readonly Case[] = [
    { what: 'external, over IPv4, both families', asPath: [OUR_ASN] },
    {
      what: 'external, over IPv6, both families',
      ours: (kind) => ({ transport: { remote: v6(kind) } }),
      theirs: { address: scene.address(10, 'ipv6') },
      asPath: [OUR_ASN],
    },
    {
      what: 'internal',
      ours: () => ({ session: { myAsn: ROUTER_ASN }, transport: { reach: { kind: 'multihop', ttl: 255 } } }),
      theirs: { asn: ROUTER_ASN },
      asPath: [],
      localPref: 100,
    },
    {
      what: 'AS numbers of four octets on both sides',
      ours: () => ({ session: { myAsn: 4_200_000_001 } }),
      theirs: { asn: 4_200_000_001 },
      asPath: [4_200_000_001],
    },
    {
      what: 'a local AS',
      ours: () => ({ session: { localAsn: 64_999 } }),
      theirs: { asn: 64_999 },
      asPath: [64_999],
    },
    {
      what: 'TCP-MD5',
      ours: () => ({ transport: { passwords: ['a secret of some length'] } }),
      theirs: { password: 'a secret of some length'.replaceAll(' ', '-') },
    },
    {
      what: 'GTSM (RFC 5082)',
      ours: () => ({ transport: { reach: { kind: 'gtsm', hops: 1 } } }),
      theirs: { ttlSecurity: 1 },
    },
    {
      what: 'multihop',
      ours: () => ({ transport: { reach: { kind: 'multihop', ttl: 5 } } }),
      theirs: { multihop: 5 },
    },
    { what: 'any external AS', ours: () => ({ session: { peerAsn: 'external' } }) },
  ];

  test('timers: the shorter hold time counts, and KEEPALIVEs keep it alive', async () => {
    await scene.allSessions({ holdTime: HOLD, keepaliveTime: 1 }, []);
    await pause(HOLD * 1000 + 500);
    for (const kind of kinds)
      expect(scene.report(kind)).toMatchObject({
        state: 'established',
        flaps: 0,
        negotiated: { holdTime: HOLD * 1000, keepaliveTime: 1000 },
      });
  });

  describe.each(kinds)('%s', (kind) => {
    test.each(cases)('$what', async ({ ours, theirs = {}, asPath, localPref }) => {
      const neighbour = { ...theirs };
      const our = ours?.(kind) ?? {};
      const password = our.transport?.passwords?.map((one) => one.replaceAll(' ', '-'));
      const exact = password === undefined ? our : { ...our, transport: { ...our.transport, passwords: password } };
      await scene.session(kind, exact, neighbour, { announce: [...routes(V4), ...routes(V6)] });
      const found = await scene.has(kind, [...V4, ...V6]);
      const four = found.find((one) => one.prefix === V4[0])!;
      if (asPath !== undefined) expect(four.asPath).toEqual(asPath);
      if (localPref !== undefined) expect(four.localPref).toBe(localPref);
      expect(four.nextHops).toEqual([scene.address(10)]);
      expect(found.find((one) => one.prefix === V6[0])!.nextHops).toContain(scene.address(10, 'ipv6'));
      expect(scene.report(kind)).toMatchObject({
        state: 'established',
        families: [
          { family: 'ipv4', sent: 2, pending: 0 },
          { family: 'ipv6', sent: 1, pending: 0 },
        ],
      });
    });

    test('a wrong password: no session, and the report names it among the causes', async () => {
      await scene.router(kind, { password: 'theirs' });
      scene.start();
      scene.bgp.setPeers([scene.peer(kind, { transport: { passwords: ['mine'] } })]);
      await until('a reason', seconds(5), () => scene.report(kind).lastError !== undefined);
      expect(scene.report(kind)).toMatchObject({ state: expect.not.stringMatching('established') });
      expect(scene.report(kind).lastError).toContain('password');
      scene.bgp.setPeers([scene.peer(kind, { transport: { passwords: ['theirs'] } })]);
      await scene.established(kind);
    });

    test('a wrong AS number: the report says which one it is', async () => {
      await scene.router(kind);
      scene.start();
      scene.bgp.setPeers([scene.peer(kind, { session: { peerAsn: 65_111 } })]);
      await until('a reason', seconds(5), () => scene.report(kind).lastError !== undefined);
      expect(scene.report(kind).lastError).toMatch(/64500/);
      expect(scene.report(kind).lastNotificationSent).toMatchObject({ name: 'open-message-error/bad-peer-as' });
    });

    test('the router identifier of the router as our own', async () => {
      await scene.router(kind);
      scene.start();
      scene.bgp.setPeers([scene.peer(kind, { session: { routerId: ip(scene.addressOf(kind)) } })]);
      await until('an outcome', seconds(5), () => {
        const { lastError, state } = scene.report(kind);
        return lastError !== undefined || state === 'established';
      });
      const { state, lastError, lastNotificationReceived } = scene.report(kind);
      // RFC 6286 allows it between ASes; a router that does not says so.
      if (state !== 'established') {
        expect(lastNotificationReceived).toMatchObject({ name: 'open-message-error/bad-bgp-identifier' });
        expect(lastError).toContain('identifier');
      }
    });
  });
});
