import { type Clock, type Milliseconds, ms, type Timer } from '../base/clock.ts';
import { formatIpAddress, type IpAddress } from '../base/ip-address.ts';
import type { Logger } from '../base/logger.ts';
import { OneOfEach } from '../base/one-of-each.ts';
import { Follower, TrackedMap } from '../base/tracked-map.ts';
import { setWords, withWord } from '../cluster/address-words.ts';
import type { AddressWord, ReportBoard } from '../cluster/ports.ts';
import type { WireAddressReport } from './messages.ts';
import type { Routing } from './routing.ts';
import { bgpWord, layer2Word } from './speaker-report.ts';

/**
 * What this node says to the cluster about the addresses it has to do with: layer 2's word, as the wire thread tells it, and
 * BGP's. One map for as long as the speaker runs; a word is made where something changed, and published a moment later.
 */
export interface OwnReportDeps {
  readonly node: string;
  readonly board: ReportBoard;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Undefined: this speaker talks to no router. */
  readonly routing: Pick<Routing, 'addressees' | 'told'> | undefined;
}

/** Reports of many addresses at once become one write; short enough that `kubectl wait` does not notice. */
const REPORT_DELAY = ms(20);
/** Where a report is a file, all addresses are written each time; that takes no more than a tenth of the thread. */
const REPORT_SHARE = 10;
/** A report that could not be written (a full disk) is tried again: nothing else may change for hours. */
const REPORT_RETRY = ms(1000);

export class OwnReport {
  readonly #deps: OwnReportDeps;
  readonly #wire = new Map<string, WireAddressReport>();
  readonly #holders = new OneOfEach<string>();
  readonly #states = new OneOfEach<NonNullable<WireAddressReport['layer2']>>();
  /** What this node said last before it was started anew, of addresses that the wire thread has said nothing of yet. */
  readonly #inherited = new Map<string, AddressWord>();
  readonly #words = new TrackedMap<string, readonly AddressWord[]>();
  /** Addresses of which something else may have to be said. */
  readonly #touched = new Set<string>();
  readonly #addressees = new Follower<string, readonly string[]>();
  #told: ReturnType<Routing['told']> | undefined;
  /** Nothing has been published yet, or it could not be. */
  #unsaid = true;
  #nameTaken = false;
  #publishing: Timer | undefined;
  #delay = REPORT_DELAY;
  #failing = false;
  #stopped = false;

  constructor(deps: OwnReportDeps) {
    this.#deps = deps;
    const last = deps.board.reports().find(({ node }) => node === deps.node);
    for (const [address, [word]] of last?.addresses ?? []) {
      if (word === undefined) continue;
      this.#inherited.set(address, word);
      this.#touched.add(address);
    }
  }

  /** All that the wire thread said last, by address. */
  get wire(): ReadonlyMap<string, WireAddressReport> {
    return this.#wire;
  }

  fromWire(changed: readonly WireAddressReport[], removed: readonly IpAddress[]): void {
    for (const address of removed) this.#wire.delete(this.#heardOf(address));
    for (const report of changed)
      this.#wire.set(this.#heardOf(report.address), {
        ...report,
        holder: report.holder && this.#holders.of(report.holder),
        layer2: report.layer2 && this.#states.of(report.layer2),
      });
    this.publishSoon();
  }

  /** What was said before the start of these addresses, which still holds; of others it is nobody's business any more. */
  inherit(addresses: ReadonlySet<string>): ReadonlyMap<string, AddressWord> {
    for (const address of this.#inherited.keys()) if (!addresses.has(address)) this.#disinherit(address);
    return this.#inherited;
  }

  /** What the wire thread has not confirmed by now is not so any more. */
  disinherit(): void {
    for (const address of this.#inherited.keys()) this.#disinherit(address);
    this.publishSoon();
  }

  /** Another speaker that came first has this node's name: what this one says would overwrite what that one does. */
  nameTaken(taken: boolean): void {
    if (taken === this.#nameTaken) return;
    this.#nameTaken = taken;
    this.publishSoon();
  }

  publishSoon(): void {
    this.#publishAfter(this.#delay);
  }

  stop(): void {
    this.#publishing?.stop();
    this.#stopped = true;
  }

  #heardOf(address: IpAddress): string {
    const text = formatIpAddress(address);
    this.#inherited.delete(text);
    this.#touched.add(text);
    return text;
  }

  #disinherit(address: string): void {
    this.#inherited.delete(address);
    this.#touched.add(address);
  }

  #publishAfter(delay: Milliseconds): void {
    if (this.#stopped) return;
    const { clock } = this.#deps;
    this.#publishing ??= clock.startTimer('report', delay, () => {
      this.#publishing = undefined;
      const started = clock.now();
      this.#publish();
      this.#delay = ms(Math.max(REPORT_DELAY, REPORT_SHARE * (clock.now() - started)));
    });
  }

  #publish(): void {
    const { board, clock, node, logger } = this.#deps;
    if (this.#nameTaken) return;
    if (!this.#bringUpToDate() && !this.#unsaid) return;
    this.#unsaid = false;
    void board.publish({ node, at: clock.wallTime().toISOString(), addresses: this.#words }).then((outcome) => {
      const failing = outcome.kind !== 'done';
      if (failing) this.#unsaid = true;
      if (failing && !this.#failing) logger.warn('report not published', { why: outcome.message });
      if (!failing && this.#failing) logger.info('report published after all');
      this.#failing = failing;
      if (outcome.kind === 'retry') this.#publishAfter(REPORT_RETRY);
    });
  }

  /** True: something else is said than before. */
  #bringUpToDate(): boolean {
    const { routing } = this.#deps;
    if (routing !== undefined) {
      const told = routing.told();
      // A session came up or went down.
      if (told !== this.#told) for (const address of routing.addressees.keys()) this.#touched.add(address);
      this.#told = told;
      for (const address of this.#addressees.changed(routing.addressees)) this.#touched.add(address);
    }
    let changed = false;
    for (const address of this.#touched) if (setWords(this.#words, address, this.#wordsOf(address))) changed = true;
    this.#touched.clear();
    this.#addressees.seen();
    return changed;
  }

  #wordsOf(address: string): readonly AddressWord[] {
    const report = this.#wire.get(address);
    const layer2 = report === undefined ? this.#inherited.get(address) : layer2Word(report, this.#deps.node);
    const words = layer2 === undefined ? [] : withWord([], layer2);
    const bgp = bgpWord(this.#told?.(address));
    return bgp === undefined ? words : withWord(words, bgp);
  }
}
