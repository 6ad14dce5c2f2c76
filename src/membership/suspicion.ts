import type { Desk } from './desk.ts';
import type { Gossip } from './gossip.ts';
import type { LocalHealth } from './local-health.ts';
import { isLive, type Peer, pathOf, placesOf, updateOf } from './roster.ts';
import { CONFIRMATIONS, FEWEST_TO_CONFIRM, HIGH_SUSPICION, TELLS } from './settings.ts';

/**
 * A member that answered no probe is suspected for a while, and told so again and again; anything that it says ends the
 * suspicion. Silence to the end is death. A suspicion is ours alone: others learn of the death, not of the suspicion.
 *
 * With five members or more it begins long, and each helper that heard nothing either makes it shorter: when it is we who do
 * not hear, no helper is heard either, and there is more time to find that out.
 */
interface Suspicion {
  readonly began: number;
  /** The probe that led to it, so that helpers who answer late still count. */
  readonly sequence: number;
  confirmations: number;
  /** The kernel there says that nobody listens, or others say that it is dead. */
  brief: boolean;
  tells: number;
}

/** Of a suspicion that no probe led to; sequences are 0 or more. */
export const NO_PROBE = -1;

export class Suspicions {
  readonly #desk: Desk;
  readonly #gossip: Gossip;
  readonly #health: LocalHealth;
  readonly #running = new Map<Peer, Suspicion>();

  constructor(desk: Desk, gossip: Gossip, health: LocalHealth) {
    this.#desk = desk;
    this.#gossip = gossip;
    this.#health = health;
  }

  has(peer: Peer): boolean {
    return this.#running.has(peer);
  }

  begin(peer: Peer, sequence: number, confirmations: number): void {
    if (this.#running.has(peer) || !isLive(peer)) return;
    const suspicion = { began: this.#desk.now, sequence, confirmations, brief: false, tells: 0 };
    this.#running.set(peer, suspicion);
    this.#desk.change(peer, { status: 'suspect' });
    this.#desk.emit({ kind: 'notice', notice: { kind: 'suspicion-began', node: peer.node } });
    this.#arm(peer, suspicion);
    this.tell(peer);
  }

  /** A helper of that probe heard nothing either. */
  confirm(sequence: number): void {
    for (const [peer, suspicion] of this.#running) {
      if (suspicion.sequence !== sequence) continue;
      suspicion.confirmations++;
      this.#arm(peer, suspicion);
    }
  }

  /** A helper of that probe heard it after all. */
  heardByHelper(sequence: number): void {
    for (const [peer, suspicion] of this.#running) if (suspicion.sequence === sequence) this.cancel(peer);
  }

  /**
   * It can be over in a third of the time: who lives is told twice meanwhile. A process that is gone says nothing, and a
   * firewall that refuses lets nothing through.
   */
  beginBrief(peer: Peer): void {
    this.begin(peer, NO_PROBE, 0);
    const suspicion = this.#running.get(peer);
    if (suspicion === undefined || suspicion.brief) return;
    suspicion.brief = true;
    this.#arm(peer, suspicion);
  }

  /** It lives. */
  cancel(peer: Peer): void {
    if (!this.#stop(peer)) return;
    this.#desk.change(peer, { status: 'alive' });
    this.#desk.emit({ kind: 'notice', notice: { kind: 'suspicion-ended', node: peer.node } });
  }

  /** Nothing that happened while we did not run proves anything. */
  cancelAll(): void {
    for (const peer of [...this.#running.keys()]) this.cancel(peer);
  }

  /** By timer: tells the suspect, by turns where it was heard last and at all its places. */
  tell(peer: Peer): void {
    const suspicion = this.#running.get(peer);
    if (suspicion === undefined || peer.member === undefined) return;
    const updates = [updateOf(peer.member)];
    const places = suspicion.tells++ % 2 === 0 ? pathOf(peer) : placesOf(peer);
    for (const place of places) this.#desk.transmit(peer, [{ kind: 'updates', updates }], place);
    this.#desk.startTimer(`tell ${peer.node}`, this.#desk.config.profile.suspicion / TELLS);
  }

  /** By timer. */
  expire(peer: Peer): void {
    const suspicion = this.#running.get(peer);
    if (suspicion === undefined) return;
    const { roster, deaf } = this.#desk;
    const few = roster.memberCount + 1 < FEWEST_TO_CONFIRM;
    // Who hears nobody calls everybody dead, and it is not them.
    const confirmed = !deaf && (few || suspicion.confirmations > 0 || suspicion.brief);
    this.bury(peer, 'dead');
    for (const update of this.#desk.updateOf(peer, confirmed)) this.#gossip.spread(update);
  }

  /** It is no member any more, however that was learned. */
  bury(peer: Peer, status: 'dead' | 'left'): void {
    this.#stop(peer);
    this.#desk.change(peer, { status });
  }

  #arm(peer: Peer, suspicion: Suspicion): void {
    const { config, now } = this.#desk;
    const length = config.profile.suspicion * this.#lengthFactor(suspicion) * this.#health.factor;
    this.#desk.startTimer(`suspect ${peer.node}`, suspicion.began + length - now);
  }

  /** Lifeguard's formula: the first confirmation takes most away. */
  #lengthFactor({ confirmations, brief }: Suspicion): number {
    if (brief) return 1 / 3;
    if (this.#desk.roster.memberCount + 1 < FEWEST_TO_CONFIRM) return 1;
    const shrunk = Math.log(Math.min(confirmations, CONFIRMATIONS) + 1) / Math.log(CONFIRMATIONS + 1);
    return HIGH_SUSPICION - (HIGH_SUSPICION - 1) * shrunk;
  }

  #stop(peer: Peer): boolean {
    if (!this.#running.delete(peer)) return false;
    this.#desk.stopTimer(`suspect ${peer.node}`);
    this.#desk.stopTimer(`tell ${peer.node}`);
    return true;
  }
}
