import { describe, expect, test } from 'vitest';
import { addDigests, type Claim, type ClaimCause, digestOf, EMPTY_DIGEST } from '../../src/election/claim.ts';
import { Quorum } from '../../src/election/quorum.ts';
import { rankCandidates } from '../../src/election/rank.ts';
import { cable, candidate, factsWith, instance, memberOf, Rig, vip, wanted } from './rig.ts';

const NODES = ['a', 'b', 'c'];
const ranked = (first: string): number => {
  for (let i = 0; ; i++)
    if (
      rankCandidates(
        vip(i),
        NODES.map((node) => candidate(node)),
      )[0]?.node === first
    )
      return i;
};
const NUMBER = ranked('a');
const claim = (node: string, number: number, term: number, more: Partial<Claim> = {}): Claim => ({
  address: vip(number),
  node,
  instance: instance(node),
  term,
  phase: 'held',
  weak: false,
  cause: 'first',
  ...more,
});
const part = (index = 0, count = 1, sequence = 5): { sequence: number; index: number; count: number } => ({
  sequence,
  index,
  count,
});

describe('the start', () => {
  const starting = (): Rig => {
    const rig = new Rig('a');
    rig.step({ kind: 'nodes', nodes: new Set(NODES) });
    rig.step({ kind: 'own-facts', facts: factsWith(cable(1)), heard: new Set() });
    rig.step({ kind: 'addresses', set: [wanted(vip(NUMBER), NODES)], remove: [] });
    rig.step({ kind: 'started' });
    return rig;
  };

  test('is silent for the settle time where nobody is settled', () => {
    const rig = starting();
    rig.member('b', 'alive');
    rig.facts('b', factsWith(cable(2)), false);
    rig.wait(990);
    expect(rig.taken('hold')).toEqual([]);
    rig.wait(20);
    expect(rig.taken('hold')).toHaveLength(1);
    expect(rig.election.progress().phase).toBe('settled');
  });

  test('asks one settled member for the table, and takes part when all parts are there, in any order', () => {
    const rig = starting();
    for (const node of ['b', 'c']) {
      rig.member(node, 'alive');
      rig.facts(node, factsWith(cable(2)), true);
    }
    expect(rig.said('ask')).toMatchObject([{ to: ['b'], message: { asleep: 0 } }]);
    const table = { kind: 'table', standing: 'joining', strong: true } as const;
    rig.hear('b', { ...table, part: part(1, 2), claims: [] });
    expect(rig.election.progress().phase).toBe('starting');
    rig.hear('b', { ...table, part: part(0, 2), claims: [claim('c', NUMBER, 12)] });
    expect(rig.election.progress().phase).toBe('settled');
    expect(rig.election.state(vip(NUMBER))?.holder).toMatchObject({ node: 'c', term: 12 });
    expect(rig.taken('hold')).toEqual([]);
  });

  test('asks another one when there is no answer, and does not wait for ever', () => {
    const rig = starting();
    for (const node of ['b', 'c']) {
      rig.member(node, 'alive');
      rig.facts(node, factsWith(cable(2)), true);
    }
    rig.take();
    rig.wait(300);
    expect(rig.said('ask')).toMatchObject([{ to: ['c'] }]);
    rig.wait(5000);
    expect(rig.election.progress().phase).toBe('settled');
  });

  test('claims of the dead that the table tells of are void of a holder, but their terms count', () => {
    const rig = starting();
    rig.member('b', 'alive');
    rig.facts('b', factsWith(cable(2)), true);
    rig.take();
    rig.hear('b', { kind: 'table', part: part(), standing: 'joining', strong: true, claims: [claim('c', NUMBER, 12)] });
    // c may only not have been met yet.
    rig.wait(1000);
    expect(rig.election.state(vip(NUMBER))?.holder).toBeUndefined();
    rig.wait(200);
    expect(rig.election.state(vip(NUMBER))?.holder).toMatchObject({ node: 'a', term: 13 });
  });

  test('but who was met and died is dead: its addresses are taken at once', () => {
    const rig = starting();
    for (const node of ['b', 'c']) rig.member(node, 'alive');
    rig.facts('b', factsWith(cable(2)), true);
    rig.hear('b', { kind: 'table', part: part(), standing: 'joining', strong: true, claims: [claim('c', NUMBER, 12)] });
    rig.wait(100);
    rig.member('c', 'dead');
    expect(rig.election.state(vip(NUMBER))?.holder).toMatchObject({ node: 'a', term: 13, cause: 'failover' });
  });

  test('a single node has nobody to wait for', () => {
    const rig = new Rig('a');
    rig.step({ kind: 'nodes', nodes: new Set(['a']) });
    rig.step({ kind: 'own-facts', facts: factsWith(cable(1)), heard: new Set() });
    rig.step({ kind: 'addresses', set: [wanted(vip(NUMBER), ['a'])], remove: [] });
    rig.step({ kind: 'started' });
    rig.wait(0);
    expect(rig.taken('hold')).toHaveLength(1);
    expect(rig.election.state(vip(NUMBER))?.holder).toMatchObject({ node: 'a', term: 1, weak: false });
  });

  test('a node that was the only one waits for the others when they came and it wakes', () => {
    const rig = new Rig('a');
    rig.step({ kind: 'nodes', nodes: new Set(['a']) });
    rig.step({ kind: 'own-facts', facts: factsWith(cable(1)), heard: new Set() });
    rig.step({ kind: 'started' });
    rig.wait(0);
    rig.step({ kind: 'nodes', nodes: new Set(['a', 'b']) });
    rig.member('b', 'alive');
    rig.facts('b', factsWith(cable(2)), true);
    rig.step({ kind: 'woke', gap: 400 as never });
    rig.wait(2000);
    expect(rig.election.progress().phase).toBe('waking');
  });

  test('the table of a member that hears half or fewer may lack what the others hold: until they are met nothing is taken', () => {
    const rig = starting();
    rig.member('b', 'alive');
    rig.facts('b', factsWith(cable(2)), true);
    rig.take();
    rig.hear('b', { kind: 'table', part: part(), standing: 'joining', strong: false, claims: [] });
    rig.wait(1000);
    expect(rig.taken('hold')).toEqual([]);
    rig.wait(200);
    expect(rig.taken('hold')).toHaveLength(1);
  });

  test('a member that has just met more than half again gives its table as one that has not', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    for (const node of ['b', 'c']) rig.member(node, 'dead');
    rig.member('b', 'alive', 1);
    const strong = (): readonly boolean[] => {
      rig.take();
      rig.hear('b', { kind: 'ask', asleep: 0, digest: EMPTY_DIGEST }, 1);
      return rig.said('table').map(({ message }) => message.strong);
    };
    expect(strong()).toEqual([false]);
    rig.wait(1200);
    expect(strong()).toEqual([true]);
  });

  test('alone among several Nodes, claims are weak', () => {
    const rig = starting();
    rig.step({ kind: 'own-facts', facts: factsWith(cable(1)), heard: new Set(['eth0']) });
    rig.wait(2500);
    expect(rig.election.progress()).toMatchObject({ phase: 'settled', weak: true });
  });

  test('tells whoever joins what it holds, who it is and what it can', () => {
    const rig = new Rig('a').settle(['b']);
    rig.step({ kind: 'addresses', set: [wanted(vip(NUMBER), NODES)], remove: [] });
    rig.wait(2000);
    rig.take();
    rig.member('c', 'alive');
    const effects = [...rig.effects];
    expect(rig.said('own')).toMatchObject([
      { to: ['c'], message: { part: { index: 0, count: 1 }, claims: [{ term: 1 }] } },
    ]);
    rig.effects.push(...effects);
    expect(rig.said('facts')).toMatchObject([{ to: ['c'], message: { settled: true } }]);
  });

  test('gives the table to who asks', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    rig.hear('b', { kind: 'claims', sequence: 3, claims: [claim('b', 1, 7)] });
    rig.take();
    rig.hear('c', { kind: 'ask', asleep: 0, digest: EMPTY_DIGEST });
    expect(rig.said('table')).toMatchObject([
      { to: ['c'], message: { standing: 'joining', claims: [{ node: 'b', term: 7 }] } },
    ]);
  });
});

