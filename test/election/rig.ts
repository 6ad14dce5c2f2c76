import { type Milliseconds, ms } from '../../src/base/clock.ts';
import { type IpAddress, ipAddress } from '../../src/base/ip-address.ts';
import type { MacAddress } from '../../src/base/mac-address.ts';
import type { ElectionAddress, ElectionCandidate } from '../../src/election/address.ts';
import type { ElectionConfig, ElectionEffect, ElectionEvent } from '../../src/election/events.ts';
import type { FactInterface, Facts } from '../../src/election/facts.ts';
import { Election } from '../../src/election/fsm.ts';
import { decodeMessage, encodeMessage, type Message } from '../../src/election/wire/message.ts';
import type { Instance, Member, MemberStatus } from '../../src/membership/member.ts';

/** One election under test; the other members are played by the test, message by message. */
export type Step = ElectionEvent extends infer E ? (E extends ElectionEvent ? Omit<E, 'now'> : never) : never;
type OfKind<K extends ElectionEffect['kind']> = Extract<ElectionEffect, { kind: K }>;

export const vip = (number: number): IpAddress => ipAddress('ipv4', 0x0a01_0000n + BigInt(number));
export const instance = (name: string, start = 0): Instance =>
  Buffer.from(`${name}#${start}`).toString('hex').padEnd(32, '0').slice(0, 32) as Instance;

export const cable = (number: number, more: Partial<FactInterface> = {}): FactInterface => ({
  name: 'eth0',
  mac: `02:00:00:00:00:${number.toString(16).padStart(2, '0')}` as MacAddress,
  up: true,
  alive: true,
  physical: true,
  addresses: [{ address: ipAddress('ipv4', 0x0a00_0000n + BigInt(number)), prefixLength: 8 }],
  ...more,
});
export const factsWith = (...interfaces: readonly FactInterface[]): Facts => ({
  interfaces,
  draining: false,
  apiViewAge: ms(0),
  version: 'test',
});
export const candidate = (node: string, more: Partial<ElectionCandidate> = {}): ElectionCandidate => ({
  node,
  preference: 0,
  leaving: false,
  ready: true,
  interfaces: [],
  ...more,
});
export const wanted = (
  address: IpAddress,
  nodes: readonly string[],
  more: Partial<ElectionAddress> = {},
): ElectionAddress => ({
  address,
  serving: true,
  interfaces: [],
  candidates: nodes.map((node) => candidate(node)),
  parting: 'soft',
  ...more,
});

export class Rig {
  readonly node: string;
  readonly election: Election;
  now: Milliseconds = ms(0);
  deaf = false;
  effects: ElectionEffect[] = [];
  #due: Milliseconds | undefined;
  #sequence = 0;

  constructor(node: string, more: Partial<ElectionConfig> = {}) {
    this.node = node;
    this.election = new Election({
      node,
      instance: instance(node),
      settleTime: ms(1000),
      rebalancePerMinute: undefined,
      observe: false,
      isDeaf: () => this.deaf,
      ...more,
    });
  }

  step(event: Step): readonly ElectionEffect[] {
    const effects = this.election.handle({ ...event, now: this.now });
    for (const effect of effects) {
      if (effect.kind === 'start-timer') this.#due = ms(this.now + effect.after);
      if (effect.kind === 'stop-timer') this.#due = undefined;
    }
    this.effects.push(...effects);
    return effects;
  }

  wait(duration: number): void {
    const until = ms(this.now + duration);
    while (this.#due !== undefined && this.#due <= until) {
      this.now = this.#due;
      this.#due = undefined;
      this.step({ kind: 'timer-fired' });
    }
    this.now = until;
  }

  /** Joined by others, with facts told, settled and with nothing claimed. */
  settle(others: readonly string[]): this {
    this.step({ kind: 'nodes', nodes: new Set([this.node, ...others]) });
    this.step({ kind: 'own-facts', facts: factsWith(cable(1)), heard: new Set(['eth0']) });
    this.step({ kind: 'started' });
    others.forEach((other, i) => {
      this.member(other, 'alive');
      this.facts(other, factsWith(cable(i + 2)), false);
    });
    this.wait(1000);
    for (const other of others)
      this.hear(other, { kind: 'own', part: { sequence: 1, index: 0, count: 1 }, claims: [] });
    this.take();
    return this;
  }

  member(node: string, status: MemberStatus, start = 0): readonly ElectionEffect[] {
    return this.step({ kind: 'member-changed', member: memberOf(node, status, start) });
  }

  facts(node: string, facts: Facts, settled = true): void {
    this.hear(node, { kind: 'facts', sequence: ++this.#sequence, settled, strong: true, facts });
  }

  hear(node: string, message: Message, start = 0): readonly ElectionEffect[] {
    return this.step({ kind: 'received', from: memberOf(node, 'alive', start), payload: encodeMessage(message) });
  }

  /** All effects since the last call. */
  take(): readonly ElectionEffect[] {
    return this.effects.splice(0);
  }

  taken<K extends ElectionEffect['kind']>(kind: K): readonly OfKind<K>[] {
    return this.take().filter((effect): effect is OfKind<K> => effect.kind === kind);
  }

  /** What was said since the last call. */
  said<K extends Message['kind']>(
    kind: K,
  ): readonly { readonly to: readonly string[]; readonly message: Extract<Message, { kind: K }> }[] {
    return this.taken('send').flatMap(({ to, payload }) => {
      const message = decodeMessage(payload);
      if (!message.ok || message.value === 'unknown' || message.value.kind !== kind) return [];
      return [{ to, message: message.value as Extract<Message, { kind: K }> }];
    });
  }
}

export const memberOf = (node: string, status: MemberStatus, start = 0): Member => ({
  node,
  instance: instance(node, start),
  incarnation: 0,
  addresses: [],
  status,
});
