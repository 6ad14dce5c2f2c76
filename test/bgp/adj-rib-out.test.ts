import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type IpFamily, ipAddress, parseIpAddress } from '../../src/base/ip-address.ts';
import { formatPrefix, type Prefix, parsePrefix } from '../../src/base/prefix.ts';
import { AdjRibOut } from '../../src/bgp/adj-rib-out.ts';
import type { OutboundSession } from '../../src/bgp/path-attributes.ts';
import { PrefixIndex } from '../../src/bgp/prefix-index.ts';
import type { Route, RouteAttributes } from '../../src/bgp/route.ts';
import { Router } from './router.ts';

const ip = (text: string) => {
  const parsed = parseIpAddress(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};
const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};
const plain: RouteAttributes = { localPref: undefined, communities: [], linkBandwidth: undefined };
const tagged = (value: number): RouteAttributes => ({ ...plain, communities: [{ kind: 'standard', value }] });
const route = (text: string, attributes = plain): Route => ({ prefix: prefix(text), attributes });
const hosts = (count: number, attributes = plain, first = 0x0a00_0000): Route[] =>
  Array.from({ length: count }, (_, i) => ({
    prefix: { address: ipAddress('ipv4', BigInt(first + i)), length: 32 },
    attributes,
  }));

const session = (more: Partial<OutboundSession> = {}): OutboundSession => ({
  localAsn: 64_512,
  peerType: 'external',
  role: undefined,
  as4: true,
  extendedMessage: false,
  enhancedRouteRefresh: false,
  families: [
    { family: 'ipv4', nextHop: [ip('192.0.2.1')] },
    { family: 'ipv6', nextHop: [ip('2001:db8::1')] },
  ],
  ...more,
});
const ipv4Only = session({ families: [{ family: 'ipv4', nextHop: [ip('192.0.2.1')] }] });

const takeAll = (rib: AdjRibOut, router: Router, portion = 4096): void => {
  for (let guard = 0; rib.pending; guard++) {
    expect(guard).toBeLessThan(100_000);
    router.hears(rib.take(portion));
  }
  expect(rib.take(portion)).toEqual([]);
};
const tableOf = (router: Router): string[] => [...router.table.keys()].sort();
const established = (routes: readonly Route[], facts = session()): { rib: AdjRibOut; router: Router } => {
  const rib = new AdjRibOut(new PrefixIndex());
  rib.want(routes);
  rib.established(facts);
  const router = new Router({ as4: facts.as4, extendedMessage: facts.extendedMessage, peerType: facts.peerType });
  takeAll(rib, router);
  router.heard.length = 0;
  router.sizes.length = 0;
  return { rib, router };
};

