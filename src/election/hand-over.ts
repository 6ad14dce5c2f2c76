import { ms, seconds } from '../base/clock.ts';
import type { ElectionCandidate } from './address.ts';
import { successor } from './candidates.ts';
import { type AddressRecord, nextTerm } from './claim-table.ts';
import type { Desk } from './desk.ts';
import type { HandOverReason } from './hand-over-state.ts';

/** An offer not taken by then goes to the next. */
export const OFFER_EXPIRY = ms(200);
/** Offers that one taker may have open: as many as it can take well within their expiry. */
const WINDOW = 256;
/**
 * What nobody took is offered again so long after, and each time twice as long, or as soon as members or facts change. Soon at first:
 * members hear of changes at different times, and who declines may only not know yet.
 */
const FIRST_RETRY = ms(100);
const LAST_RETRY = seconds(2);

/**
 * Make before break, at the side that gives: drain, stop, move, a node that leaves, the last ready endpoint, rebalancing
 * are all this. An offer goes to one taker with the next term and an expiry; the taker answers for the address, then sends
 * its claim, which beats ours: that is the confirmation (seat.ts, giveWay). Who declines or says nothing is passed over, and
 * when nobody is left the address is served on here and offered again later.
 */
export class HandOvers {
  /** By taker: held, and to be offered as soon as it has room. */
  readonly #waiting = new Map<string, Set<AddressRecord>>();
  readonly #open = new Map<string, number>();

  /** Nothing is offered, nor waits to be. */
  get idle(): boolean {
    return this.#waiting.size === 0 && this.#open.size === 0;
  }

  begin(desk: Desk, record: AddressRecord, why: HandOverReason, named: string | undefined): void {
    const { handOver } = record;
    if (handOver?.why === why && handOver.named === named) return;
    if (handOver !== undefined) this.end(record);
    record.handOver = {
      why,
      named,
      tried: new Set(),
      next: undefined,
      offer: undefined,
      retryAt: undefined,
      failures: 0,
    };
    desk.report(record);
    this.#next(desk, record);
  }

  end(record: AddressRecord): void {
    this.#withdraw(record);
    record.handOver = undefined;
  }

  /** The taker will not, or has not in time. */
  failed(desk: Desk, record: AddressRecord, taker: string): void {
    if (record.handOver?.offer?.to !== taker) return;
    this.#withdraw(record);
    record.handOver.tried.add(taker);
    this.#next(desk, record);
  }

  /** The timer of the record fired. */
  expired(desk: Desk, record: AddressRecord): void {
    const { offer, retryAt } = record.handOver ?? {};
    if (offer !== undefined && desk.now >= offer.until) this.failed(desk, record, offer.to);
    else if (retryAt !== undefined && desk.now >= retryAt) this.#again(desk, record);
  }

  /** Members or facts changed: those who would not may now, and those who would are perhaps gone. */
  reconsider(desk: Desk): void {
    for (const record of desk.holding) {
      const { next, offer, retryAt } = record.handOver ?? {};
      if (retryAt !== undefined) this.#again(desk, record);
      else if (next !== undefined && !isLiving(desk, next)) {
        this.#withdraw(record);
        this.#next(desk, record);
      } else if (offer !== undefined && !isLiving(desk, offer.to)) this.failed(desk, record, offer.to);
    }
  }

  /** Offers what there is room for. */
  pump(desk: Desk): void {
    for (const [taker, waiting] of this.#waiting) {
      let open = this.#open.get(taker) ?? 0;
      for (const record of waiting) {
        if (open >= WINDOW) break;
        waiting.delete(record);
        offer(desk, record, taker);
        open++;
      }
      if (open > 0) this.#open.set(taker, open);
      if (waiting.size === 0) this.#waiting.delete(taker);
    }
  }

  #again(desk: Desk, record: AddressRecord): void {
    record.handOver?.tried.clear();
    this.#next(desk, record);
  }

  #next(desk: Desk, record: AddressRecord): void {
    const { handOver, address } = record;
    if (handOver === undefined) return;
    handOver.next = takerOf(desk, record);
    handOver.retryAt = undefined;
    if (handOver.next !== undefined) {
      const waiting = this.#waiting.get(handOver.next) ?? new Set();
      this.#waiting.set(handOver.next, waiting.add(record));
      return;
    }
    const { why, named } = handOver;
    if (handOver.failures === 0) desk.emit({ kind: 'nobody-took', address, why, named });
    if (record.wish !== undefined) {
      // Who wished for it will ask again.
      record.wish = undefined;
      this.end(record);
      desk.report(record);
      return;
    }
    handOver.retryAt = ms(desk.now + Math.min(LAST_RETRY, FIRST_RETRY * 2 ** handOver.failures++));
    desk.due.set(record, handOver.retryAt);
  }

  #withdraw(record: AddressRecord): void {
    const { handOver } = record;
    if (handOver?.next !== undefined) {
      const waiting = this.#waiting.get(handOver.next);
      waiting?.delete(record);
      if (waiting?.size === 0) this.#waiting.delete(handOver.next);
      handOver.next = undefined;
    }
    if (handOver?.offer === undefined) return;
    const { to } = handOver.offer;
    const left = (this.#open.get(to) ?? 1) - 1;
    if (left <= 0) this.#open.delete(to);
    else this.#open.set(to, left);
    handOver.offer = undefined;
  }
}

function offer(desk: Desk, record: AddressRecord, to: string): void {
  const { handOver, address } = record;
  const own = desk.ownClaim(record);
  if (handOver === undefined || own === undefined) return;
  const until = ms(desk.now + OFFER_EXPIRY);
  handOver.next = undefined;
  handOver.offer = { to, until };
  record.reserved = nextTerm(record);
  desk.due.set(record, until);
  desk.outbox.offer(to, { address, term: record.reserved, weak: own.weak });
}

const isLiving = (desk: Desk, node: string): boolean => desk.peers.get(node)?.living === true;

function takerOf(desk: Desk, record: AddressRecord): string | undefined {
  const { handOver } = record;
  if (handOver === undefined) return undefined;
  const { why, named, tried } = handOver;
  const accept = ({ node, leaving, ready }: ElectionCandidate): boolean => {
    if (node === desk.config.node || tried.has(node)) return false;
    if (named !== undefined && node !== named) return false;
    return why === 'leaving' ? !leaving : why === 'not-ready' ? ready && !leaving : true;
  };
  return successor(desk, record, accept)?.first.node;
}
