import type { Registry } from 'prom-client';
import { type Sample, sampled } from './sampled.ts';

/** What is known of the way to an API server; each count since the start. */
export interface ApiFacts {
  /** Milliseconds. */
  readonly viewAge: number;
  readonly synced: boolean;
  readonly resources: readonly {
    readonly resource: string;
    readonly objects: number;
    readonly lists: number;
    readonly watches: number;
    readonly events: number;
    readonly errors: number;
  }[];
  readonly events: { readonly sent: number; readonly dropped: number; readonly waiting: number };
  /** Of the active controller: speaker Pods that run, and those whose report is being read. */
  readonly reports?: { readonly pods: number; readonly streams: number } | undefined;
}

/** Of a process in a cluster. */
export function registerApiMetrics(registry: Registry, facts: () => ApiFacts): void {
  const { gauge, counter } = sampled(registry, facts);
  const each =
    (read: (of: ApiFacts['resources'][number]) => number) =>
    ({ resources }: ApiFacts): readonly Sample[] =>
      resources.map((one): Sample => [{ resource: one.resource }, read(one)]);
  const byResource = ['resource'];
  gauge(
    'clarion_api_view_age_seconds',
    'For how long what this process knows of the cluster may be outdated; 0 while every watch runs',
    [],
    ({ viewAge }) => [[{}, viewAge / 1000]],
  );
  gauge('clarion_api_synced', 'Whether the cluster was read at least once (1)', [], ({ synced }) => [
    [{}, synced ? 1 : 0],
  ]);
  gauge(
    'clarion_api_objects',
    'Objects that are followed',
    byResource,
    each(({ objects }) => objects),
  );
  counter(
    'clarion_api_lists_total',
    'Lists read from the API server',
    byResource,
    each(({ lists }) => lists),
  );
  counter(
    'clarion_api_watches_total',
    'Watches begun',
    byResource,
    each(({ watches }) => watches),
  );
  counter(
    'clarion_api_watch_events_total',
    'Events that watches told',
    byResource,
    each(({ events }) => events),
  );
  counter(
    'clarion_api_errors_total',
    'Lists and watches that failed',
    byResource,
    each(({ errors }) => errors),
  );
  counter('clarion_events_sent_total', 'Kubernetes Events written', [], ({ events }) => [[{}, events.sent]]);
  counter('clarion_events_dropped_total', 'Kubernetes Events not written: too many at once, or refused', [], (of) => [
    [{}, of.events.dropped],
  ]);
  gauge('clarion_events_waiting', 'Kubernetes Events that wait for their turn', [], ({ events }) => [
    [{}, events.waiting],
  ]);
  gauge('clarion_report_pods', 'Speaker Pods that run, as the active controller sees them', [], ({ reports }) =>
    reports === undefined ? [] : [[{}, reports.pods]],
  );
  gauge('clarion_report_streams', 'Speaker Pods whose report the active controller reads', [], ({ reports }) =>
    reports === undefined ? [] : [[{}, reports.streams]],
  );
}
