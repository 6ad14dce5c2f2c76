import { type Milliseconds, ms } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import {
  type Instance,
  isMember,
  type Member,
  type Seed,
  sameTransportAddress,
  type TransportAddress,
} from './member.ts';
import type { MemberUpdate } from './wire/message.ts';

/** Everything known of one node, except this one. */
export interface Peer {
  readonly node: string;
  /** Undefined while the Node list has no such Node. */
  seeded: readonly TransportAddress[] | undefined;
  /** What others say of where it is now; only a place to greet. */
  hinted: readonly TransportAddress[];
  member: Member | undefined;
  /** Where the member proved to be. */
  path: TransportAddress | undefined;
  /** When anything of the current instance arrived that also shows that it hears. */
  heardAt: Milliseconds;
  greetedAt: Milliseconds;
  /** The incarnation of the current instance that was dead here, and came back; -1: none. */
  diedAs: number;
}

/**
 * The member table: one entry a node, with the instance that last proved to be current. It keeps what is derived from it
 * in step: who has which instance, how many are members, the digest, and the order in which members are probed. That order
 * is random once and then stays: reshuffling it each round, as the SWIM paper does, makes the longest wait twice as long.
 */
export class Roster {
  readonly #random: Random;
  readonly #peers = new Map<string, Peer>();
  readonly #byInstance = new Map<Instance, Peer>();
  readonly #order: Peer[] = [];
  /** Of whoever was probed last. */
  #place = 0;
  #absentPlace = 0;
  #members = 0;
  #digest = 0;

  constructor(random: Random, self: Instance) {
    this.#random = random;
    this.#digest = hashOf(self);
  }

  /** Without this node. */
  get memberCount(): number {
    return this.#members;
  }
  /** The same at all who know the same members, this node included; of the order in which they came nothing remains. */
  get digest(): number {
    return this.#digest;
  }

  get(node: string): Peer | undefined {
    return this.#peers.get(node);
  }

  /** Of the instance that is, or was last, current. */
  byInstance(instance: Instance): Peer | undefined {
    return this.#byInstance.get(instance);
  }

  at(address: TransportAddress): Peer | undefined {
    return this.#order.find(({ path }) => path !== undefined && sameTransportAddress(path, address));
  }

  all(): readonly Peer[] {
    return this.#order;
  }

  members(): readonly Peer[] {
    return this.#order.filter(isLive);
  }

  ensure(node: string): Peer {
    const known = this.#peers.get(node);
    if (known !== undefined) return known;
    const never = ms(Number.NEGATIVE_INFINITY);
    const peer: Peer = {
      node,
      seeded: undefined,
      hinted: [],
      member: undefined,
      path: undefined,
      heardAt: never,
      greetedAt: never,
      diedAs: -1,
    };
    this.#peers.set(node, peer);
    const place = Math.floor(this.#random.fraction() * (this.#order.length + 1));
    this.#order.splice(place, 0, peer);
    // Whose turn is next stays so.
    if (place <= this.#place) this.#place++;
    return peer;
  }

  /** Returns those that are new or have moved, to be greeted, and those that are forgotten. */
  seed(seeds: readonly Seed[], self: string): { readonly fresh: readonly Peer[]; readonly forgotten: readonly Peer[] } {
    const wanted = new Map(seeds.filter(({ node }) => node !== self).map((seed) => [seed.node, seed.addresses]));
    const fresh: Peer[] = [];
    for (const [node, addresses] of wanted) {
      const peer = this.ensure(node);
      if (!sameAddresses(peer.seeded, addresses)) fresh.push(peer);
      peer.seeded = addresses;
    }
    const gone = this.#order.filter((peer) => peer.seeded !== undefined && !wanted.has(peer.node));
    for (const peer of gone) peer.seeded = undefined;
    return { fresh, forgotten: gone.filter((peer) => this.forgetIfGone(peer)) };
  }

  /** Neither a member nor in the Node list: nothing is left to remember. */
  forgetIfGone(peer: Peer): boolean {
    if (peer.seeded !== undefined || isLive(peer)) return false;
    const place = this.#order.indexOf(peer);
    this.#order.splice(place, 1);
    if (place <= this.#place) this.#place--;
    this.#peers.delete(peer.node);
    if (peer.member !== undefined) this.#byInstance.delete(peer.member.instance);
    return true;
  }

  /** The one way in which a member changes. */
  set(peer: Peer, member: Member): void {
    const before = peer.member;
    if (before !== undefined && isMember(before)) this.#count(before.instance, -1);
    if (before !== undefined && before.instance !== member.instance) this.#byInstance.delete(before.instance);
    peer.member = member;
    this.#byInstance.set(member.instance, peer);
    if (isMember(member)) this.#count(member.instance, 1);
  }

  /** The member whose turn to be probed it is. */
  nextMember(): Peer | undefined {
    for (let tried = 0; tried < this.#order.length; tried++) {
      this.#place = (this.#place + 1) % this.#order.length;
      const peer = this.#order[this.#place]!;
      if (isLive(peer)) return peer;
    }
    return undefined;
  }

  /** The node whose turn to be greeted it is: of those that have a Node and no member. */
  nextAbsent(): Peer | undefined {
    for (let tried = 0; tried < this.#order.length; tried++) {
      this.#absentPlace = (this.#absentPlace + 1) % this.#order.length;
      const peer = this.#order[this.#absentPlace]!;
      if (peer.seeded !== undefined && !isLive(peer)) return peer;
    }
    return undefined;
  }

  /** Up to `count` members, none twice. */
  pick(count: number, fit: (peer: Peer) => boolean): readonly Peer[] {
    const left = this.#order.filter((peer) => isLive(peer) && fit(peer));
    const picked: Peer[] = [];
    while (picked.length < count && left.length > 0) {
      const place = Math.floor(this.#random.fraction() * left.length);
      picked.push(left[place]!);
      left[place] = left.at(-1)!;
      left.pop();
    }
    return picked;
  }

  #count(instance: Instance, by: 1 | -1): void {
    this.#members += by;
    this.#digest = (this.#digest ^ hashOf(instance)) >>> 0;
  }
}

export const isLive = (peer: Peer): boolean => peer.member !== undefined && isMember(peer.member);

export const pathOf = ({ path }: Peer): readonly TransportAddress[] => (path === undefined ? [] : [path]);

/** Every place where the node may be, the proved one first. */
export function placesOf(peer: Peer): readonly TransportAddress[] {
  const places: TransportAddress[] = [];
  const known = [pathOf(peer), peer.member?.addresses ?? [], peer.seeded ?? [], peer.hinted];
  for (const place of known.flat()) if (!places.some((other) => sameTransportAddress(other, place))) places.push(place);
  return places;
}

export const updateOf = (member: Member, confirmed = false): MemberUpdate => ({ ...member, confirmed });

const sameAddresses = (a: readonly TransportAddress[] | undefined, b: readonly TransportAddress[]): boolean =>
  a !== undefined && a.length === b.length && a.every((address, i) => sameTransportAddress(address, b[i]!));

/** Instances are random, so that 32 of their bits hash as well as any function. */
const hashOf = (instance: Instance): number => Number.parseInt(instance.slice(0, 8), 16);
