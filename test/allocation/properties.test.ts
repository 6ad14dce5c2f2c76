import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AllocationDecision } from '../../src/allocation/decision.ts';
import { ms } from '../../src/base/clock.ts';
import { formatIpAddress, type IpAddress, sameIpAddress } from '../../src/base/ip-address.ts';
import { rangeContains } from '../../src/base/ip-range.ts';
import type { Pool } from '../../src/config/config.ts';
import type { ServiceKey, ServiceRequest } from '../../src/inventory/service-request.ts';
import { keyOf, pinned, pool, ports, prefer, Rig, require, reserved, wants } from './rig.ts';
import { Twin } from './twin.ts';

/* Small pools and few names, so that everything that can collide does. */

const NAMES = ['a', 'b', 'c', 'lab/d', 'lab/e'] as const;

const four = (name: string, texts: readonly string[], changes: Partial<Pool> = {}) => pool(name, texts, changes);
const layouts: readonly (readonly Pool[])[] = [
  [],
  [four('p', ['192.0.2.0/31', '2001:db8::/127'])],
  [four('p', ['192.0.2.0/30', '2001:db8::/127'], { avoidBuggyIPs: true }), four('q', ['198.51.100.0/31'])],
  [four('p', ['192.0.2.2/31']), four('q', ['192.0.2.0/31', '2001:db8::/127'], { autoAssign: false })],
  [four('p', ['192.0.2.0/30'], { serviceAllocation: pinned({ namespaces: ['lab'] }) }), four('q', ['2001:db8::/64'])],
  [
    four('p', ['192.0.2.0/30', '2001:db8::/126'], {
      reserved: [reserved('192.0.2.1', 'shop/a'), reserved('2001:db8::1')],
    }),
  ],
  [
    four('p', ['192.0.2.0/31', '2001:db8::/127'], { retired: true }),
    four('q', ['198.51.100.0/31', '2001:db8:1::/127']),
  ],
  [four('p', ['192.0.2.0/30', '2001:db8::/127'], { reuseAfter: ms(1000) })],
  [
    four('p', ['192.0.2.0/31', '2001:db8::/127'], {
      reuseAfter: ms(1000),
      reserved: [reserved('192.0.2.1', 'shop/a')],
    }),
    four('q', ['198.51.100.0/32', '2001:db8:1::/127'], {
      reuseAfter: ms(2000),
      autoAssign: false,
      reserved: [reserved('2001:db8:1::1', 'shop/b')],
    }),
  ],
];

const shapes: readonly Partial<ServiceRequest>[] = [
  { families: ['ipv4'], ipFamilyPolicy: 'SingleStack' },
  { families: ['ipv6'], ipFamilyPolicy: 'SingleStack' },
  prefer,
  { ...prefer, families: ['ipv6', 'ipv4'] },
  require,
];
const demands: readonly Partial<ServiceRequest>[] = [
  { wantedAddresses: [], wantedPool: undefined },
  { ...wants('192.0.2.1'), wantedPool: undefined },
  { ...wants('192.0.2.2', '2001:db8::1'), wantedPool: undefined },
  { ...wants('2001:db8::'), wantedPool: undefined },
  { wantedAddresses: [], wantedPool: 'q' },
  { wantedAddresses: [], wantedPool: 'nowhere' },
];
const sharings: readonly Partial<ServiceRequest>[] = [
  { sharingKey: undefined, ...ports('TCP/80') },
  { sharingKey: 'k', ...ports('TCP/80') },
  { sharingKey: 'k', ...ports('TCP/443') },
  { sharingKey: 'k', ...ports('TCP/80', 'UDP/53'), backendKey: 'app=x' },
  { sharingKey: 'q', ...ports('UDP/53'), backendKey: '' },
];
const states: readonly Partial<ServiceRequest>[] = [
  { loadBalancer: true, headless: false, invalid: undefined },
  { loadBalancer: true, headless: false, invalid: undefined },
  { loadBalancer: true, headless: false, invalid: 'unreadable' },
  { loadBalancer: false, invalid: undefined },
];

