import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { AllocationDecision, PoolUsage } from '../allocation/decision.ts';
import type { AddressVerdict } from '../announcement/verdict.ts';
import type { Problem } from '../base/problem.ts';
import type { BfdSessionReport } from '../bfd/session-report.ts';
import type { SessionReport } from '../bgp/session-report.ts';
import type { EffectiveConfig } from '../config/effective.ts';
import type { Layer2Counters } from '../layer2/driver.ts';
import type { Layer2AddressReport } from '../layer2/table.ts';
import type { MembershipCounters } from '../membership/driver.ts';
import type { MemberStatus } from '../membership/member.ts';
import { type ApiFacts, registerApiMetrics } from './api-metrics.ts';
import { registerSessionMetrics } from './session-metrics.ts';

/** What the controller's part of the metrics is made of, as of its last pass. */
export interface ControllerFacts {
  readonly effective: EffectiveConfig | undefined;
  readonly usage: readonly PoolUsage[];
  readonly decisions: readonly AllocationDecision[];
  /** Of the configuration, the files and the objects. */
  readonly problems: readonly Problem[];
  readonly pendingWrites: number;
}

/** What the speaker's part is made of. */
export interface SpeakerFacts {
  /** In no order. */
  readonly verdicts: { values(): Iterable<AddressVerdict> };
  /** Every address that the wire thread has reported; its state where this node holds it. */
  readonly wire: { values(): Iterable<{ readonly layer2: Layer2AddressReport['state'] | undefined }> };
  /** Undefined: the wire thread does not answer. */
  readonly counters:
    | { readonly layer2: Layer2Counters; readonly membership: MembershipCounters | undefined }
    | undefined;
  /** Of every other node. */
  readonly members: readonly { readonly status: MemberStatus }[];
  readonly sessions?: readonly SessionReport[] | undefined;
  readonly bfd?: readonly BfdSessionReport[] | undefined;
}

/**
 * Prometheus metrics, computed when they are scraped from what the process knows anyway. Counts that do not fit a double
 * (IPv6 pools) saturate at 2^53; `clarion plan -o json` has them exactly.
 */
export class Metrics {
  readonly #registry = new Registry();
  #askSpeaker: (() => Promise<SpeakerFacts>) | undefined;
  #speakerFacts: SpeakerFacts | undefined;

