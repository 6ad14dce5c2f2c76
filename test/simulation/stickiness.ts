import { formatIpAddress } from '../../src/base/ip-address.ts';
import type { ClaimCause } from '../../src/election/claim.ts';
import type { ElectionEffect } from '../../src/election/events.ts';
import type { HandOverReason } from '../../src/election/hand-over-state.ts';
import type { Speaker } from './speaker.ts';
import type { World } from './world.ts';

/** A death is found out, told and answered by a claim within this time, also when the fault is over meanwhile. */
const AFTERMATH = 2000;
/** A pause shorter than this is no death (election.md: 230 ms). */
const SHORTEST_DEATH = 200;
/** Two that claim what is free at the same time: news under way, with repeats. */
const RACE = 300;
/** The same for an offer whose giver changed its mind. */
const LATE_OFFER = 2000;
/** Above this loss somebody may be called dead who lives; the page promises none at 5 %. */
const HARMLESS_LOSS = 0.06;
/** And with this delay: the direct probe's time-out is 40 ms there and back. */
const HARMLESS_DELAY = 20;

/**
 * Invariant 3, at every step: an address changes hands only because its holder died, became ineligible, handed it over on
 * request, or lost a conflict of claims. The world knows what it did to whom, and whoever starts or stops to answer says by its own claim why.
 */
export class Stickiness {
  readonly #world: World;
  /** Address: who answers for it, or would if it were not muted, since when; the latest last. */
  readonly #holders = new Map<string, Map<string, number>>();
  /** Who answered last where nobody does. */
  readonly #last = new Map<string, string>();
  /** Address: when each node that does not answer any more stopped. */
  readonly #stopped = new Map<string, Map<string, number>>();
  /** Links and nodes: the latest moment at which they were known to be at fault. */
  readonly #faults = new Map<string, number>();
  readonly #offering = new Map<string, { readonly why: HandOverReason; until: number }>();
  #badNetworkUntil = Number.NEGATIVE_INFINITY;
  /** Changes of holder that were looked at. */
  changes = 0;

  constructor(world: World) {
    this.#world = world;
  }

  faultOn(from: string, to: string): void {
    this.#faults.set(pair(from, to), this.#world.time.now);
  }

  /** It did not run for `pause`, without end if it is dead. */
  paused(node: string, pause: number, seen: 'stop' | 'jump'): void {
    const { now } = this.#world.time;
    if (pause >= SHORTEST_DEATH && seen === 'stop') this.#faults.set(node, now);
    if (Number.isFinite(pause)) return;
    for (const [text, holders] of this.#holders)
      if (holders.delete(node) && holders.size === 0) this.#last.set(text, node);
  }

  /** Before and after a change of the network's conditions. */
  noteNetwork(): void {
    const { loss, delay } = this.#world.network.conditions;
    if (loss > HARMLESS_LOSS || delay[1] > HARMLESS_DELAY) this.#badNetworkUntil = this.#world.time.now + AFTERMATH;
  }

  performed(speaker: Speaker, effect: ElectionEffect): void {
    const { kind } = effect;
    if (kind === 'hold') this.#began(speaker, formatIpAddress(effect.address));
    if (kind === 'release' || kind === 'prepare') this.#ended(speaker, formatIpAddress(effect.address));
    if (kind !== 'holders') return;
    for (const { address, handingOver } of effect.changed) {
      const key = `${speaker.node} ${formatIpAddress(address)}`;
      const before = this.#offering.get(key);
      if (handingOver !== undefined) this.#offering.set(key, { why: handingOver, until: Number.POSITIVE_INFINITY });
      else if (before !== undefined && !Number.isFinite(before.until)) before.until = this.#world.time.now + LATE_OFFER;
    }
  }

  #began(speaker: Speaker, text: string): void {
    const { now } = this.#world.time;
    const { node } = speaker;
    const holders = this.#holders.get(text) ?? new Map<string, number>();
    this.#holders.set(text, holders);
    const last = this.#last.get(text);
    const rivals = [...holders].filter(([holder]) => holder !== node);
    const offered = rivals.some(([holder]) => this.#hasOffered(holder, text));
    for (const [holder, since] of rivals) this.#judge(speaker, text, holder, now - since, offered);
    if (holders.size === 0 && last !== undefined && last !== node) this.changes++;
    this.#last.delete(text);
    holders.delete(node);
    holders.set(node, now);
  }

  /** `node` begins to answer for what `holder` answers for. */
  #judge({ node, causes }: Speaker, text: string, holder: string, heldFor: number, offered: boolean): void {
    this.changes++;
    const own = causes.get(text);
    if (own === 'hand-over') {
      if (!offered) this.#fail(`${node} took ${text} over from ${holder}, and nobody had offered it`);
      return;
    }
    if (this.#wasLost(holder, node)) return;
    if (heldFor < RACE) return;
    this.#fail(`${node} took ${text} (${own}) while ${holder} held it for ${heldFor.toFixed(0)} ms and was well`);
  }

  #ended(speaker: Speaker, text: string): void {
    const { node, leaving, causes } = speaker;
    const holders = this.#holders.get(text);
    if (holders?.delete(node) !== true) return;
    if (holders.size === 0) this.#last.set(text, node);
    const stopped = this.#stopped.get(text) ?? new Map<string, number>();
    this.#stopped.set(text, stopped.set(node, this.#world.time.now));
    const cause = causes.get(text);
    if (cause === undefined || leaving) return;
    const why = this.#unfounded(speaker, text, cause, holders.size > 0);
    if (why !== undefined) this.#fail(`${node} gave ${text} up (${cause}), and ${why}`);
  }