type Operation =
  | { readonly kind: 'set'; readonly changes: Readonly<Record<string, Partial<ServiceRequest>>> }
  | { readonly kind: 'remove'; readonly name: string }
  | { readonly kind: 'configure'; readonly layout: number }
  | { readonly kind: 'later' };

const change = fc
  .tuple(
    fc.constantFrom(...shapes),
    fc.constantFrom(...demands),
    fc.constantFrom(...sharings),
    fc.constantFrom(...states),
    fc.nat({ max: 3 }),
  )
  .map(([shape, demand, sharing, state, createdAt]) => ({ ...shape, ...demand, ...sharing, ...state, createdAt }));
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .dictionary(fc.constantFrom(...NAMES), change, { minKeys: 1, maxKeys: 3 })
      .map((changes) => ({ kind: 'set' as const, changes })),
  },
  { weight: 2, arbitrary: fc.constantFrom(...NAMES).map((name) => ({ kind: 'remove' as const, name })) },
  {
    weight: 3,
    arbitrary: fc.nat({ max: layouts.length - 1 }).map((layout) => ({ kind: 'configure' as const, layout })),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'later' as const }) },
);
const story = fc.array(operation, { minLength: 1, maxLength: 14 });

function play(rig: Rig, step: Operation): void {
  switch (step.kind) {
    case 'set':
      rig.set(step.changes);
      return;
    case 'remove':
      rig.remove(step.name);
      return;
    case 'configure':
      rig.configure(...layouts[step.layout]!);
      return;
    case 'later':
      rig.later(600);
  }
}

const holders = (rig: Rig) => rig.decisions.filter(({ addresses }) => addresses.length > 0);
type Decisions = ReadonlyMap<ServiceKey, AllocationDecision>;
const endsBuggy = ({ family, value }: IpAddress): boolean => family === 'ipv4' && [0n, 255n].includes(value & 255n);
const includes = (addresses: readonly IpAddress[], wanted: IpAddress): boolean =>
  addresses.some((a) => sameIpAddress(a, wanted));
const poolOf = (rig: Rig, address: IpAddress): Pool | undefined =>
  [...rig.pools]
    .sort((a, b) => Number(a.retired) - Number(b.retired))
    .find(({ ranges }) => ranges.some((r) => rangeContains(r, address)));

/* Each of these returns what is wrong, in words; nothing, when all is well. */

/** Never two owners, unless all of them share by the rules. */
function* ownersDisagree(rig: Rig): Iterable<string> {
  const owners = new Map<string, ServiceRequest[]>();
  for (const { service, addresses } of holders(rig))
    for (const address of addresses) {
      const text = formatIpAddress(address);
      owners.set(text, [...(owners.get(text) ?? []), rig.services.get(service)!]);
    }
  for (const [text, services] of owners) {
    if (services.length === 1) continue;
    if (services.some((s) => s.sharingKey === undefined)) yield `${text}: an owner without a key`;
    if (new Set(services.map((s) => JSON.stringify([s.sharingKey, s.backendKey]))).size > 1)
      yield `${text}: different keys`;
    const taken = services.flatMap((s) => s.ports.map(({ protocol, port }) => `${protocol}/${port}`));
    if (new Set(taken).size < taken.length) yield `${text}: one port twice`;
  }
}

function* malformedDecisions(rig: Rig): Iterable<string> {
  for (const { service, addresses, reason, message } of holders(rig)) {
    const request = rig.services.get(service)!;
    const families = addresses.map(({ family }) => family);
    const inOrder = request.families.filter((family) => families.includes(family));
    if (families.join() !== inOrder.join()) yield `${service}: families ${families.join()}, not ${inOrder.join()}`;
    if ((reason === undefined) !== (message === undefined)) yield `${service}: a reason without a message`;
    const content = request.ipFamilyPolicy === 'PreferDualStack' && addresses.length > 0;
    if (addresses.length < request.families.length && reason === undefined && !content)
      yield `${service}: incomplete without a reason`;
  }
}

