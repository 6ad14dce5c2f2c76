import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { announcementJudge } from '../../src/announcement/judge.ts';
import { ms } from '../../src/base/clock.ts';
import { formatPrefix, type Prefix } from '../../src/base/prefix.ts';
import { Follower } from '../../src/base/tracked-map.ts';
import { PeerRoutes } from '../../src/bgp/peer-routes.ts';
import { prefixKey, type Route } from '../../src/bgp/route.ts';
import {
  bgp,
  community,
  config,
  inputOf,
  node,
  peer,
  ready,
  type Scene,
  service,
  terminating,
} from '../announcement/scene.ts';

const A = '203.0.113.10';
const B = '203.0.113.11';
const V6 = '2001:db8:1::10';
const peers = [peer('tor-1'), peer('tor-2')];
const local = { externalTrafficPolicy: 'Local' } as const;
const draining = { draining: true };
const plain: Scene = {
  config: config({ bgpAdvertisements: [bgp({ localPref: 200, communities: [community(64_512, 1)] })], peers }),
  services: [service('web', [A])],
  nodes: [node('node-a'), node('node-b')],
};
const weighted = (scene: Scene): Scene => ({
  ...scene,
  config: { ...scene.config, bgp: { ...scene.config.bgp, weightedEcmp: true } },
});

const text = ({ prefix, attributes: { communities, localPref, linkBandwidth } }: Route): string =>
  [
    formatPrefix(prefix),
    localPref === undefined ? '' : `pref ${localPref}`,
    ...communities.map((one) => (one.kind === 'standard' ? `${one.value >>> 16}:${one.value & 65_535}` : 'large')),
    linkBandwidth === undefined ? '' : `weight ${linkBandwidth}`,
  ]
    .filter((part) => part !== '')
    .join(' ');

/** What node-a tells tor-1 and tor-2, as seen by one who applies only the differences. */
class Listener {
  readonly routes = new PeerRoutes('node-a');
  readonly heard = new Map<string, Map<number | bigint, Route>>();
  readonly #judge = announcementJudge();

