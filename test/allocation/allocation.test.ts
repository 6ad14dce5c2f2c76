import { describe, expect, test } from 'vitest';
import { ms } from '../../src/base/clock.ts';
import type { Pool } from '../../src/config/config.ts';
import {
  has,
  ipv6,
  keyOf,
  labelled,
  pinned,
  pool,
  ports,
  prefer,
  Rig,
  request,
  require,
  reserved,
  wants,
} from './rig.ts';

const one = pool('one', ['192.0.2.0/30']);

describe('within a pool', () => {
  test('never used first, ascending over all ranges; then the one freed longest ago', () => {
    const rig = new Rig(pool('p', ['192.0.2.8/31', '192.0.2.2/31']));
    rig.set({ a: {}, b: {}, c: {} });
    expect(['a', 'b', 'c'].map((name) => rig.at(name))).toEqual(['192.0.2.2', '192.0.2.3', '192.0.2.8']);
    rig.remove('b').remove('a');
    rig.set({ d: {}, e: {}, f: {} });
    expect(['d', 'e', 'f'].map((name) => rig.at(name))).toEqual(['192.0.2.9', '192.0.2.3', '192.0.2.2']);
  });

  test('the older Service is served first, then by namespace and name', () => {
    const rig = new Rig(one);
    rig.set({ z: { createdAt: 1 }, y: { createdAt: undefined }, 'b/x': { createdAt: 2 }, 'a-b/x': { createdAt: 2 } });
    expect(['z', 'a-b/x', 'b/x', 'y'].map((name) => rig.at(name))).toEqual([
      '192.0.2.0',
      '192.0.2.1',
      '192.0.2.2',
      '192.0.2.3',
    ]);
  });

  test('an IPv6 pool of 2^64 costs what is used of it', () => {
    const rig = new Rig(pool('p', ['2001:db8::/64']));
    rig.set({ a: ipv6, b: ipv6 });
    expect(rig.at('b')).toBe('2001:db8::1');
    expect(rig.allocation.usage()[0]?.ipv6).toEqual({ total: 2n ** 64n, used: 2n, available: 2n ** 64n - 2n });
  });

  test('of freed addresses 65,536 wait at most: then they come before never-used ones, and memory stays bounded', () => {
    const rig = new Rig(pool('p', ['2001:db8::/64']));
    const crowd = Array.from({ length: 65_536 }, (_, i) => `s${i}`);
    for (const name of crowd) rig.put(name, ipv6);
    rig.pass().remove(...crowd);
    expect(rig.set({ a: ipv6, b: ipv6 }).at('a')).toBe('2001:db8::');
    expect(rig.at('b')).toBe('2001:db8::1:0');
  });

  test('an address that comes and goes by name is counted once among them', () => {
    const rig = new Rig(pool('p', ['192.0.2.0/24'])).set({ a: wants('192.0.2.5') }).remove('a');
    for (let i = 0; i < 66_000; i++) rig.set({ b: wants('192.0.2.7') }).remove('b');
    expect(rig.set({ c: {} }).at('c')).toBe('192.0.2.0');
  });

  test('addresses freed in the same moment follow in ascending order', () => {
    const rig = new Rig(one).set({ b: wants('192.0.2.1'), a: wants('192.0.2.0'), c: {}, d: {} }).remove('a', 'b');
    expect(rig.set({ e: {} }).at('e')).toBe('192.0.2.0');
  });

  test('an address that was asked for by name in between is not given twice', () => {
    const rig = new Rig(one).set({ a: {}, b: {} }).remove('a').remove('b');
    rig.set({ c: wants('192.0.2.0'), d: wants('192.0.2.3') });
    rig.set({ e: {}, f: {}, g: {} });
    expect(['e', 'f', 'g'].map((name) => rig.at(name))).toEqual(['192.0.2.2', '192.0.2.1', '(pool-exhausted)']);
  });
});

