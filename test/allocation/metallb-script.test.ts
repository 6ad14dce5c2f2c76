import { describe, expect, test } from 'vitest';
import type { ServiceRequest } from '../../src/inventory/service-request.ts';
import { has, labelled, pinned, pool, ports, prefer, Rig, require, wants } from './rig.ts';

/*
 * What MetalLB's own tests demand of its allocator (internal/allocator TestAssignment and TestPoolAllocation, and the
 * "assignment" part of its e2e suite), as scripts in our words. "asks" is a Service that names its address. Where we
 * deliberately do something else the line says so with "Clarion:".
 */

const pools = [
  pool('test', ['192.0.2.4/31', '2001:db8::4/127']),
  pool('test2', ['198.51.100.0/24', '2001:db8:1::/120'], { avoidBuggyIPs: true }),
];
const GONE = undefined;

interface Step {
  readonly what: string;
  readonly service: string;
  readonly change: Partial<ServiceRequest> | undefined;
  readonly then: string;
}
const step = (what: string, service: string, change: Partial<ServiceRequest> | undefined, then: string): Step => ({
  what,
  service,
  change,
  then,
});

const k = { sharingKey: 'K', backendKey: 'app=b' };
const fresh = { wantedAddresses: [] };

/** One story in three families: the addresses and what a Service of that family looks like. */
const stories = [
  { name: 'IPv4', x: ['192.0.2.4'], y: ['192.0.2.5'], z: ['198.51.100.254'], z2: ['198.51.100.253'], shape: {} },
  {
    name: 'IPv6',
    x: ['2001:db8::4'],
    y: ['2001:db8::5'],
    z: ['2001:db8:1::fe'],
    z2: ['2001:db8:1::fd'],
    shape: { families: ['ipv6'] },
  },
  {
    name: 'dual-stack',
    x: ['192.0.2.4', '2001:db8::4'],
    y: ['192.0.2.5', '2001:db8::5'],
    z: ['198.51.100.254', '2001:db8:1::fe'],
    z2: ['198.51.100.253', '2001:db8:1::fd'],
    shape: require,
  },
] as const;

describe.each(stories)('assignment, $name', ({ x, y, z, z2, shape }) => {
  const [atX, atY, atZ, atZ2] = [x, y, z, z2].map((texts) => texts.join(' '));
  const steps: readonly Step[] = [
    step('s1 asks for X', 's1', { ...shape, ...wants(...x) }, `${atX}`),
    step('asking again changes nothing', 's1', wants(...x), `${atX}`),
    step('s2 may not have it', 's2', { ...shape, ...wants(...x) }, '(address-in-use)'),
    step('s2 may have Y', 's2', wants(...y), `${atY}`),
    step('Clarion: s1 may not have Y, and keeps X (MetalLB clears it)', 's1', wants(...y), `${atX} (address-in-use)`),
    step('s1 goes', 's1', GONE, 'not ours'),
    step('s2 takes X', 's2', wants(...x), `${atX}`),
    step('s1 takes Y', 's1', { ...shape, ...wants(...y) }, `${atY}`),
    step('s4 shares under K', 's4', { ...shape, ...k, ...ports('TCP/80'), ...wants(...z) }, `${atZ}`),
    step('s4 may change its own key while alone', 's4', { sharingKey: 'Q' }, `${atZ}`),
    step('and back', 's4', { sharingKey: 'K' }, `${atZ}`),
    step('s3 on the same port: no', 's3', { ...shape, ...k, ...ports('TCP/80'), ...wants(...z) }, '(sharing-refused)'),
    step('with another key: no', 's3', { ...ports('TCP/443'), sharingKey: 'Q' }, '(sharing-refused)'),
    step('with other backends: no', 's3', { sharingKey: 'K', backendKey: 'app=c' }, '(sharing-refused)'),
    step('same key, same backends, another port: yes', 's3', { backendKey: 'app=b' }, `${atZ}`),
    step('then it may change its ports', 's3', ports('TCP/8443'), `${atZ}`),
    step('but not its key: it has to go', 's3', { sharingKey: 'Q' }, '(sharing-refused)'),
    step('nor its backends', 's3', { sharingKey: 'K', backendKey: 'app=c' }, '(sharing-refused)'),
    step('another address is always possible', 's3', wants(...z2), `${atZ2}`),
  ];
  test('the whole script', () => {
    const rig = new Rig(...pools);
    const outcomes = steps.map(({ what, service, change }) => {
      if (change === undefined) rig.remove(service);
      else rig.set({ [service]: change });
      return `${what}: ${rig.at(service)}`;
    });
    expect(outcomes).toEqual(steps.map(({ what, then }) => `${what}: ${then}`));
  });
});