describe('6: waking', () => {
  const sleeper = (): Rig => {
    const rig = new Rig('a').settle(['b', 'c']);
    for (const node of ['b', 'c']) rig.facts(node, factsWith(cable(2)), true);
    rig.step({ kind: 'addresses', set: [wanted(vip(NUMBER), NODES)], remove: [] });
    rig.wait(2000);
    rig.take();
    rig.step({ kind: 'woke', gap: 400 as never });
    return rig;
  };
  const ended = (rig: Rig): readonly string[] =>
    rig.take().flatMap(({ kind }) => (kind === 'mute' || kind === 'unmute' || kind === 'release' ? [kind] : []));

  test('is mute at once and asks, with the digest of what it holds', () => {
    const rig = sleeper();
    expect(rig.effects[0]).toEqual({ kind: 'mute' });
    const digest = digestOf(claim('a', NUMBER, 1), `10.1.0.${NUMBER}`);
    expect(rig.said('ask')).toMatchObject([
      { to: ['b'], message: { asleep: 400, digest } },
      { to: ['c'], message: { asleep: 400, digest } },
    ]);
  });

  test('confirmed, it goes on unchanged', () => {
    const rig = sleeper();
    rig.take();
    rig.hear('b', { kind: 'table', part: part(), standing: 'confirmed', strong: true, claims: [] });
    expect(ended(rig)).toEqual(['unmute']);
    expect(rig.election.progress()).toMatchObject({ holding: 1, phase: 'settled' });
  });

  test('what others have claimed it lets go before it says anything', () => {
    const rig = sleeper();
    rig.take();
    rig.hear('b', { kind: 'table', part: part(), standing: 'joining', strong: true, claims: [claim('c', NUMBER, 2)] });
    expect(ended(rig)).toEqual(['release', 'unmute']);
    expect(rig.election.state(vip(NUMBER))?.holder).toMatchObject({ node: 'c' });
  });

  test.each<[string, (rig: Rig) => void]>([
    [
      'by an answer',
      (rig) => rig.hear('b', { kind: 'table', part: part(0, 2), standing: 'void', strong: true, claims: [] }),
    ],
    ['by membership', (rig) => rig.step({ kind: 'standing', standing: 'void' })],
  ])('declared dead, %s, it gives all up', (_title, hears) => {
    const rig = sleeper();
    rig.take();
    hears(rig);
    expect(ended(rig)).toEqual(['release']);
    expect(rig.election.progress()).toMatchObject({ holding: 0, phase: 'waking' });
  });

  test('claims nothing meanwhile, whoever dies', () => {
    const rig = sleeper();
    rig.step({ kind: 'addresses', set: [wanted(vip(90), NODES), wanted(vip(91), NODES)], remove: [] });
    rig.member('b', 'dead');
    rig.wait(500);
    expect(rig.taken('hold')).toEqual([]);
  });

  test('where all have slept, each goes on when it knows', () => {
    const rig = sleeper();
    rig.take();
    rig.hear('b', { kind: 'ask', asleep: 300, digest: EMPTY_DIGEST });
    expect(rig.said('table')).toMatchObject([{ to: ['b'], message: { standing: 'asleep' } }]);
    for (const node of ['b', 'c']) {
      expect(rig.election.progress().phase).toBe('waking');
      rig.hear(node, { kind: 'table', part: part(), standing: 'asleep', strong: true, claims: [] });
    }
    expect(ended(rig)).toEqual(['unmute']);
    expect(rig.election.progress()).toMatchObject({ holding: 1 });
  });

  test('with nobody to ask it keeps what it held, after the settle time', () => {
    const rig = sleeper();
    for (const node of ['b', 'c']) rig.member(node, 'dead');
    rig.take();
    rig.wait(1100);
    expect(ended(rig)).toEqual(['unmute']);
    expect(rig.election.progress()).toMatchObject({ holding: 1 });
  });

  test('who hears nobody keeps what it held after the settle time, though its members are not called dead yet', () => {
    const rig = sleeper();
    rig.take();
    rig.wait(900);
    rig.deaf = true;
    expect(ended(rig)).toEqual([]);
    rig.wait(200);
    expect(ended(rig)).toEqual(['unmute']);
    expect(rig.election.progress()).toMatchObject({ holding: 1, phase: 'settled' });
  });

  test('who hears somebody asks on', () => {
    const rig = sleeper();
    rig.take();
    rig.wait(3000);
    expect(ended(rig)).toEqual([]);
  });

  test('who is asked confirms what it knows too, and tells who died in its eyes', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    rig.hear('b', { kind: 'claims', sequence: 3, claims: [claim('b', 1, 7)] });
    rig.take();
    const digest = digestOf(claim('b', 1, 7), '10.1.0.1');
    rig.hear('b', { kind: 'ask', asleep: 300, digest });
    expect(rig.said('table')).toMatchObject([{ to: ['b'], message: { standing: 'confirmed', claims: [] } }]);
    rig.member('b', 'dead');
    rig.member('b', 'alive');
    rig.take();
    rig.hear('b', { kind: 'ask', asleep: 300, digest });
    expect(rig.said('table')).toMatchObject([{ to: ['b'], message: { standing: 'void' } }]);
  });
});

