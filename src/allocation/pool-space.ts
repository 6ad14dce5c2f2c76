import { type Milliseconds, ms } from '../base/clock.ts';
import { type IpAddress, type IpFamily, ipAddress } from '../base/ip-address.ts';
import type { Pool } from '../config/config.ts';
import type { ServiceKey } from '../inventory/service-request.ts';
import type { AddressBook, Freed } from './address-book.ts';
import type { Segments } from './segments.ts';
import { countAddresses, findSegment, isBuggy, segmentsOf } from './segments.ts';
import { SharingGroup, type Terms } from './sharing.ts';

/** So many freed addresses wait at most; from then on they are given before never-used ones, or a /64 would fill memory. */
const FREED_LIMIT = 65_536;

/**
 * The addresses of one pool and one family that may be given to anybody. No list of them exists: a cursor stands at the
 * lowest one never used, and what lies behind it is either held or in the queue of freed ones. So a pool of 2^64 costs
 * what is used of it, and a full one is refused without looking.
 */
export class PoolSpace {
  /** Without what is reserved and what avoidBuggyIPs leaves out. */
  readonly total: bigint;
  used = 0;
  readonly #family: IpFamily;
  readonly #segments: Segments;
  readonly #avoidBuggy: boolean;
  readonly #reuseAfter: Milliseconds;
  readonly #book: AddressBook;
  readonly #groups = new Map<string, SharingGroup>();
  #segment = 0;
  #cursor: bigint;
  #queue: Freed[] = [];
  #head = 0;
  /** The queue by who had the address last, where rests tell them apart; last freed at the end. */
  readonly #own = new Map<ServiceKey, Freed[]>();
  #compactAt = 1024;

  constructor(pool: Pool, family: IpFamily, segments: Segments, book: AddressBook) {
    const reserved = pool.reserved.map(({ range }) => range).filter((range) => range.family === family);
    this.#family = family;
    this.#segments = segmentsOf(segments, reserved);
    this.#avoidBuggy = pool.avoidBuggyIPs && family === 'ipv4';
    this.#reuseAfter = pool.reuseAfter;
    this.#book = book;
    this.#cursor = this.#segments[0]?.first ?? 0n;
    this.total = countAddresses(this.#segments, this.#avoidBuggy);
  }

  /** Is it one of the addresses that anybody may have? */
  gives(value: bigint): boolean {
    return !(this.#avoidBuggy && isBuggy(value)) && findSegment(this.#segments, value) >= 0;
  }

  /**
   * The address that the Service would get, which stays free until the book says otherwise: never used, else freed longest ago;
   * where that one rests, all others do, and only what the Service itself left is left to give.
   */
  next(service: ServiceKey, now: Milliseconds): IpAddress | undefined {
    const freed = this.#longestFreed();
    const unused = this.#lowestUnused();
    const crowded = this.#queue.length - this.#head >= FREED_LIMIT;
    if ((unused === undefined || crowded) && freed !== undefined && !this.rests(freed, service, now))
      return freed.address;
    return unused === undefined ? this.#lastFreedBy(service) : ipAddress(this.#family, unused);
  }

  /** Does reuseAfter still keep it from this Service? */
  rests(freed: Freed, service: ServiceKey, now: Milliseconds): boolean {
    return freed.by !== service && now < this.dueAt(freed);
  }
  dueAt(freed: Freed): Milliseconds {
    return ms(freed.at + this.#reuseAfter);
  }
  /** When the next resting address may be given to anybody; undefined: none rests. */
  dueAfter(now: Milliseconds): Milliseconds | undefined {
    const freed = this.#longestFreed();
    return freed === undefined || this.dueAt(freed) <= now ? undefined : this.dueAt(freed);
  }

  enqueue(freed: Freed): void {
    if (this.#queue.length >= this.#compactAt) {
      this.#queue = this.#queue.slice(this.#head).filter((entry) => this.#book.lastFreed(entry.address) === entry);
      this.#head = 0;
      this.#compactAt = Math.max(1024, 2 * this.#queue.length);
      this.#own.clear();
      for (const entry of this.#queue) this.#keepFor(entry);
    }
    this.#queue.push(freed);
    this.#keepFor(freed);
  }

  /** The addresses shared under these terms. */
  groupOf(terms: Terms): SharingGroup | undefined {
    return terms.sharingKey === undefined ? undefined : this.#groups.get(groupName(terms));
  }
  openGroup(terms: Terms): SharingGroup | undefined {
    if (terms.sharingKey === undefined) return undefined;
    const name = groupName(terms);
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = new SharingGroup(() => this.#groups.delete(name));
      this.#groups.set(name, group);
    }
    return group;
  }

  #lowestUnused(): bigint | undefined {
    for (; this.#segment < this.#segments.length; this.#segment++) {
      const { first, last } = this.#segments[this.#segment]!;
      if (this.#cursor < first) this.#cursor = first;
      for (; this.#cursor <= last; this.#cursor++)
        if (!(this.#avoidBuggy && isBuggy(this.#cursor)) && this.#book.neverUsed(this.#family, this.#cursor))
          return this.#cursor;
    }
    return undefined;
  }

  #longestFreed(): Freed | undefined {
    // Entries of addresses that were asked for by name in the meantime are still in the queue.
    while (this.#head < this.#queue.length) {
      const freed = this.#queue[this.#head]!;
      if (this.#book.lastFreed(freed.address) === freed) return freed;
      this.#head++;
    }
    this.#queue = [];
    this.#head = 0;
    this.#own.clear();
    return undefined;
  }

  #keepFor(freed: Freed): void {
    if (this.#reuseAfter === 0) return;
    const own = this.#own.get(freed.by);
    if (own === undefined) this.#own.set(freed.by, [freed]);
    else own.push(freed);
  }

  #lastFreedBy(service: ServiceKey): IpAddress | undefined {
    const own = this.#own.get(service) ?? [];
    for (let freed = own.at(-1); freed !== undefined; freed = own.at(-1)) {
      if (this.#book.lastFreed(freed.address) === freed) return freed.address;
      own.pop();
    }
    return undefined;
  }
}

const groupName = ({ sharingKey, backendKey }: Terms): string => JSON.stringify([sharingKey, backendKey]);
