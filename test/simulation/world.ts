import { formatIpAddress, type IpAddress, ipAddress } from '../../src/base/ip-address.ts';
import type { ElectionAddress, ElectionCandidate, Parting } from '../../src/election/address.ts';
import type { ElectionEffect } from '../../src/election/events.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { Invariants } from './invariants.ts';
import { type MembershipNetwork, nameOf, type SimulatedDatagram } from './membership-node.ts';
import { type NetworkConditions, SimulatedNetwork, SimulatedTime } from './network-model.ts';
import { NodeClock } from './node-clock.ts';
import { cable, Speaker } from './speaker.ts';
import { Stickiness } from './stickiness.ts';

/** What Kubernetes says of an address, before it reached anybody. */
export interface Truth {
  readonly address: IpAddress;
  serving: boolean;
  /** Nodes with something to serve it; all under externalTrafficPolicy Cluster. */
  candidates: ElectionCandidate[];
  move: { readonly to: string; readonly term: number } | undefined;
  /** How a node gives it up that is no candidate any more. */
  parting: Parting;
  /** externalTrafficPolicy Local. */
  verify: boolean;
}

/** A health check that does not answer has said no by then. */
const CHECK_TIMEOUT = 500;

const CHANGES_ANSWERS: ReadonlySet<ElectionEffect['kind']> = new Set(['hold', 'prepare', 'release', 'mute', 'unmute']);

export const vip = (number: number): IpAddress => ipAddress('ipv4', 0x0a01_0000n + BigInt(number));

/**
 * A cluster on virtual time: real membership and real election of every node, a network that does what networks do, an API that reaches the
 * nodes at different times. After each event the invariants are checked. Everything follows from the seed.
 */
export class World {
  readonly time = new SimulatedTime();
  readonly random;
  readonly network: MembershipNetwork;
  readonly speakers = new Map<string, Speaker>();
  readonly truths = new Map<string, Truth>();
  readonly invariants: Invariants;
  readonly stickiness: Stickiness;
  readonly effects: { readonly at: number; readonly node: string; readonly effect: ElectionEffect }[] = [];
  readonly log: string[] = [];
  /** Nodes whose view of the API stands still, since when. */
  readonly stale = new Map<string, number>();
  /** Ordered pairs that do not hear each other: `from>to`. */
  readonly cuts = new Set<string>();
  readonly unplugged = new Set<string>();
  /** Nodes whose own health checks say no, whatever the API says of their endpoints. */
  readonly unhealthy = new Set<string>();
  rebalancePerMinute: number | undefined;
  readonly names: readonly string[];
  /** Others than nodes are on every link, and heard there even by who hears no node. */
  strangers = false;
  keepEffects = false;
  /** Grows when who answers for what may have changed. */
  answers = 0;
  #starts = 0;

  readonly seed: number;
  readonly count: number;

  constructor(seed: number, count: number) {
    this.seed = seed;
    this.count = count;
    this.random = seededRandom(seed);
    this.network = new SimulatedNetwork<SimulatedDatagram>(this.time, seededRandom(seed ^ 0x5eed));
    this.names = Array.from({ length: count }, (_, i) => nameOf(i + 1));
    this.invariants = new Invariants(this);
    this.stickiness = new Stickiness(this);
  }

  start(name: string): Speaker {
    const number = this.names.indexOf(name) + 1;
    const speaker = new Speaker({
      node: name,
      number,
      count: this.count,
      seed: this.seed * 1000 + ++this.#starts,
      time: new NodeClock(this.time, 1e9 * this.random.fraction()),
      network: this.network,
      rebalancePerMinute: this.rebalancePerMinute,
      check: (who, address) => {
        const healthy = !this.unhealthy.has(name);
        const after = this.random.fraction() < 0.9 ? 10 * this.random.fraction() : CHECK_TIMEOUT;
        this.time.after(after, () => who.step({ kind: 'checked', address, ok: healthy && after < CHECK_TIMEOUT }));
      },
      onPause: (who, pause, seen) => {
        this.answers++;
        this.stickiness.paused(who.node, pause, seen);
      },
      onEffect: (who, effect) => {
        if (CHANGES_ANSWERS.has(effect.kind)) this.answers++;
        this.stickiness.performed(who, effect);
        const settled = effect.kind === 'notice' && effect.notice.kind === 'settled';
        if (effect.kind === 'unmute' || settled) this.invariants.unmuted(who);
        if (this.keepEffects) this.effects.push({ at: this.time.now, node: who.node, effect });
      },
    });
    this.speakers.set(name, speaker);
    this.tellLink(name);
    speaker.apiView(this.stale.has(name) ? 1 : 0);
    if (this.truths.size > 0) speaker.want([...this.truths.values()].map((truth) => this.wantedBy(name, truth)));
    this.invariants.disturbed();
    return speaker;
  }

