import { describe, expect, test } from 'vitest';
import { ipv6, pool, ports, prefer, Rig, wants } from './rig.ts';

const one = pool('one', ['192.0.2.0/29']);
const key = { sharingKey: 'k' };

describe('sharing', () => {
  test('an automatic address with a key packs onto the first that fits', () => {
    const rig = new Rig(one).set({
      a: key,
      b: { ...key, ...ports('TCP/443') },
      c: { ...key, ...ports('TCP/80') },
      d: { ...key, ...ports('UDP/80') },
    });
    expect(['a', 'b', 'c', 'd'].map((name) => rig.at(name))).toEqual([
      '192.0.2.0',
      '192.0.2.0',
      '192.0.2.1',
      '192.0.2.0',
    ]);
    expect(rig.allocation.usage()[0]?.used).toBe(2n);
  });

  test.each([
    ['no key', {}, 'address-in-use', 'this Service has no allow-shared-ip key'],
    [
      'another key',
      { sharingKey: 'q', ...ports('TCP/443') },
      'sharing-refused',
      'under the allow-shared-ip key "k", not "q"',
    ],
    ['the same port', key, 'sharing-refused', 'its port TCP/80 belongs to shop/a'],
    ['other backends', { ...key, ...ports('TCP/443'), backendKey: 'app=x' }, 'sharing-refused', 'the same selector'],
  ] as const)('refused on the address asked for: %s', (_title, change, reason, words) => {
    const rig = new Rig(one).set({ a: key }).set({ b: { ...wants('192.0.2.0'), ...change } });
    expect(rig.at('b')).toBe(`(${reason})`);
    expect(rig.decision('b')?.message).toContain(words);
  });

  test('refused by a Service that does not share', () => {
    const rig = new Rig(one).set({ a: {} }).set({ b: { ...key, ...wants('192.0.2.0'), ...ports('TCP/443') } });
    expect(rig.at('b')).toBe('(sharing-refused)');
    expect(rig.decision('b')?.message).toContain('belongs to shop/a, which does not share it');
  });

  test('Local and Cluster with the same key do not mix; Local with the same selector does', () => {
    const local = (port: string) => ({ ...key, ...ports(port), backendKey: 'app=x' });
    const rig = new Rig(one).set({ a: local('TCP/80'), b: local('TCP/443'), c: { ...key, ...ports('TCP/53') } });
    expect(['a', 'b', 'c'].map((name) => rig.at(name))).toEqual(['192.0.2.0', '192.0.2.0', '192.0.2.1']);
  });

  test('a sole owner may change its key, its ports and its backends', () => {
    const rig = new Rig(one).set({ a: key });
    for (const change of [{ sharingKey: 'q' }, ports('TCP/81'), { backendKey: 'app=x' }, { sharingKey: undefined }])
      expect(rig.set({ a: change }).at('a')).toBe('192.0.2.0');
    expect(rig.allocation.usage()[0]?.used).toBe(1n);
  });

  test('a change that clashes moves the Service that changed, although it is the older', () => {
    const rig = new Rig(one).set({ a: { ...key, createdAt: 1 }, b: { ...key, ...ports('TCP/443'), createdAt: 2 } });
    expect(rig.set({ a: ports('TCP/443') }).at('a')).toBe('192.0.2.1');
    expect(rig.at('b')).toBe('192.0.2.0');
  });

  test('two changes at once: the older keeps the address', () => {
    const rig = new Rig(one).set({ b: { ...key, createdAt: 1 }, a: { ...key, ...ports('TCP/443'), createdAt: 2 } });
    rig.set({ a: { sharingKey: 'x' }, b: { sharingKey: 'y' } });
    expect([rig.at('a'), rig.at('b')]).toEqual(['192.0.2.1', '192.0.2.0']);
  });

  test('a clash on the address that is asked for by name leaves the changed Service without one', () => {
    const rig = new Rig(one).set({
      a: { ...key, ...wants('192.0.2.0') },
      b: { ...key, ...wants('192.0.2.0'), ...ports('TCP/443') },
    });
    expect(rig.set({ b: ports('TCP/80') }).at('b')).toBe('(sharing-refused)');
    expect(rig.set({ b: ports('TCP/8080') }).at('b')).toBe('192.0.2.0');
  });

  test('who waits for a port is served when it becomes free, or when a key begins to fit', () => {
    const tiny = pool('tiny', ['192.0.2.0/32']);
    const rig = new Rig(tiny).set({
      a: { ...key, createdAt: 1 },
      b: { ...key, ...ports('TCP/443'), createdAt: 2 },
      c: { ...key, createdAt: 3 },
    });
    expect(rig.at('c')).toBe('(pool-exhausted)');
    expect(rig.remove('a').at('c')).toBe('192.0.2.0');
    const other = new Rig(tiny).set({ a: { createdAt: 1 }, b: { ...key, ...ports('TCP/443'), createdAt: 2 } });
    expect(other.at('b')).toBe('(pool-exhausted)');
    expect(other.set({ a: key }).at('b')).toBe('192.0.2.0');
  });

  test('the address is free only when the last one left, and the place of the first is not forgotten', () => {
    const rig = new Rig(one).set({ a: key, b: { ...key, ...ports('TCP/443') }, x: {} }).remove('a');
    expect(rig.set({ c: key }).at('c')).toBe('192.0.2.0');
    rig.remove('b').remove('c');
    expect(rig.allocation.usage()[0]?.used).toBe(1n);
    expect(rig.set({ d: key }).at('d')).toBe('192.0.2.2');
  });

  test('IPv6 and dual-stack share by the same rules', () => {
    const dual = pool('d', ['192.0.2.0/29', '2001:db8::/64']);
    const rig = new Rig(dual).set({
      a: { ...prefer, ...key },
      b: { ...ipv6, ...key, ...ports('UDP/53') },
      c: { ...prefer, ...key, ...ports('TCP/53') },
    });
    expect(['a', 'b', 'c'].map((name) => rig.at(name))).toEqual([
      '192.0.2.0 2001:db8::',
      '2001:db8::',
      '192.0.2.0 2001:db8::',
    ]);
  });

  test('many on one port, then one that fits all: found after addresses went', () => {
    const rig = new Rig(pool('p', ['10.0.0.0/24']));
    rig.set(Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`s${String(i).padStart(2, '0')}`, key])));
    rig.remove(...Array.from({ length: 35 }, (_, i) => `s${String(i).padStart(2, '0')}`));
    expect(rig.set({ t: { ...key, ...ports('TCP/443') } }).at('t')).toBe('10.0.0.35');
    expect(rig.set({ s35: ports('TCP/81'), u: key }).at('u')).toBe('10.0.0.35');
  });
});