describe('the first table of a session', () => {
  it('RFC 4724 §2: everything, then End-of-RIB for each family', () => {
    const rib = new AdjRibOut(new PrefixIndex());
    rib.change([route('203.0.113.1/32'), route('2001:db8:1::1/128'), route('203.0.113.2/32')], []);
    const router = new Router();
    expect(rib.pending).toBe(false);
    expect(rib.take(4096)).toEqual([]);
    rib.established(session());
    takeAll(rib, router);
    expect([...router.heard].sort()).toEqual(['announce 1', 'announce 2', 'end-of-rib ipv4', 'end-of-rib ipv6']);
    expect(router.heard.indexOf('end-of-rib ipv4')).toBeGreaterThan(router.heard.indexOf('announce 2'));
    expect(router.heard.indexOf('end-of-rib ipv6')).toBeGreaterThan(router.heard.indexOf('announce 1'));
    expect(tableOf(router)).toEqual(['2001:db8:1::1/128', '203.0.113.1/32', '203.0.113.2/32']);
  });

  it('RFC 4724 §2: End-of-RIB also where there is nothing to announce', () => {
    const rib = new AdjRibOut(new PrefixIndex());
    rib.established(session());
    const router = new Router();
    takeAll(rib, router);
    expect(router.heard).toEqual(['end-of-rib ipv4', 'end-of-rib ipv6']);
    expect(router.sizes).toEqual([23, 29]);
  });

  it('only of agreed families', () => {
    const { rib, router } = established([route('203.0.113.1/32'), route('2001:db8:1::1/128')], ipv4Only);
    expect(tableOf(router)).toEqual(['203.0.113.1/32']);
    expect(rib.counts('ipv6')).toEqual({ wanted: 1, told: 0, pending: 1 });
    expect(rib.problems()).toEqual([]);
  });

  it('End-of-RIB does not wait for what was wanted later', () => {
    const rib = new AdjRibOut(new PrefixIndex());
    rib.want(hosts(3));
    rib.established(ipv4Only);
    const router = new Router();
    router.hears(rib.take(1));
    rib.change(hosts(5, tagged(1), 0x0b00_0000), []);
    takeAll(rib, router, 1);
    expect(router.heard).toEqual(['announce 3', 'end-of-rib ipv4', 'announce 5']);
  });

  it('a new session gets everything again, and nothing of the old one', () => {
    const { rib, router } = established(hosts(10));
    rib.change([], [hosts(1)[0]!.prefix]);
    rib.closed();
    expect(rib.pending).toBe(false);
    expect(rib.counts('ipv4')).toEqual({ wanted: 9, told: 0, pending: 9 });
    const next = new Router();
    rib.established(session());
    takeAll(rib, next);
    expect(next.table.size).toBe(9);
    expect(router.table.size).toBe(10);
  });
});

describe('differences', () => {
  it('only what is different is sent', () => {
    const { rib, router } = established(hosts(10));
    rib.change(
      [route('10.0.0.3/32', tagged(7)), route('10.0.0.4/32'), route('198.51.100.0/24')],
      [prefix('10.0.0.1/32')],
    );
    rib.change([], [prefix('192.0.2.99/32')]);
    takeAll(rib, router);
    expect(router.heard).toEqual(['withdraw 1', 'announce 1', 'announce 1']);
    expect(router.table.size).toBe(10);
    expect(router.table.get('10.0.0.3/32')).toContain('0:7');
  });

  it('the whole truth again says nothing; equal attributes in other objects are the same', () => {
    const { rib, router } = established(hosts(10, tagged(1)));
    rib.want(hosts(10, tagged(1)));
    expect(rib.pending).toBe(false);
    rib.want(hosts(9, tagged(1)));
    takeAll(rib, router);
    expect(router.heard).toEqual(['withdraw 1']);
  });

  it('what goes and comes back before it was told is no news', () => {
    const { rib } = established(hosts(10));
    rib.change(
      [],
      hosts(10).map((one) => one.prefix),
    );
    expect(rib.counts('ipv4').pending).toBe(10);
    rib.change(hosts(10), []);
    expect(rib.pending).toBe(false);
  });

  it('RFC 4271 §5.1.5: LOCAL_PREF is no news to an external router', () => {
    const { rib } = established(hosts(3, { ...plain, localPref: 10 }));
    rib.change(hosts(3, { ...plain, localPref: 20 }), []);
    expect(rib.pending).toBe(false);
  });

  it('withdrawals go first, of every family', () => {
    const { rib, router } = established([...hosts(2000), route('2001:db8:1::1/128'), route('2001:db8:1::2/128')]);
    rib.change([...hosts(2000, tagged(9)), route('2001:db8:1::3/128')], []);
    router.hears(rib.take(1));
    rib.change([], [prefix('10.0.0.1/32'), prefix('2001:db8:1::2/128')]);
    takeAll(rib, router, 1);
    expect(router.heard.slice(0, 3)).toEqual([expect.stringMatching(/^announce/), 'withdraw 1', 'withdraw 1']);
    expect(router.table.size).toBe(2001);
  });

  it('RFC 4271 §9.2: a route that cannot be told any more is withdrawn', () => {
    const { rib, router } = established(hosts(3));
    const many = Array.from({ length: 1100 }, (_, value) => ({ kind: 'standard', value }) as const);
    rib.change([route('10.0.0.1/32', { ...plain, communities: many })], []);
    takeAll(rib, router);
    expect(tableOf(router)).toEqual(['10.0.0.0/32', '10.0.0.2/32']);
    expect(rib.problems()).toEqual([{ kind: 'attributes-too-large', family: 'ipv4', routes: 1 }]);
    rib.change([route('10.0.0.1/32')], []);
    takeAll(rib, router);
    expect(router.table.size).toBe(3);
    expect(rib.problems()).toEqual([]);
  });

  it('without a next hop of the family nothing is announced but the end', () => {
    const families = [{ family: 'ipv6' as const, nextHop: undefined }];
    const rib = new AdjRibOut(new PrefixIndex());
    rib.want([route('2001:db8:1::1/128'), route('2001:db8:1::2/128')]);
    rib.established(session({ families }));
    const router = new Router();
    takeAll(rib, router);
    expect(router.heard).toEqual(['end-of-rib ipv6']);
    expect(rib.problems()).toEqual([{ kind: 'no-next-hop', family: 'ipv6', routes: 2 }]);
    rib.change([route('2001:db8:1::3/128')], [prefix('2001:db8:1::1/128')]);
    expect(rib.pending).toBe(false);
  });

  it('other attributes, and the other family, have their turn beside a list that does not end', () => {
    const rib = new AdjRibOut(new PrefixIndex());
    rib.want([...hosts(2, tagged(1), 0x0c00_0000), ...hosts(5000), route('2001:db8:1::1/128')]);
    rib.established(session());
    const router = new Router();
    for (let i = 0; i < 4; i++) router.hears(rib.take(1));
    expect(router.table.has('2001:db8:1::1/128')).toBe(true);
    expect(router.table.has('12.0.0.1/32')).toBe(true);
  });
});

