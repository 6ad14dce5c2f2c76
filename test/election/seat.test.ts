import { describe, expect, test } from 'vitest';
import { ms, seconds } from '../../src/base/clock.ts';
import { formatIpAddress } from '../../src/base/ip-address.ts';
import { partingOf } from '../../src/election/address.ts';
import { rankCandidates } from '../../src/election/rank.ts';
import type { OwnClaim } from '../../src/election/wire/fields.ts';
import { cable, candidate, factsWith, Rig, vip, wanted } from './rig.ts';

const NODES = ['a', 'b', 'c'];
/** An address for which the nodes come in this order. */
const ranked = (...order: string[]): number => {
  for (let i = 0; ; i++) {
    const ranks = rankCandidates(
      vip(i),
      NODES.map((node) => candidate(node)),
    );
    if (order.every((node, place) => ranks[place]?.node === node)) return i;
  }
};
const held = (number: number, term: number, more: Partial<OwnClaim> = {}): OwnClaim => ({
  address: vip(number),
  term,
  phase: 'held',
  weak: false,
  cause: 'first',
  ...more,
});
const claimed = (rig: Rig, by: string, number: number, term: number, more: Partial<OwnClaim> = {}): void => {
  rig.hear(by, { kind: 'claims', sequence: 2, claims: [held(number, term, more)] });
};
const want = (rig: Rig, number: number, more: Parameters<typeof wanted>[2] = {}): void => {
  rig.step({ kind: 'addresses', set: [wanted(vip(number), NODES, more)], remove: [] });
};
const duties = (rig: Rig): string[] =>
  rig
    .take()
    .flatMap((effect) =>
      effect.kind === 'hold' ||
      effect.kind === 'prepare' ||
      effect.kind === 'release' ||
      effect.kind === 'announce-again'
        ? [`${effect.kind} ${formatIpAddress(effect.address)}`]
        : [],
    );
const holding = (rig: Rig, number: number, term = 1): Rig => {
  want(rig, number);
  rig.wait(5000);
  rig.take();
  expect(rig.election.state(vip(number))?.holder).toMatchObject({ node: 'a', term });
  return rig;
};

describe('an address that nobody wants any more', () => {
  const unwant = (rig: Rig, number: number): void => {
    rig.step({ kind: 'addresses', set: [], remove: [vip(number)] });
  };

  test('keeps its terms for an hour at least, and is forgotten within two', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    holding(rig, ranked('a'));
    unwant(rig, ranked('a'));
    expect(rig.election.state(vip(ranked('a')))?.holder).toBeUndefined();
    rig.wait(seconds(3600) + 1000);
    want(rig, ranked('a'));
    // Vacated with term 2.
    expect(rig.election.state(vip(ranked('a')))?.holder?.term).toBe(3);
    unwant(rig, ranked('a'));
    rig.wait(2 * seconds(3600) + 1000);
    expect(rig.election.state(vip(ranked('a')))).toBeUndefined();
  });

  test('stays known while somebody else holds it', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    want(rig, 1);
    claimed(rig, 'b', 1, 5);
    unwant(rig, 1);
    rig.wait(3 * seconds(3600));
    expect(rig.election.state(vip(1))?.holder).toMatchObject({ node: 'b', term: 5 });
  });
});

