import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Candidate } from '../../src/announcement/verdict.ts';
import { type IpAddress, ipAddress, parseIpAddress } from '../../src/base/ip-address.ts';
import { rankCandidates } from '../../src/election/rank.ts';

const address = (text: string): IpAddress => {
  const parsed = parseIpAddress(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};
const candidate = (node: string, more: Partial<Candidate> = {}): Candidate => ({
  node,
  preference: 0,
  leaving: false,
  ready: true,
  ...more,
});
const rank = (text: string, ...candidates: Candidate[]): string[] =>
  rankCandidates(address(text), candidates).map(({ node }) => node);
const three = ['node-a', 'node-b', 'node-c'].map((node) => candidate(node));
const consecutive = (first: string, count: number): IpAddress[] =>
  Array.from({ length: count }, (_, i) => ({ ...address(first), value: address(first).value + BigInt(i) }));
const holders = (addresses: readonly IpAddress[], candidates: readonly Candidate[]): string[] =>
  addresses.map((one) => rankCandidates(one, candidates)[0]!.node);

describe('the order is for ever', () => {
  // A change here makes speakers of two versions disagree during an upgrade. Never edit a line; add new ones.
  it.each<[string, string[]]>([
    ['10.0.0.1', ['edge-1.example.net', 'n', 'node-c', 'node-a', 'node-b']],
    ['10.0.0.2', ['node-a', 'node-c', 'node-b', 'edge-1.example.net', 'n']],
    ['192.0.2.255', ['node-b', 'node-c', 'edge-1.example.net', 'n', 'node-a']],
    ['203.0.113.10', ['node-a', 'node-c', 'n', 'edge-1.example.net', 'node-b']],
    ['0.0.0.0', ['node-b', 'node-a', 'node-c', 'edge-1.example.net', 'n']],
    ['255.255.255.255', ['node-b', 'node-a', 'n', 'node-c', 'edge-1.example.net']],
    ['2001:db8:1::10', ['node-b', 'node-a', 'node-c', 'n', 'edge-1.example.net']],
    ['2001:db8:1::11', ['edge-1.example.net', 'node-c', 'n', 'node-b', 'node-a']],
    ['fd00::1', ['node-b', 'node-a', 'edge-1.example.net', 'n', 'node-c']],
  ])('%s', (text, order) => {
    const five = ['node-a', 'node-b', 'node-c', 'edge-1.example.net', 'n'].map((node) => candidate(node));
    expect(rank(text, ...five)).toEqual(order);
  });
});

describe('what outweighs the hash', () => {
  const everyAddress = fc.bigInt(0n, 2n ** 32n - 1n).map((value) => ipAddress('ipv4', value));
  const first = (one: IpAddress, ...candidates: Candidate[]): string => rankCandidates(one, candidates)[0]!.node;

  it.each<[string, Candidate, Candidate]>([
    ['a preference', candidate('a', { preference: 1 }), candidate('b')],
    ['the higher sum of preferences', candidate('a', { preference: 120 }), candidate('b', { preference: 100 })],
    ['a ready local endpoint', candidate('a'), candidate('b', { ready: false })],
    ['a ready one over a preference', candidate('a'), candidate('b', { ready: false, preference: 100 })],
    ['staying over leaving', candidate('a'), candidate('b', { leaving: true })],
    ['staying over a preference', candidate('a'), candidate('b', { leaving: true, preference: 100 })],
    ['staying over a ready endpoint', candidate('a', { ready: false }), candidate('b', { leaving: true })],
  ])('%s, for every address', (_title, better, worse) => {
    fc.assert(
      fc.property(everyAddress, (one) => {
        expect(first(one, worse, better)).toBe('a');
        expect(first(one, better, worse)).toBe('a');
      }),
    );
  });

  it('a leaving node is last, not absent', () => {
    expect(rank('10.0.0.1', candidate('a', { leaving: true }))).toEqual(['a']);
    expect(rank('10.0.0.1', candidate('a', { leaving: true }), candidate('b'), candidate('c')).at(-1)).toBe('a');
  });
});

describe('properties', () => {
  const candidates = fc.uniqueArray(
    fc.record({
      node: fc.stringMatching(/^[a-z][a-z0-9.-]{0,20}$/),
      preference: fc.integer({ min: 0, max: 3 }),
      leaving: fc.boolean(),
      ready: fc.boolean(),
    }),
    { selector: ({ node }) => node, maxLength: 12 },
  );
  const someAddress = fc.oneof(
    fc.bigInt(0n, 2n ** 32n - 1n).map((value) => ipAddress('ipv4', value)),
    fc.bigInt(0n, 2n ** 128n - 1n).map((value) => ipAddress('ipv6', value)),
  );

  it('the order in which candidates are given does not matter, and each appears once', () => {
    fc.assert(
      fc.property(someAddress, candidates, fc.func(fc.integer()), (one, list, shuffle) => {
        const shuffled = [...list].sort((a, b) => shuffle(a.node) - shuffle(b.node));
        const ranked = rankCandidates(one, list);
        expect(rankCandidates(one, shuffled)).toEqual(ranked);
        expect(new Set(ranked)).toEqual(new Set(list));
        expect(ranked).toHaveLength(list.length);
      }),
    );
  });

  it('a candidate that goes leaves the order of the others as it was', () => {
    fc.assert(
      fc.property(someAddress, candidates, fc.nat(), (one, list, pick) => {
        const gone = list[pick % Math.max(1, list.length)];
        const ranked = rankCandidates(one, list);
        const left = rankCandidates(
          one,
          list.filter((other) => other !== gone),
        );
        expect(left).toEqual(ranked.filter((other) => other !== gone));
      }),
    );
  });
});

describe('spread', () => {
  it.each([
    ['consecutive IPv4 addresses', consecutive('203.0.113.0', 300)],
    ['consecutive IPv6 addresses', consecutive('2001:db8::', 300)],
    ['a /24 aligned block', consecutive('10.0.0.0', 300)],
  ])('300 %s over 3 nodes: within 25 %% of even', (_title, addresses) => {
    const counts = new Map<string, number>();
    for (const node of holders(addresses, three)) counts.set(node, (counts.get(node) ?? 0) + 1);
    for (const { node } of three) {
      expect(counts.get(node)).toBeGreaterThanOrEqual(75);
      expect(counts.get(node)).toBeLessThanOrEqual(125);
    }
  });

  it('over 30 nodes with similar names, 30,000 addresses: within 25 % of even', () => {
    const nodes = Array.from({ length: 30 }, (_, i) => candidate(`worker-${i}`));
    const counts = new Map<string, number>();
    for (const node of holders(consecutive('10.0.0.0', 30_000), nodes)) counts.set(node, (counts.get(node) ?? 0) + 1);
    for (const { node } of nodes) expect(Math.abs((counts.get(node) ?? 0) - 1000)).toBeLessThan(250);
  });

  it('what a lost node had goes to all the others, evenly, and nothing else moves', () => {
    const addresses = consecutive('203.0.113.0', 3000);
    const before = holders(addresses, three);
    const after = holders(addresses, three.slice(1));
    const kept = before.map((node, i) => (node === 'node-a' ? 'moved' : after[i]));
    expect(kept).toEqual(before.map((node) => (node === 'node-a' ? 'moved' : node)));
    const taken = after.filter((_, i) => before[i] === 'node-a');
    const share = taken.filter((node) => node === 'node-b').length / taken.length;
    expect(share).toBeGreaterThan(0.4);
    expect(share).toBeLessThan(0.6);
  });
});