  constructor() {
    collectDefaultMetrics({ register: this.#registry, prefix: 'clarion_' });
  }

  /** Of a process in a cluster. */
  api(facts: () => ApiFacts): void {
    registerApiMetrics(this.#registry, facts);
  }

  controller(facts: () => ControllerFacts | undefined): void {
    const gauge = this.#gauge.bind(this);
    gauge('clarion_pool_addresses', 'Addresses that a pool can give', ['pool', 'family'], (set) => {
      for (const { name, ipv4, ipv6 } of facts()?.usage ?? []) {
        set({ pool: name, family: 'ipv4' }, saturated(ipv4.total));
        set({ pool: name, family: 'ipv6' }, saturated(ipv6.total));
      }
    });
    gauge('clarion_pool_addresses_used', 'Addresses of a pool that Services have', ['pool', 'family'], (set) => {
      for (const { name, ipv4, ipv6 } of facts()?.usage ?? []) {
        set({ pool: name, family: 'ipv4' }, saturated(ipv4.used));
        set({ pool: name, family: 'ipv6' }, saturated(ipv6.used));
      }
    });
    gauge(
      'clarion_services',
      'LoadBalancer Services by outcome; reason "none" where all is well',
      ['reason'],
      (set) => {
        const counts = new Map<string, number>([['none', 0]]);
        for (const { reason = 'none' } of facts()?.decisions ?? []) counts.set(reason, (counts.get(reason) ?? 0) + 1);
        for (const [reason, count] of counts) set({ reason }, count);
      },
    );
    gauge('clarion_config_generation', 'Generation of the configuration in force', [], (set) =>
      set({}, facts()?.effective?.generation ?? 0),
    );
    gauge(
      'clarion_config_stale_elements',
      'Elements in force in an older version, since the newest is bad',
      [],
      (set) => set({}, facts()?.effective?.stale.length ?? 0),
    );
    gauge('clarion_problems', 'Problems in the configuration and in objects', ['severity'], (set) => {
      const all = facts()?.problems ?? [];
      for (const severity of ['error', 'warning'] as const)
        set({ severity }, all.filter((problem) => problem.severity === severity).length);
    });
    gauge('clarion_status_writes_pending', 'Service statuses not written yet', [], (set) =>
      set({}, facts()?.pendingWrites ?? 0),
    );
  }

  speaker(facts: () => Promise<SpeakerFacts>): void {
    this.#askSpeaker = facts;
    const known = (): SpeakerFacts | undefined => this.#speakerFacts;
    const gauge = this.#gauge.bind(this);
    gauge('clarion_wire_thread_up', 'The thread that answers ARP and NDP lives (1) or does not answer (0)', [], (set) =>
      set({}, known()?.counters === undefined ? 0 : 1),
    );
    gauge('clarion_layer2_addresses', 'Addresses held by this node, by state', ['state'], (set) => {
      const held = [...(known()?.wire.values() ?? [])];
      for (const state of LAYER2_STATES) set({ state }, held.filter(({ layer2 }) => layer2?.kind === state).length);
    });
    gauge('clarion_addresses_barred', 'Addresses that no node may announce, by reason', ['reason'], (set) => {
      const counts = new Map<string, number>();
      for (const { barred } of known()?.verdicts.values() ?? [])
        if (barred !== undefined) counts.set(barred, (counts.get(barred) ?? 0) + 1);
      for (const [reason, count] of counts) set({ reason }, count);
    });
    gauge('clarion_members', 'Speakers of other nodes, as this one hears them', ['status'], (set) => {
      for (const status of ['alive', 'suspect', 'dead', 'left'] as const)
        set({ status }, known()?.members.filter((member) => member.status === status).length ?? 0);
    });
    this.#membershipCounters(() => known()?.counters?.membership);
    this.#layer2Counters(() => known()?.counters?.layer2);
    registerSessionMetrics(this.#registry, () => ({ sessions: known()?.sessions ?? [], bfd: known()?.bfd ?? [] }));
  }

  async text(): Promise<string> {
    // One question to the wire thread serves all metrics of a scrape.
    this.#speakerFacts = await this.#askSpeaker?.();
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  #membershipCounters(counters: () => MembershipCounters | undefined): void {
    const one = (name: string, help: string, read: (of: MembershipCounters) => number): void => {
      const counter = new Counter({
        name,
        help,
        registers: [this.#registry],
        collect() {
          const known = counters();
          counter.reset();
          if (known !== undefined) counter.inc(read(known));
        },
      });
    };
    one('clarion_membership_received_total', 'Datagrams of speakers received', (of) => of.received);
    one('clarion_membership_sent_total', 'Datagrams sent to speakers', (of) => of.sent);
    one(
      'clarion_membership_refused_total',
      'Datagrams that no speaker with our keys wrote, or that were replayed',
      (of) => Object.values(of.dropped).reduce((sum, count) => sum + count, 0),
    );
    one('clarion_membership_suspicions_total', 'How often a member did not answer', (of) => of.suspicions);
    one('clarion_membership_pauses_total', 'How often this process did not run for a while', (of) => of.pauses);
  }

  #layer2Counters(counters: () => Layer2Counters | undefined): void {
    const both = (
      name: string,
      help: string,
      read: (of: Layer2Counters['arp']) => number | Readonly<Record<string, number>>,
    ): void => {
      const labelNames = name === 'clarion_layer2_dropped_total' ? ['protocol', 'reason'] : ['protocol'];
      const counter = new Counter({
        name,
        help,
        labelNames,
        registers: [this.#registry],
        collect() {
          counter.reset();
          for (const [protocol, of] of Object.entries(counters() ?? {})) {
            const value = read(of);
            if (typeof value === 'number') counter.inc({ protocol }, value);
            else for (const [reason, count] of Object.entries(value)) counter.inc({ protocol, reason }, count);
          }
        },
      });
    };
    both(
      'clarion_layer2_received_total',
      'ARP and NDP frames that the filter in the kernel let pass',
      (of) => of.received,
    );
    both('clarion_layer2_answered_total', 'Requests for held addresses that were answered', (of) => of.answered);
    both('clarion_layer2_dropped_total', 'Frames not answered, by reason', (of) => of.dropped);
    both(
      'clarion_layer2_kernel_dropped_total',
      'Frames lost since the process did not read in time',
      (of) => of.droppedByKernel,
    );
    both('clarion_layer2_gratuitous_sent_total', 'Gratuitous ARP frames and unsolicited NA', (of) => of.gratuitousSent);
    both('clarion_layer2_probes_sent_total', 'Conflict probes', (of) => of.probesSent);
    both(
      'clarion_layer2_conflicts_total',
      'How often another machine was found to use an address',
      (of) => of.conflicts,
    );
    both('clarion_layer2_send_errors_total', 'Frames that could not be sent', (of) => of.sendErrors);
  }

  #gauge(
    name: string,
    help: string,
    labelNames: string[],
    collect: (set: (labels: Record<string, string>, value: number) => void) => void,
  ): void {
    const gauge = new Gauge({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        gauge.reset();
        collect((labels, value) => gauge.set(labels, value));
      },
    });
  }
}

const LAYER2_STATES = ['announced', 'prepared', 'probing', 'no-interface', 'conflict'] as const;
const LARGEST = BigInt(Number.MAX_SAFE_INTEGER);
const saturated = (count: bigint): number => Number(count > LARGEST ? LARGEST : count);
