import { describe, expect, test } from 'vitest';
import { ms } from '../../src/base/clock.ts';
import type { ElectionAddress } from '../../src/election/address.ts';
import { rankCandidates } from '../../src/election/rank.ts';
import { MAX_PAYLOAD } from '../../src/election/wire/constants.ts';
import { candidate, Rig, vip, wanted } from './rig.ts';

const NODES = ['a', 'b', 'c'];
const ranked = (...order: string[]): number => {
  for (let i = 0; ; i++) {
    const ranks = rankCandidates(
      vip(i),
      NODES.map((node) => candidate(node)),
    );
    if (order.every((node, place) => ranks[place]?.node === node)) return i;
  }
};
const NUMBER = ranked('a', 'b', 'c');
const want = (rig: Rig, more: Partial<ElectionAddress> = {}): void => {
  rig.step({ kind: 'addresses', set: [wanted(vip(NUMBER), NODES, more)], remove: [] });
};
const holder = (): Rig => {
  const rig = new Rig('a').settle(['b', 'c']);
  want(rig);
  rig.take();
  return rig;
};
const taken = (rig: Rig, by: string, term: number): void => {
  rig.hear(by, {
    kind: 'claims',
    sequence: 5,
    claims: [{ address: vip(NUMBER), term, phase: 'held', weak: false, cause: 'hand-over' }],
  });
};
const isHeld = (rig: Rig): boolean => rig.election.state(vip(NUMBER))?.holder?.node === 'a';

describe('the side that gives', () => {
  test.each<[string, (rig: Rig) => void, string]>([
    ['the speaker stops', (rig) => rig.step({ kind: 'leave' }), 'stopping'],
    [
      'the node may not hold it any more',
      (rig) => want(rig, { candidates: [candidate('b'), candidate('c')] }),
      'not-eligible',
    ],
    [
      'the node leaves',
      (rig) => want(rig, { candidates: [candidate('a', { leaving: true }), candidate('b')] }),
      'leaving',
    ],
    [
      'its last ready endpoint goes',
      (rig) => want(rig, { candidates: [candidate('a', { ready: false }), candidate('b')] }),
      'not-ready',
    ],
    ['it is asked to', (rig) => want(rig, { move: { to: 'b', term: 1 } }), 'move'],
  ])('%s: offers it, serves on, and is silent when the claim comes', (_title, happens, why) => {
    const rig = holder();
    happens(rig);
    expect(rig.said('offers')).toMatchObject([
      { to: ['b'], message: { expiry: 200, offers: [{ address: vip(NUMBER), term: 2, weak: false }] } },
    ]);
    expect(rig.election.state(vip(NUMBER))).toMatchObject({ handingOver: why, holder: { node: 'a' } });
    rig.wait(5);
    taken(rig, 'b', 2);
    const effects = rig.take();
    expect(effects).toContainEqual({ kind: 'release', address: vip(NUMBER) });
    expect(effects).toContainEqual({ kind: 'handed-over', address: vip(NUMBER), to: 'b', why });
    expect(rig.election.state(vip(NUMBER))).toMatchObject({ handingOver: undefined, holder: { node: 'b', term: 2 } });
  });

  test('who declines is passed over at once, who says nothing after 200 ms; each offer has the next term', () => {
    const rig = holder();
    rig.step({ kind: 'leave' });
    rig.take();
    rig.hear('b', { kind: 'declines', declines: [{ address: vip(NUMBER), term: 2 }] });
    expect(rig.said('offers')).toMatchObject([{ to: ['c'], message: { offers: [{ term: 3 }] } }]);
    rig.wait(199);
    expect(rig.take()).toEqual([]);
    rig.wait(2);
    expect(rig.taken('nobody-took')).toMatchObject([{ why: 'stopping' }]);
    expect(isHeld(rig)).toBe(true);
  });

  test('nobody takes it: it is served on and offered again, soon and then less often', () => {
    const rig = holder();
    rig.step({ kind: 'leave' });
    const offers: number[] = [];
    for (let at = 0; at < 6000; at += 100) {
      offers.push(...rig.said('offers').map(() => at));
      rig.wait(100);
    }
    expect(isHeld(rig)).toBe(true);
    expect(offers.slice(0, 4)).toEqual([0, 200, 500, 700]);
    expect(offers.at(-1)! - offers.at(-2)!).toBeLessThan(2500);
  });

  test('a taker that dies is passed over at once', () => {
    const rig = holder();
    rig.step({ kind: 'leave' });
    rig.take();
    rig.member('b', 'dead');
    expect(rig.said('offers')).toMatchObject([{ to: ['c'] }]);
  });

  test('a claim that comes after the offer went to another one is as good', () => {
    const rig = holder();
    rig.step({ kind: 'leave' });
    rig.wait(250);
    taken(rig, 'b', 2);
    expect(isHeld(rig)).toBe(false);
    taken(rig, 'c', 3);
    expect(rig.election.state(vip(NUMBER))?.holder).toMatchObject({ node: 'c', term: 3 });
  });

  test('the reason goes away: the offer is forgotten', () => {
    const rig = holder();
    want(rig, { move: { to: 'b', term: 1 } });
    want(rig);
    rig.take();
    rig.wait(5000);
    expect(rig.said('offers')).toEqual([]);
    expect(rig.election.state(vip(NUMBER))?.handingOver).toBeUndefined();
  });

  test('leaving nodes are no takers for one that leaves, and the last one keeps it', () => {
    const rig = holder();
    want(rig, { candidates: NODES.map((node) => candidate(node, { leaving: true })) });
    rig.wait(1000);
    expect(rig.said('offers')).toEqual([]);
    expect(isHeld(rig)).toBe(true);
  });

  test('emptied is told when nothing is left, or nothing more can be done', () => {
    const rig = holder();
    rig.step({ kind: 'leave' });
    expect(rig.taken('emptied')).toEqual([]);
    taken(rig, 'b', 2);
    expect(rig.taken('emptied')).toEqual([{ kind: 'emptied', kept: 0 }]);
    const lonely = holder();
    for (const node of ['b', 'c']) lonely.member(node, 'left');
    lonely.step({ kind: 'leave' });
    expect(lonely.taken('emptied')).toEqual([{ kind: 'emptied', kept: 1 }]);
    lonely.step({ kind: 'stop' });
    expect(lonely.taken('release')).toHaveLength(1);
  });
});

