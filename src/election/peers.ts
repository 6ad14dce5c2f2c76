import type { Milliseconds } from '../base/clock.ts';
import { type Instance, isMember, type Member } from '../membership/member.ts';
import { type Facts, Reachable } from './facts.ts';

/** Another node's speaker, as the election sees it. */
export interface Peer {
  readonly node: string;
  readonly instance: Instance;
  living: boolean;
  /** Of its last message of facts; undefined: none yet, so nobody knows what it can do. */
  facts: Facts | undefined;
  factsAt: Milliseconds;
  /** Of the newest facts: older ones may come later. */
  factsSequence: number;
  reach: Reachable;
  settled: boolean;
  strong: boolean;
  /** It has told all that it holds since it was last away. */
  merged: boolean;
  /** It was thought dead, so what it claimed before counts only when it says so again. */
  returned: boolean;
  diedAt: Milliseconds | undefined;
  /** When it was last heard again after that. */
  returnedAt: Milliseconds | undefined;
  checkedAt: Milliseconds | undefined;
}

const NOTHING = new Reachable([]);
/** Instances of the past to be recognised when somebody still tells of their claims. */
const MOST_VOID = 10_000;

/** The other members, living and dead, by node; and which processes are void for ever. */
export class Peers {
  readonly #peers = new Map<string, Peer>();
  readonly #void = new Set<Instance>();

  get(node: string): Peer | undefined {
    return this.#peers.get(node);
  }

  /** Undefined: of a process that was replaced, or that nobody told us of. */
  current({ node, instance }: Pick<Member, 'node' | 'instance'>): Peer | undefined {
    const peer = this.#peers.get(node);
    return peer?.instance === instance ? peer : undefined;
  }

  living(): readonly Peer[] {
    return [...this.#peers.values()].filter(({ living }) => living);
  }

  isVoid(instance: Instance): boolean {
    return this.#void.has(instance);
  }

  /** `replaced`: the instance of that node that is void from now on. */
  change(member: Member, now: Milliseconds): { readonly peer: Peer; readonly replaced: Instance | undefined } {
    const known = this.#peers.get(member.node);
    if (known?.instance === member.instance) {
      const lived = known.living;
      known.living = isMember(member);
      if (!known.living) known.diedAt = now;
      if (known.living !== lived) {
        known.merged = false;
        known.returned = known.living;
        if (known.living) known.returnedAt = now;
      }
      return { peer: known, replaced: undefined };
    }
    const peer: Peer = {
      node: member.node,
      instance: member.instance,
      living: isMember(member),
      facts: undefined,
      factsAt: now,
      factsSequence: 0,
      reach: NOTHING,
      settled: false,
      strong: false,
      merged: false,
      returned: false,
      diedAt: undefined,
      returnedAt: undefined,
      checkedAt: undefined,
    };
    this.#peers.set(member.node, peer);
    if (known !== undefined) this.#addVoid(known.instance);
    return { peer, replaced: known?.instance };
  }

  forget({ node, instance }: Member): void {
    if (this.#peers.get(node)?.instance === instance) this.#peers.delete(node);
    this.#addVoid(instance);
  }

  #addVoid(instance: Instance): void {
    if (this.#void.size >= MOST_VOID) this.#void.clear();
    this.#void.add(instance);
  }
}

export function learnFacts(peer: Peer, facts: Facts, now: Milliseconds): void {
  peer.facts = facts;
  peer.factsAt = now;
  peer.reach = new Reachable(facts.interfaces);
}
