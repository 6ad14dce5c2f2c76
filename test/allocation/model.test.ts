import { expect, test } from 'vitest';
import { Allocation } from '../../src/allocation/allocation.ts';
import { ms } from '../../src/base/clock.ts';
import { formatIpAddress } from '../../src/base/ip-address.ts';
import { TrackedMap } from '../../src/base/tracked-map.ts';
import type { ServiceKey, ServiceRequest } from '../../src/inventory/service-request.ts';
import { keyOf, pool, ports, request, wants } from './rig.ts';

/*
 * Every story of three steps over three Services and two addresses, and every fourth step after each of those, compared with
 * an allocator that is as naive as the rules can be written: lists, searched from the front.
 */

const NAMES = ['a', 'b', 'c'] as const;
const variants = {
  plain: { sharingKey: undefined, wantedAddresses: [], ...ports('TCP/80') },
  first: { sharingKey: undefined, ...wants('192.0.2.0'), ...ports('TCP/80') },
  shared80: { sharingKey: 'k', wantedAddresses: [], ...ports('TCP/80') },
  shared443: { sharingKey: 'k', wantedAddresses: [], ...ports('TCP/443') },
} as const satisfies Record<string, Partial<ServiceRequest>>;
type Variant = keyof typeof variants | 'gone';
const VARIANTS = [...Object.keys(variants), 'gone'] as Variant[];

const ADDRESSES = ['192.0.2.0', '192.0.2.1'];

interface Naive {
  readonly wishes: Map<string, Exclude<Variant, 'gone'>>;
  readonly owner: Map<string, string>;
  /** In the order in which they were first taken. */
  taken: string[];
  /** In the order in which they became free. */
  freed: string[];
}

const port = (variant: Variant): string => (variant === 'shared443' ? '443' : '80');
const key = (variant: Variant): string => (variant === 'shared80' || variant === 'shared443' ? 'k' : '');

function naiveStep(state: Naive, name: string, variant: Variant): void {
  const { wishes, owner } = state;
  const tenants = (address: string, except: string) =>
    [...owner].filter(([n, a]) => a === address && n !== except).map(([n]) => n);
  const fits = (address: string, n: string): boolean =>
    tenants(address, n).every(
      (t) =>
        key(wishes.get(t)!) === 'k' && key(wishes.get(n)!) === 'k' && port(wishes.get(t)!) !== port(wishes.get(n)!),
    );
  const leave = (n: string): void => {
    const address = owner.get(n);
    owner.delete(n);
    if (address === undefined || tenants(address, n).length > 0) return;
    state.taken = state.taken.filter((a) => a !== address);
    state.freed.push(address);
  };
  const take = (n: string, address: string): void => {
    leave(n);
    owner.set(n, address);
    state.freed = state.freed.filter((a) => a !== address);
    if (!state.taken.includes(address)) state.taken.push(address);
  };

  const before = wishes.get(name);
  if (variant === 'gone') {
    leave(name);
    wishes.delete(name);
  } else {
    wishes.set(name, variant);
    const held = owner.get(name);
    if (held !== undefined && !fits(held, name)) leave(name);
    // A sole owner under new terms has a newly shared address.
    else if (
      held !== undefined &&
      before !== undefined &&
      tenants(held, name).length === 0 &&
      (key(before) !== key(variant) || port(before) !== port(variant))
    )
      state.taken = [...state.taken.filter((a) => a !== held), held];
  }
  for (let changed = true; changed; ) {
    changed = false;
    for (const n of NAMES) {
      const wish = wishes.get(n);
      if (wish === undefined) continue;
      const held = owner.get(n);
      let target: string | undefined;
      if (wish === 'first') target = held !== '192.0.2.0' && fits('192.0.2.0', n) ? '192.0.2.0' : undefined;
      else if (held === undefined) {
        const shared =
          key(wish) === 'k'
            ? state.taken.find((a) => tenants(a, n).every((t) => key(wishes.get(t)!) === 'k') && fits(a, n))
            : undefined;
        const unused = ADDRESSES.find((a) => !state.taken.includes(a) && !state.freed.includes(a));
        target = shared ?? unused ?? state.freed[0];
      }
      if (target === undefined) continue;
      take(n, target);
      changed = true;
    }
  }
}

class Real {
  readonly #allocation = new Allocation();
  readonly #pools = [pool('p', ['192.0.2.0/31'])];
  readonly #inPlace: boolean;
  #services = new TrackedMap<ServiceKey, ServiceRequest>();

  constructor(inPlace: boolean) {
    this.#inPlace = inPlace;
  }

  step(name: string, variant: Variant): string {
    if (!this.#inPlace) this.#services = new TrackedMap(this.#services);
    if (variant === 'gone') this.#services.delete(keyOf(name));
    else this.#services.set(keyOf(name), request(name, variants[variant]));
    const input = {
      pools: this.#pools,
      services: this.#services,
      namespaces: new Map(),
      loadBalancerClass: undefined,
      now: ms(0),
    };
    const found = [...this.#allocation.reconcile(input).values()].map(
      ({ service, addresses }) => [service.slice(5), addresses.map(formatIpAddress)[0]] as const,
    );
    return outcomeOf(found);
  }
}

/** "a 192.0.2.0, b 192.0.2.0" */
const outcomeOf = (owners: Iterable<readonly [string, string | undefined]>): string =>
  NAMES.flatMap((name) =>
    [...owners].filter(([owner, address]) => owner === name && address !== undefined).map((pair) => pair.join(' ')),
  ).join(', ');

test.each([
  ['a map made anew for each step', false],
  ['one map changed in place', true],
])('every story of four steps agrees with the naive allocator: %s', (_, inPlace) => {
  const steps = NAMES.flatMap((name) => VARIANTS.map((variant) => [name, variant] as const));
  let stories = 0;
  const differences: string[] = [];
  const play = (story: readonly (readonly [string, Variant])[]): void => {
    const naive: Naive = { wishes: new Map(), owner: new Map(), taken: [], freed: [] };
    const real = new Real(inPlace);
    let outcome = '';
    for (const [name, variant] of story) {
      naiveStep(naive, name, variant);
      outcome = real.step(name, variant);
    }
    // Shorter beginnings were compared as stories of their own.
    const expected = outcomeOf(naive.owner);
    if (outcome !== expected)
      differences.push(`${story.map((step) => step.join(' ')).join(', ')}: ${outcome}, not ${expected}`);
    stories++;
    if (story.length < 4) for (const step of steps) play([...story, step]);
  };
  for (const step of steps) play([step]);
  expect(differences).toEqual([]);
  expect(stories).toBe(15 + 15 ** 2 + 15 ** 3 + 15 ** 4);
});
