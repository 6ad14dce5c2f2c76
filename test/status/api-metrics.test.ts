import { expect, test } from 'vitest';
import { Metrics } from '../../src/status/metrics.ts';

test('the way to an API server: how old the view is, what it cost, what was lost', async () => {
  const metrics = new Metrics();
  let lists = 1;
  metrics.api(() => ({
    viewAge: 2500,
    synced: true,
    resources: [{ resource: 'services', objects: 7, lists, watches: 3, events: 40, errors: 2 }],
    events: { sent: 5, dropped: 1, waiting: 4 },
    reports: { pods: 3, streams: 2 },
  }));
  const lines = async (): Promise<readonly string[]> =>
    (await metrics.text()).split('\n').filter((line) => /^clarion_(api|events|report)_/.test(line));
  expect(await lines()).toEqual([
    'clarion_api_view_age_seconds 2.5',
    'clarion_api_synced 1',
    'clarion_api_objects{resource="services"} 7',
    'clarion_api_lists_total{resource="services"} 1',
    'clarion_api_watches_total{resource="services"} 3',
    'clarion_api_watch_events_total{resource="services"} 40',
    'clarion_api_errors_total{resource="services"} 2',
    'clarion_events_sent_total 5',
    'clarion_events_dropped_total 1',
    'clarion_events_waiting 4',
    'clarion_report_pods 3',
    'clarion_report_streams 2',
  ]);
  lists = 2;
  expect(await lines()).toContain('clarion_api_lists_total{resource="services"} 2');
});
