import { describe, expect, test } from 'vitest';
import { has, labelled, pinned, pool, ports, prefer, Rig, require, reserved, wants } from './rig.ts';

const one = pool('one', ['192.0.2.0/24', '2001:db8::/64']);
const other = pool('other', ['198.51.100.0/24', '2001:db8:1::/64']);

describe('a live address is never taken away because of configuration', () => {
  const before = () => new Rig(one).set({ a: {} });

  test.each([
    [
      'the pool is missing',
      [],
      'address-outside-pools',
      'no pool contains 192.0.2.0; it is kept because it is in use. Add it to a pool',
      'one',
    ],
    [
      'the pool is retired',
      [{ ...one, retired: true }, other],
      'address-outside-pools',
      'not in the configuration any more',
      'one',
    ],
    [
      'the pool shrank',
      [pool('one', ['192.0.2.8/29']), other],
      'address-outside-pools',
      'no pool contains 192.0.2.0',
      'one',
    ],
    [
      'avoidBuggyIPs was switched on',
      [{ ...one, avoidBuggyIPs: true }],
      'address-outside-pools',
      'avoidBuggyIPs',
      'one',
    ],
    [
      'it was reserved for nobody',
      [{ ...one, reserved: [reserved('192.0.2.0')] }],
      'address-outside-pools',
      'is reserved in pool "one"',
      'one',
    ],
    [
      'it was reserved for another',
      [{ ...one, reserved: [reserved('192.0.2.0', 'shop/b')] }],
      'address-outside-pools',
      'is reserved',
      'one',
    ],
    [
      'serviceAllocation was narrowed',
      [{ ...one, serviceAllocation: pinned({ namespaces: ['lab'] }) }],
      'pool-not-allowed',
      'Widen its serviceAllocation',
      'one',
    ],
  ] as const)('%s', (_title, pools, reason, words, name) => {
    const rig = before().configure(...pools);
    for (const look of [() => rig, () => rig.restart(), () => rig.set({ a: { labels: { some: 'change' } } })]) {
      expect(look().at('a')).toBe(`192.0.2.0 (${reason})`);
      expect(rig.decision('a')).toMatchObject({ pool: name, message: expect.stringContaining(words) });
    }
    expect(rig.configure(one).at('a')).toBe('192.0.2.0');
  });

  test('autoAssign off, renamed or split pools: still legal, accounted where it is now', () => {
    const rig = before();
    expect(rig.configure({ ...one, autoAssign: false }).at('a')).toBe('192.0.2.0');
    rig.configure(pool('left', ['192.0.2.0/25']), pool('right', ['192.0.2.128/25']));
    expect(rig.decision('a')).toMatchObject({ pool: 'left', reason: undefined });
    expect(rig.allocation.usage().map(({ used }) => used)).toEqual([1n, 0n]);
  });

  test('a Service that names its pool stays when that pool is cut in two, or gone; only its own wish moves it', () => {
    const rig = new Rig(one, other).set({ a: { wantedPool: 'one' }, b: { wantedPool: 'one' } });
    rig.configure(pool('one', ['192.0.2.128/25']), pool('two', ['192.0.2.0/25']), other);
    for (const look of [rig, rig.restart()]) {
      expect(look.at('a')).toBe('192.0.2.0 (pool-not-allowed)');
      expect(look.decision('a')).toMatchObject({ pool: 'one', message: expect.stringContaining('is in pool "two"') });
    }
    expect(rig.configure(pool('two', ['192.0.2.0/25']), other).decision('a')).toMatchObject({
      pool: 'two',
      reason: 'pool-not-allowed',
    });
    expect(rig.restart().at('a')).toBe('192.0.2.0 (pool-not-allowed)');
    expect(rig.set({ a: { wantedPool: 'other' }, b: { wantedPool: undefined } }).at('a')).toBe('198.51.100.0');
    expect(rig.at('b')).toBe('192.0.2.1');
  });

  test('a retired pool overlapped by a live one gives way to it', () => {
    const rig = before().configure({ ...one, retired: true }, pool('two', ['192.0.2.0/25']));
    expect(rig.decision('a')).toMatchObject({ pool: 'two', reason: undefined });
    expect(rig.set({ b: {} }).at('b')).toBe('192.0.2.1');
  });

  test('one family lost its range: both are kept', () => {
    const rig = new Rig(one).set({ a: require, b: prefer }).configure(pool('one', ['192.0.2.0/24']), other);
    expect(rig.at('a')).toBe('192.0.2.0 2001:db8:: (address-outside-pools)');
    expect(rig.at('b')).toBe('192.0.2.1 2001:db8::1 (address-outside-pools)');
  });

  test('nothing new is given from a retired pool, nor an address that is kept to anybody else', () => {
    const rig = before().configure({ ...one, retired: true });
    expect(rig.set({ b: {}, c: wants('192.0.2.7'), d: wants('192.0.2.0') }).at('b')).toBe('(no-pool)');
    expect([rig.at('c'), rig.at('d')]).toEqual(['(address-outside-pools)', '(address-outside-pools)']);
    expect(rig.allocation.usage()).toMatchObject([{ name: 'one', used: 1n, available: 0n }]);
  });

  test('the address of a Service that nobody wants any more is free, also outside the pools', () => {
    const rig = before().configure(other).remove('a').configure(one);
    expect(rig.set({ b: {} }).at('b')).toBe('192.0.2.0');
  });
});