describe('tables that differ', () => {
  const differing = (): Rig => {
    const rig = new Rig('a').settle(['b', 'c']);
    rig.hear('b', { kind: 'claims', sequence: 3, claims: [claim('b', 1, 7), claim('b', 2, 7)] });
    rig.take();
    return rig;
  };

  test('are compared by what each holds itself, at most once a second', () => {
    const rig = differing();
    for (let i = 0; i < 5; i++) rig.step({ kind: 'digest-differs', member: memberOf('b', 'alive') });
    expect(rig.said('check')).toMatchObject([{ to: ['b'], message: { mutual: true } }]);
  });

  test('equal digests end it; else the maker is asked for its list', () => {
    const rig = differing();
    const digest = addDigests(digestOf(claim('b', 1, 7), '10.1.0.1'), digestOf(claim('b', 2, 7), '10.1.0.2'));
    rig.hear('b', { kind: 'check', digest, mutual: false });
    expect(rig.take()).toEqual([]);
    rig.hear('b', { kind: 'check', digest: EMPTY_DIGEST, mutual: false });
    expect(rig.said('ask-own')).toMatchObject([{ to: ['b'] }]);
  });

  test('the list of the maker is the truth: what is not on it, it holds no more', () => {
    const rig = differing();
    rig.hear('b', { kind: 'own', part: part(), claims: [claim('b', 1, 7)] });
    expect(rig.election.state(vip(1))?.holder).toMatchObject({ node: 'b' });
    expect(rig.election.state(vip(2))?.holder).toBeUndefined();
  });

  test('but what was claimed after the list was made is not on it', () => {
    const rig = differing();
    rig.hear('b', { kind: 'claims', sequence: 6, claims: [claim('b', 3, 1)] });
    rig.hear('b', { kind: 'own', part: part(), claims: [claim('b', 1, 7), claim('b', 2, 7)] });
    expect(rig.election.state(vip(3))?.holder).toMatchObject({ node: 'b' });
  });

  test('what a void process said, and who is unknown, change nothing but the term', () => {
    const rig = differing();
    rig.member('b', 'alive', 1);
    const old = [claim('b', 1, 30), claim('c', 2, 31, { instance: instance('c', 9) })];
    rig.hear('c', { kind: 'table', part: part(), standing: 'joining', strong: true, claims: old });
    expect(rig.election.state(vip(1))?.holder).toBeUndefined();
    expect(rig.election.state(vip(2))?.holder).toBeUndefined();
  });

  test('facts that come late do not replace newer ones', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    const number = ranked('b');
    const said = { kind: 'facts', settled: true, strong: true } as const;
    rig.hear('b', { ...said, sequence: 20, facts: factsWith(cable(2)) });
    rig.hear('b', { ...said, sequence: 19, facts: factsWith(cable(2, { up: false })) });
    rig.step({ kind: 'addresses', set: [wanted(vip(number), NODES)], remove: [] });
    expect(rig.taken('hold')).toEqual([]);
  });

  test('an unreadable payload is a notice', () => {
    const rig = differing();
    rig.step({ kind: 'received', from: memberOf('b', 'alive'), payload: Uint8Array.of(1, 4, 0) });
    expect(rig.taken('notice')).toMatchObject([{ notice: { kind: 'unreadable', from: 'b' } }]);
  });
});