describe('which pool', () => {
  test('unpinned pools in order of name; autoAssign: false only when asked for', () => {
    const rig = new Rig(
      pool('b', ['192.0.2.1-192.0.2.1']),
      pool('c', ['192.0.2.2-192.0.2.2'], { autoAssign: false }),
      pool('a', ['192.0.2.3-192.0.2.3']),
    );
    rig.set({ 1: {}, 2: {}, 3: {}, 4: { wantedPool: 'c' } });
    expect(['1', '2', '3', '4'].map((name) => rig.at(name))).toEqual([
      '192.0.2.3',
      '192.0.2.1',
      '(pool-exhausted)',
      '192.0.2.2',
    ]);
    expect(rig.decision('4')?.pool).toBe('c');
  });

  test('pinned pools before unpinned ones, by priority: 1 is the best, 0 the last', () => {
    const pin = (priority: number) => ({ serviceAllocation: pinned({ priority }) });
    const rig = new Rig(
      pool('a', ['192.0.2.0/32']),
      pool('b', ['192.0.2.1/32'], pin(0)),
      pool('c', ['192.0.2.2/32'], pin(20)),
      pool('d', ['192.0.2.3/32'], pin(1)),
    );
    rig.set({ 1: {}, 2: {}, 3: {}, 4: {}, 5: {} });
    expect(['1', '2', '3', '4'].map((name) => rig.decision(name)?.pool)).toEqual(['d', 'c', 'b', 'a']);
    expect(rig.decision('5')?.message).toContain('pool "d": 1 of 1 IPv4 in use; pool "c": 1 of 1 IPv4 in use');
  });

  test('serviceAllocation: namespaces or namespace labels, and Service labels', () => {
    const rig = new Rig(
      pool('p', ['192.0.2.0/24'], {
        serviceAllocation: pinned({
          namespaces: ['shop'],
          namespaceSelectors: [labelled({ team: 'x' })],
          serviceSelectors: [labelled({ tier: 'edge' })],
        }),
      }),
    );
    rig.namespaces = new Map([['lab', { team: 'x' }]]);
    const edge = { labels: { tier: 'edge' } };
    rig.set({ 'shop/1': edge, 'lab/2': edge, 'other/3': edge, 'shop/4': {} });
    expect(['shop/1', 'lab/2', 'other/3', 'shop/4'].map((name) => rig.at(name))).toEqual([
      '192.0.2.1',
      '192.0.2.0',
      '(no-pool)',
      '(no-pool)',
    ]);
    rig.namespaces = new Map([
      ['other', { team: 'x' }],
      ['lab', { team: 'x' }],
    ]);
    expect(rig.pass().at('other/3')).toBe('192.0.2.2');
  });

  test('a namespace that no object describes has the label of its name', () => {
    const rig = new Rig(
      pool('p', ['192.0.2.0/24'], {
        serviceAllocation: pinned({ namespaceSelectors: [labelled({ 'kubernetes.io/metadata.name': 'shop' })] }),
      }),
    );
    expect(rig.set({ a: {} }).at('a')).toBe('192.0.2.0');
  });

  test.each([
    ['no pool at all', [], {}, 'no-pool', 'no pool is configured'],
    [
      'the pool asked for does not exist',
      [one],
      { wantedPool: 'oen' },
      'pool-not-allowed',
      'there is no such pool (pools are: one)',
    ],
    [
      'the pool asked for does not serve it',
      [pool('p', ['192.0.2.0/24'], { serviceAllocation: pinned({ namespaces: ['lab'] }) })],
      { wantedPool: 'p' },
      'pool-not-allowed',
      'serviceAllocation',
    ],
    [
      'the pool asked for was removed',
      [{ ...one, retired: true }],
      { wantedPool: 'one' },
      'pool-not-allowed',
      'not in the configuration any more',
    ],
    ['no pool has the family', [one], ipv6, 'no-pool', 'add IPv6 addresses'],
    ['no pool gives unasked', [{ ...one, autoAssign: false }], {}, 'no-pool', 'autoAssign: false'],
    ['all is reserved', [{ ...one, reserved: [reserved('192.0.2.0/24')] }], {}, 'no-pool', 'looked at one'],
  ] as const)('refused: %s', (_title, pools, change, reason, words) => {
    const rig = new Rig(...pools).set({ a: change });
    expect(rig.at('a')).toBe(`(${reason})`);
    expect(rig.decision('a')?.message).toContain(words);
  });

  test('a full pool says how full, and who waits is served when an address becomes free', () => {
    const rig = new Rig(one).set({ a: {}, b: {}, c: {}, d: {}, e: { createdAt: 5 }, f: { createdAt: 4 } });
    expect(rig.at('f')).toBe('(pool-exhausted)');
    expect(rig.decision('f')?.message).toBe(
      'no free IPv4 address: pool "one": 4 of 4 IPv4 in use; enlarge a pool, or delete Services that need no address any more',
    );
    expect(rig.remove('c').at('f')).toBe('192.0.2.2');
    expect(rig.at('e')).toBe('(pool-exhausted)');
    expect(rig.configure(pool('one', ['192.0.2.0/29'])).at('e')).toBe('192.0.2.4');
  });
});

