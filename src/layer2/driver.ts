import { type Milliseconds, ms, seconds, type Timer } from '../base/clock.ts';
import { DueQueue } from '../base/due-queue.ts';
import { environmentError } from '../base/errors.ts';
import type { IpAddress, IpFamily } from '../base/ip-address.ts';
import type { Layer2Settings } from '../config/config.ts';
import type { InterfaceWatch, NetworkInterface } from '../network/ports.ts';
import { type ConflictEffect, type ConflictEvent, type ConflictStep, startConflict, stepConflict } from './conflict.ts';
import { Contested } from './contested.ts';
import { type Layer2Counters, zeroCounters } from './counters.ts';
import { GratuitousSchedule } from './gratuitous.ts';
import {
  endTimer,
  type Held,
  type HeldTimer,
  isAnnounced,
  newHeld,
  newReports,
  type Presence,
  reportOf,
  rivalOf,
  sameNames,
  stopTimers,
  timerOf,
} from './held.ts';
import type { LinkDriver } from './link/driver.ts';
import { LinkSet } from './link/link-set.ts';
import { isFriend, type Layer2Options } from './options.ts';
import { logReports } from './report-log.ts';
import { type Layer2AddressReport, type Layer2Entry, NO_SETTINGS } from './table.ts';

export type { Layer2Counters } from './counters.ts';

/**
 * Layer 2: makes the link believe that this node has the addresses of its table, and nothing else.
 *
 * Data: a `Held` for each address of the table, with its conflict state; a `LinkSet` of the usable interfaces; a
 * `Presence` where both meet, which is what a responder answers for and what the schedule announces. `apply` and netlink
 * change who meets whom, frames and timers change the conflict state, and every entry point ends in `#settle`, which sends
 * what is due, reports what changed and sets the one timer.
 * Missing: who holds an address is decided before (election); nothing is sent when an address is given up.
 * Standards: RFC 826, RFC 5227, RFC 4861, RFC 4862.
 */

/** So many frames are sent before anything received is looked at. */
const SEND_AT_ONCE = 100;
/** Filters that let too much pass are made narrow, and what failed is tried again, this long after. */
const TIDY_DELAY = seconds(1);
/** Timers of the platform end at 2^31 ms. */
const LONGEST_SLEEP = seconds(3600);

export class Layer2 {
  readonly #options: Layer2Options;
  readonly #watch: InterfaceWatch;
  readonly #held: Readonly<Record<IpFamily, Map<bigint, Held>>> = { ipv4: new Map(), ipv6: new Map() };
  readonly #links: LinkSet<Presence>;
  readonly #changed = new Set<Held>();
  readonly #contested = new Contested();
  readonly #timers = new DueQueue<HeldTimer | 'tidy'>();
  readonly #schedule: GratuitousSchedule<Presence>;
  readonly #counters = { ipv4: zeroCounters(), ipv6: zeroCounters() };
  #interfaces: readonly NetworkInterface[] | undefined;
  #settings = NO_SETTINGS;
  #wake: Timer | undefined;
  #muted = false;
  #state: 'idle' | 'settling' | 'unsettled' | 'stopped' = 'idle';