describe('what the Service itself does', () => {
  test('an annotation that cannot be read keeps what is there, and gives nothing new', () => {
    const rig = new Rig(one)
      .set({ a: {} })
      .set({ a: { invalid: 'bad', wantedPool: 'nowhere' }, b: { invalid: 'bad' } });
    expect([rig.at('a'), rig.at('b')]).toEqual(['192.0.2.0 (invalid-annotation)', '(invalid-annotation)']);
    expect(rig.decision('a')?.message).toBe('bad. Until then the Service keeps 192.0.2.0');
    expect(rig.restart().at('a')).toBe('192.0.2.0 (invalid-annotation)');
  });

  test('labels that no longer fit the pool keep the address', () => {
    const edge = pool('edge', ['192.0.2.0/24'], {
      serviceAllocation: pinned({ serviceSelectors: [labelled({ tier: 'edge' })] }),
    });
    const rig = new Rig(edge, other).set({ a: { labels: { tier: 'edge' } } });
    expect(rig.set({ a: { labels: {} } }).at('a')).toBe('192.0.2.0 (pool-not-allowed)');
  });

  test('released when it is deleted, is no LoadBalancer any more, gets another class, becomes headless, loses the family', () => {
    for (const change of [
      { loadBalancer: false },
      { loadBalancerClass: 'x' },
      { headless: true },
      { families: ['ipv6'] as const },
    ]) {
      const rig = new Rig(one).set({ a: {} }).set({ a: change });
      expect(rig.set({ b: wants('192.0.2.0') }).at('b')).toBe('192.0.2.0');
    }
    expect(
      new Rig(one)
        .set({ a: {} })
        .remove('a')
        .set({ b: wants('192.0.2.0') })
        .at('b'),
    ).toBe('192.0.2.0');
  });
});

describe('replay', () => {
  test('everybody who has an address comes before anybody who wants one', () => {
    const rig = new Rig(one).set({ new: { createdAt: 1 }, old: { createdAt: 9, ...has('192.0.2.0') } });
    expect([rig.at('new'), rig.at('old')]).toEqual(['192.0.2.1', '192.0.2.0']);
  });

  test.each([
    ['the time of creation', { createdAt: 5 }, { createdAt: 4 }],
    ['a Service without one is the youngest', { createdAt: undefined }, { createdAt: 4 }],
    ['with equal times the name', { createdAt: 4 }, { createdAt: 4 }],
  ])('an address claimed twice stays with the older: %s', (_title, young, old) => {
    const rig = new Rig(one).set({ z: { ...young, ...has('192.0.2.9') }, y: { ...old, ...has('192.0.2.9') } });
    expect([rig.at('y'), rig.at('z')]).toEqual(['192.0.2.9', '192.0.2.0']);
  });

  test('a newcomer with an old date does not drive out the Service that lives there', () => {
    const rig = new Rig(one).set({ a: { createdAt: 9 } }).set({ b: { createdAt: 1, ...has('192.0.2.0') } });
    expect([rig.at('a'), rig.at('b')]).toEqual(['192.0.2.0', '192.0.2.1']);
    rig.restart();
    expect([rig.at('a'), rig.at('b')]).toEqual(['192.0.2.0', '192.0.2.1']);
  });

  test('only the families that the Service has, one address of each', () => {
    const rig = new Rig(one).set({ a: has('2001:db8::5', '192.0.2.5', '192.0.2.6') });
    expect(rig.at('a')).toBe('192.0.2.5');
  });

  test('those that share come back together', () => {
    const key = { sharingKey: 'k' };
    const rig = new Rig(one).set({ a: key, b: { ...key, ...ports('TCP/443') } }).restart();
    expect([rig.at('a'), rig.at('b')]).toEqual(['192.0.2.0', '192.0.2.0']);
  });

  test('an address outside every pool is kept, whoever recorded it', () => {
    const rig = new Rig(one).set({ a: { ...has('203.0.113.1'), assignedPool: 'gone' }, b: has('203.0.113.2') });
    expect(rig.decision('a')).toMatchObject({ pool: 'gone', reason: 'address-outside-pools' });
    expect(rig.decision('b')).toMatchObject({ pool: undefined, reason: 'address-outside-pools' });
  });

  test('a LoadBalancer again, with its address still in the status: it gets it back', () => {
    const rig = new Rig(one).set({ a: {}, b: {} });
    rig.put('b', { loadBalancerClass: 'x' });
    rig.decide();
    expect(rig.set({ b: { loadBalancerClass: undefined } }).at('b')).toBe('192.0.2.1');
  });
});