describe('an address asked for', () => {
  const off = pool('off', ['198.51.100.0/24', '2001:db8::/64'], { autoAssign: false });

  test('comes from any pool, autoAssign or not, and is moved to when the wish changes', () => {
    const rig = new Rig(one, off).set({ a: wants('198.51.100.7') });
    expect(rig.at('a')).toBe('198.51.100.7');
    expect(rig.decision('a')?.pool).toBe('off');
    expect(rig.set({ a: wants('192.0.2.3') }).at('a')).toBe('192.0.2.3');
    expect(rig.set({ a: wants() }).at('a')).toBe('192.0.2.3');
  });

  test.each([
    [
      'outside the pools',
      wants('203.0.113.1'),
      'address-outside-pools',
      'no pool contains 203.0.113.1 (pools are: off, one)',
    ],
    [
      'of another pool than the one named',
      { ...wants('198.51.100.7'), wantedPool: 'one' },
      'pool-not-allowed',
      'make the two agree',
    ],
    [
      'of another family',
      wants('2001:db8::1'),
      'family-mismatch',
      '2001:db8::1 (IPv6), but the Service has IPv4 (SingleStack)',
    ],
    ['two of one family', wants('192.0.2.1', '192.0.2.2'), 'family-mismatch', 'ask for one address of each family'],
    [
      'more than two',
      wants('192.0.2.1', '192.0.2.2', '2001:db8::1'),
      'family-mismatch',
      'ask for one address of each family',
    ],
    ['one for RequireDualStack', { ...require, ...wants('198.51.100.7') }, 'family-mismatch', 'RequireDualStack'],
    ['from two pools', { ...require, ...wants('192.0.2.1', '2001:db8::1') }, 'pool-not-allowed', 'in different pools'],
  ] as const)('refused: %s', (_title, change, reason, words) => {
    const rig = new Rig(one, off).set({ a: change });
    expect(rig.at('a')).toBe(`(${reason})`);
    expect(rig.decision('a')?.message).toContain(words);
  });

  test('make before break: what it has stays until the new one can be given', () => {
    const rig = new Rig(one).set({ a: {}, b: {} });
    rig.set({ a: wants('192.0.2.1') });
    expect(rig.at('a')).toBe('192.0.2.0 (address-in-use)');
    expect(rig.decision('a')?.message).toContain('belongs to shop/b, which does not share it');
    expect(rig.decision('a')?.message).toContain('Until then the Service keeps 192.0.2.0');
    expect(rig.remove('b').at('a')).toBe('192.0.2.1');
  });

  test('a chain of wishes is followed to its end in one pass', () => {
    const rig = new Rig(one).set({ a: { createdAt: 1 }, b: { createdAt: 2 }, c: { createdAt: 3 } });
    rig.set({ a: wants('192.0.2.1'), b: wants('192.0.2.2'), c: wants('192.0.2.3') });
    expect(['a', 'b', 'c'].map((name) => rig.at(name))).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3']);
  });

  test('another pool asked for: moves when that pool can give', () => {
    const rig = new Rig(one, off).set({ a: {}, b: {} });
    expect(rig.set({ a: { wantedPool: 'off' } }).at('a')).toBe('198.51.100.0');
    expect(rig.set({ b: { wantedPool: 'nowhere' } }).at('b')).toBe('192.0.2.1 (pool-not-allowed)');
  });

  test('dual-stack: both from one pool; with PreferDualStack one may be named and the other follows', () => {
    const rig = new Rig(one, off).set({
      a: { ...require, ...wants('2001:db8::5', '198.51.100.5') },
      b: { ...prefer, ...wants('2001:db8::6') },
    });
    expect(rig.at('a')).toBe('198.51.100.5 2001:db8::5');
    expect(rig.at('b')).toBe('198.51.100.0 2001:db8::6');
  });
});