describe('nobody holds', () => {
  test('the first in rank claims at once, with the first term, and looks for a conflict first', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    const number = ranked('a');
    want(rig, number);
    const effects = rig.take();
    expect(effects).toContainEqual({ kind: 'hold', address: vip(number), fresh: true });
    expect(rig.election.state(vip(number))?.holder).toMatchObject({ node: 'a', term: 1, weak: false, cause: 'first' });
  });

  test('the claim is told to all, after the address is answered for', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    want(rig, ranked('a'));
    const kinds = rig.effects.map(({ kind }) => kind);
    expect(kinds.indexOf('hold')).toBeLessThan(kinds.indexOf('send'));
    const [said] = rig.said('claims');
    expect(said).toMatchObject({ to: ['b', 'c'], message: { claims: [{ term: 1, phase: 'held' }] } });
  });

  test('the others wait for their turn, longer where nothing was served yet', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    want(rig, ranked('b', 'a'));
    rig.wait(490);
    expect(duties(rig)).toEqual([]);
    rig.wait(20);
    expect(duties(rig)).toEqual([`hold ${formatIpAddress(vip(ranked('b', 'a')))}`]);
  });

  test('the third waits twice as long, and not at all for who claims in time', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    const number = ranked('b', 'c', 'a');
    want(rig, number);
    rig.wait(900);
    claimed(rig, 'c', number, 1);
    rig.wait(5000);
    expect(duties(rig)).toEqual([]);
  });

  test('of a holder that dies the first in rank takes over at once, with the next term, on trial', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    const number = ranked('a');
    claimed(rig, 'b', number, 7);
    want(rig, number);
    rig.take();
    rig.member('b', 'dead');
    expect(rig.taken('hold')).toEqual([{ kind: 'hold', address: vip(number), fresh: false }]);
    expect(rig.election.state(vip(number))?.holder).toMatchObject({
      node: 'a',
      term: 8,
      weak: true,
      cause: 'failover',
    });
    rig.wait(2000);
    expect(rig.election.state(vip(number))?.holder).toMatchObject({ term: 9, weak: false, cause: 'strengthened' });
  });

  test('the next in rank claims after a few round trips where the first does not', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    const number = ranked('c', 'a');
    claimed(rig, 'b', number, 7);
    want(rig, number);
    rig.member('b', 'dead');
    rig.wait(59);
    expect(duties(rig)).toEqual([]);
    rig.wait(2);
    expect(duties(rig)).toHaveLength(1);
  });

  test('a suspect still holds', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    claimed(rig, 'b', ranked('a'), 7);
    want(rig, ranked('a'));
    rig.member('b', 'suspect');
    rig.wait(5000);
    expect(duties(rig)).toEqual([]);
  });

  test('a new process of the holder voids its claims at once', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    const number = ranked('a');
    claimed(rig, 'b', number, 7);
    want(rig, number);
    rig.take();
    rig.member('b', 'alive', 1);
    expect(duties(rig)).toEqual([`hold ${formatIpAddress(vip(number))}`]);
    rig.hear('b', { kind: 'claims', sequence: 9, claims: [held(number, 7)] });
    expect(rig.election.state(vip(number))?.holder).toMatchObject({ node: 'a', term: 8 });
  });

  test('who has no interface for it is passed over', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    const number = ranked('b', 'a');
    rig.facts('b', factsWith(cable(2, { up: false })));
    want(rig, number);
    expect(duties(rig)).toEqual([`hold ${formatIpAddress(vip(number))}`]);
  });

  test('an interface that reaches nobody counts only where nobody has a better one', () => {
    const number = ranked('b', 'a');
    const rig = new Rig('a').settle(['b', 'c']);
    rig.facts('b', factsWith(cable(2, { alive: false })));
    want(rig, number);
    expect(duties(rig)).toEqual([`hold ${formatIpAddress(vip(number))}`]);
    const lame = new Rig('a').settle(['b', 'c']);
    for (const node of ['b', 'c']) lame.facts(node, factsWith(cable(2, { alive: false })));
    lame.step({ kind: 'own-facts', facts: factsWith(cable(1, { alive: false })), heard: new Set() });
    want(lame, number);
    expect(duties(lame)).toEqual([]);
    lame.wait(600);
    expect(duties(lame)).toEqual([`hold ${formatIpAddress(vip(number))}`]);
  });

  test('while nothing is served nobody claims, and the first in rank prepares', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    const number = ranked('a');
    want(rig, number, { serving: false });
    expect(duties(rig)).toEqual([`prepare ${formatIpAddress(vip(number))}`]);
    rig.wait(5000);
    expect(rig.election.state(vip(number))?.holder).toBeUndefined();
    want(rig, number);
    expect(duties(rig)).toEqual([`hold ${formatIpAddress(vip(number))}`]);
    want(rig, number, { serving: false });
    expect(duties(rig)).toEqual([`release ${formatIpAddress(vip(number))}`, `prepare ${formatIpAddress(vip(number))}`]);
  });

  test('who only watches takes nothing', () => {
    const rig = new Rig('a', { observe: true }).settle(['b', 'c']);
    want(rig, ranked('a'));
    rig.wait(5000);
    expect(duties(rig)).toEqual([]);
  });
});

