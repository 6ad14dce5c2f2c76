import { describe, expect, test } from 'vitest';
import { Allocation } from '../../src/allocation/allocation.ts';
import type { AllocationDecision } from '../../src/allocation/decision.ts';
import { ms } from '../../src/base/clock.ts';
import { formatIpAddress } from '../../src/base/ip-address.ts';
import type { Labels } from '../../src/base/label-selector.ts';
import { TrackedMap } from '../../src/base/tracked-map.ts';
import type { Pool } from '../../src/config/config.ts';
import type { ServiceKey, ServiceRequest } from '../../src/inventory/service-request.ts';
import { keyOf, pool, ports, request, wants } from './rig.ts';
import { unreadable } from './twin.ts';

/* What a pass looks at, and what of it others are told. */

const namesOf = (count: number) => Array.from({ length: count }, (_, i) => `s${String(i).padStart(3, '0')}`);

/** Services whose reading is written down. */
class Scene {
  readonly read = new Set<ServiceKey>();
  readonly services = new TrackedMap<ServiceKey, ServiceRequest>();
  readonly allocation = new Allocation();
  readonly #pools: readonly Pool[];
  readonly #namespaces = new Map<string, Labels>();

  constructor(pools: readonly Pool[]) {
    this.#pools = pools;
  }

  set(name: string, changes: Partial<ServiceRequest> = {}): void {
    const key = keyOf(name);
    const watched = new Proxy(request(name, changes), {
      get: (target, field, receiver) => {
        this.read.add(key);
        return Reflect.get(target, field, receiver);
      },
    });
    this.services.set(key, watched);
  }

  pass(now = 0): TrackedMap<ServiceKey, AllocationDecision> {
    const decisions = this.allocation.reconcile({
      pools: this.#pools,
      services: this.services,
      namespaces: this.#namespaces,
      loadBalancerClass: undefined,
      now: ms(now),
    });
    if (!(decisions instanceof TrackedMap)) throw new Error('the decisions cannot be followed');
    return decisions;
  }

  /** From now on nobody may go through all of the Services. */
  closeIteration(): void {
    const refuse = () => {
      throw new Error('somebody walks over all Services');
    };
    for (const way of ['keys', 'values', 'entries', 'forEach', Symbol.iterator])
      Object.defineProperty(this.services, way, { value: refuse });
  }

  at(name: string): string {
    return this.pass().get(keyOf(name))?.addresses.map(formatIpAddress).join(' ') ?? 'not ours';
  }
}

describe('a pass costs what changed', () => {
  // Half of them have an address, and half wait.
  const crowd = (): Scene => {
    const scene = new Scene([pool('p', ['192.0.2.0/26'])]);
    for (const name of namesOf(128)) scene.set(name);
    scene.pass();
    scene.closeIteration();
    scene.read.clear();
    return scene;
  };

  test('nothing changed: no Service is looked at', () => {
    const scene = crowd();
    scene.pass(1);
    expect(scene.allocation.nextDue()).toBeUndefined();
    expect([...scene.read]).toEqual([]);
  });

  test.each([
    ['has an address', 's000', '192.0.2.0'],
    ['waits', 's127', ''],
  ])('one changed that %s: it alone is looked at', (_, name, address) => {
    const scene = crowd();
    scene.set(name, { labels: { x: 'y' } });
    scene.pass(1);
    expect([...scene.read]).toEqual([keyOf(name)]);
    expect(scene.at(name)).toBe(address);
  });

  test('one came, one that waits went: nobody else is looked at', () => {
    const scene = crowd();
    scene.set('new');
    scene.services.delete(keyOf('s127'));
    scene.pass(1);
    expect([...scene.read].sort()).toEqual([keyOf('new'), keyOf('s127')]);
  });

  test('an address became free: those who wait are asked again, those who have one are not', () => {
    const scene = crowd();
    scene.services.delete(keyOf('s000'));
    scene.pass(1);
    expect([...scene.read].sort()).toEqual(['s000', ...namesOf(128).slice(64)].map(keyOf));
    expect(scene.at('s064')).toBe('192.0.2.0');
  });

  test('a rest is over: only those are asked who wait for it', () => {
    const scene = new Scene([pool('p', ['192.0.2.0/31'], { reuseAfter: ms(1000) })]);
    for (const name of ['a', 'b']) scene.set(name, wants(name === 'a' ? '192.0.2.0' : '192.0.2.1'));
    scene.set('c', wants('192.0.2.0'));
    scene.set('d', wants('192.0.2.1'));
    scene.set('e', wants('192.0.2.0'));
    scene.pass();
    scene.services.delete(keyOf('a'));
    scene.pass(100);
    scene.services.delete(keyOf('b'));
    scene.pass(200);
    scene.read.clear();
    scene.closeIteration();
    expect(scene.allocation.nextDue()).toBe(1100);
    scene.pass(1099);
    expect([...scene.read]).toEqual([]);
    scene.pass(1100);
    expect([...scene.read].sort()).toEqual(['c', 'e'].map(keyOf));
    expect(scene.allocation.nextDue()).toBe(1200);
  });
});