describe('families', () => {
  const v4 = pool('a4', ['192.0.2.0/24']);
  const v6 = pool('b6', ['2001:db8::/120']);
  const dual = pool('dual', ['198.51.100.0/31', '2001:db8:1::/127']);

  test('RequireDualStack takes both from one pool, or nothing', () => {
    expect(new Rig(v4, v6, dual).set({ a: require }).at('a')).toBe('198.51.100.0 2001:db8:1::');
    const apart = new Rig(v4, v6).set({ a: require });
    expect(apart.at('a')).toBe('(no-pool)');
    expect(apart.decision('a')?.message).toContain('both must come from one pool');
    const used = new Rig(dual).set({ a: ipv6, b: ipv6, c: require });
    expect(used.at('c')).toBe('(pool-exhausted)');
    expect(used.decision('c')?.message).toContain('pool "dual": 2 of 2 IPv6 in use');
    expect(used.remove('a').at('c')).toBe('198.51.100.0 2001:db8:1::');
  });

  test('PreferDualStack prefers a pool with both, then takes what there is and is content', () => {
    expect(new Rig(v4, dual).set({ a: prefer }).at('a')).toBe('198.51.100.0 2001:db8:1::');
    const rig = new Rig(v4, v6).set({ a: prefer, b: { ...prefer, families: ['ipv6', 'ipv4'] } });
    expect(rig.at('a')).toBe('192.0.2.0');
    expect(rig.at('b')).toBe('2001:db8::');
  });

  test('PreferDualStack adds the other family when its own pool gets it, and never jumps to another pool', () => {
    const rig = new Rig(v4).set({ a: prefer });
    expect(rig.configure(v4, dual).at('a')).toBe('192.0.2.0');
    expect(rig.configure(pool('a4', ['192.0.2.0/24', '2001:db8::/120']), dual).at('a')).toBe('192.0.2.0 2001:db8::');
  });

  test('the address follows the order of the families', () => {
    expect(new Rig(dual).set({ a: { ...require, families: ['ipv6', 'ipv4'] } }).at('a')).toBe(
      '2001:db8:1:: 198.51.100.0',
    );
  });

  test('SingleStack to RequireDualStack: added from the same pool; else it moves to a pool with both; else it keeps what it has', () => {
    expect(new Rig(dual).set({ a: {} }).set({ a: require }).at('a')).toBe('198.51.100.0 2001:db8:1::');
    const rig = new Rig(v4).set({ a: {} });
    expect(rig.set({ a: require }).at('a')).toBe('192.0.2.0 (no-pool)');
    expect(rig.configure(v4, dual).at('a')).toBe('198.51.100.0 2001:db8:1::');
  });

  test('RequireDualStack to SingleStack: the other family is given back', () => {
    const rig = new Rig(dual)
      .set({ a: require })
      .set({ a: { ...request('a'), ...ipv6, ...has('198.51.100.0', '2001:db8:1::') } });
    expect(rig.at('a')).toBe('2001:db8:1::');
    expect(rig.allocation.usage()[0]?.ipv4.used).toBe(0n);
  });

  test('changes between RequireDualStack and PreferDualStack move nothing', () => {
    const rig = new Rig(dual).set({ a: require });
    for (const policy of [prefer, require, prefer])
      expect(rig.set({ a: policy }).at('a')).toBe('198.51.100.0 2001:db8:1::');
  });

  test('RequireDualStack in a cluster that gave only one family', () => {
    const rig = new Rig(dual).set({ a: { families: ['ipv4'], ipFamilyPolicy: 'RequireDualStack' } });
    expect(rig.at('a')).toBe('(family-mismatch)');
  });
});