  startAll(): void {
    for (const name of this.names) this.start(name);
  }

  speaker(name: string): Speaker {
    const speaker = this.speakers.get(name);
    if (speaker === undefined) throw new Error(`no speaker was ever started on ${name}`);
    return speaker;
  }

  isUp(name: string): boolean {
    const speaker = this.speakers.get(name);
    return speaker !== undefined && speaker.state !== 'dead';
  }

  /** Adds or changes an address; every node hears of it a little later. */
  tell(address: IpAddress, change: Partial<Omit<Truth, 'address'>> = {}, latest = 50): Truth {
    const text = formatIpAddress(address);
    const truth = this.truths.get(text) ?? {
      address,
      serving: true,
      candidates: this.names.map((node) => candidate(node)),
      move: undefined,
      parting: 'soft' as const,
      verify: false,
    };
    Object.assign(truth, change);
    this.truths.set(text, truth);
    this.#publish((name) => this.speakers.get(name)?.want([this.wantedBy(name, truth)]), latest);
    return truth;
  }

  remove(address: IpAddress): void {
    this.truths.delete(formatIpAddress(address));
    this.#publish((name) => this.speakers.get(name)?.want([], [address]), 50);
  }

  /** The node hears all that it missed. */
  freshen(name: string): void {
    if (!this.stale.delete(name)) return;
    const speaker = this.speakers.get(name);
    const gone = [...(speaker?.states.values() ?? [])]
      .map(({ address }) => address)
      .filter((address) => !this.truths.has(formatIpAddress(address)));
    speaker?.want(
      [...this.truths.values()].map((truth) => this.wantedBy(name, truth)),
      gone,
    );
    speaker?.apiView(0);
    this.invariants.disturbed();
  }

  wantedBy(_node: string, { address, serving, candidates, move, parting, verify }: Truth): ElectionAddress {
    return {
      address,
      serving,
      candidates: [...candidates],
      interfaces: [],
      parting,
      verify,
      ...(move === undefined ? {} : { move }),
    };
  }

  part(left: readonly string[], right: readonly string[]): void {
    for (const a of left)
      for (const b of right) {
        this.cut(a, b);
        this.cut(b, a);
      }
  }

  cut(from: string, to: string): void {
    this.stickiness.faultOn(from, to);
    this.cuts.add(`${from}>${to}`);
    this.network.cut(from, to);
    this.#linksChanged();
  }

  deafen(name: string): void {
    for (const other of this.names) if (other !== name) this.cut(other, name);
  }

  set conditions(conditions: NetworkConditions) {
    this.stickiness.noteNetwork();
    this.network.conditions = conditions;
    this.stickiness.noteNetwork();
    this.invariants.disturbed();
  }

  mendAll(): void {
    for (const link of this.cuts) {
      const [from = '', to = ''] = link.split('>');
      this.stickiness.faultOn(from, to);
    }
    this.cuts.clear();
    this.network.mendAll();
    this.#linksChanged();
  }

  hears(name: string, from: string): boolean {
    return !this.cuts.has(`${from}>${name}`) && this.speakers.get(from)?.state === 'running';
  }

  run(duration: number): void {
    this.time.run(duration, () => this.invariants.check());
    this.invariants.check();
  }

  answeringFor(address: IpAddress): readonly string[] {
    const text = formatIpAddress(address);
    return this.names.filter((name) => this.speakers.get(name)?.answering.has(text) === true);
  }

  note(what: string): void {
    this.log.push(`${(this.time.now / 1000).toFixed(3)} s  ${what}`);
  }

  /** Whether a node sees frames of others on its link: of other nodes, since nobody else is in this world but a router beside most. */
  tellLink(name: string): void {
    const deaf = !this.strangers && this.names.every((other) => other === name || this.cuts.has(`${other}>${name}`));
    const plugged = !this.unplugged.has(name);
    this.speakers.get(name)?.link([cable(this.names.indexOf(name) + 1, plugged)], plugged && !deaf);
  }

  #linksChanged(): void {
    this.invariants.disturbed();
    for (const name of this.names) this.tellLink(name);
  }

  #publish(tell: (name: string) => void, latest: number): void {
    this.invariants.disturbed();
    for (const name of this.names)
      if (!this.stale.has(name))
        this.time.after(latest * this.random.fraction(), () => {
          if (this.stale.has(name)) return;
          tell(name);
          this.invariants.disturbed();
        });
  }
}

export const candidate = (node: string, more: Partial<ElectionCandidate> = {}): ElectionCandidate => ({
  node,
  preference: 0,
  leaving: false,
  ready: true,
  interfaces: [],
  ...more,
});
