import type { Milliseconds } from '../base/clock.ts';
import type { Desk } from './desk.ts';
import { isLive, type Peer } from './roster.ts';
import { DEATH_IS_NEWS, MOST_TOLD_DIRECTLY, PASSED_ON_TO, PIGGYBACKED } from './settings.ts';
import type { MemberUpdate, Message } from './wire/message.ts';

/**
 * What all members should hear: deaths, departures and returns. It rides on probes and answers, each update O(log n) times,
 * the least told first. A death or a departure is also sent at once, since a failover waits for it: to all where they are
 * few, else to some, and whoever had not heard it passes it on. Confirmed it is only while it is news: told later, as after a
 * partition, it would be of a time since which the member was heard elsewhere.
 *
 * Suspicions are not spread. Only the suspect can end one, so it alone is told (suspicion.ts); and at 5 % loss a thousand
 * nodes would talk of nothing else.
 */
interface Rumour {
  readonly update: MemberUpdate;
  readonly since: Milliseconds;
  told: number;
}

export class Gossip {
  readonly #desk: Desk;
  /** The newest of each node. */
  readonly #rumours = new Map<string, Rumour>();

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  add(update: MemberUpdate): void {
    this.#rumours.set(update.node, { update, since: this.#desk.now, told: 0 });
  }

  /** Besides: at once to those who wait for it. */
  spread(update: MemberUpdate, heardFrom?: Peer): void {
    this.add(update);
    const { roster } = this.#desk;
    const others = (peer: Peer): boolean => peer !== heardFrom && peer.node !== update.node;
    const few = roster.memberCount <= MOST_TOLD_DIRECTLY;
    // Among few it was sent to all by whoever we have it from.
    if (few && heardFrom !== undefined) return;
    const told = few ? roster.all().filter((peer) => isLive(peer) && others(peer)) : roster.pick(PASSED_ON_TO, others);
    for (const peer of told) this.#desk.transmit(peer, [{ kind: 'updates', updates: [update] }]);
  }

  /** To be put beside a probe or an answer: nothing, or one message. */
  take(): readonly Message[] {
    if (this.#rumours.size === 0) return [];
    const rumours = [...this.#rumours.values()].sort((a, b) => a.told - b.told).slice(0, PIGGYBACKED);
    const enough = 3 * Math.ceil(Math.log2(this.#desk.roster.memberCount + 2));
    for (const rumour of rumours) if (++rumour.told >= enough) this.#rumours.delete(rumour.update.node);
    const isNews = ({ since }: Rumour): boolean => this.#desk.now - since <= DEATH_IS_NEWS;
    const updates = rumours.map((rumour) =>
      rumour.update.confirmed && !isNews(rumour) ? { ...rumour.update, confirmed: false } : rumour.update,
    );
    return [{ kind: 'updates', updates }];
  }
}