describe('reservations', () => {
  const kept = (service?: string) => pool('p', ['192.0.2.0/30'], { reserved: [reserved('192.0.2.0', service)] });

  test('are given to nobody, or only to the Service they name, which gets them first', () => {
    expect(new Rig(kept()).set({ a: {} }).at('a')).toBe('192.0.2.1');
    const rig = new Rig(pool('a', ['198.51.100.0/24']), kept('shop/web')).set({
      a: { createdAt: 0, wantedPool: 'p' },
      web: { createdAt: 1 },
    });
    expect([rig.at('a'), rig.at('web')]).toEqual(['192.0.2.1', '192.0.2.0']);
    expect(rig.set({ b: wants('192.0.2.0') }).at('b')).toBe('(address-in-use)');
  });

  test('do not win over what the Service asks for, nor over what it has', () => {
    const rig = new Rig(kept('shop/web')).set({ web: wants('192.0.2.3') });
    expect(rig.at('web')).toBe('192.0.2.3');
    const holder = new Rig(pool('p', ['192.0.2.0/30'])).set({ a: {}, web: {} }).configure(kept('shop/web'));
    expect([holder.at('a'), holder.at('web')]).toEqual(['192.0.2.0 (address-outside-pools)', '192.0.2.1']);
  });

  test('one family reserved: the other comes from the same pool', () => {
    const rig = new Rig(
      pool('p', ['192.0.2.0/30', '2001:db8::/64'], {
        autoAssign: false,
        reserved: [reserved('2001:db8::99', 'shop/web')],
      }),
    );
    expect(rig.set({ web: require, other: require }).at('web')).toBe('192.0.2.0 2001:db8::99');
    expect(rig.at('other')).toBe('(no-pool)');
  });
});

describe('reuseAfter', () => {
  const rest = pool('p', ['192.0.2.0/31'], { reuseAfter: ms(30_000) });

  test('a freed address rests before another Service gets it, and nextDue says until when', () => {
    const rig = new Rig(rest).set({ a: {}, b: {}, c: {} });
    expect(rig.allocation.nextDue()).toBeUndefined();
    rig.later(1_000).remove('a');
    expect(rig.at('c')).toBe('(pool-exhausted)');
    expect(rig.decision('c')?.message).toContain('freed addresses rest until reuseAfter is over');
    expect(rig.allocation.nextDue()).toBe(31_000);
    expect(rig.later(29_999).at('c')).toBe('(pool-exhausted)');
    expect(rig.later(1).at('c')).toBe('192.0.2.0');
    expect(rig.allocation.nextDue()).toBeUndefined();
  });

  test('what is free already is nothing to wait for', () => {
    const rig = new Rig(pool('p', ['192.0.2.0/32', '2001:db8::/128'])).set({ a: ipv6, b: {} }).remove('b').later(10);
    expect(rig.set({ c: require }).at('c')).toBe('(pool-exhausted)');
    expect(rig.allocation.nextDue()).toBeUndefined();
    expect(rig.decision('c')?.message).not.toContain('rest');
  });

  test('the Service that had it may have it back at once, another one waits', () => {
    const rig = new Rig(rest).set({ a: {} }).remove('a');
    expect(rig.set({ b: wants('192.0.2.0') }).at('b')).toBe('(address-in-use)');
    expect(rig.allocation.nextDue()).toBe(30_000);
    expect(
      rig
        .remove('b')
        .set({ a: wants('192.0.2.0') })
        .at('a'),
    ).toBe('192.0.2.0');
  });

  test('what others left before does not keep a Service from what it left itself', () => {
    const rig = new Rig(rest).set({ a: {}, b: {} }).remove('a').later(1).remove('b');
    expect(rig.set({ c: {}, b: {} }).at('b')).toBe('192.0.2.1');
    expect(rig.at('c')).toBe('(pool-exhausted)');
    // Of several that it left, those that somebody got by name meanwhile count no more.
    const several = new Rig(pool('p', ['192.0.2.0/30'], { reuseAfter: ms(30_000) }));
    several
      .set({ x: {}, a: wants('192.0.2.1'), y: wants('192.0.2.3') })
      .remove('x')
      .set({ a: wants('192.0.2.2') });
    several.remove('a').set({ z: has('192.0.2.2') });
    expect(several.set({ a: {}, c: {} }).at('a')).toBe('192.0.2.1');
    expect(several.at('c')).toBe('(pool-exhausted)');
  });

  test('a rest that ends early, because its last owner is back, is news for those who may share the address', () => {
    const single = pool('p', ['192.0.2.0/32'], { reuseAfter: ms(30_000) });
    const [key, other] = [{ sharingKey: 'k' }, { sharingKey: 'k', ...ports('TCP/443') }];
    const rig = new Rig(single).set({ b: key }).remove('b').set({ a: other });
    expect(rig.at('a')).toBe('(pool-exhausted)');
    rig.set({ b: key });
    expect([rig.at('a'), rig.at('b')]).toEqual(['192.0.2.0', '192.0.2.0']);
  });

  test('an address reserved for the Service that another one left rests too, and nextDue says until when', () => {
    const kept = pool('q', ['198.51.100.0/31'], {
      autoAssign: false,
      reuseAfter: ms(30_000),
      reserved: [reserved('198.51.100.0', 'shop/web')],
    });
    const rig = new Rig({ ...kept, reserved: [] })
      .set({ b: wants('198.51.100.0') })
      .configure(kept)
      .remove('b');
    expect(rig.set({ web: {} }).at('web')).toBe('(pool-exhausted)');
    expect(rig.decision('web')?.message).toContain('reserved for this Service');
    expect(rig.allocation.nextDue()).toBe(30_000);
    expect(rig.later(30_000).at('web')).toBe('198.51.100.0');
  });

  test('one family reserved, the other resting in the same pool: both are given when the rest is over', () => {
    const kept = pool('q', ['198.51.100.0/32', '2001:db8::/127'], {
      autoAssign: false,
      reuseAfter: ms(30_000),
      reserved: [reserved('2001:db8::1', 'shop/web')],
    });
    const rig = new Rig(kept)
      .set({ b: wants('198.51.100.0') })
      .remove('b')
      .set({ web: require });
    expect(rig.allocation.nextDue()).toBe(30_000);
    expect(rig.later(30_000).at('web')).toBe('198.51.100.0 2001:db8::1');
  });

  test('a reserved address is nothing to wait for where the Service could have another already, or sits in another pool', () => {
    const q = pool('q', ['2001:db8::/126'], { reuseAfter: ms(30_000) });
    const left = (range: string, ...others: Pool[]) =>
      new Rig(q)
        .set({ b: { ...ipv6, ...wants('2001:db8::1') } })
        .configure({ ...q, reserved: [reserved(range, 'shop/web')] }, ...others)
        .remove('b');
    const half = left('2001:db8::/127').set({ web: require });
    expect(half.at('web')).toBe('(no-pool)');
    expect(half.allocation.nextDue()).toBeUndefined();
    const elsewhere = left('2001:db8::1', pool('p', ['192.0.2.0/24'])).set({ web: { ...prefer, ...has('192.0.2.9') } });
    expect(elsewhere.at('web')).toBe('192.0.2.9');
    expect(elsewhere.allocation.nextDue()).toBeUndefined();
  });
});