describe('a holder', () => {
  test.each<[string, Parameters<typeof wanted>[2]]>([
    ['nothing is served any more', { serving: false, candidates: [candidate('b'), candidate('c')] }],
    ['its last endpoint went', { candidates: [candidate('b'), candidate('c')], parting: 'hard' }],
  ])('gives up at once when %s', (_title, change) => {
    const number = ranked('a');
    const rig = holding(new Rig('a').settle(['b', 'c']), number);
    want(rig, number, change);
    expect(rig.effects.filter(({ kind }) => kind === 'release')).toHaveLength(1);
    expect(rig.said('claims')[0]?.message.claims).toMatchObject([{ term: 2, phase: 'vacated' }]);
  });

  test('gives up at once when its interface loses carrier, or when the address is taken away', () => {
    const number = ranked('a');
    const rig = holding(new Rig('a').settle(['b', 'c']), number);
    rig.step({ kind: 'own-facts', facts: factsWith(cable(1, { up: false })), heard: new Set() });
    expect(duties(rig)).toEqual([`release ${formatIpAddress(vip(number))}`]);
    const other = holding(new Rig('a').settle(['b', 'c']), number);
    other.step({ kind: 'addresses', set: [], remove: [vip(number)] });
    expect(duties(other)).toEqual([`release ${formatIpAddress(vip(number))}`]);
  });

  test('an interface that reaches nobody is a reason where another candidate has a better one, and none where nobody has', () => {
    const number = ranked('a');
    const rig = holding(new Rig('a').settle(['b', 'c']), number);
    rig.step({ kind: 'own-facts', facts: factsWith(cable(1, { alive: false })), heard: new Set() });
    expect(duties(rig)).toEqual([`release ${formatIpAddress(vip(number))}`]);
    const quiet = holding(new Rig('a').settle(['b', 'c']), number);
    for (const node of ['b', 'c']) quiet.facts(node, factsWith(cable(2, { alive: false })));
    quiet.step({ kind: 'own-facts', facts: factsWith(cable(1, { alive: false })), heard: new Set() });
    expect(duties(quiet)).toEqual([]);
  });

  test('is silent at once before a claim that beats its own, and lets all know', () => {
    const number = ranked('a');
    const rig = holding(new Rig('a').settle(['b', 'c']), number);
    claimed(rig, 'b', number, 5);
    expect(rig.effects.filter(({ kind }) => kind === 'release')).toHaveLength(1);
    expect(rig.said('claims')[0]?.message.claims).toMatchObject([{ term: 1, phase: 'vacated', cause: 'yielded' }]);
  });

  test('wins with a strong claim against a weak one of a higher term, claims above it, and announces again', () => {
    const number = ranked('a');
    const rig = holding(new Rig('a').settle(['b', 'c']), number);
    claimed(rig, 'b', number, 5, { weak: true });
    expect(rig.effects.filter(({ kind }) => kind === 'announce-again')).toHaveLength(1);
    expect(rig.said('claims')[0]).toMatchObject({ to: ['b', 'c'], message: { claims: [{ term: 6, weak: false }] } });
  });

  test('announces again once the loser is silent, at most twice a second, and what came too early is answered then', () => {
    const number = ranked('a');
    const rig = holding(new Rig('a').settle(['b', 'c']), number, 1);
    const again = `announce-again ${formatIpAddress(vip(number))}`;
    rig.wait(2000);
    claimed(rig, 'b', number, 0, { weak: true });
    rig.wait(600);
    rig.take();
    claimed(rig, 'b', number, 0, { phase: 'vacated', weak: true, cause: 'yielded' });
    expect(duties(rig)).toEqual([again]);
    for (let i = 0; i < 4; i++) {
      rig.step({ kind: 'foreign-burst', address: vip(number) });
      rig.wait(100);
    }
    expect(duties(rig)).toEqual([]);
    rig.wait(150);
    expect(duties(rig)).toEqual([again]);
    rig.wait(5000);
    expect(duties(rig), 'once for all that came meanwhile').toEqual([]);
  });

  test('refused: all are told, and whoever holds it next looks for the other machine first', () => {
    const number = ranked('a');
    const rig = holding(new Rig('a').settle(['b', 'c']), number);
    rig.take();
    rig.step({ kind: 'refused', address: vip(number), refused: true });
    rig.step({ kind: 'refused', address: vip(number), refused: true });
    expect(rig.said('claims')).toMatchObject([{ message: { claims: [{ phase: 'held', cause: 'refused' }] } }]);
    expect(duties(rig), 'it goes on as before').toEqual([]);
    want(rig, number, { serving: false });
    expect(rig.said('claims').at(-1)).toMatchObject({ message: { claims: [{ phase: 'vacated', cause: 'refused' }] } });
    rig.take();
    want(rig, number);
    rig.wait(1000);
    expect(rig.effects.find(({ kind }) => kind === 'hold')).toMatchObject({ fresh: true });
    rig.step({ kind: 'refused', address: vip(number), refused: true });
    rig.step({ kind: 'refused', address: vip(number), refused: false });
    expect(rig.said('claims').at(-1)).toMatchObject({ message: { claims: [{ phase: 'held', cause: 'vacancy' }] } });
  });

  test('a refused address of a dead member is looked for before it is announced, another is not', () => {
    for (const cause of ['refused', 'first'] as const) {
      const number = ranked('a');
      const rig = new Rig('a').settle(['b', 'c']);
      want(rig, number);
      claimed(rig, 'b', number, 5, { cause });
      rig.take();
      claimed(rig, 'b', number, 6, { phase: 'vacated', cause: cause === 'refused' ? cause : 'stopped' });
      rig.wait(1000);
      expect(rig.effects.find(({ kind }) => kind === 'hold')).toMatchObject({ fresh: cause === 'refused' });
    }
  });

  test('takes nothing from a holder that gave way before the one to whom it gave way was heard', () => {
    const number = ranked('a');
    const rig = new Rig('a').settle(['b', 'c']);
    want(rig, number);
    claimed(rig, 'b', number, 5);
    rig.take();
    claimed(rig, 'b', number, 5, { phase: 'vacated', cause: 'hand-over' });
    rig.wait(20);
    expect(rig.said('claims')).toEqual([]);
    claimed(rig, 'c', number, 6, { cause: 'hand-over' });
    rig.wait(1000);
    expect(rig.said('claims')).toEqual([]);
    claimed(rig, 'c', number, 6, { phase: 'vacated', cause: 'hand-over' });
    rig.wait(200);
    expect(rig.said('claims'), 'whoever took it never spoke').toMatchObject([{ message: { claims: [{ term: 7 }] } }]);
  });

  test('claims anew where others know of a higher term', () => {
    const number = ranked('a');
    const rig = holding(new Rig('a').settle(['b', 'c']), number);
    rig.hear('b', { kind: 'terms', terms: [{ address: vip(number), term: 40 }] });
    expect(rig.said('claims')[0]?.message.claims).toMatchObject([{ term: 41 }]);
  });
});