describe('move', () => {
  test('is over once the term is greater', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    rig.hear('b', {
      kind: 'claims',
      sequence: 2,
      claims: [{ address: vip(NUMBER), term: 7, phase: 'vacated', weak: false, cause: 'stopped' }],
    });
    want(rig, { move: { to: 'b', term: 7 } });
    rig.take();
    rig.wait(5000);
    expect(rig.election.state(vip(NUMBER))?.holder).toMatchObject({ node: 'a', term: 8 });
    expect(rig.said('offers')).toEqual([]);
  });

  test('goes only to the one that was named; who cannot take it is told of, and it is tried again', () => {
    const rig = holder();
    want(rig, { candidates: [candidate('a'), candidate('c')], move: { to: 'b', term: 1 } });
    expect(rig.taken('nobody-took')).toMatchObject([{ why: 'move', named: 'b' }]);
    want(rig, { move: { to: 'b', term: 1 } });
    rig.wait(200);
    expect(rig.said('offers')).toMatchObject([{ to: ['b'] }]);
  });

  test('to the holder itself does nothing', () => {
    const rig = holder();
    want(rig, { move: { to: 'a', term: 1 } });
    expect(rig.said('offers')).toEqual([]);
  });
});

describe('the side that takes', () => {
  const offered = (rig: Rig, term: number, weak = false): void => {
    rig.hear('b', { kind: 'offers', expiry: 200, offers: [{ address: vip(NUMBER), term, weak }] });
  };
  const taker = (more: Partial<ElectionAddress> = {}): Rig => {
    const rig = new Rig('a').settle(['b', 'c']);
    rig.hear('b', {
      kind: 'claims',
      sequence: 2,
      claims: [{ address: vip(NUMBER), term: 7, phase: 'held', weak: false, cause: 'first' }],
    });
    want(rig, more);
    rig.take();
    return rig;
  };

  test('answers first, then claims with the term that was offered', () => {
    const rig = taker();
    offered(rig, 8);
    const kinds = rig.effects.map(({ kind }) => kind);
    expect(kinds.indexOf('hold')).toBeGreaterThanOrEqual(0);
    expect(kinds.indexOf('hold')).toBeLessThan(kinds.indexOf('send'));
    expect(rig.said('claims')).toMatchObject([
      { to: ['b', 'c'], message: { claims: [{ term: 8, cause: 'hand-over' }] } },
    ]);
  });

  test.each<[string, () => Rig, number]>([
    ['it may not hold it', () => taker({ candidates: [candidate('b')] }), 8],
    ['nothing is served', () => taker({ serving: false }), 8],
    ['the offer is of the past', () => taker(), 7],
    [
      'it stops itself',
      () => {
        const rig = taker();
        rig.step({ kind: 'leave' });
        return rig;
      },
      8,
    ],
  ])('declines when %s', (_title, make, term) => {
    const rig = make();
    rig.take();
    offered(rig, term);
    expect(rig.effects.filter(({ kind }) => kind === 'hold')).toEqual([]);
    expect(rig.said('declines')).toMatchObject([
      { to: ['b'], message: { declines: [{ address: vip(NUMBER), term }] } },
    ]);
  });

  test('declines what another one holds', () => {
    const rig = taker();
    rig.hear('c', {
      kind: 'claims',
      sequence: 2,
      claims: [{ address: vip(NUMBER), term: 9, phase: 'held', weak: false, cause: 'first' }],
    });
    rig.take();
    offered(rig, 10);
    expect(rig.said('declines')).toHaveLength(1);
  });

  test('is as strong as the claim that it ends, though it hears few members', () => {
    const rig = taker();
    rig.member('c', 'dead');
    rig.take();
    offered(rig, 8, false);
    expect(rig.said('claims')[0]?.message.claims).toMatchObject([{ weak: false }]);
  });

  test('externalTrafficPolicy Local: asks its own health check first', () => {
    const rig = taker({ verify: true });
    offered(rig, 8);
    expect(rig.take().map(({ kind }) => kind)).toEqual(['check']);
    rig.step({ kind: 'checked', address: vip(NUMBER), ok: true });
    expect(rig.taken('hold')).toHaveLength(1);
    const sick = taker({ verify: true });
    offered(sick, 8);
    sick.step({ kind: 'checked', address: vip(NUMBER), ok: false });
    expect(sick.said('declines')).toHaveLength(1);
    const slow = taker({ verify: true });
    offered(slow, 8);
    slow.take();
    slow.wait(250);
    slow.step({ kind: 'checked', address: vip(NUMBER), ok: true });
    expect(slow.taken('hold')).toEqual([]);
  });
});

