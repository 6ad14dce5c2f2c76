import type { Registry } from 'prom-client';
import type { BfdSessionReport } from '../bfd/session-report.ts';
import type { SessionReport } from '../bgp/session-report.ts';
import { type Labels, type Sample, sampled } from './sampled.ts';

/** What BGP and BFD have to say, as of a scrape. */
export interface SessionFacts {
  readonly sessions: readonly SessionReport[];
  readonly bfd: readonly BfdSessionReport[];
}

export function registerSessionMetrics(registry: Registry, facts: () => SessionFacts): void {
  const { gauge, counter } = sampled(registry, facts);
  const ofPeer = ({ name }: SessionReport): Labels => ({ peer: name });
  gauge('clarion_bgp_session_up', 'BGP session established (1) or not (0)', ['peer'], ({ sessions }) =>
    sessions.map((one) => [ofPeer(one), one.state === 'established' ? 1 : 0]),
  );
  const families = (read: (of: SessionReport['families'][number]) => number) => (of: SessionFacts) =>
    of.sessions.flatMap((one) =>
      one.families.map((family): Sample => [{ ...ofPeer(one), family: family.family }, read(family)]),
    );
  const byFamily = ['peer', 'family'];
  gauge(
    'clarion_bgp_prefixes',
    'Prefixes that the router has from us',
    byFamily,
    families(({ sent }) => sent),
  );
  gauge(
    'clarion_bgp_prefixes_pending',
    'Prefixes still to be announced or withdrawn: the router reads slowly, or the session is down',
    byFamily,
    families(({ pending }) => pending),
  );
  gauge(
    'clarion_bgp_received_and_dropped',
    'Routes that the router announced to us in this session, none of which is taken',
    byFamily,
    families(({ receivedAndDropped }) => receivedAndDropped),
  );
  counter('clarion_bgp_flaps_total', 'Established sessions that were lost', ['peer'], ({ sessions }) =>
    sessions.map((one) => [ofPeer(one), one.flaps]),
  );
  counter('clarion_bgp_messages_total', 'BGP messages', ['peer', 'direction', 'type'], ({ sessions }) =>
    sessions.flatMap((one) =>
      (['sent', 'received'] as const).flatMap((direction) => {
        const { octets: _octets, ...counts } = one.messages[direction];
        return Object.entries(counts).map(([type, count]): Sample => [{ ...ofPeer(one), direction, type }, count]);
      }),
    ),
  );
  counter('clarion_bgp_octets_total', 'Octets of BGP messages', ['peer', 'direction'], ({ sessions }) =>
    sessions.flatMap((one) =>
      (['sent', 'received'] as const).map(
        (direction): Sample => [{ ...ofPeer(one), direction }, one.messages[direction].octets],
      ),
    ),
  );
  const ofPath = ({ remote, local }: BfdSessionReport): Labels => ({ remote, local: local ?? '' });
  const path = ['remote', 'local'];
  gauge('clarion_bfd_session_up', 'BFD session up (1) or not (0)', path, ({ bfd }) =>
    bfd.map((one) => [ofPath(one), one.state === 'up' ? 1 : 0]),
  );
  counter('clarion_bfd_failures_total', 'BFD sessions that were up and failed', path, ({ bfd }) =>
    bfd.map((one) => [ofPath(one), one.counters.failures]),
  );
  counter('clarion_bfd_packets_total', 'BFD control packets', [...path, 'direction'], ({ bfd }) =>
    bfd.flatMap((one) => [
      [{ ...ofPath(one), direction: 'sent' }, one.counters.sent],
      [{ ...ofPath(one), direction: 'received' }, one.counters.received],
    ]),
  );
}