describe('packing', () => {
  it('100,000 host routes: at most 5.3 octets each', () => {
    const rib = new AdjRibOut(new PrefixIndex());
    rib.want(hosts(100_000));
    rib.established(ipv4Only);
    const octets = (): number => {
      let sum = 0;
      while (rib.pending) for (const { length } of rib.take(1 << 20)) sum += length;
      return sum;
    };
    expect(octets() / 100_000).toBeLessThan(5.3);
    rib.want([]);
    expect(octets() / 100_000).toBeLessThan(5.3);
  });

  it.each([
    ['agreed (RFC 8654)', true, 65_535],
    ['not agreed', false, 4096],
  ])('RFC 4271 §4.1: messages are as large as agreed, and never larger: extended messages %s', (_, extended, size) => {
    const facts = session({ ...ipv4Only, extendedMessage: extended });
    const fixed = 23 + 4 + 9 + 7;
    const fit = Math.floor((size - fixed) / 5);
    for (const count of [fit - 1, fit, fit + 1, 2 * fit, 2 * fit + 1]) {
      const rib = new AdjRibOut(new PrefixIndex());
      rib.want(hosts(count));
      rib.established(facts);
      const router = new Router({ extendedMessage: extended });
      takeAll(rib, router, 1);
      expect(router.sizes.length).toBe(Math.ceil(count / fit) + 1);
      expect(router.table.size).toBe(count);
      if (count >= fit) expect(router.sizes[0]).toBe(fixed + fit * 5);
      router.sizes.length = 0;
      rib.want([]);
      takeAll(rib, router, 1);
      expect(router.sizes.length).toBe(Math.ceil(count / Math.floor((size - 23) / 5)));
      expect(router.table.size).toBe(0);
    }
  });

  it('every amount of attributes around the largest message, for both families', () => {
    for (const [text, overhead] of [
      ['10.0.0.0/32', 23 + 4 + 9 + 7 + 5],
      ['2001:db8::/128', 23 + 4 + 9 + 4 + 21 + 17],
      ['2001:db8::/32', 23 + 4 + 9 + 4 + 21 + 5],
    ] as const) {
      const fit = Math.floor((4096 - overhead - 4) / 4);
      for (const count of [fit - 1, fit, fit + 1]) {
        const communities = Array.from({ length: count }, (_, value) => ({ kind: 'standard', value }) as const);
        const { rib, router } = established([route(text, { ...plain, communities })]);
        expect(router.table.size).toBe(count <= fit ? 1 : 0);
        expect(rib.problems().length).toBe(count <= fit ? 0 : 1);
      }
    }
  });

  it('attributes beyond every attribute: a problem of that route alone', () => {
    const communities = Array.from({ length: 17_000 }, (_, value) => ({ kind: 'standard', value }) as const);
    const { rib, router } = established(
      [route('10.0.0.1/32', { ...plain, communities }), route('10.0.0.2/32')],
      session({ extendedMessage: true }),
    );
    expect(tableOf(router)).toEqual(['10.0.0.2/32']);
    expect(rib.problems()).toEqual([{ kind: 'attributes-too-large', family: 'ipv4', routes: 1 }]);
  });

  it('takes no more than asked for, but one message', () => {
    const rib = new AdjRibOut(new PrefixIndex());
    rib.want(hosts(10_000));
    rib.established(ipv4Only);
    expect(rib.take(0).length).toBe(1);
    expect(rib.take(2 * 4096 - 4).length).toBe(1);
    expect(rib.take(2 * 4096).length).toBe(2);
    expect(rib.counts('ipv4')).toMatchObject({ wanted: 10_000, told: 4 * 810, pending: 10_000 - 4 * 810 });
  });
});

