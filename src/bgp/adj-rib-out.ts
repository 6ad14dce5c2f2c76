import type { IpFamily } from '../base/ip-address.ts';
import type { Prefix } from '../base/prefix.ts';
import { FamilyFeed } from './family-feed.ts';
import { UpdatePacker } from './packing.ts';
import { maximumMessageSizeOf, type OutboundSession, outletFor } from './path-attributes.ts';
import type { PrefixIndex } from './prefix-index.ts';
import type { Route } from './route.ts';

/** Why routes are not told to a router that is there. */
export interface RouteProblem {
  readonly kind: 'no-next-hop' | 'attributes-too-large';
  readonly family: IpFamily;
  readonly routes: number;
}

export interface RibCounts {
  /** Prefixes that are to be announced. */
  readonly wanted: number;
  /** Prefixes that the router was told of, which is when the socket took them. */
  readonly told: number;
  /** Still to be announced or withdrawn; without a session all that is wanted. */
  readonly pending: number;
}

/**
 * Adj-RIB-Out: what one router has been told, what it should be told, and the difference as UPDATEs. Lives as long as the
 * peer is configured, over all its sessions.
 *
 *   change, want          ─> family-rib.ts    which prefixes wait, and with which attributes
 *   established, refresh  ─> family-feed.ts   everything once more, between the marks that the router waits for
 *   take                  ─> packing.ts       as many prefixes as one message holds; path-attributes.ts: what is said of them
 *
 * Nothing is written before the socket asks for it, so a router that reads slowly hears the last state and costs no more
 * memory than the table, however long it takes. Withdrawals always go first.
 *
 * Deliberately missing: MinRouteAdvertisementIntervalTimer and MinASOriginationIntervalTimer (RFC 4271 §9.2.1). They dampen
 * what comes from others and is passed on; all that we say we say for ourselves, and somebody waits for it. The pace of the
 * socket, and that a flapping prefix is one entry, bound what a router has to take.
 *
 * Standards: RFC 4271 §3.2 and §9.2, RFC 2918, RFC 4724 §2, RFC 4760, RFC 7313, RFC 8654.
 */
export class AdjRibOut {
  readonly #feeds: Readonly<Record<IpFamily, FamilyFeed>>;
  /** Undefined: no session. */
  #session: Session | undefined;

  /** `prefixes`: one for all peers of a process, so that they share the memory. */
  constructor(prefixes: PrefixIndex) {
    this.#feeds = { ipv4: new FamilyFeed(prefixes.ipv4), ipv6: new FamilyFeed(prefixes.ipv6) };
  }

  /** The whole truth about what this router is to hear. */
  want(routes: readonly Route[]): void {
    for (const { family, rib } of [this.#feeds.ipv4, this.#feeds.ipv6])
      rib.want(routes.filter(({ prefix }) => prefix.address.family === family));
  }

  /** Differences. Of a prefix that is named twice in `set` the last one counts; one that is in both lists is removed. */
  change(set: readonly Route[], remove: readonly Prefix[]): void {
    for (const route of set) this.#feeds[route.prefix.address.family].rib.set(route);
    if (remove.length === 0) return;
    for (const { rib } of [this.#feeds.ipv4, this.#feeds.ipv6]) rib.remove(remove);
  }

  /** A session is up: the router knows nothing. It gets everything, and End-of-RIB for each family. */
  established(facts: OutboundSession): void {
    this.closed();
    const feeds = facts.families.map(({ family }) => this.#feeds[family]);
    for (const { family, nextHop } of facts.families) this.#feeds[family].open(outletFor(family, nextHop, facts));
    this.#session = { facts, packer: new UpdatePacker(maximumMessageSizeOf(facts)), feeds };
  }

  /** It is down. Whatever the router keeps is between it and graceful restart. */
  closed(): void {
    for (const feed of this.#session?.feeds ?? []) feed.close();
    this.#session = undefined;
  }

  /** The peer is gone from the configuration: the shared index forgets its prefixes. */
  close(): void {
    this.closed();
    this.want([]);
  }

  /** The router (RFC 2918, RFC 7313) or an operator wants everything of a family once more. */
  refresh(family: IpFamily): void {
    const feed = this.#feeds[family];
    if (this.#session?.feeds.includes(feed) !== true) return;
    feed.refresh(this.#session.facts.enhancedRouteRefresh ? 'marked' : 'unmarked');
  }

  /** False: `take` would give nothing. */
  get pending(): boolean {
    return this.#session?.feeds.some((feed) => feed.pending) ?? false;
  }

  /**
   * Whole messages; after the first one another is begun only while the largest possible one would fit into `maxBytes`. What is
   * taken counts as told. Empty: there is nothing to say.
   */
  take(maxBytes: number): readonly Uint8Array[] {
    const messages: Uint8Array[] = [];
    if (this.#session === undefined) return messages;
    const largest = this.#session.packer.maximumMessageSize;
    for (let room = Math.max(maxBytes, largest); room >= largest; ) {
      const message = next(this.#session);
      if (message === undefined) break;
      messages.push(message);
      room -= message.length;
    }
    return messages;
  }

  counts(family: IpFamily): RibCounts {
    const { rib } = this.#feeds[family];
    const open = this.#session?.feeds.includes(this.#feeds[family]) === true;
    return { wanted: rib.wantedCount, told: rib.toldCount, pending: open ? rib.countWaiting() : rib.wantedCount };
  }

  /** Of the session that is up; a family that was not agreed is none. */
  problems(): readonly RouteProblem[] {
    return (this.#session?.facts.families ?? []).flatMap(({ family, nextHop }) => {
      const routes = this.#feeds[family].rib.untellableCount();
      return routes === 0
        ? []
        : [{ kind: nextHop === undefined ? 'no-next-hop' : 'attributes-too-large', family, routes }];
    });
  }
}

interface Session {
  readonly facts: OutboundSession;
  readonly packer: UpdatePacker;
  /** Whose turn it is, first. */
  readonly feeds: FamilyFeed[];
}

function next({ feeds, packer }: Session): Uint8Array | undefined {
  for (const { rib } of feeds) {
    const withdrawal = rib.nextWithdrawal(packer);
    if (withdrawal !== undefined) return withdrawal;
  }
  for (const feed of feeds) {
    const message = feed.next(packer);
    if (message === undefined) continue;
    // The other family comes next, also when this one never ends.
    feeds.push(...feeds.splice(0, feeds.indexOf(feed) + 1));
    return message;
  }
  return undefined;
}