describe('an old view of the API', () => {
  const stale = (age: number, mine: number): Rig => {
    const rig = new Rig('a').settle(['b', 'c']);
    const number = ranked('a');
    claimed(rig, 'b', number, 7);
    rig.facts('b', { ...factsWith(cable(2)), apiViewAge: ms(age) });
    rig.step({ kind: 'own-facts', facts: { ...factsWith(cable(1)), apiViewAge: ms(mine) }, heard: new Set() });
    want(rig, number, { candidates: [candidate('a'), candidate('c')] });
    return rig;
  };

  test('older than ours by more than 10 s: the address is asked for', () => {
    expect(stale(10_500, 0).said('requests')).toMatchObject([
      { to: ['b'], message: { requests: [{ address: vip(ranked('a')), term: 7 }] } },
    ]);
  });

  test('it is asked for as soon as the view is that old, and again while there is no answer', () => {
    const rig = stale(2000, 0);
    rig.wait(7990);
    expect(rig.said('requests')).toEqual([]);
    rig.wait(20);
    expect(rig.said('requests')).toHaveLength(1);
    rig.wait(1000);
    expect(rig.said('requests')).toHaveLength(1);
  });

  test('as old as ours: the holder decides about itself', () => {
    const rig = stale(20_000, 15_000);
    rig.wait(4000);
    expect(rig.said('requests')).toEqual([]);
  });

  test('asked for it, a holder hands it over', () => {
    const number = ranked('a');
    const rig = holding(new Rig('a').settle(['b', 'c']), number);
    rig.hear('c', { kind: 'requests', requests: [{ address: vip(number), term: 9 }] });
    expect(rig.said('offers')).toEqual([]);
    rig.hear('c', { kind: 'requests', requests: [{ address: vip(number), term: 1 }] });
    expect(rig.said('offers')).toMatchObject([{ to: ['c'], message: { offers: [{ term: 2 }] } }]);
  });
});