  /** Throws an environment error when the interfaces of the machine cannot be watched. */
  constructor(options: Layer2Options) {
    this.#options = options;
    this.#links = new LinkSet<Presence>({
      ...options,
      counters: this.#counters,
      only: options.interfaces,
      isMuted: () => this.#muted,
      onRival: ({ held }, rival, claim) => {
        if (isFriend(options, held, rival.mac, claim)) return;
        this.#dispatch(held, { kind: 'rival-seen', rival, claim });
        this.#settle();
      },
    });
    this.#schedule = new GratuitousSchedule(NO_SETTINGS.gratuitous, options.random, options.clock.now());
    const watch = options.network.watchInterfaces(() => this.#interfacesChanged());
    if (!watch.ok) throw environmentError(`cannot watch the network interfaces: ${watch.error.message}`);
    this.#watch = watch.value;
    this.#interfacesChanged();
  }

  /** The whole table, and the settings in force from now on. */
  apply(entries: readonly Layer2Entry[], settings: Layer2Settings): void {
    if (this.#state === 'stopped') return;
    if (settings !== this.#settings) this.#schedule.configure(settings.gratuitous, this.#now());
    this.#settings = settings;
    const wanted = new Set<Held>();
    for (const entry of entries) wanted.add(this.#applyEntry(entry));
    for (const held of this.#all()) if (!wanted.has(held)) this.#remove(held);
    this.#settle();
  }

  /** What changed of the table; everything else stays. Costs what changed, where `apply` costs the table. */
  change(set: readonly Layer2Entry[], remove: readonly IpAddress[]): void {
    if (this.#state === 'stopped') return;
    for (const { family, value } of remove) {
      const held = this.#held[family].get(value);
      if (held !== undefined) this.#remove(held);
    }
    for (const entry of set) this.#applyEntry(entry);
    this.#settle();
  }

  /**
   * While muted nothing is answered and nothing sent; all else goes on. What was held before is answered for again as if
   * nothing had been: neighbours need not be told of it anew.
   */
  mute(muted: boolean): void {
    this.#muted = muted;
    this.#settle();
  }

  /** More is known of who is one of us: rivals that are, are none. */
  reviewRivals(): void {
    for (const held of this.#all()) {
      const rival = rivalOf(held.conflict);
      if (rival !== undefined && isFriend(this.#options, held, rival.mac, 'uses'))
        this.#dispatch(held, { kind: 'rival-excused' });
    }
    this.#settle();
  }

  /** Announces once more what is announced: somebody else was heard who should have been silent. */
  announceAgain({ family, value }: IpAddress): void {
    const held = this.#held[family].get(value);
    if (held === undefined || !isAnnounced(held.conflict)) return;
    for (const presence of held.presences) this.#schedule.announceOnce(presence, this.#now());
    this.#settle();
  }

  /** Of every address in the table, IPv4 first. */
  reports(): readonly Layer2AddressReport[] {
    return this.#all().map(reportOf);
  }

  counters(): Layer2Counters {
    this.#links.countDropped();
    return structuredClone({ arp: this.#counters.ipv4, ndp: this.#counters.ipv6 });
  }

  /** Silent from now on: sockets closed, groups left, no timer. */
  stop(): void {
    this.#state = 'stopped';
    this.#wake?.stop();
    this.#watch.close();
    this.#links.close();
  }

  #now(): Milliseconds {
    return this.#options.clock.now();
  }

  #all(): readonly Held[] {
    return [...this.#held.ipv4.values(), ...this.#held.ipv6.values()];
  }

  #applyEntry(entry: Layer2Entry): Held {
    const { family, value } = entry.address;
    const held = this.#held[family].get(value);
    if (held === undefined) {
      const made = newHeld(entry);
      this.#held[family].set(value, made);
      this.#meet(made);
      return made;
    }
    const before = held.entry;
    if (before === entry) return held;
    held.entry = entry;
    if (!sameNames(before.interfaces, entry.interfaces)) this.#meet(held);
    held.known ||= !entry.probe;
    if (held.conflict?.kind === 'probing' && !entry.probe) this.#restart(held);
    else if (before.state !== entry.state) this.#dispatch(held, { kind: 'wanted', hold: entry.state === 'hold' });
    return held;
  }

  /** It was being probed for, and turns out to be a failover or hand-over. */
  #restart(held: Held): void {
    for (const presence of held.presences) {
      this.#schedule.withdraw(presence);
      presence.probing = false;
    }
    stopTimers(held, this.#timers);
    this.#take(held, startConflict(held.entry.state === 'hold', held.known, this.#settings.conflictProbe));
  }

  #remove(held: Held): void {
    for (const presence of held.presences) this.#part(presence);
    stopTimers(held, this.#timers);
    this.#changed.delete(held);
    this.#contested.forget(held);
    this.#held[held.address.family].delete(held.address.value);
  }

  #interfacesChanged(): void {
    const interfaces = this.#watch.list();
    if (this.#state === 'stopped' || interfaces === this.#interfaces) return;
    this.#interfaces = interfaces;
    const { moved, changed } = this.#links.update(interfaces);
    if (changed) this.#meetAll();
    if (moved.length > 0)
      for (const presence of this.#all().flatMap(({ presences }) => presences))
        if (presence.answering && moved.includes(presence.link)) this.#schedule.claim(presence, this.#now());
    this.#settle();
  }

  #meetAll(): void {
    for (const held of this.#all()) this.#meet(held);
  }

  /** Makes an address be on the interfaces that it should be on, and nowhere else. */
  #meet(held: Held): void {
    held.choice = this.#links.choose(held.address, held.entry.interfaces);
    const links = this.#links.linksOf(held.choice);
    const before = held.presences;
    const parting = before.filter(({ link }) => !links.includes(link));
    held.presences = links.map((link) => before.find((one) => one.link === link) ?? this.#arrive(held, link));
    for (const presence of parting) this.#part(presence);
    this.#changed.add(held);
    if (links.length === 0) {
      held.conflict = undefined;
      stopTimers(held, this.#timers);
      return;
    }
    if (held.conflict === undefined)
      this.#take(held, startConflict(held.entry.state === 'hold', held.known, this.#settings.conflictProbe));
    else if (isAnnounced(held.conflict)) this.#announce(held);
    else if (held.conflict.kind === 'probing') {
      this.#probe(held.presences.filter((presence) => !before.includes(presence)));
      if (parting.some(({ probing }) => probing)) this.#probeSent(held);
    }
  }

  /** The address is looked at there; announced or probed for it is by what follows. */
  #arrive(held: Held, link: LinkDriver<Presence>): Presence {
    const presence: Presence = { address: held.address, held, link, answering: false, probing: false };
    this.#links.watch(link, presence);
    return presence;
  }

  #part(presence: Presence): void {
    this.#schedule.withdraw(presence);
    this.#links.unwatch(presence.link, presence);
    this.#tidyLater();
  }

  #dispatch(held: Held, event: ConflictEvent): void {
    if (held.conflict !== undefined) this.#take(held, stepConflict(held.conflict, event, this.#settings.conflictProbe));
  }

  #take(held: Held, { state, effects }: ConflictStep): void {
    const [rival, before] = [rivalOf(state), rivalOf(held.conflict)];
    if (rival !== undefined && before === undefined) this.#counters[held.address.family].conflicts++;
    held.conflict = state;
    held.known ||= state.kind === 'clear' || state.kind === 'announced';
    this.#changed.add(held);
    for (const effect of effects) this.#perform(held, effect);
    if (before === undefined || rival !== undefined) return;
    for (const other of this.#contested.othersOf(before, this.#now()))
      this.#dispatch(other, { kind: 'expired', timer: 'retry' });
  }

  #perform(held: Held, effect: ConflictEffect): void {
    switch (effect.kind) {
      case 'send-probe':
        this.#probe(held.presences);
        return;
      case 'announce':
        this.#announce(held);
        return;
      case 'withdraw':
        for (const presence of held.presences) {
          presence.answering = false;
          this.#schedule.withdraw(presence);
        }
        return;
      case 'defend':
        for (const presence of held.presences) this.#schedule.announceOnce(presence, this.#now());
        return;
      case 'start-timer':
        this.#timers.set(timerOf(held, effect.timer), ms(this.#now() + this.#contested.delayOf(effect)));
        return;
      case 'stop-timers':
        stopTimers(held, this.#timers);
        return;
    }
  }

  /** Answers for the address everywhere, and claims it where it did not. */
  #announce(held: Held): void {
    for (const presence of held.presences) {
      if (presence.answering) continue;
      presence.answering = true;
      this.#schedule.claim(presence, this.#now());
    }
  }

  #probe(presences: readonly Presence[]): void {
    for (const presence of presences) {
      presence.probing = true;
      this.#schedule.probe(presence, this.#now());
    }
  }

  #probeSent(held: Held): void {
    if (!held.presences.some(({ probing }) => probing)) this.#dispatch(held, { kind: 'probe-sent' });
  }

  #tidyLater(): void {
    if (!this.#timers.has('tidy')) this.#timers.set('tidy', ms(this.#now() + TIDY_DELAY));
  }

  /** Until nothing more is to be done now. A frame that arrives while we send makes another turn, not a nested one. */
  #settle(): void {
    if (this.#state === 'stopped') return;
    if (this.#state !== 'idle') {
      this.#state = 'unsettled';
      return;
    }
    do {
      this.#state = 'settling';
      this.#flushLinks();
      this.#runTimers();
      this.#sendDue();
    } while (this.#isUnsettled());
    this.#state = 'idle';
    this.#report();
    this.#rearm();
  }

  /** Apart, because the compiler does not see that what is called above changes the state. */
  #isUnsettled(): boolean {
    return this.#state === 'unsettled';
  }

  #flushLinks(tidy = false): void {
    const { retry, lost } = this.#links.flush(tidy);
    if (retry) this.#tidyLater();
    if (!lost) return;
    this.#meetAll();
    this.#flushLinks();
  }

  /** Filters narrow again, and another try of all that failed. */
  #tidy(): void {
    if (this.#links.mend()) this.#meetAll();
    this.#flushLinks(true);
  }

  #runTimers(): void {
    const now = this.#now();
    for (let key = this.#timers.peek(now); key !== undefined; key = this.#timers.peek(now)) {
      this.#timers.delete(key);
      if (key === 'tidy') this.#tidy();
      else this.#dispatch(endTimer(key), { kind: 'expired', timer: key.timer });
    }
  }

  #sendDue(): void {
    if (this.#muted) return;
    const now = this.#now();
    for (let sent = 0; sent < SEND_AT_ONCE; sent++) {
      const task = this.#schedule.take(now);
      if (task === undefined) return;
      const { target } = task;
      if (task.kind === 'announce') target.link.announce(target);
      else {
        target.link.probe(target);
        target.probing = false;
        this.#probeSent(target.held);
      }
    }
  }

  #rearm(): void {
    const now = this.#now();
    this.#wake?.stop();
    const sending = this.#muted ? undefined : this.#schedule.nextDue(now);
    const next = [this.#timers.nextDue(), sending].flatMap((due) => due ?? []);
    if (next.length === 0) return;
    const after = Math.min(LONGEST_SLEEP, Math.max(0, Math.min(...next) - now));
    this.#wake = this.#options.clock.startTimer('layer2', ms(after), () => this.#settle());
  }

  #report(): void {
    for (const held of this.#changed) this.#contested.update(held);
    const reports = newReports(this.#changed);
    this.#changed.clear();
    if (reports.length === 0) return;
    logReports(this.#options.logger, reports);
    this.#options.onReport(reports);
  }
}