describe('a router that does not read', () => {
  it('a prefix that flaps is one entry, and the last state is what is told', () => {
    const { rib, router } = established(hosts(3));
    const last = route('10.0.0.1/32', tagged(1000));
    for (let i = 0; i < 1000; i++) {
      rib.change([route('10.0.0.1/32', tagged(i))], []);
      rib.change([], [prefix('10.0.0.1/32')]);
      expect(rib.counts('ipv4').pending).toBe(1);
    }
    rib.change([last], []);
    takeAll(rib, router);
    expect(router.heard).toEqual(['announce 1']);
    expect(router.table.get('10.0.0.1/32')).toContain('0:1000');
  });

  it('asks for everything again and again: two tables are enough', () => {
    const { rib, router } = established(hosts(2000));
    for (let i = 0; i < 1000; i++) rib.refresh('ipv4');
    router.hears(rib.take(1));
    for (let i = 0; i < 1000; i++) rib.refresh('ipv4');
    takeAll(rib, router);
    expect(router.octets).toBeLessThan(3.1 * 5.1 * 2000);
  });
});

describe('route refresh', () => {
  it('RFC 2918 §4: the family is announced again, and only that', () => {
    const { rib, router } = established([...hosts(3), route('2001:db8:1::1/128')]);
    rib.refresh('ipv4');
    takeAll(rib, router);
    expect(router.heard).toEqual(['announce 3']);
    rib.refresh('ipv6');
    takeAll(rib, router);
    expect(router.heard).toEqual(['announce 3', 'announce 1']);
  });

  it('RFC 7313 §4: between BoRR and EoRR', () => {
    const { rib, router } = established(hosts(3), session({ enhancedRouteRefresh: true }));
    router.table.set('192.0.2.77/32', 'what the router has by mistake');
    rib.refresh('ipv4');
    takeAll(rib, router);
    expect(router.heard).toEqual(['begin ipv4', 'announce 3', 'end ipv4']);
    expect(router.table.size).toBe(3);
  });

  it('RFC 7313 §4: of an empty table too', () => {
    const { rib, router } = established([], session({ enhancedRouteRefresh: true }));
    rib.refresh('ipv6');
    takeAll(rib, router);
    expect(router.heard).toEqual(['begin ipv6', 'end ipv6']);
  });

  it('RFC 7313 §4: not before End-of-RIB', () => {
    const rib = new AdjRibOut(new PrefixIndex());
    rib.want(hosts(1000));
    rib.established(session({ ...ipv4Only, enhancedRouteRefresh: true }));
    const router = new Router();
    router.hears(rib.take(1));
    rib.refresh('ipv4');
    takeAll(rib, router);
    expect(router.heard).toEqual([
      'announce 810',
      'announce 190',
      'end-of-rib ipv4',
      'begin ipv4',
      'announce 810',
      'announce 190',
      'end ipv4',
    ]);
  });

  it('asked for before anything of the first table was sent: that table is the answer', () => {
    const rib = new AdjRibOut(new PrefixIndex());
    rib.want(hosts(3));
    rib.established(ipv4Only);
    rib.refresh('ipv4');
    const router = new Router();
    takeAll(rib, router);
    expect(router.heard).toEqual(['announce 3', 'end-of-rib ipv4']);
  });

  it('large tables with several attributes: full messages, and what changes meanwhile is right', () => {
    const mixed = [...hosts(3000), ...hosts(3000, tagged(1), 0x0b00_0000), ...hosts(3000, tagged(2), 0x0c00_0000)];
    // One after the other, and in turns.
    for (const routes of [mixed, mixed.map((_, i) => mixed[(i % 3) * 3000 + Math.floor(i / 3)]!)]) {
      const { rib, router } = established(routes);
      rib.refresh('ipv4');
      expect(rib.counts('ipv4')).toEqual({ wanted: 9000, told: 9000, pending: 9000 });
      router.hears(rib.take(1));
      rib.change([route('12.0.11.0/32', tagged(1))], [prefix('10.0.0.1/32'), prefix('12.0.11.1/32')]);
      takeAll(rib, router);
      expect(router.table.size).toBe(8998);
      expect(router.table.get('12.0.11.0/32')).toContain('0:1');
      expect(router.heard.length).toBeLessThan(16);
    }
  });

  it('a change during it is not lost: not the withdrawal, and not what goes back to what was told', () => {
    const { rib, router } = established(hosts(2000), session({ enhancedRouteRefresh: true }));
    rib.refresh('ipv4');
    router.hears(rib.take(1));
    router.hears(rib.take(1));
    rib.change([route('10.0.7.0/32', tagged(1))], [prefix('10.0.0.1/32'), prefix('10.0.6.1/32')]);
    rib.change([route('10.0.7.0/32')], []);
    takeAll(rib, router);
    expect(router.table.size).toBe(1998);
    expect(router.table.has('10.0.7.0/32')).toBe(true);
    expect(router.heard.at(-1)).toBe('end ipv4');
  });

  it('of a family that was not agreed, or without a session: nothing', () => {
    const { rib } = established(hosts(3), ipv4Only);
    rib.refresh('ipv6');
    expect(rib.pending).toBe(false);
    rib.closed();
    rib.refresh('ipv4');
    expect(rib.pending).toBe(false);
  });
});