describe('who hears no member', () => {
  const alone = (heard: readonly string[]): Rig => {
    const rig = new Rig('a').settle(['b', 'c']);
    claimed(rig, 'b', ranked('a'), 7);
    want(rig, ranked('a'));
    rig.member('c', 'dead');
    rig.take();
    rig.deaf = true;
    rig.member('b', 'dead');
    expect(rig.taken('look-around')).toHaveLength(1);
    rig.wait(30);
    rig.step({ kind: 'own-facts', facts: factsWith(cable(1)), heard: new Set(heard) });
    return rig;
  };

  test('looks around again when its link is back: what was to be heard was not to be heard before', () => {
    const rig = alone([]);
    rig.step({ kind: 'own-facts', facts: factsWith(cable(1, { up: false })), heard: new Set() });
    rig.wait(10_000);
    expect(rig.taken('look-around')).toEqual([]);
    rig.step({ kind: 'own-facts', facts: factsWith(cable(1)), heard: new Set() });
    expect(rig.taken('look-around')).toHaveLength(1);
  });

  test('claims what others held if somebody is on its link', () => {
    const rig = alone(['eth0']);
    expect(rig.election.state(vip(ranked('a')))?.holder).toMatchObject({ node: 'a', weak: true });
  });

  test('and nothing if nobody is', () => {
    const rig = alone([]);
    rig.wait(60_000);
    expect(duties(rig)).toEqual([]);
  });

  test('a link that comes back later gives the members time to come back too', () => {
    const rig = alone([]);
    rig.wait(3000);
    rig.take();
    rig.step({ kind: 'own-facts', facts: factsWith(cable(1)), heard: new Set(['eth0']) });
    rig.wait(900);
    expect(duties(rig)).toEqual([]);
    rig.wait(200);
    expect(duties(rig)).toHaveLength(1);
  });

  test('keeps what it holds', () => {
    const rig = holding(new Rig('a').settle(['b', 'c']), ranked('a'));
    rig.member('b', 'dead');
    rig.member('c', 'dead');
    rig.wait(60_000);
    expect(duties(rig)).toEqual([]);
    expect(rig.election.progress()).toMatchObject({ holding: 1, weak: true });
  });

  test('deaf to all, nothing is claimed from the first that seems to die', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    claimed(rig, 'b', ranked('a'), 7);
    want(rig, ranked('a'));
    rig.take();
    rig.deaf = true;
    rig.member('b', 'dead');
    rig.wait(200);
    expect(duties(rig)).toEqual([]);
    rig.deaf = false;
    rig.wait(30);
    expect(duties(rig)).toHaveLength(1);
  });
});

test('why a node may not hold an address tells how it gives it up', () => {
  expect(partingOf('no-local-endpoints')).toBe('hard');
  expect(partingOf('node-network-unavailable')).toBe('hard');
  expect(partingOf('node-draining')).toBe('soft');
  expect(partingOf('node-excluded')).toBe('soft');
  expect(partingOf('node-not-selected')).toBe('soft');
});

test('rebalancing, where it is on, moves addresses to the first in rank, so many a minute', () => {
  const rig = new Rig('a').settle(['b', 'c']);
  rig.step({ kind: 'addresses', set: Array.from({ length: 30 }, (_, i) => wanted(vip(i), ['a'])), remove: [] });
  rig.step({ kind: 'addresses', set: Array.from({ length: 30 }, (_, i) => wanted(vip(i), NODES)), remove: [] });
  rig.wait(seconds(30));
  expect(rig.said('offers')).toEqual([]);
  rig.step({ kind: 'rebalance', perMinute: 6 });
  rig.wait(seconds(10));
  expect(rig.said('offers')).toHaveLength(1);
});