describe('assignment, single refusals', () => {
  test.each([
    ['.0 of a pool that avoids it', wants('198.51.100.0'), '(address-outside-pools)'],
    ['.255 of it', wants('198.51.100.255'), '(address-outside-pools)'],
    ['.254 of it', wants('198.51.100.254'), '198.51.100.254'],
    ['IPv6 ::0 is not buggy', { families: ['ipv6'], ...wants('2001:db8:1::') }, '2001:db8:1::'],
    ['two addresses from two pools', { ...require, ...wants('192.0.2.4', '2001:db8:1::5') }, '(pool-not-allowed)'],
    ['three addresses', { ...require, ...wants('192.0.2.4', '192.0.2.5', '2001:db8::4') }, '(family-mismatch)'],
    ['two of one family', { ...require, ...wants('192.0.2.4', '192.0.2.5') }, '(family-mismatch)'],
    ['outside every pool', wants('203.0.113.9'), '(address-outside-pools)'],
  ] as const)('%s', (_title, change, then) => {
    expect(new Rig(...pools).set({ a: change }).at('a')).toBe(then);
  });
});

describe('pinned pools', () => {
  const byNamespace = pool('ns', ['192.0.2.0/30'], { serviceAllocation: pinned({ namespaces: ['shop'] }) });
  const byLabel = pool('label', ['192.0.2.4/30'], {
    serviceAllocation: pinned({ serviceSelectors: [labelled({ app: 'web' })] }),
  });
  const byBoth = pool('both', ['192.0.2.8/30'], {
    serviceAllocation: pinned({ namespaces: ['shop'], serviceSelectors: [labelled({ app: 'web' })] }),
  });
  test.each([
    ['right namespace', byNamespace, 'shop/a', {}, '192.0.2.0'],
    ['wrong namespace', byNamespace, 'lab/a', {}, '(no-pool)'],
    ['right label', byLabel, 'lab/a', { labels: { app: 'web' } }, '192.0.2.4'],
    ['wrong label', byLabel, 'lab/a', { labels: { app: 'db' } }, '(no-pool)'],
    ['both right', byBoth, 'shop/a', { labels: { app: 'web' } }, '192.0.2.8'],
    ['namespace right, label wrong', byBoth, 'shop/a', { labels: { app: 'db' } }, '(no-pool)'],
    ['namespace wrong, label right', byBoth, 'lab/a', { labels: { app: 'web' } }, '(no-pool)'],
    ['asked for by name all the same', byNamespace, 'lab/a', wants('192.0.2.1'), '(pool-not-allowed)'],
  ] as const)('%s', (_title, only, name, change, then) => {
    expect(new Rig(only).set({ [name]: change }).at(name)).toBe(then);
  });
});

describe('pools are reloaded', () => {
  const now = pool('p', ['192.0.2.0/30']);
  const held = () => new Rig(now).set({ a: {}, b: {} });
  test.each([
    ['the same', [now], '192.0.2.0', 'p'],
    ['expanded', [pool('p', ['192.0.2.0/24'])], '192.0.2.0', 'p'],
    ['shrunk, still fitting', [pool('p', ['192.0.2.0/31'])], '192.0.2.0', 'p'],
    ['renamed', [pool('q', ['192.0.2.0/30'])], '192.0.2.0', 'q'],
    ['split', [pool('q', ['192.0.2.0/32']), pool('r', ['192.0.2.1/32'])], '192.0.2.0', 'q'],
    [
      'Clarion: shrunk past the address keeps it (MetalLB moves it)',
      [pool('p', ['192.0.2.2/31'])],
      '192.0.2.0 (address-outside-pools)',
      'p',
    ],
    [
      'Clarion: avoidBuggyIPs switched on keeps it (MetalLB moves it)',
      [{ ...now, avoidBuggyIPs: true }],
      '192.0.2.0 (address-outside-pools)',
      'p',
    ],
    ['Clarion: all pools removed keeps it (MetalLB clears it)', [], '192.0.2.0 (address-outside-pools)', 'p'],
    [
      'Clarion: its pool deleted keeps it (MetalLB moves it)',
      [pool('z', ['198.51.100.0/24'])],
      '192.0.2.0 (address-outside-pools)',
      'p',
    ],
  ] as const)('%s', (_title, next, then, name) => {
    const rig = held().configure(...next);
    expect(rig.at('a')).toBe(then);
    expect(rig.decision('a')?.pool).toBe(name);
  });
});