describe('weak claims', () => {
  test('a member that returns is asked what it holds; until it has said, what it held before is not its own', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    rig.step({ kind: 'addresses', set: [wanted(vip(NUMBER), NODES)], remove: [] });
    rig.hear('b', { kind: 'claims', sequence: 3, claims: [claim('b', NUMBER, 7)] });
    rig.member('b', 'dead');
    expect(rig.election.state(vip(NUMBER))?.holder).toMatchObject({ node: 'a', weak: true });
    rig.take();
    rig.member('b', 'alive');
    expect(rig.said('ask-own')).toMatchObject([{ to: ['b'] }]);
    expect(rig.election.state(vip(NUMBER))?.holder).toMatchObject({ node: 'a' });
    rig.hear('b', { kind: 'own', part: part(), claims: [claim('b', NUMBER, 7)] });
    expect(rig.taken('release')).toHaveLength(1);
    expect(rig.election.state(vip(NUMBER))?.holder).toMatchObject({ node: 'b' });
  });

  test('are renewed only when all that came back have told what they hold', () => {
    const rig = new Rig('a').settle(['b', 'c']);
    rig.step({ kind: 'addresses', set: [wanted(vip(NUMBER), NODES)], remove: [] });
    rig.hear('b', { kind: 'claims', sequence: 3, claims: [claim('b', NUMBER, 7)] });
    for (const node of ['c', 'b']) rig.member(node, 'dead');
    rig.step({ kind: 'own-facts', facts: factsWith(cable(1)), heard: new Set(['eth0']) });
    const cause = (): ClaimCause | undefined => rig.election.state(vip(NUMBER))?.holder?.cause;
    const before = rig.election.state(vip(NUMBER))?.holder;
    expect(before).toMatchObject({ node: 'a', weak: true });
    for (const node of ['b', 'c']) rig.member(node, 'alive');
    rig.wait(5000);
    expect(cause()).not.toBe('strengthened');
    for (const node of ['b', 'c']) rig.hear(node, { kind: 'own', part: part(), claims: [] });
    rig.wait(500);
    expect(cause()).toBe('strengthened');
  });
});