/** What was given in this step obeys every rule of now, also where what is kept does not. */
function* illegalGifts(rig: Rig, before: Decisions): Iterable<string> {
  for (const { service, addresses } of holders(rig)) {
    const old = before.get(service)?.addresses ?? [];
    const added = addresses.filter((address) => !includes(old, address));
    const request = rig.services.get(service)!;
    for (const address of added) {
      const home = poolOf(rig, address);
      const gift = `${service} got ${formatIpAddress(address)}`;
      if (home === undefined || home.retired) yield `${gift} from no live pool`;
      if (home?.serviceAllocation?.namespaces.includes(request.namespace) === false)
        yield `${gift} from a pool of others`;
      const reservation = home?.reserved.find(({ range }) => rangeContains(range, address));
      if (reservation !== undefined && reservation.service !== service) yield `${gift}, which is reserved`;
      if (home?.avoidBuggyIPs === true && reservation === undefined && endsBuggy(address))
        yield `${gift}, which is to be avoided`;
      if (addresses.some((other) => poolOf(rig, other) !== home)) yield `${gift} from another pool than its first`;
    }
    if (added.length > 0 && request.ipFamilyPolicy === 'RequireDualStack' && addresses.length < 2)
      yield `${service} got one of two`;
  }
}

/** A Service that did not change and had nothing to complain about keeps every address, whatever the others and the pools do. */
function* moves(rig: Rig, before: Decisions, untouched: ReadonlySet<ServiceKey>): Iterable<string> {
  for (const [service, old] of before) {
    if (!untouched.has(service)) continue;
    const now = rig.decisions.find((d) => d.service === service)?.addresses ?? [];
    if (old.reason === undefined && !old.addresses.every((address) => includes(now, address)))
      yield `${service} was moved`;
    // One that names an address or a pool may leave a pool with both families for it.
    const { wantedAddresses, wantedPool } = rig.services.get(service)!;
    const names = wantedAddresses.length > 0 || wantedPool !== undefined;
    if (!names && now.length < old.addresses.length) yield `${service} lost an address`;
  }
}

function* miscounts(rig: Rig): Iterable<string> {
  const distinct = new Map(
    holders(rig).flatMap(({ addresses }) => addresses.map((address) => [formatIpAddress(address), address])),
  );
  for (const { name, used, total, available } of rig.allocation.usage()) {
    const home = rig.pools.find((candidate) => candidate.name === name)!;
    const counted = [...distinct.values()].filter(
      (address) =>
        poolOf(rig, address) === home &&
        !home.reserved.some(({ range }) => rangeContains(range, address)) &&
        !(home.avoidBuggyIPs && endsBuggy(address)),
    );
    if (used !== BigInt(counted.length)) yield `${name}: ${used} used, not ${counted.length}`;
    if (available !== (home.retired ? 0n : total - used)) yield `${name}: ${available} available of ${total}`;
  }
}

const outcome = (decisions: readonly AllocationDecision[]) =>
  Object.fromEntries(
    decisions.map(({ service, addresses, pool: name, reason }) => [
      service,
      [...addresses.map(formatIpAddress), name, reason],
    ]),
  );

/** Its allocation is shown another map each time, and a twin of it decides the same on one that is changed in place. */
class RigWithTwin extends Rig {
  readonly differences: unknown[] = [];
  readonly #twin: Twin;

  constructor(stumbles: boolean, pools: readonly Pool[]) {
    super(...pools);
    this.#twin = new Twin(stumbles);
  }

