import { formatIpAddress } from '../../src/base/ip-address.ts';
import type { Speaker } from './speaker.ts';
import type { Truth, World } from './world.ts';

/** Two holders that hear each other for so long are one too many. */
const MOST_OVERLAP = 1000;
/** After so long without a fault all is as it should be: a death is found out, a start settles, a conflict is resolved. */
const CALM = 2500;

const LONG_ENOUGH_TO_ANSWER = 500;

/** election.md's invariants, looked at after each event. The numbers are those of the page. */
export class Invariants {
  /** Node pairs: since when they hear each other. */
  readonly #connected = new Map<string, number>();
  readonly #overlaps = new Map<string, number>();
  #disturbedAt = 0;
  #calmChecked = false;
  #answers = -1;

  readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  /** Something happened from outside. */
  disturbed(): void {
    this.#disturbedAt = this.world.time.now;
    this.#calmChecked = false;
    this.#noteConnections();
  }

  check(): void {
    // Who answers changes seldom, and only an overlap is a matter of time.
    if (this.world.answers !== this.#answers || this.#overlaps.size > 0) {
      this.#answers = this.world.answers;
      this.#checkWaking();
      this.#checkSafety();
    }
    const { now } = this.world.time;
    if (this.#calmChecked || now - this.#disturbedAt < CALM) return;
    this.#calmChecked = true;
    this.checkCalm();
  }

  /** 2 and 4: in each group that hears itself, every address that can be served is, by one, and all say the same. */
  checkCalm(): void {
    for (const group of this.#groups()) {
      for (const { node, election } of group)
        if (election.progress().phase !== 'settled' && election.progress().phase !== 'stopped')
          this.fail(`2: ${node} is still ${election.progress().phase}`);
      for (const truth of this.world.truths.values()) this.#checkAddress(group, truth);
    }
  }

  #checkAddress(group: readonly Speaker[], truth: Truth): void {
    const text = formatIpAddress(truth.address);
    const holders = group.filter(({ answering }) => answering.has(text)).map(({ node }) => node);
    if (holders.length > 1) this.fail(`1: ${text} has holders ${holders.join(', ')}`);
    const fresh = group.every(({ node }) => !this.world.stale.has(node));
    if (!fresh) return;
    const able = group.filter(
      ({ node }) => truth.candidates.some((one) => one.node === node) && !this.world.unplugged.has(node),
    );
    const cutOff = group.length === 1 && this.#isCutOff(group[0]!);
    if (truth.serving && able.length > 0 && holders.length === 0 && !cutOff)
      this.fail(`2: nobody holds ${text}, and ${able.map(({ node }) => node).join(', ')} could`);
    if (!truth.serving && holders.length > 0) this.fail(`${text} has nothing to serve, but ${holders[0]} holds it`);
    const words = group.map((speaker) => {
      const holder = speaker.election.state(truth.address)?.holder;
      return holder === undefined ? 'nobody' : `${holder.node} since term ${holder.term}`;
    });
    if (new Set(words).size > 1)
      this.fail(`4: of ${text} ${group.map(({ node }, i) => `${node} says ${words[i]}`).join(', ')}`);
    if (holders.length === 1 && !words[0]!.startsWith(`${holders[0]} `))
      this.fail(`4: ${holders[0]} answers for ${text}, and all say ${words[0]}`);
  }

  /** 6: who slept says nothing until it was told something, unless there is nobody who could tell. */
  #checkWaking(): void {
    for (const { node, askedSince, answering } of this.world.speakers.values())
      if (!askedSince && answering.size > 0) this.fail(`6: ${node} answers after waking, and was told nothing`);
  }

  /** The speaker trusts itself again, or for the first time: who slept while it started is not muted, since it answers for nothing. */
  unmuted(speaker: Speaker): void {
    const { now } = this.world.time;
    const others = this.world.names.filter(
      (name) =>
        this.world.speakers.get(name)?.election.progress().phase === 'settled' &&
        now - (this.#connected.get(pair(name, speaker.node)) ?? now) > LONG_ENOUGH_TO_ANSWER,
    );
    if (!speaker.askedSince && others.length > 0)
      this.fail(`6: ${speaker.node} woke, was told nothing and goes on, but ${others.join(', ')} would have told it`);
    speaker.askedSince = true;
  }

  /** 1 */
  #checkSafety(): void {
    const { now } = this.world.time;
    const holders = new Map<string, string>();
    const seen = new Set<string>();
    for (const { node, answering } of this.world.speakers.values())
      for (const text of answering) {
        const other = holders.get(text);
        if (other === undefined) {
          holders.set(text, node);
          continue;
        }
        const key = `${text} ${pair(node, other)}`;
        seen.add(key);
        const since = Math.max(this.#overlaps.get(key) ?? now, this.#connected.get(pair(node, other)) ?? now);
        this.#overlaps.set(key, since);
        if (now - since > MOST_OVERLAP)
          this.fail(`1: ${node} and ${other} hold ${text}, and have heard each other for ${now - since} ms`);
      }
    for (const key of this.#overlaps.keys()) if (!seen.has(key)) this.#overlaps.delete(key);
  }

  #noteConnections(): void {
    const { world } = this;
    for (const a of world.names)
      for (const b of world.names) {
        if (a >= b) continue;
        const both = world.hears(a, b) && world.hears(b, a);
        if (!both) this.#connected.set(pair(a, b), Number.POSITIVE_INFINITY);
        else if (!Number.isFinite(this.#connected.get(pair(a, b)) ?? Number.POSITIVE_INFINITY))
          this.#connected.set(pair(a, b), world.time.now);
      }
  }

  /** Running speakers in groups where everybody hears everybody; others are in none. */
  #groups(): readonly (readonly Speaker[])[] {
    const running = [...this.world.speakers.values()].filter(({ state }) => state === 'running');
    const both = (a: Speaker, b: Speaker): boolean =>
      this.world.hears(a.node, b.node) && this.world.hears(b.node, a.node);
    const none = (a: Speaker, b: Speaker): boolean =>
      !this.world.hears(a.node, b.node) && !this.world.hears(b.node, a.node);
    const groups: Speaker[][] = [];
    for (const speaker of running) {
      const group = groups.find((members) => members.every((member) => both(member, speaker)));
      if (group === undefined) groups.push([speaker]);
      else group.push(speaker);
    }
    const clean = groups.every((group) =>
      groups.every((other) => group === other || group.every((a) => other.every((b) => none(a, b)))),
    );
    return clean ? groups : [];
  }

  #isCutOff({ node }: Speaker): boolean {
    if (this.world.strangers) return false;
    return this.world.names.every((other) => other === node || this.world.cuts.has(`${other}>${node}`));
  }

  fail(what: string): never {
    throw new Error(
      `seed ${this.world.seed}, ${this.world.count} nodes, after ${(this.world.time.now / 1000).toFixed(3)} s: invariant ${what}\n${this.world.log.slice(-40).join('\n')}`,
    );
  }
}

const pair = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`);