describe('5,000 addresses', () => {
  const many = Array.from({ length: 5000 }, (_, i) => wanted(vip(i), NODES));

  test('a drain is one conversation with each taker: few payloads, none too large, so many open at a time', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    rig.step({ kind: 'addresses', set: many, remove: [] });
    rig.wait(3000);
    rig.take();
    const total = rig.election.progress().holding;
    expect(total).toBe(5000);
    rig.step({ kind: 'leave' });
    let payloads = 0;
    for (let round = 0; round < 100 && rig.election.progress().holding > 0; round++) {
      for (const { to, message } of rig.said('offers')) {
        payloads++;
        const claims = message.offers.map(({ address, term }) => ({
          address,
          term,
          phase: 'held' as const,
          weak: false,
          cause: 'hand-over' as const,
        }));
        rig.now = ms(rig.now + 1);
        rig.hear(to[0]!, { kind: 'claims', sequence: 10 + payloads, claims });
      }
    }
    expect(rig.election.progress().holding).toBe(0);
    expect(payloads).toBeLessThan(150);
  });

  test('those of a dead member are claimed in few payloads, a part at a time: others are heard in between', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    rig.step({ kind: 'addresses', set: many, remove: [] });
    for (let i = 0; i < 5000; i += 100)
      rig.hear('b', {
        kind: 'claims',
        sequence: 2 + i,
        claims: many
          .slice(i, i + 100)
          .map(({ address }) => ({ address, term: 3, phase: 'held' as const, weak: false, cause: 'first' as const })),
      });
    rig.take();
    const first = rig.member('b', 'dead').filter(({ kind }) => kind === 'hold').length;
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThanOrEqual(250);
    rig.wait(0);
    const effects = rig.take();
    const payloads = effects.flatMap((effect) => (effect.kind === 'send' ? [effect.payload] : []));
    expect(effects.filter(({ kind }) => kind === 'hold').length).toBeGreaterThan(2000);
    expect(payloads.length).toBeLessThan(40);
    for (const payload of payloads) expect(payload.length).toBeLessThanOrEqual(MAX_PAYLOAD);
  });
});