describe('model', () => {
  const families: readonly IpFamily[] = ['ipv4', 'ipv6'];
  const texts = [
    ...Array.from({ length: 12 }, (_, i) => `203.0.113.${i}/32`),
    ...Array.from({ length: 6 }, (_, i) => `2001:db8:1::${i}/128`),
    ...['203.0.113.0/24', '0.0.0.0/0', '2001:db8:1::/64', '::/0'],
  ];
  const route_ = fc.record({
    text: fc.constantFrom(...texts),
    community: fc.constantFrom(0, 1, 2),
    localPref: fc.constantFrom(undefined, 50),
  });
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('change' as const),
        set: fc.array(route_),
        remove: fc.array(fc.constantFrom(...texts)),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('want' as const), set: fc.array(route_) }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('take' as const), bytes: fc.constantFrom(1, 4096, 9000) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('refresh' as const), family: fc.constantFrom(...families) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('down' as const) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('up' as const),
        enhanced: fc.boolean(),
        internal: fc.boolean(),
        nextHop6: fc.boolean(),
        ipv6: fc.boolean(),
      }),
    },
  );

  it('after any interleaving, a router that was told everything has exactly what is wanted', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), step), { maxLength: 60 }), (steps) => {
        const index = new PrefixIndex();
        const ribs = [new AdjRibOut(index), new AdjRibOut(index)];
        const wanted = ribs.map(() => new Map<string, Route>());
        const routers: (Router | undefined)[] = [undefined, undefined];
        const sessions: (OutboundSession | undefined)[] = [undefined, undefined];
        const toRoute = ({
          text,
          community,
          localPref,
        }: {
          text: string;
          community: number;
          localPref: number | undefined;
        }): Route => route(text, { ...tagged(community), localPref });

        for (const [first, one] of steps) {
          const i = first ? 0 : 1;
          const rib = ribs[i]!;
          switch (one.do) {
            case 'change':
              for (const each of one.set) wanted[i]!.set(each.text, toRoute(each));
              for (const text of one.remove) wanted[i]!.delete(text);
              rib.change(one.set.map(toRoute), one.remove.map(prefix));
              break;
            case 'want':
              wanted[i] = new Map(one.set.map((each) => [each.text, toRoute(each)]));
              rib.want([...wanted[i].values()]);
              break;
            case 'take':
              routers[i]?.hears(rib.take(one.bytes));
              break;
            case 'refresh':
              rib.refresh(one.family);
              break;
            case 'down':
              rib.closed();
              routers[i] = undefined;
              break;
            case 'up':
              sessions[i] = session({
                enhancedRouteRefresh: one.enhanced,
                peerType: one.internal ? 'internal' : 'external',
                families: [
                  { family: 'ipv4', nextHop: [ip(one.nextHop6 ? '2001:db8::1' : '192.0.2.1')] },
                  ...(one.ipv6 ? [{ family: 'ipv6' as const, nextHop: [ip('2001:db8::1'), ip('fe80::1')] }] : []),
                ],
              });
              rib.established(sessions[i]);
              routers[i] = new Router({ extendedNextHop: true, peerType: sessions[i].peerType });
              break;
          }
        }
        for (const [i, rib] of ribs.entries()) {
          const router = routers[i];
          const facts = sessions[i];
          const seen = families.map((family) => rib.counts(family).wanted).reduce((a, b) => a + b);
          expect(seen).toBe(wanted[i]!.size);
          if (router === undefined || facts === undefined) continue;
          takeAll(rib, router);
          const agreed = new Set(facts.families.map(({ family }) => family));
          const expected = [...wanted[i]!.values()].filter(({ prefix: { address } }) => agreed.has(address.family));
          expect(tableOf(router)).toEqual(expected.map((each) => formatPrefix(each.prefix)).sort());
          // What is said of them is what one says who has never said anything else.
          const fresh = new AdjRibOut(new PrefixIndex());
          fresh.want(expected);
          fresh.established(facts);
          const reference = new Router({ extendedNextHop: true, peerType: facts.peerType });
          takeAll(fresh, reference);
          expect(router.table).toEqual(reference.table);
          for (const family of families)
            expect(rib.counts(family)).toMatchObject({
              told: expected.filter(({ prefix: { address } }) => address.family === family).length,
            });
          rib.close();
        }
        const left = ribs.map((rib) => families.map((family) => rib.counts(family).wanted));
        if (routers.every((one) => one !== undefined))
          expect(left).toEqual([
            [0, 0],
            [0, 0],
          ]);
      }),
      { numRuns: 400 },
    );
  });
});
