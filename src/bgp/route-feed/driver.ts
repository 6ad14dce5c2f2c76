import { afterThisTurn, type Clock, ms, type Timer } from '../../base/clock.ts';
import type { AdjRibOut } from '../adj-rib-out.ts';
import type { Connection } from '../connection/driver.ts';
import type { OutboundSession } from '../path-attributes.ts';

export interface RouteFeedOptions {
  readonly rib: AdjRibOut;
  readonly clock: Clock;
  readonly wrote: (messages: number, octets: number) => void;
}

/** Handed to the socket at once; what it does not take waits, and nothing more is built until it has. */
const PORTION = 16_384;
/** Then the other sessions, and everything else in this thread, have their turn. */
const SLICE = ms(5);

/** Carries what waits in an Adj-RIB-Out to the router, as fast as its socket takes it and the event loop allows. */
export class RouteFeed {
  readonly #options: RouteFeedOptions;
  #to: Connection | undefined;
  #turn: Timer | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(options: RouteFeedOptions) {
    this.#options = options;
  }

  open(to: Connection, session: OutboundSession): void {
    this.#to = to;
    this.#options.rib.established(session);
    this.pump();
  }

  close(): void {
    this.#turn?.stop();
    this.#turn = undefined;
    this.#to = undefined;
    this.#options.rib.closed();
    this.#notifyIfDone();
  }

  /** The router has, or will have without our doing, all that there is to say. */
  get done(): boolean {
    return this.#to === undefined || (this.#to.kept === 0 && !this.#options.rib.pending);
  }

  /** Calls once that is so; returns how not to be called. */
  whenDone(call: () => void): () => void {
    this.#waiting.add(call);
    this.#notifyIfDone();
    return () => this.#waiting.delete(call);
  }

  /** Something may be there to be told, or the socket has room again. */
  pump(): void {
    const { rib, clock, wrote } = this.#options;
    const to = this.#to;
    if (to === undefined || this.#turn !== undefined) return;
    const end = clock.now() + SLICE;
    while (to.kept === 0 && rib.pending) {
      if (clock.now() > end) {
        this.#turn = afterThisTurn(() => {
          this.#turn = undefined;
          this.pump();
        });
        return;
      }
      const messages = rib.take(PORTION);
      if (messages.length === 0) break;
      let octets = 0;
      for (const { length } of messages) octets += length;
      wrote(messages.length, octets);
      to.write(messages);
    }
    this.#notifyIfDone();
  }

  #notifyIfDone(): void {
    if (this.#waiting.size === 0 || !this.done) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const call of waiting) call();
  }
}
