import type { Registry } from 'prom-client';
import type { AddressVerdict } from '../announcement/verdict.ts';
import type { BfdSessionReport } from '../bfd/session-report.ts';
import type { SessionReport } from '../bgp/session-report.ts';
import type { Layer2Counters } from '../layer2/driver.ts';
import type { Layer2AddressReport } from '../layer2/table.ts';
import type { MembershipCounters } from '../membership/driver.ts';
import type { MemberStatus } from '../membership/member.ts';
import { type Labels, type Sample, sampled } from './sampled.ts';
import { registerSessionMetrics } from './session-metrics.ts';

/** What the speaker's part of the metrics is made of. */
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

type Facts = () => SpeakerFacts | undefined;

export function registerSpeakerMetrics(registry: Registry, facts: Facts): void {
  const { gauge } = sampled(registry, facts);
  gauge('clarion_wire_thread_up', 'The thread that answers ARP and NDP lives (1) or does not answer (0)', [], (of) => [
    [{}, of?.counters === undefined ? 0 : 1],
  ]);
  gauge('clarion_layer2_addresses', 'Addresses held by this node, by state', ['state'], (of) => {
    const held = [...(of?.wire.values() ?? [])];
    return LAYER2_STATES.map((state) => [{ state }, held.filter(({ layer2 }) => layer2?.kind === state).length]);
  });
  gauge('clarion_addresses_barred', 'Addresses that no node may announce, by reason', ['reason'], (of) => {
    const counts = new Map<string, number>();
    for (const { barred } of of?.verdicts.values() ?? [])
      if (barred !== undefined) counts.set(barred, (counts.get(barred) ?? 0) + 1);
    return [...counts].map(([reason, count]) => [{ reason }, count]);
  });
  gauge('clarion_members', 'Speakers of other nodes, as this one hears them', ['status'], (of) =>
    MEMBER_STATES.map((status) => [{ status }, of?.members.filter((member) => member.status === status).length ?? 0]),
  );
  registerMembershipCounters(registry, facts);
  registerLayer2Counters(registry, facts);
  registerSessionMetrics(registry, () => ({ sessions: facts()?.sessions ?? [], bfd: facts()?.bfd ?? [] }));
}

function registerMembershipCounters(registry: Registry, facts: Facts): void {
  const { counter } = sampled(registry, () => facts()?.counters?.membership);
  const one = (name: string, help: string, read: (of: MembershipCounters) => number): void =>
    counter(name, help, [], (of) => (of === undefined ? [] : [[{}, read(of)]]));
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

function registerLayer2Counters(registry: Registry, facts: Facts): void {
  const { counter } = sampled(registry, () => facts()?.counters?.layer2);
  const each = (
    name: string,
    help: string,
    labelNames: string[],
    read: (of: Layer2Counters['arp'], labels: Labels) => readonly Sample[],
  ): void =>
    counter(name, help, labelNames, (of) =>
      Object.entries(of ?? {}).flatMap(([protocol, counters]) => read(counters, { protocol })),
    );
  const both = (name: string, help: string, read: (of: Layer2Counters['arp']) => number): void =>
    each(name, help, ['protocol'], (of, labels) => [[labels, read(of)]]);
  both(
    'clarion_layer2_received_total',
    'ARP and NDP frames that the filter in the kernel let pass',
    (of) => of.received,
  );
  both('clarion_layer2_answered_total', 'Requests for held addresses that were answered', (of) => of.answered);
  each('clarion_layer2_dropped_total', 'Frames not answered, by reason', ['protocol', 'reason'], (of, labels) =>
    Object.entries(of.dropped).map(([reason, count]) => [{ ...labels, reason }, count]),
  );
  both(
    'clarion_layer2_kernel_dropped_total',
    'Frames lost since the process did not read in time',
    (of) => of.droppedByKernel,
  );
  both('clarion_layer2_gratuitous_sent_total', 'Gratuitous ARP frames and unsolicited NA', (of) => of.gratuitousSent);
  both('clarion_layer2_probes_sent_total', 'Conflict probes', (of) => of.probesSent);
  both('clarion_layer2_conflicts_total', 'How often another machine was found to use an address', (of) => of.conflicts);
  both('clarion_layer2_send_errors_total', 'Frames that could not be sent', (of) => of.sendErrors);
}

const LAYER2_STATES = ['announced', 'prepared', 'probing', 'no-interface', 'conflict'] as const;
const MEMBER_STATES = ['alive', 'suspect', 'dead', 'left'] as const;