  sees(scene: Scene, at = 0): readonly string[] {
    const changes = this.routes.update({ verdicts: this.#judge(inputOf(scene)), config: scene.config, now: ms(at) });
    const said: string[] = [];
    for (const [name, { set, remove }] of changes) {
      const table = this.heard.get(name) ?? new Map<number | bigint, Route>();
      this.heard.set(name, table);
      for (const route of set) table.set(prefixKey(route.prefix), route);
      for (const prefix of remove) table.delete(prefixKey(prefix));
      said.push(...set.map((route) => `${name} + ${text(route)}`));
      said.push(...remove.map((prefix: Prefix) => `${name} - ${formatPrefix(prefix)}`));
    }
    return said.sort();
  }

  tableOf(name: string): readonly string[] {
    return [...(this.heard.get(name)?.values() ?? [])].map(text).sort();
  }
}

describe('routes for peers', () => {
  it('tells every peer what the advertisements say, once', () => {
    const listener = new Listener();
    expect(listener.sees({ ...plain, services: [service('web', [A, V6])] })).toEqual([
      `tor-1 + ${V6}/128 pref 200 64512:1`,
      `tor-1 + ${A}/32 pref 200 64512:1`,
      `tor-2 + ${V6}/128 pref 200 64512:1`,
      `tor-2 + ${A}/32 pref 200 64512:1`,
    ]);
    expect(listener.sees({ ...plain, services: [service('web', [A, V6])] })).toEqual([]);
  });

  it('says only what is different', () => {
    const listener = new Listener();
    const many = Array.from({ length: 50 }, (_, i) => service(`s${i}`, [`203.0.113.${i + 10}`]));
    listener.sees({ ...plain, services: many });
    expect(listener.sees({ ...plain, services: many, endpoints: { s3: [] } })).toEqual([
      'tor-1 - 203.0.113.13/32',
      'tor-2 - 203.0.113.13/32',
    ]);
  });

  it('a peer that the advertisement does not name any more is told to forget', () => {
    const listener = new Listener();
    listener.sees(plain);
    const one = { ...plain, config: config({ bgpAdvertisements: [bgp({ peers: ['tor-2'] })], peers }) };
    expect(listener.sees(one)).toEqual([`tor-1 - ${A}/32`, `tor-2 + ${A}/32`]);
    expect(listener.routes.routesFor('tor-1')).toEqual([]);
  });

  it('Local: the last ready endpoint went while another node has one: withdrawn', () => {
    const listener = new Listener();
    const scene = { ...plain, services: [service('web', [A], local)] };
    listener.sees({ ...scene, endpoints: { web: [ready('node-a'), ready('node-b')] } });
    expect(listener.sees({ ...scene, endpoints: { web: [terminating('node-a'), ready('node-b')] } })).toEqual([
      `tor-1 - ${A}/32`,
      `tor-2 - ${A}/32`,
    ]);
  });
});

const addresseesOf = ({ addressees }: PeerRoutes): unknown => [...addressees].sort(([a], [b]) => (a < b ? -1 : 1));

describe('who is to know an address', () => {
  it('is a map whose followers see what changed: an advertisement, a drain when its time is over', () => {
    const listener = new Listener();
    const { addressees } = listener.routes;
    const follower = new Follower<string, readonly string[]>();
    const touched = (scene: Scene, at = 0): readonly string[] => {
      listener.sees(scene, at);
      const addresses = [...follower.changed(addressees)].sort();
      follower.seen();
      return addresses;
    };
    const both = { ...plain, services: [service('web', [A]), service('mail', [V6])] };
    expect(touched(both)).toEqual([V6, A]);
    expect(touched({ ...both, services: [service('web', [A]), service('mail', [V6, B])] })).toEqual([B]);
    expect(addressees.get(B)).toEqual(['tor-1', 'tor-2']);
    expect(touched({ ...both, endpoints: { web: [] } })).toEqual([A, B]);
    const drained = { ...both, endpoints: { web: [] }, nodes: [node('node-a', draining), node('node-b')] };
    touched(drained, 1000);
    expect(addressees.get(V6)).toEqual(['tor-1', 'tor-2']);
    expect(touched(drained, 60_000)).toEqual([V6]);
    expect(addressees.size).toBe(0);
  });

  it('names each peer once where a host route and its aggregate have others', () => {
    const listener = new Listener();
    const advertisements = [bgp({ peers: ['tor-2'] }), bgp({ peers: ['tor-1', 'tor-2'], aggregationLength: 24 })];
    listener.sees({ ...plain, config: config({ bgpAdvertisements: advertisements, peers }) });
    expect(listener.routes.addressees.get(A)).toEqual(['tor-1', 'tor-2']);
  });
});

describe('aggregates', () => {
  const aggregated: Scene = {
    ...plain,
    config: config({ bgpAdvertisements: [bgp({ aggregationLength: 24, peers: ['tor-1'] })], peers }),
    services: [service('web', [A]), service('mail', [B])],
  };

  it('an aggregate is told while any address in it may be', () => {
    const listener = new Listener();
    expect(listener.sees(aggregated)).toEqual(['tor-1 + 203.0.113.0/24']);
    listener.sees({ ...aggregated, endpoints: { web: [] } });
    expect(listener.tableOf('tor-1')).toEqual(['203.0.113.0/24']);
    expect(listener.sees({ ...aggregated, endpoints: { web: [], mail: [] } })).toEqual(['tor-1 - 203.0.113.0/24']);
    expect(listener.sees(aggregated)).toEqual(['tor-1 + 203.0.113.0/24']);
  });

  it('has the communities of all its addresses, and the highest preference', () => {
    const listener = new Listener();
    const mail = { serviceSelectors: [{ matchLabels: { app: 'mail' }, matchExpressions: [] }] };
    const web = { serviceSelectors: [{ matchLabels: { app: 'web' }, matchExpressions: [] }] };
    listener.sees({
      ...aggregated,
      config: config({
        peers,
        bgpAdvertisements: [
          bgp({ ...web, aggregationLength: 24, localPref: 50, communities: [community(64_512, 2)] }),
          bgp({ ...mail, aggregationLength: 24, localPref: 150, communities: [community(64_512, 1)] }),
        ],
      }),
      services: [service('web', [A], { labels: { app: 'web' } }), service('mail', [B], { labels: { app: 'mail' } })],
    });
    expect(listener.tableOf('tor-1')).toEqual(['203.0.113.0/24 pref 150 64512:1 64512:2']);
  });

  it('a host route and its aggregate beside each other', () => {
    const listener = new Listener();
    listener.sees({
      ...aggregated,
      config: config({ bgpAdvertisements: [bgp({ aggregationLength: 24 }), bgp({ localPref: 7 })], peers }),
    });
    expect(listener.tableOf('tor-2')).toEqual(['203.0.113.0/24', `${A}/32 pref 7`, `${B}/32 pref 7`]);
  });
});

describe('drain: withdrawn with notice', () => {
  const drained = { ...plain, nodes: [node('node-a', draining), node('node-b')] };

  it('RFC 8326 §4.2: GRACEFUL_SHUTDOWN and LOCAL_PREF 0 first, withdrawn after drainWait', () => {
    const listener = new Listener();
    listener.sees(plain, 1000);
    expect(listener.routes.nextDue()).toBeUndefined();
    expect(listener.sees(drained, 2000)).toEqual([
      `tor-1 + ${A}/32 pref 0 64512:1 65535:0`,
      `tor-2 + ${A}/32 pref 0 64512:1 65535:0`,
    ]);
    expect(listener.routes.nextDue()).toBe(7000);
    expect(listener.sees(drained, 6999)).toEqual([]);
    expect(listener.sees(drained, 7000)).toEqual([`tor-1 - ${A}/32`, `tor-2 - ${A}/32`]);
    expect(listener.routes.nextDue()).toBeUndefined();
    expect(listener.sees(drained, 99_000)).toEqual([]);
  });

  it('an undrain takes it back, before and after the withdrawal', () => {
    const listener = new Listener();
    listener.sees(plain, 0);
    listener.sees(drained, 1000);
    listener.sees(plain, 2000);
    expect(listener.tableOf('tor-1')).toEqual([`${A}/32 pref 200 64512:1`]);
    expect(listener.routes.nextDue()).toBeUndefined();
    listener.sees(drained, 10_000);
    listener.sees(drained, 20_000);
    expect(listener.tableOf('tor-1')).toEqual([]);
    listener.sees(plain, 30_000);
    expect(listener.tableOf('tor-1')).toEqual([`${A}/32 pref 200 64512:1`]);
  });

  it('what else changes in the meantime does not give it more time', () => {
    const listener = new Listener();
    listener.sees(plain, 0);
    listener.sees(drained, 1000);
    const other = { ...drained, config: { ...plain.config, bgpAdvertisements: [bgp({ localPref: 9 })] } };
    expect(listener.sees(other, 3000)).toEqual([`tor-1 + ${A}/32 pref 0 65535:0`, `tor-2 + ${A}/32 pref 0 65535:0`]);
    expect(listener.routes.nextDue()).toBe(6000);
  });

  it('the endpoints go during the wait: withdrawn at once', () => {
    const listener = new Listener();
    listener.sees(plain, 0);
    listener.sees(drained, 1000);
    expect(listener.sees({ ...drained, endpoints: { web: [] } }, 1500)).toEqual([`tor-1 - ${A}/32`, `tor-2 - ${A}/32`]);
    expect(listener.routes.nextDue()).toBeUndefined();
  });

  it('a node that starts drained announces nothing', () => {
    const listener = new Listener();
    expect(listener.sees(drained, 0)).toEqual([]);
    expect(listener.routes.nextDue()).toBeUndefined();
  });

  it('drainWait 0: withdrawn at once', () => {
    const listener = new Listener();
    const hasty = { ...plain.config, bgp: { ...plain.config.bgp, drainWait: ms(0) } };
    listener.sees({ ...plain, config: hasty }, 0);
    expect(listener.sees({ ...drained, config: hasty }, 0)).toEqual([`tor-1 - ${A}/32`, `tor-2 - ${A}/32`]);
  });

  it('no other node can take over: announced as before', () => {
    const listener = new Listener();
    listener.sees({ ...plain, nodes: [node('node-a')] }, 0);
    expect(listener.sees({ ...plain, nodes: [node('node-a', draining)] }, 1000)).toEqual([]);
  });

  it('an aggregate with an address that stays is no graceful shutdown', () => {
    const listener = new Listener();
    const scene: Scene = {
      config: config({ bgpAdvertisements: [bgp({ aggregationLength: 24 })], peers }),
      services: [service('web', [A], local), service('mail', [B])],
      endpoints: { web: [ready('node-a')], mail: [ready('node-b')] },
      nodes: [node('node-a'), node('node-b')],
    };
    listener.sees(scene, 0);
    listener.sees({ ...scene, nodes: [node('node-a', draining), node('node-b')] }, 1000);
    expect(listener.tableOf('tor-1')).toEqual(['203.0.113.0/24']);
  });
});

describe('weighted ECMP: the weight is the number of local endpoints that get the traffic', () => {
  const scene = weighted({ ...plain, config: config({ bgpAdvertisements: [bgp()], peers }) });
  const weightOf = (endpoints: ReturnType<typeof ready>[], more: object = local, base = scene): string[] => {
    const listener = new Listener();
    listener.sees({ ...base, services: [service('web', [A], more)], endpoints: { web: endpoints } });
    return [...listener.tableOf('tor-1')];
  };

  it.each<[string, string[], string[]]>([
    ['two', weightOf([ready('node-a'), ready('node-a'), ready('node-b')]), [`${A}/32 weight 2`]],
    ['only the ready ones', weightOf([ready('node-a'), terminating('node-a')]), [`${A}/32 weight 1`]],
    ['all terminate', weightOf([terminating('node-a'), terminating('node-a')]), [`${A}/32 weight 2`]],
    ['Cluster: none', weightOf([ready('node-a')], {}), [`${A}/32`]],
    ['not asked for: none', weightOf([ready('node-a')], local, plain), [`${A}/32 pref 200 64512:1`]],
  ])('%s', (_name, table, expected) => {
    expect(table).toEqual(expected);
  });

  it('follows the endpoints', () => {
    const listener = new Listener();
    const web = { ...scene, services: [service('web', [A], local)] };
    listener.sees({ ...web, endpoints: { web: [ready('node-a')] } });
    expect(listener.sees({ ...web, endpoints: { web: [ready('node-a'), ready('node-a')] } })).toEqual([
      `tor-1 + ${A}/32 weight 2`,
      `tor-2 + ${A}/32 weight 2`,
    ]);
  });

  it('not asked for: endpoints that come and go are no news', () => {
    const listener = new Listener();
    const web = { ...plain, services: [service('web', [A], local)] };
    listener.sees({ ...web, endpoints: { web: [ready('node-a')] } });
    expect(listener.sees({ ...web, endpoints: { web: [ready('node-a'), ready('node-a')] } })).toEqual([]);
  });

  it('of an aggregate the sum; none where an address has none', () => {
    const both = weighted({
      ...plain,
      config: config({ bgpAdvertisements: [bgp({ aggregationLength: 24 })], peers }),
      services: [service('web', [A], local), service('mail', [B], local)],
      endpoints: { web: [ready('node-a')], mail: [ready('node-a'), ready('node-a')] },
    });
    const listener = new Listener();
    listener.sees(both);
    expect(listener.tableOf('tor-1')).toEqual(['203.0.113.0/24 weight 3']);
    listener.sees({ ...both, services: [service('web', [A], local), service('mail', [B])] });
    expect(listener.tableOf('tor-1')).toEqual(['203.0.113.0/24']);
  });
});

describe('properties', () => {
  const scenes = fc.record({
    endpoints: fc.array(fc.tuple(fc.nat(5), fc.constantFrom('node-a', 'node-b'), fc.boolean()), { maxLength: 12 }),
    local: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
    drained: fc.boolean(),
    weightedEcmp: fc.boolean(),
    advertisements: fc.array(
      fc.record({
        aggregationLength: fc.constantFrom(24, 32),
        localPref: fc.constantFrom(undefined, 50),
        peers: fc.constantFrom([], ['tor-1'], ['tor-2']),
      }),
      { maxLength: 3 },
    ),
    wait: fc.constantFrom(0, 1000, 6000),
  });

  it('the differences add up to the whole, and the whole is what one without a past says, but for the drain', () => {
    fc.assert(
      fc.property(fc.array(scenes, { minLength: 1, maxLength: 8 }), (steps) => {
        const listener = new Listener();
        let now = 0;
        for (const step of steps) {
          now += step.wait;
          const scene: Scene = {
            config: {
              ...config({ bgpAdvertisements: step.advertisements.map((one) => bgp(one)), peers }),
              bgp: { restartTime: ms(0), drainWait: ms(5000), weightedEcmp: step.weightedEcmp },
            },
            services: step.local.map((isLocal, i) => service(`s${i}`, [`203.0.113.${10 + i}`], isLocal ? local : {})),
            endpoints: Object.fromEntries(
              step.local.map((_, i) => [
                `s${i}`,
                step.endpoints.filter(([of]) => of === i).map(([, where, up]) => (up ? ready : terminating)(where)),
              ]),
            ),
            nodes: [node('node-a', { draining: step.drained }), node('node-b')],
          };
          listener.sees(scene, now);
          const fresh = new PeerRoutes('node-a');
          fresh.update({ verdicts: announcementJudge()(inputOf(scene)), config: scene.config, now: ms(now) });
          for (const name of ['tor-1', 'tor-2']) {
            const table = listener.tableOf(name);
            expect(table).toEqual(listener.routes.routesFor(name).map(text).sort());
            const settled = table.filter((one) => !one.includes('65535:0'));
            expect(settled).toEqual(fresh.routesFor(name).map(text).sort());
            if (!step.drained) expect(table).toEqual(settled);
          }
          if (!step.drained) expect(addresseesOf(listener.routes)).toEqual(addresseesOf(fresh));
        }
      }),
    );
  });
});