describe('identity', () => {
  test('the decisions are one map always, in which only what changed is touched', () => {
    const scene = new Scene([pool('p', ['192.0.2.0/29'])]);
    scene.set('a');
    scene.set('b');
    const decisions = scene.pass();
    const [a, touched] = [decisions.get(keyOf('a')), new Set<ServiceKey>()];
    decisions.follow(touched);
    scene.set('b', { labels: { x: 'y' } });
    expect(scene.pass()).toBe(decisions);
    expect([...touched]).toEqual([]);
    scene.set('c');
    scene.pass();
    expect([...touched]).toEqual([keyOf('c')]);
    expect(decisions.get(keyOf('a'))).toBe(a);
    scene.services.delete(keyOf('a'));
    scene.pass();
    expect([...decisions.keys()].sort()).toEqual(['b', 'c'].map(keyOf));
    expect([...touched].sort()).toEqual(['a', 'c'].map(keyOf));
  });
});

describe('a pass that failed half way', () => {
  test('is made up for by the next: who had left its address has it again, and who was not looked at is', () => {
    const scene = new Scene([pool('p', ['192.0.2.0/29'])]);
    scene.set('a', { createdAt: 1 });
    scene.set('b', { createdAt: 2 });
    scene.pass();
    scene.set('new', { createdAt: 0 });
    scene.set('a', { createdAt: 1, ...ports('TCP/443') });
    scene.services.set(keyOf('b'), unreadable(request('b', { createdAt: 2 })));
    expect(() => scene.pass()).toThrow('unreadable');
    scene.set('b', { createdAt: 2 });
    scene.pass();
    expect(['a', 'b', 'new'].map((name) => scene.at(name))).toEqual(['192.0.2.0', '192.0.2.1', '192.0.2.2']);
  });

  test.each([
    ['is gone', (scene: Scene) => scene.services.delete(keyOf('a')), 'not ours'],
    ['may have none any more', (scene: Scene) => scene.set('a', { createdAt: 1, headless: true }), ''],
  ])('gives nothing to one that had left its address and by the next pass %s', (_, change, outcome) => {
    const scene = new Scene([pool('p', ['192.0.2.0/29'])]);
    scene.set('a', { createdAt: 1 });
    scene.set('b', { createdAt: 2 });
    scene.pass();
    scene.set('a', { createdAt: 1, ...ports('TCP/443') });
    scene.services.set(keyOf('b'), unreadable(request('b', { createdAt: 2 })));
    expect(() => scene.pass()).toThrow('unreadable');
    change(scene);
    scene.set('b', { createdAt: 2 });
    scene.pass();
    scene.set('c', wants('192.0.2.0'));
    expect(['a', 'b', 'c'].map((name) => scene.at(name))).toEqual([outcome, '192.0.2.1', '192.0.2.0']);
  });
});

describe('the order in which Services changed', () => {
  test.each([[['a', 'b']], [['b', 'a']]])('does not say who of those on one address had it last: %s', (order) => {
    const scene = new Scene([pool('p', ['192.0.2.0/32'], { reuseAfter: ms(1000) })]);
    scene.set('a', { createdAt: 1, sharingKey: 'k', ...ports('TCP/80') });
    scene.set('b', { createdAt: 2, sharingKey: 'k', ...ports('TCP/443') });
    scene.pass();
    for (const name of order) scene.services.delete(keyOf(name));
    scene.pass();
    scene.set('a', { createdAt: 1 });
    expect(scene.at('a')).toBe('');
    scene.set('b', { createdAt: 2 });
    expect(scene.at('b')).toBe('192.0.2.0');
  });
});