describe('the agreed members', () => {
  const five = (): Quorum => {
    const quorum = new Quorum('a');
    for (const node of ['b', 'c', 'd', 'e']) quorum.joined(node);
    return quorum;
  };

  test('half or fewer of them is weak; one of one is not', () => {
    expect(new Quorum('a').weak).toBe(false);
    const quorum = five();
    for (const node of ['b', 'c']) quorum.lost(node, false);
    expect(quorum.weak).toBe(false);
    quorum.lost('d', false);
    expect(quorum.weak).toBe(true);
    const two = new Quorum('a');
    two.joined('b');
    two.lost('b', false);
    expect(two.weak).toBe(true);
  });

  test('deaths one after the other do not make a minority a majority; only quiet times do, for a majority', () => {
    const quorum = five();
    for (const node of ['b', 'c', 'd']) quorum.lost(node, false);
    quorum.agree();
    expect(quorum.weak).toBe(true);
    const other = five();
    for (const node of ['b', 'c']) other.lost(node, false);
    other.agree();
    other.lost('d', false);
    expect(other.weak).toBe(false);
  });

  test('who says goodbye, or whose Node is gone, counts no more', () => {
    const quorum = five();
    for (const node of ['b', 'c', 'd', 'e']) quorum.lost(node, true);
    expect(quorum.weak).toBe(false);
    const other = five();
    for (const node of ['b', 'c', 'd', 'e']) other.lost(node, false);
    other.listed(new Set(['a']));
    expect(other.weak).toBe(false);
    expect(other.alone).toBe(false);
  });

  test('at the start the Nodes count for who hears nobody or was taken in by a minority', () => {
    const nodes = new Set(['a', 'b', 'c', 'd', 'e']);
    const alone = new Quorum('a');
    alone.listed(nodes);
    alone.begin(true);
    expect(alone.weak).toBe(true);
    const minority = new Quorum('a');
    minority.listed(nodes);
    minority.joined('b');
    minority.begin(false);
    expect(minority.weak).toBe(true);
    const fine = new Quorum('a');
    fine.listed(nodes);
    fine.joined('b');
    fine.begin(true);
    expect(fine.weak).toBe(false);
  });
});
