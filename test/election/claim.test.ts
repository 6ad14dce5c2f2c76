import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addDigests,
  beats,
  CLAIM_CAUSES,
  type Claim,
  digestOf,
  EMPTY_DIGEST,
  replaces,
} from '../../src/election/claim.ts';
import { ClaimTable } from '../../src/election/claim-table.ts';
import { instance, vip } from './rig.ts';

const claim = (node: string, term: number, more: Partial<Claim> = {}): Claim => ({
  address: vip(1),
  node,
  instance: instance(node),
  term,
  phase: 'held',
  weak: false,
  cause: 'first',
  ...more,
});

describe('the order of claims', () => {
  test.each<[string, Claim, Claim]>([
    ['strong beats weak, whatever the terms', claim('a', 1), claim('b', 9, { weak: true })],
    ['then the higher term', claim('a', 8), claim('b', 7)],
    ['also among weak ones', claim('a', 8, { weak: true }), claim('b', 7, { weak: true })],
  ])('%s', (_title, winner, loser) => {
    expect(beats(winner, loser)).toBe(true);
    expect(beats(loser, winner)).toBe(false);
  });

  test('equal terms: the hash of address and node decides, and not always for the same node', () => {
    const winners = new Set<string>();
    for (let i = 0; i < 50; i++) {
      const [a, b] = [claim('a', 5, { address: vip(i) }), claim('b', 5, { address: vip(i) })];
      expect(beats(a, b)).toBe(!beats(b, a));
      winners.add(beats(a, b) ? 'a' : 'b');
    }
    expect(winners.size).toBe(2);
  });

  test('it is total and transitive', () => {
    const any = fc
      .record({ node: fc.constantFrom('a', 'b', 'c', 'd'), start: fc.nat(2), term: fc.nat(3), weak: fc.boolean() })
      .map(({ node, start, term, weak }) => claim(node, term, { weak, instance: instance(node, start) }));
    const differ = (a: Claim, b: Claim): boolean => a.instance !== b.instance || a.term !== b.term || a.weak !== b.weak;
    fc.assert(
      fc.property(any, any, any, (a, b, c) => {
        if (differ(a, b) && a.instance !== b.instance) expect(beats(a, b)).toBe(!beats(b, a));
        if (beats(a, b) && beats(b, c)) expect(beats(a, c)).toBe(true);
      }),
    );
  });

  test('of one process the later term replaces the earlier one, and within a term only giving up does', () => {
    const vacated = (term: number): Claim => claim('a', term, { phase: 'vacated' });
    expect(replaces(claim('a', 2), claim('a', 1))).toBe(true);
    expect(replaces(vacated(2), claim('a', 1))).toBe(true);
    expect(replaces(vacated(1), claim('a', 1))).toBe(true);
    expect(replaces(claim('a', 1), vacated(1))).toBe(false);
    expect(replaces(claim('a', 1), claim('a', 1))).toBe(false);
    expect(replaces(claim('a', 1), vacated(2))).toBe(false);
  });
});

describe('4: tables that have heard the same claims are equal', () => {
  const anyClaim = fc
    .record({
      node: fc.constantFrom('a', 'b', 'c'),
      term: fc.integer({ min: 1, max: 4 }),
      phase: fc.constantFrom('held' as const, 'vacated' as const),
      address: fc.nat(2),
    })
    // Of a process there is one claim a term and phase, so its strength follows from them.
    .map(({ node, term, phase, address }) => claim(node, term, { phase, weak: term % 2 === 0, address: vip(address) }));

  test('in any order, any number of times', () => {
    fc.assert(
      fc.property(fc.array(anyClaim), fc.array(fc.nat(1000)), (claims, keys) => {
        const shuffled = claims
          .map((one, i) => ({ one, key: keys[i % Math.max(1, keys.length)] ?? 0 }))
          .sort((a, b) => a.key - b.key)
          .map(({ one }) => one);
        const [first, second] = [tableOf(claims), tableOf([...shuffled, ...claims])];
        for (const node of ['a', 'b', 'c'])
          expect(second.digestOf(instance(node))).toEqual(first.digestOf(instance(node)));
        for (let i = 0; i < 3; i++) {
          const [one, other] = [first.record(vip(i)), second.record(vip(i))];
          expect(other.seen).toBe(one.seen);
          expect(new Set(other.claims.map((c) => JSON.stringify(c, text)))).toEqual(
            new Set(one.claims.map((c) => JSON.stringify(c, text))),
          );
        }
      }),
    );
  });

  test('the digest is that of what is held, and of nothing else', () => {
    const table = tableOf([claim('a', 1), claim('a', 1, { address: vip(2) }), claim('a', 2, { phase: 'vacated' })]);
    expect(table.digestOf(instance('a'))).toEqual(digestOf(claim('a', 1, { address: vip(2) }), '10.1.0.2'));
    table.drop(instance('a'));
    expect(table.digestOf(instance('a'))).toEqual(EMPTY_DIGEST);
    expect(table.record(vip(1)).seen).toBe(2);
  });

  test('claims that differ in anything that counts have different digests', () => {
    const some = [claim('a', 1), claim('a', 2), claim('a', 1, { weak: true }), claim('b', 1)];
    const digests = some.map((one) => digestOf(one, '10.1.0.1'));
    expect(new Set(digests.map(({ high }) => high)).size).toBe(some.length);
    expect(new Set(digests.map(({ low }) => low)).size).toBe(some.length);
    expect(digests.reduce(addDigests, digests.reduce(addDigests, EMPTY_DIGEST))).toEqual(EMPTY_DIGEST);
  });
});

test('the numbers of the causes are part of the protocol', () => {
  expect(CLAIM_CAUSES.slice(0, 13)).toEqual([
    'first',
    'failover',
    'vacancy',
    'hand-over',
    'conflict',
    'strengthened',
    'not-serving',
    'no-interface',
    'not-eligible',
    'removed',
    'stopped',
    'yielded',
    'declared-dead',
  ]);
});

const tableOf = (claims: readonly Claim[]): ClaimTable => {
  const table = new ClaimTable();
  claims.forEach((one) => {
    table.merge(table.record(one.address), one, 1);
  });
  return table;
};
const text = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);