describe('whose Services', () => {
  test('loadBalancerClass is matched exactly', () => {
    const rig = new Rig(one).set({ none: {}, ours: { loadBalancerClass: 'x' }, foreign: { loadBalancerClass: 'y' } });
    expect([rig.at('none'), rig.at('ours'), rig.at('foreign')]).toEqual(['192.0.2.0', 'not ours', 'not ours']);
    rig.loadBalancerClass = 'x';
    expect(rig.pass().at('ours')).toBe('192.0.2.1');
    // Its status was cleared, so it concerns us no more.
    expect(rig.at('none')).toBe('not ours');
  });

  test('the address of another implementation is not ours to clear', () => {
    const rig = new Rig(one).set({ a: { loadBalancerClass: 'y', ...has('192.0.2.1') } });
    expect(rig.at('a')).toBe('not ours');
    expect(rig.services.get(keyOf('a'))?.assigned).toHaveLength(1);
  });

  test('a headless Service gets none', () => {
    expect(new Rig(one).set({ a: { headless: true } }).at('a')).toBe('(no-cluster-ip)');
  });

  test('no longer a LoadBalancer: named until its status is cleared, its address free at once', () => {
    const rig = new Rig(one).set({ a: {}, b: { loadBalancer: false, ...has('192.0.2.3') } });
    rig.put('a', { loadBalancer: false });
    const released = rig.decide().map(({ service, addresses, reason }) => [service, addresses.length, reason]);
    expect(released).toEqual([['shop/a', 0, 'not-load-balancer']]);
    expect(rig.pass().at('a')).toBe('not ours');
    expect(rig.set({ c: wants('192.0.2.0') }).at('c')).toBe('192.0.2.0');
  });
});
