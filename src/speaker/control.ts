import { diffVerdicts } from '../announcement/diff.ts';
import { announcementJudge } from '../announcement/judge.ts';
import type { AddressVerdict } from '../announcement/verdict.ts';
import { type Clock, type Milliseconds, ms, type Timer } from '../base/clock.ts';
import { formatIpAddress, type IpAddress } from '../base/ip-address.ts';
import type { Logger } from '../base/logger.ts';
import { ReconcileLoop } from '../base/reconcile-loop.ts';
import { listObjects } from '../cluster/object-lists.ts';
import type { ClusterReader, ReportBoard } from '../cluster/ports.ts';
import type { Config } from '../config/config.ts';
import { decodeEffective } from '../config/effective.ts';
import type { ClusterNode } from '../inventory/node.ts';
import { type InventoryTaker, inventoryTaker } from '../inventory/take.ts';
import type { FromWire, ToWire, WireAddress, WireAddressReport } from './messages.ts';
import { speakerReportEntry } from './speaker-report.ts';

/**
 * The control thread of a speaker: cluster -> effective configuration + inventory -> announcement -> wire thread.
 * It may stall (a list of 10,000 Services, a slow disk) without a consequence to layer 2: the wire thread goes on with
 * what it was told. What comes back from there is published as this node's report.
 */
export interface ControlDeps {
  readonly node: string;
  readonly cluster: ClusterReader & ReportBoard;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly loadBalancerClass: string | undefined;
  readonly ignoreExcludeLb: boolean;
  readonly toWire: (message: ToWire) => void;
  /** Shared with whoever else looks at the same cluster in this process. */
  readonly takeInventory?: InventoryTaker | undefined;
}

/** Reports of many addresses at once become one write; short enough that `kubectl wait` does not notice. */
const REPORT_DELAY = ms(20);
/** A report has all addresses in it; making reports takes no more than a tenth of the thread. */
const REPORT_SHARE = 10;
/** A report that could not be written (a full disk) is tried again: nothing else may change for hours. */
const REPORT_RETRY = ms(1000);

export class Control {
  readonly #deps: ControlDeps;
  readonly #loop: ReconcileLoop;
  readonly #takeInventory: InventoryTaker;
  readonly #judge = announcementJudge();
  readonly #unsubscribe: () => void;
  readonly #wire = new Map<string, WireAddressReport>();
  #verdicts: readonly AddressVerdict[] = [];
  #effectiveText: string | undefined;
  #config: Config | undefined;
  #layer2Settings = '';
  #publishing: Timer | undefined;
  #reportDelay = REPORT_DELAY;
  #unknownNodeTold = false;
  #reportFailing = false;
  #stopped = false;