describe('the assignment part of the end-to-end suite', () => {
  const tiny = pool('tiny', ['192.0.2.1/32']);
  const v4 = pool('v4', ['192.0.2.0/24']);
  const dual = pool('dual', ['198.51.100.0/24', '2001:db8::/64']);

  test('type changed to ClusterIP, or deleted: the address goes to the one that waits', () => {
    const rig = new Rig(tiny).set({ a: { createdAt: 1 }, b: { createdAt: 2 }, c: { createdAt: 3 } });
    expect(rig.set({ a: { loadBalancer: false } }).at('b')).toBe('192.0.2.1');
    expect(rig.remove('b').at('c')).toBe('192.0.2.1');
  });

  test('the same address after the controller restarts', () => {
    const rig = new Rig(v4).set({ a: {}, b: {}, c: {} }).remove('a').restart();
    expect([rig.at('b'), rig.at('c')]).toEqual(['192.0.2.1', '192.0.2.2']);
  });

  test('looked at again when the conditions of sharing change', () => {
    const rig = new Rig(tiny).set({ a: { sharingKey: 'k', createdAt: 1 }, b: { sharingKey: 'k', createdAt: 2 } });
    expect(rig.at('b')).toBe('(pool-exhausted)');
    expect(rig.set({ a: ports('TCP/81') }).at('b')).toBe('192.0.2.1');
  });

  test('serviceAllocation with nothing but a priority serves everybody, the better priority first', () => {
    const p = (priority: number) => ({ serviceAllocation: pinned({ priority }) });
    expect(
      new Rig(pool('a', ['192.0.2.0/24'], p(20)), pool('b', ['198.51.100.0/24'], p(10))).set({ s: {} }).decision('s')
        ?.pool,
    ).toBe('b');
  });

  test.each([
    ['a dual pool is preferred', [v4, dual], prefer, '198.51.100.0 2001:db8::'],
    ['IPv4 is the first by default', [dual], prefer, '198.51.100.0 2001:db8::'],
    ['IPv6 first', [dual], { ...prefer, families: ['ipv6', 'ipv4'] }, '2001:db8:: 198.51.100.0'],
    ['only IPv4 to be had: given, and all is well', [v4], prefer, '192.0.2.0'],
  ] as const)('PreferDualStack: %s', (_title, with_, change, then) => {
    expect(new Rig(...with_).set({ a: change }).at('a')).toBe(then);
  });

  test('PreferDualStack: the second is added when its pool becomes dual; no jump to another dual pool', () => {
    const rig = new Rig(v4).set({ a: prefer });
    expect(rig.configure(v4, dual).at('a')).toBe('192.0.2.0');
    expect(rig.configure(pool('v4', ['192.0.2.0/24', '2001:db8:9::/64'])).at('a')).toBe('192.0.2.0 2001:db8:9::');
  });

  test('PreferDualStack to RequireDualStack and back', () => {
    const rig = new Rig(dual).set({ a: prefer });
    expect(rig.set({ a: require }).at('a')).toBe('198.51.100.0 2001:db8::');
    expect(rig.set({ a: prefer }).at('a')).toBe('198.51.100.0 2001:db8::');
  });

  test('Clarion: the pool becomes single: both addresses are kept (MetalLB moves the Service)', () => {
    const rig = new Rig(dual)
      .set({ a: prefer })
      .configure(pool('dual', ['198.51.100.0/24']), pool('e', ['192.0.2.0/24', '2001:db8:1::/64']));
    expect(rig.at('a')).toBe('198.51.100.0 2001:db8:: (address-outside-pools)');
  });

  test('an address in the status that is claimed twice', () => {
    const rig = new Rig(v4).set({ a: { createdAt: 2, ...has('192.0.2.7') }, b: { createdAt: 1, ...has('192.0.2.7') } });
    expect([rig.at('a'), rig.at('b')]).toEqual(['192.0.2.0', '192.0.2.7']);
  });

  test('pool status counts', () => {
    const counted = (...texts: string[]) =>
      new Rig(pool('p', texts, { avoidBuggyIPs: true })).pass().allocation.usage()[0]?.total;
    expect([counted('192.0.2.0/24'), counted('192.0.2.128/25'), counted('2001:db8::/64')]).toEqual([
      254n,
      127n,
      2n ** 64n,
    ]);
  });

  test('what is asked for no longer: the address stays', () => {
    expect(
      new Rig(v4)
        .set({ a: wants('192.0.2.9') })
        .set({ a: fresh })
        .at('a'),
    ).toBe('192.0.2.9');
  });
});
