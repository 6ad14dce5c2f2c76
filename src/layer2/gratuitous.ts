import { type Milliseconds, ms } from '../base/clock.ts';
import { DueQueue } from '../base/due-queue.ts';
import type { IpFamily } from '../base/ip-address.ts';
import type { Random } from '../base/random.ts';
import type { Layer2Settings } from '../config/config.ts';

/**
 * When which address is announced unasked, and when which probe goes out: all that this node says of its own accord passes
 * here, and never faster than `ratePerSecond` frames. What waits is served in this order: the first round of a claim and the
 * defence of an address, probes, the later rounds, refreshes. So a claim of thousands of addresses sends the first round of
 * each as early as the rate allows.
 * Standards: RFC 5227 §2.3 (announcing), RFC 4861 §7.2.6 (unsolicited advertisements).
 */
export interface Announced {
  readonly address: { readonly family: IpFamily };
}

export interface Task<T> {
  readonly kind: 'announce' | 'probe';
  readonly target: T;
}

type Settings = Layer2Settings['gratuitous'];

/** A tenth of a second's worth of frames may go out at once after a quiet time. */
const BUCKET_SECONDS = 0.1;
/** A refresh comes this part of its interval earlier or later, so that the addresses of a claim spread out. */
const REFRESH_JITTER = 0.25;

export class GratuitousSchedule<T extends Announced> {
  readonly #random: Random;
  readonly #first = new DueQueue<T>();
  readonly #probes = new DueQueue<T>();
  readonly #later = new DueQueue<T>();
  readonly #refresh = new DueQueue<T>();
  /** Rounds still to be sent of everything announced; what is not in here is silent. */
  readonly #rounds = new Map<T, number>();
  #settings: Settings;
  #tokens: number;
  #filledAt: Milliseconds;

  constructor(settings: Settings, random: Random, now: Milliseconds) {
    this.#settings = settings;
    this.#random = random;
    this.#tokens = this.#capacity();
    this.#filledAt = now;
  }

  /** New settings hold for what is scheduled from now on; refreshes are scheduled anew if their interval changed. */
  configure(settings: Settings, now: Milliseconds): void {
    const { refresh } = this.#settings;
    this.#fill(now);
    const spent = this.#capacity() - this.#tokens;
    this.#settings = settings;
    this.#tokens = this.#capacity() - spent;
    if (settings.refresh === refresh) return;
    for (const [target, rounds] of this.#rounds) if (rounds === 0) this.#scheduleRefresh(target, now);
  }

  /** All rounds from now on; a claim that is under way starts anew. */
  claim(target: T, now: Milliseconds): void {
    this.#forget(target);
    this.#rounds.set(target, this.#settings.rounds);
    this.#first.set(target, now);
  }

  /** One more round at once, of something announced: its defence. */
  announceOnce(target: T, now: Milliseconds): void {
    const left = this.#rounds.get(target);
    if (left === undefined) return;
    this.#forget(target);
    this.#rounds.set(target, Math.max(1, left));
    this.#first.set(target, now);
  }

  probe(target: T, now: Milliseconds): void {
    this.#probes.set(target, now);
  }

  /** Nothing more is sent for it. */
  withdraw(target: T): void {
    this.#forget(target);
    this.#rounds.delete(target);
  }

  /** What is to be sent now; call again until there is nothing. */
  take(now: Milliseconds): Task<T> | undefined {
    this.#fill(now);
    const due = this.#due(now);
    if (due === undefined || this.#tokens < costOf(due)) return undefined;
    this.#tokens -= costOf(due);
    if (due.kind === 'probe') this.#probes.delete(due.target);
    else this.#announced(due.target, now);
    return due;
  }

  /** When `take` has something next; undefined: never, as things are. */
  nextDue(now: Milliseconds): Milliseconds | undefined {
    this.#fill(now);
    const due = this.#due(now);
    if (due !== undefined) {
      const missing = costOf(due) - this.#tokens;
      // At least a millisecond, so that a rounding error is not waited for over and over.
      return missing <= 0 ? now : ms(now + Math.max(1, (missing / this.#settings.ratePerSecond) * 1000));
    }
    const times = this.#queues().flatMap((queue) => queue.nextDue() ?? []);
    return times.length === 0 ? undefined : ms(Math.min(...times));
  }

  #due(now: Milliseconds): Task<T> | undefined {
    const first = this.#first.peek(now);
    if (first !== undefined) return { kind: 'announce', target: first };
    const probe = this.#probes.peek(now);
    if (probe !== undefined) return { kind: 'probe', target: probe };
    const later = this.#later.peek(now) ?? this.#refresh.peek(now);
    return later === undefined ? undefined : { kind: 'announce', target: later };
  }

  #announced(target: T, now: Milliseconds): void {
    const left = Math.max(0, (this.#rounds.get(target) ?? 0) - 1);
    this.#forget(target);
    this.#rounds.set(target, left);
    if (left > 0) this.#later.set(target, ms(now + this.#settings.interval));
    else this.#scheduleRefresh(target, now);
  }

  #scheduleRefresh(target: T, now: Milliseconds): void {
    this.#refresh.delete(target);
    if (this.#settings.refresh === 0) return;
    const spread = 1 + REFRESH_JITTER * (2 * this.#random.fraction() - 1);
    this.#refresh.set(target, ms(now + this.#settings.refresh * spread));
  }

  #forget(target: T): void {
    for (const queue of this.#queues()) queue.delete(target);
  }

  #queues(): readonly DueQueue<T>[] {
    return [this.#first, this.#probes, this.#later, this.#refresh];
  }

  /** Room for one announcement at least, however low the rate. */
  #capacity(): number {
    return Math.max(2, this.#settings.ratePerSecond * BUCKET_SECONDS);
  }

  #fill(now: Milliseconds): void {
    const earned = ((now - this.#filledAt) / 1000) * this.#settings.ratePerSecond;
    this.#tokens = Math.min(this.#capacity(), this.#tokens + earned);
    this.#filledAt = now;
  }
}

/** Frames: ARP is announced as request and reply, IPv6 with one advertisement. */
const costOf = ({ kind, target }: Task<Announced>): number =>
  kind === 'announce' && target.address.family === 'ipv4' ? 2 : 1;
