import { describe, expect, test } from 'vitest';
import { ms } from '../../src/base/clock.ts';
import { ipAddress } from '../../src/base/ip-address.ts';
import type { MembershipEffect, MembershipEvent } from '../../src/membership/events.ts';
import { Membership } from '../../src/membership/fsm.ts';
import type { Instance, MemberStatus, TransportAddress } from '../../src/membership/member.ts';
import { DEFAULT_PROFILE } from '../../src/membership/settings.ts';
import type { MemberUpdate, Message, ProbeState } from '../../src/membership/wire/message.ts';
import { seededRandom } from '../support/seeded-random.ts';

/** One speaker, with everybody else played by the test. */
type Step = MembershipEvent extends infer E ? (E extends MembershipEvent ? Omit<E, 'now'> : never) : never;
type Sent = Extract<MembershipEffect, { kind: 'transmit' }>;

const at = (last: number): TransportAddress => ({
  address: ipAddress('ipv4', 0x0a00_0000n + BigInt(last)),
  port: 7946,
});
const instanceOf = (node: string, birth = 0): Instance =>
  `${node.charCodeAt(0).toString(16)}${birth}`.padEnd(32, '0') as Instance;
const OWN = 'f'.repeat(32) as Instance;
const NODES = ['a', 'b', 'c', 'd', 'e', 'g'];
const QUIET: ProbeState = { incarnation: 0, deaf: false, payloadDigest: new Uint8Array(8), memberDigest: 0 };

class Rig {
  now = 0;
  effects: MembershipEffect[] = [];
  readonly fsm: Membership;
  readonly #timers = new Map<string, { due: number }>();

  constructor(others: number) {
    const config = { node: 'self', instance: OWN, addresses: [at(1)], profile: DEFAULT_PROFILE };
    this.fsm = new Membership(config, seededRandom(1));
    const nodes = NODES.slice(0, others);
    this.step({ kind: 'seeds-changed', seeds: nodes.map((node) => ({ node, addresses: [placeOf(node)] })) });
    this.step({ kind: 'started' });
    for (const node of nodes) this.prove(node);
  }

  step(event: Step): readonly MembershipEffect[] {
    const effects = this.fsm.handle({ ...event, now: ms(this.now) });
    for (const effect of effects) {
      if (effect.kind === 'start-timer') this.#timers.set(effect.timer, { due: this.now + effect.after });
      if (effect.kind === 'stop-timer') this.#timers.delete(effect.timer);
    }
    this.effects.push(...effects);
    return effects;
  }