  constructor(deps: ControlDeps) {
    this.#deps = deps;
    const { cluster, clock, logger } = deps;
    this.#takeInventory = deps.takeInventory ?? inventoryTaker(deps.node);
    this.#loop = new ReconcileLoop(
      'speaker',
      clock,
      () => this.#pass(),
      (thrown) => {
        logger.error('a bug: the speaker could not finish a pass', { err: thrown });
      },
    );
    this.#unsubscribe = cluster.onChange(() => this.#loop.mark());
    this.#loop.mark();
  }

  /** For metrics, readiness and the report. */
  snapshot(): ControlSnapshot {
    return { configured: this.#config !== undefined, verdicts: this.#verdicts, wire: [...this.#wire.values()] };
  }

  fromWire(message: Extract<FromWire, { kind: 'report' }>): void {
    for (const address of message.removed) this.#wire.delete(formatIpAddress(address));
    for (const report of message.changed) this.#wire.set(formatIpAddress(report.address), report);
    this.#publishAfter(this.#reportDelay);
  }

  stop(): void {
    this.#unsubscribe();
    this.#loop.stop();
    this.#publishing?.stop();
    this.#stopped = true;
  }

  #pass(): void {
    const { cluster, node, ignoreExcludeLb, loadBalancerClass, toWire } = this.#deps;
    const config = this.#effectiveConfig();
    if (config === undefined) return;
    const inventory = this.#takeInventory(listObjects(cluster));
    this.#warnWhenUnknown(inventory.nodes);
    const verdicts = this.#judge({
      config,
      services: inventory.services,
      endpoints: inventory.endpoints,
      nodes: inventory.nodes,
      ignoreExcludeLb,
      loadBalancerClass,
    });
    const { changed, removed } = diffVerdicts(this.#verdicts, verdicts);
    this.#verdicts = verdicts;
    const set: WireAddress[] = [];
    const remove: IpAddress[] = [...removed];
    for (const verdict of changed) {
      const entry = wireAddress(verdict, node);
      if (entry === undefined) remove.push(verdict.address);
      else set.push(entry);
    }
    if (set.length > 0 || remove.length > 0) toWire({ kind: 'addresses', set, remove });
  }

  #effectiveConfig(): Config | undefined {
    const { cluster, logger, toWire } = this.#deps;
    const text = cluster.effectiveConfig();
    if (text === undefined || text === this.#effectiveText) return this.#config;
    this.#effectiveText = text;
    const effective = decodeEffective(text);
    if (!effective.ok) {
      logger.error('the effective configuration cannot be read; the one before stays in force', {
        why: effective.error,
      });
      return this.#config;
    }
    this.#config = effective.value.config;
    const settings = JSON.stringify(this.#config.layer2);
    if (settings !== this.#layer2Settings) toWire({ kind: 'layer2-settings', settings: this.#config.layer2 });
    this.#layer2Settings = settings;
    return this.#config;
  }

  /** Nothing is announced from a node that nobody knows; said once, since every pass finds it again. */
  #warnWhenUnknown(nodes: ReadonlyMap<string, ClusterNode>): void {
    const { node, logger } = this.#deps;
    if (!nodes.has(node) && !this.#unknownNodeTold)
      logger.warn('no Node object has the name of this speaker, so it may announce nothing', {
        node,
        nodes: [...nodes.keys()].slice(0, 10),
        next: 'start the speaker with --node NAME, or add the Node',
      });
    this.#unknownNodeTold = !nodes.has(node);
  }

  #publishAfter(delay: Milliseconds): void {
    if (this.#stopped) return;
    const { clock } = this.#deps;
    this.#publishing ??= clock.startTimer('report', delay, () => {
      this.#publishing = undefined;
      const started = clock.now();
      this.#publish();
      this.#reportDelay = ms(Math.max(REPORT_DELAY, REPORT_SHARE * (clock.now() - started)));
    });
  }

  #publish(): void {
    const { cluster, clock, node, logger } = this.#deps;
    const addresses = [...this.#wire.values()].flatMap((report) => speakerReportEntry(report, node) ?? []);
    void cluster.publish({ node, at: clock.wallTime().toISOString(), addresses }).then((outcome) => {
      const failing = outcome.kind !== 'done';
      if (failing && !this.#reportFailing) logger.warn('report not published', { why: outcome.message });
      if (!failing && this.#reportFailing) logger.info('report published after all');
      this.#reportFailing = failing;
      if (outcome.kind === 'retry') this.#publishAfter(REPORT_RETRY);
    });
  }
}

export interface ControlSnapshot {
  readonly configured: boolean;
  readonly verdicts: readonly AddressVerdict[];
  readonly wire: readonly WireAddressReport[];
}

/** Undefined: layer 2 has nothing to do with this address, here or anywhere. */
function wireAddress(verdict: AddressVerdict, node: string): WireAddress | undefined {
  if (verdict.barred !== undefined && verdict.barred !== 'no-endpoints') return undefined;
  const candidates = verdict.nodes.flatMap(({ layer2 }) => (layer2.kind === 'may' ? [layer2.candidate] : []));
  if (candidates.length === 0) return undefined;
  const own = verdict.nodes.find((entry) => entry.node === node)?.layer2;
  return {
    address: verdict.address,
    serving: verdict.barred === undefined,
    interfaces: own?.kind === 'may' ? own.interfaces : [],
    candidates,
  };
}