  /** Why that is no reason to give up an address. */
  #unfounded({ node, told, muted }: Speaker, text: string, cause: ClaimCause, others: boolean): string | undefined {
    const wanted = told.get(text);
    switch (cause) {
      case 'not-serving':
        return wanted?.serving === true ? 'knew of endpoints' : undefined;
      case 'not-eligible':
        return wanted?.candidates.some((candidate) => candidate.node === node) === true
          ? 'knew that it may'
          : undefined;
      case 'removed':
        return wanted === undefined ? undefined : 'knew of its Service';
      case 'first':
      case 'vacancy':
      case 'failover':
        // It lost it and took it back within one event, as after a jump of its clock that looks like a death.
        return undefined;
      case 'no-interface':
        return this.#world.unplugged.has(node) ? undefined : 'had its interface';
      case 'declared-dead':
        return muted ? undefined : 'had not slept';
      // Whether the other one had a right to it was looked at when it began.
      case 'hand-over':
      case 'yielded':
        return others || this.#hadIt(text, node) || this.#anyFault() ? undefined : 'nobody else had it';
      case 'refused':
        // Whatever ended it: that another machine answers for the address goes with it to whoever takes it.
        return undefined;
      case 'conflict':
      case 'stopped':
      case 'strengthened':
        return 'that is no cause';
    }
  }

  /** Another one answered until a moment ago: its claim was believed while the word that it had to give up was under way. */
  #hadIt(text: string, node: string): boolean {
    const stopped = [...(this.#stopped.get(text) ?? [])];
    return stopped.some(([other, at]) => other !== node && this.#world.time.now - at < RACE);
  }

  /** It is handing the address over, or was a moment ago. */
  #hasOffered(node: string, text: string): boolean {
    return (this.#offering.get(`${node} ${text}`)?.until ?? 0) >= this.#world.time.now;
  }

  /** Dead, asleep, or not to be heard by `other`, now or a moment ago. */
  #wasLost(holder: string, other: string): boolean {
    const state = this.#world.speakers.get(holder)?.state;
    if (state !== 'running') return true;
    if (this.#world.cuts.has(`${holder}>${other}`) || this.#world.cuts.has(`${other}>${holder}`)) return true;
    this.noteNetwork();
    if (this.#world.time.now <= this.#badNetworkUntil) return true;
    return this.#recent(this.#faults.get(holder)) || this.#recent(this.#faults.get(pair(holder, other)));
  }

  #anyFault(): boolean {
    return this.#world.cuts.size > 0 || [...this.#faults.values()].some((at) => this.#recent(at));
  }

  #recent(at: number | undefined): boolean {
    return at !== undefined && this.#world.time.now - at <= AFTERMATH;
  }

  #fail(what: string): never {
    this.#world.invariants.fail(`3: ${what}`);
  }
}

const pair = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`);