  /** Lets time pass; `answer` may speak for the others after each step. */
  run(duration: number, answer: (sent: Sent, timer: string) => void = () => {}): void {
    const until = this.now + duration;
    for (;;) {
      const next = [...this.#timers].filter(([, { due }]) => due <= until).sort((a, b) => a[1].due - b[1].due)[0];
      if (next === undefined) break;
      this.now = Math.max(this.now, next[1].due);
      this.#timers.delete(next[0]);
      const fired = this.step({ kind: 'timer-fired', timer: next[0] as never });
      for (const effect of fired) if (effect.kind === 'transmit') answer(effect, next[0]);
    }
    this.now = until;
  }

  /** A message of that node's instance. */
  hear(node: string, ...messages: readonly Message[]): readonly MembershipEffect[] {
    return this.step({ kind: 'received', from: placeOf(node), sender: instanceOf(node), messages });
  }

  prove(node: string, sender = instanceOf(node), from = placeOf(node)): readonly MembershipEffect[] {
    const self = { node, incarnation: 0, addresses: [from] };
    const hello: Message = { kind: 'hello', self, nonce: new Uint8Array(16) };
    const [challenge] = sentMessages(this.step({ kind: 'received', from, sender, messages: [hello] }), 'challenge');
    const echo: Message = { kind: 'echo', self, echoed: challenge!.nonce };
    return this.step({ kind: 'received', from, sender, messages: [echo] });
  }

  statusOf(node: string): MemberStatus | undefined {
    return this.fsm.members().find((member) => member.node === node)?.status;
  }
}

const placeOf = (node: string): TransportAddress => at(node.charCodeAt(0));
function sentMessages<K extends Message['kind']>(effects: readonly MembershipEffect[], kind: K) {
  return effects
    .flatMap((effect) => (effect.kind === 'transmit' ? effect.messages : []))
    .filter((message): message is Extract<Message, { kind: K }> => message.kind === kind);
}
const told = (node: string, status: MemberStatus, more: Partial<MemberUpdate> = {}): Message => ({
  kind: 'updates',
  updates: [{ node, instance: instanceOf(node), incarnation: 0, addresses: [], status, confirmed: true, ...more }],
});
/** Those nodes live: they answer probes, and say that they heard nothing when asked to probe. */
const answering =
  (rig: Rig, ...nodes: readonly string[]) =>
  ({ receiver, messages }: Sent): void => {
    const node = nodes.find((name) => instanceOf(name) === receiver);
    if (node === undefined) return;
    for (const message of messages) {
      if (message.kind === 'ping') rig.hear(node, { kind: 'ack', sequence: message.sequence, state: QUIET });
      if (message.kind === 'ping-req') rig.hear(node, { kind: 'nack', sequence: message.sequence });
    }
  };
/** They answer probes, but nothing that they say as helpers arrives. */
const silentHelpers =
  (rig: Rig, ...nodes: readonly string[]) =>
  (sent: Sent): void => {
    if (sent.messages.every(({ kind }) => kind !== 'ping-req')) answering(rig, ...nodes)(sent);
  };

describe('what others say of a third one', () => {
  test('a death that others confirmed is believed, and passed on no more among few', () => {
    const rig = new Rig(2);
    rig.run(400, answering(rig, 'a', 'b'));
    rig.run(230, answering(rig, 'b'));
    expect(rig.statusOf('a')).not.toBe('dead');
    const effects = rig.hear('b', told('a', 'dead'));
    expect(rig.statusOf('a')).toBe('dead');
    expect(sentMessages(effects, 'updates')).toEqual([]);
  });

  test('one that contradicts what was heard here is looked into', () => {
    const rig = new Rig(3);
    rig.run(400, answering(rig, 'a', 'b', 'c'));
    rig.hear('a', { kind: 'ping', sequence: 1, state: QUIET });
    const effects = rig.hear('b', told('a', 'dead'));
    expect(rig.statusOf('a')).toBe('suspect');
    expect(sentMessages(effects, 'ping')).toHaveLength(1);
    rig.hear('a', { kind: 'ack', sequence: sentMessages(effects, 'ping')[0]!.sequence, state: QUIET });
    expect(rig.statusOf('a')).toBe('alive');
  });

  test('nor is one that was confirmed by others believed before it was its turn to speak: it is asked for a moment', () => {
    const rig = new Rig(5);
    rig.run(600, answering(rig, 'a', 'b', 'c', 'd', 'e'));
    rig.run(300, answering(rig, 'b', 'c', 'd', 'e'));
    const believed = rig.statusOf('a');
    rig.hear('b', told('a', 'dead'));
    expect([believed, rig.statusOf('a')]).toEqual([believed, 'suspect']);
    rig.run(51, answering(rig, 'b', 'c', 'd', 'e'));
    expect(rig.statusOf('a')).toBe('dead');
  });

  test('a death is told as a confirmed one at once and for 0.3 s, then as one to be looked into', () => {
    const rig = new Rig(3);
    rig.run(400, answering(rig, 'a', 'b', 'c'));
    const said: boolean[] = [];
    let fell = 0;
    for (let time = 0; time < 1500; time += 10) {
      rig.effects = [];
      rig.run(10, answering(rig, 'b', 'c'));
      if (fell === 0 && rig.statusOf('a') === 'dead') fell = time;
      if (fell === 0) continue;
      for (const { updates } of sentMessages(rig.effects, 'updates'))
        for (const { status, confirmed } of updates) if (status === 'dead') said.push(confirmed === time - fell <= 310);
    }
    expect(said.length).toBeGreaterThan(4);
    expect(said).not.toContain(false);
  });

  test('one that only its sender noticed is looked into', () => {
    const rig = new Rig(5);
    rig.run(400, answering(rig, 'a', 'b', 'c', 'd', 'e'));
    rig.run(230, answering(rig, 'b', 'c', 'd', 'e'));
    rig.hear('b', told('a', 'dead', { confirmed: false }));
    expect(rig.statusOf('a')).toBe('suspect');
    rig.run(151, answering(rig, 'b', 'c', 'd', 'e'));
    expect(rig.statusOf('a')).toBe('dead');
  });

  test('an incarnation that it has left behind, or an instance that is not current, is nothing', () => {
    const rig = new Rig(3);
    rig.run(400, answering(rig, 'a', 'b', 'c'));
    rig.hear('a', { kind: 'ping', sequence: 1, state: { ...QUIET, incarnation: 3 } });
    rig.run(250, answering(rig, 'b', 'c'));
    rig.hear('b', told('a', 'dead', { incarnation: 2 }), told('a', 'dead', { instance: instanceOf('a', 1) }));
    expect(['alive', 'suspect']).toContain(rig.statusOf('a'));
  });

  test('nobody becomes a member by it: an unknown instance is greeted, an unknown node ignored', () => {
    const rig = new Rig(2);
    rig.now += 1000;
    const effects = rig.hear('a', told('b', 'alive', { instance: instanceOf('b', 1), addresses: [at(77)] }));
    expect(sentMessages(effects, 'hello').length).toBeGreaterThan(0);
    expect(
      effects.some((effect) => effect.kind === 'transmit' && effect.to.address.value === at(77).address.value),
    ).toBe(true);
    expect(rig.fsm.members().map(({ instance }) => instance)).toEqual(
      expect.arrayContaining([instanceOf('a'), instanceOf('b')]),
    );
    expect(rig.hear('a', told('zzz', 'alive'))).toEqual([]);
  });
});

describe('what others say of us', () => {
  test('a suspicion is answered at once, with the next incarnation', () => {
    const rig = new Rig(2);
    const effects = rig.hear('a', told('self', 'suspect', { instance: OWN }));
    expect(sentMessages(effects, 'updates')[0]!.updates).toMatchObject([
      { node: 'self', instance: OWN, status: 'alive', incarnation: 1 },
    ]);
    expect(effects.some(({ kind }) => kind === 'standing')).toBe(false);
  });

  test('a death is reported once for each incarnation, however many say so', () => {
    const rig = new Rig(2);
    const dead = told('self', 'dead', { instance: OWN });
    const standings = [...rig.hear('a', dead), ...rig.hear('b', dead), ...rig.hear('a', dead)].filter(
      ({ kind }) => kind === 'standing',
    );
    expect(standings).toMatchObject([{ standing: 'void', by: { node: 'a' } }]);
    expect(rig.hear('b', told('self', 'dead', { instance: OWN, incarnation: 1 }))).toContainEqual(
      expect.objectContaining({ kind: 'standing' }),
    );
  });

  test('another instance of ours is not us', () => {
    const rig = new Rig(2);
    expect(rig.hear('a', told('self', 'dead', { instance: instanceOf('a', 5) }))).toEqual([]);
  });
});

describe('a suspicion', () => {
  /** Until `a` is suspected, everybody else answering. */
  function suspected(others: number, answer = answering): Rig {
    const rig = new Rig(others);
    const rest = NODES.slice(1, others);
    for (let i = 0; i < 2000 && rig.statusOf('a') !== 'suspect'; i++) rig.run(1, answer(rig, ...rest));
    return rig;
  }
  const lengthOf = (rig: Rig, rest: readonly string[], answer = answering): number => {
    const began = rig.now;
    while (rig.statusOf('a') === 'suspect' && rig.now - began < 2000) rig.run(1, answer(rig, ...rest));
    return rig.now - began;
  };

  test('lasts as long as the profile says among few, and among many where helpers confirm it', () => {
    expect(lengthOf(suspected(2), ['b'])).toBeCloseTo(150, -1);
    expect(lengthOf(suspected(3), ['b', 'c'])).toBeCloseTo(150, -1);
    expect(lengthOf(suspected(5), ['b', 'c', 'd', 'e'])).toBeCloseTo(150, -1);
  });

  test('lasts longer when no helper says anything: then it may be us, and among many it also began high', () => {
    expect(lengthOf(suspected(3, silentHelpers), ['b', 'c'], silentHelpers)).toBeCloseTo(300, -1);
    expect(lengthOf(suspected(5, silentHelpers), ['b', 'c', 'd', 'e'], silentHelpers)).toBeCloseTo(900, -1);
  });

  test('is told to the suspect every sixth of it, and to nobody else', () => {
    const rig = suspected(3);
    rig.effects = [];
    rig.run(149, answering(rig, 'b', 'c'));
    const tells = rig.effects.filter(
      (effect): effect is Sent =>
        effect.kind === 'transmit' &&
        effect.messages.some(
          (message) => message.kind === 'updates' && message.updates.some(({ status }) => status === 'suspect'),
        ),
    );
    expect(tells.length).toBe(5);
    expect(tells.every(({ receiver }) => receiver === instanceOf('a'))).toBe(true);
  });

  test.each<readonly [string, Message, MemberStatus]>([
    ['an answer', { kind: 'ack', sequence: 9, state: QUIET }, 'alive'],
    ['a probe', { kind: 'ping', sequence: 9, state: QUIET }, 'alive'],
    ['its protest', told('a', 'alive', { incarnation: 1 }), 'alive'],
    ['an acknowledgement', { kind: 'payload-ack', sequence: 9 }, 'alive'],
    ['a probe of one that hears nobody', { kind: 'ping', sequence: 9, state: { ...QUIET, deaf: true } }, 'suspect'],
    ['what it says of others', told('b', 'suspect'), 'suspect'],
  ])('and %s of it', (_title, message, after) => {
    const rig = suspected(3);
    rig.hear('a', message);
    expect(rig.statusOf('a')).toBe(after);
  });

  test('is over in a third of the time when the kernel there refuses', () => {
    const rig = suspected(3);
    rig.step({ kind: 'refused', to: placeOf('a') });
    expect(lengthOf(rig, ['b', 'c'])).toBeCloseTo(50, -1);
  });

  test('does not begin when the member spoke meanwhile, though it did not answer', () => {
    const rig = new Rig(3);
    for (let i = 0; i < 100; i++) {
      rig.run(20, answering(rig, 'b', 'c'));
      rig.hear('a', { kind: 'ping', sequence: i, state: QUIET });
    }
    expect(rig.effects.filter(({ kind }) => kind === 'member-changed')).toHaveLength(3);
  });

  test('becomes shorter by helpers that answer late, and ends by one that heard it after all', () => {
    const late = (kind: 'nack' | 'relayed-ack') => {
      const rig = suspected(5, silentHelpers);
      const sequences = sentMessages(rig.effects, 'ping-req').map(({ sequence }) => sequence);
      for (const helper of ['b', 'c', 'd']) rig.hear(helper, { kind, sequence: sequences.at(-1)! });
      return rig;
    };
    expect(lengthOf(late('nack'), ['b', 'c', 'd', 'e'], silentHelpers)).toBeCloseTo(300, -1);
    expect(late('relayed-ack').statusOf('a')).toBe('alive');
  });

  test('of a probe that was under way when the process stopped does not begin', () => {
    const rig = new Rig(2);
    for (let i = 0; i < 400 && sentMessages(rig.effects, 'ping-req').length === 0; i++) rig.run(1, answering(rig, 'b'));
    expect(sentMessages(rig.effects, 'ping-req')).toHaveLength(1);
    rig.step({ kind: 'woke', gap: ms(200) });
    rig.run(90, answering(rig, 'b'));
    expect(rig.statusOf('a')).toBe('alive');
  });

  test('that ran while the process did not is no proof', () => {
    const rig = suspected(3);
    rig.step({ kind: 'woke', gap: ms(200) });
    expect(rig.statusOf('a')).toBe('alive');
  });
});

test('our own time-outs grow while our timers fire late', () => {
  const rig = new Rig(3);
  rig.run(250, answering(rig, 'a', 'b', 'c'));
  const healths = () =>
    rig.effects.flatMap((effect) =>
      effect.kind === 'notice' && effect.notice.kind === 'local-health' ? [effect.notice.score] : [],
    );
  expect(healths()).toEqual([]);
  rig.now += 150;
  rig.run(1, answering(rig, 'a', 'b', 'c'));
  expect(healths()[0]).toBe(1);
  rig.run(1000, answering(rig, 'a', 'b', 'c'));
  expect(healths().at(-1)).toBe(0);
});

test('members are probed in turn: each once a round, the order the same in every round', () => {
  const rig = new Rig(5);
  const targets: string[] = [];
  rig.run(3000, (sent, timer) => {
    const node = NODES.find((name) => instanceOf(name) === sent.receiver);
    if (node !== undefined && timer === 'probe') targets.push(node);
    answering(rig, ...NODES)(sent);
  });
  const round = targets.slice(0, 5);
  expect(new Set(round).size).toBe(5);
  expect(targets.slice(0, 25)).toEqual([...round, ...round, ...round, ...round, ...round]);
});

test('whose turn is next stays so when nodes come', () => {
  for (let round = 0; round < 20; round++) {
    const rig = new Rig(4);
    const targets: string[] = [];
    const watch = (sent: Sent, timer: string): void => {
      const node = NODES.find((name) => instanceOf(name) === sent.receiver);
      if (node !== undefined && timer === 'probe') targets.push(node);
      answering(rig, ...NODES)(sent);
    };
    rig.run(950 + 100 * (round % 4), watch);
    const expected = targets.at(-4);
    const seeds = [...NODES.slice(0, 4), ...Array.from({ length: round + 1 }, (_, i) => `x${i}`)];
    rig.step({ kind: 'seeds-changed', seeds: seeds.map((node, i) => ({ node, addresses: [at(200 + i)] })) });
    targets.splice(0);
    rig.run(200, watch);
    expect(targets[0]).toBe(expected);
  }
});

describe('who is not proved', () => {
  test('is greeted and not listened to', () => {
    const rig = new Rig(2);
    const stranger = instanceOf('z');
    const effects = rig.step({
      kind: 'received',
      from: at(99),
      sender: stranger,
      messages: [
        { kind: 'ping', sequence: 1, state: QUIET },
        told('a', 'left'),
        { kind: 'payload', sequence: 1, payload: new Uint8Array(1) },
      ],
    });
    expect(
      new Set(effects.flatMap((effect) => (effect.kind === 'transmit' ? effect.messages : [])).map(({ kind }) => kind)),
    ).toEqual(new Set(['hello']));
    expect(rig.statusOf('a')).toBe('alive');
  });

  test('an echo or a challenge that echoes nothing of ours proves nobody', () => {
    const rig = new Rig(1);
    const self = { node: 'b', incarnation: 0, addresses: [] };
    const wrong = new Uint8Array(16).fill(9);
    for (const message of [
      { kind: 'echo', self, echoed: wrong },
      { kind: 'challenge', self, echoed: wrong, nonce: wrong },
    ] as const)
      expect(rig.step({ kind: 'received', from: at(98), sender: instanceOf('b'), messages: [message] })).toEqual([]);
    expect(rig.statusOf('b')).toBeUndefined();
  });

  test('an echo that comes too late, or a second time, proves nobody', () => {
    const rig = new Rig(1);
    const self = { node: 'b', incarnation: 0, addresses: [] };
    const hello: Message = { kind: 'hello', self, nonce: new Uint8Array(16) };
    const from = at(98);
    const sender = instanceOf('b');
    const [challenge] = sentMessages(rig.step({ kind: 'received', from, sender, messages: [hello] }), 'challenge');
    rig.now += 2001;
    rig.step({ kind: 'received', from, sender, messages: [{ kind: 'echo', self, echoed: challenge!.nonce }] });
    expect(rig.statusOf('b')).toBeUndefined();
  });
});