  override decide(): readonly AllocationDecision[] {
    const decisions = super.decide();
    const twins = this.#twin.decide(this.input());
    const ours = new Map(decisions.map((decision) => [decision.service, decision]));
    const [due, twinsDue] = [this.allocation.nextDue(), this.#twin.allocation.nextDue()];
    if (due !== twinsDue || !isDeepStrictEqual(ours, new Map(twins)))
      this.differences.push({ ours, twins, due, twinsDue });
    return decisions;
  }
}

describe('whatever happens', () => {
  test('owners agree, new addresses are legal, legal addresses do not move, counts are exact', () => {
    fc.assert(
      fc.property(story, (steps) => {
        const rig = new Rig(...layouts[1]!);
        const wrong: string[] = [];
        for (const step of steps) {
          const before = new Map(rig.decisions.map((decision) => [decision.service, decision]));
          const requests = rig.services;
          play(rig, step);
          const touched = step.kind === 'set' ? Object.keys(step.changes).map(keyOf) : [];
          const untouched = new Set(
            [...requests.keys()].filter((key) => rig.services.has(key) && !touched.includes(key)),
          );
          wrong.push(
            ...ownersDisagree(rig),
            ...malformedDecisions(rig),
            ...illegalGifts(rig, before),
            ...moves(rig, before, untouched),
            ...miscounts(rig),
          );
        }
        expect(wrong).toEqual([]);
      }),
      { numRuns: 800 },
    );
  });

  test.each([
    ['one map changed in place gives the same decisions as another map each time', false],
    ['so does one where each pass fails first, half way through what changed', true],
  ])('%s', (_, stumbles) => {
    fc.assert(
      fc.property(story, fc.boolean(), (steps, newClass) => {
        const rig = new RigWithTwin(stumbles, layouts[1]!);
        for (const step of steps) play(rig, step);
        if (newClass) rig.loadBalancerClass = 'other';
        rig.set({ a: newClass ? { loadBalancerClass: 'other' } : {} });
        expect(rig.differences).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test('a restart, when nobody waits for the end of a rest, changes nothing: statuses replayed give the same addresses, pools and reasons', () => {
    fc.assert(
      fc.property(story, (steps) => {
        const rig = new Rig(...layouts[1]!);
        for (const step of steps) play(rig, step);
        // A restart forgets what rests, so it changes nothing only where nobody waits for the end of a rest.
        for (let due = rig.allocation.nextDue(); due !== undefined; due = rig.allocation.nextDue())
          rig.later(due - rig.now);
        const before = outcome(rig.decisions);
        expect(outcome(rig.restart().decisions)).toEqual(before);
      }),
      { numRuns: 500 },
    );
  });

  test('a restart at any time changes nothing for those who have what they ask for', () => {
    fc.assert(
      fc.property(story, (steps) => {
        const rig = new Rig(...layouts[1]!);
        for (const step of steps) play(rig, step);
        const content = rig.decisions.filter(({ reason }) => reason === undefined);
        expect(outcome(rig.restart().decisions)).toMatchObject(outcome(content));
      }),
      { numRuns: 500 },
    );
  });

  test('replay does not depend on the order in which the Services are listed', () => {
    const claims = fc.dictionary(fc.constantFrom(...NAMES), fc.tuple(change, fc.constantFrom(...demands)), {
      minKeys: 2,
    });
    fc.assert(
      fc.property(claims, fc.constantFrom(...layouts), (services, pools) => {
        const entries = Object.entries(services).map(
          ([name, [wish, held]]) => [name, { ...wish, assigned: held.wantedAddresses ?? [] }] as const,
        );
        const inOrder = new Rig(...pools).set(Object.fromEntries(entries));
        const reversed = new Rig(...pools).set(Object.fromEntries([...entries].reverse()));
        expect(outcome(reversed.decisions)).toEqual(outcome(inOrder.decisions));
        expect([...ownersDisagree(inOrder)]).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test('all deleted: all free, and all can be given again', () => {
    fc.assert(
      fc.property(story, (steps) => {
        const rig = new Rig(...layouts[1]!);
        for (const step of steps) play(rig, step);
        rig.remove(...NAMES).configure(...layouts[1]!);
        expect(rig.allocation.usage().map(({ used }) => used)).toEqual([0n]);
        rig.set({ v: require, w: require, x: require });
        expect(['v', 'w', 'x'].map((name) => rig.decision(name)!.addresses.length)).toEqual([2, 2, 0]);
      }),
      { numRuns: 200 },
    );
  });
});
