import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Metrics } from '../../src/status/metrics.ts';

/** Alerts, dashboard and docs/metrics.md speak of metrics that there are. */
const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const folder = 'manifests/helm/clarion/monitoring';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}
const { spec } = parse(readFileSync(at(`${folder}/alerts.yaml`), 'utf8')) as {
  spec: { groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[] };
};
const rules = spec.groups.flatMap((group) => group.rules);

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}
const dashboard = JSON.parse(readFileSync(at(`${folder}/dashboard.json`), 'utf8')) as { panels: readonly Panel[] };
const page = readFileSync(at('docs/metrics.md'), 'utf8');

/** Of both programs, with their types, as Prometheus scrapes them. */
const metrics = new Metrics();
metrics.controller(() => undefined);
metrics.speaker(async () => ({ verdicts: [], wire: [], counters: undefined, members: [] }));
metrics.api(() => ({
  viewAge: 0,
  synced: true,
  resources: [],
  events: { sent: 0, dropped: 0, waiting: 0 },
}));
const exposed = new Map(
  [...(await metrics.text()).matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]),
);
const ours = [...exposed.keys()].filter((name) => !/^clarion_(process|nodejs)_/.test(name));
const metricsIn = (text: string): string[] => [...new Set(text.match(/\bclarion_\w+/g))];

describe('docs/metrics.md', () => {
  const rows = [...page.matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) ?\| (.+) \|$/gm)];
  it('has every metric of our own, and no other, with its type', () => {
    expect(Object.fromEntries(rows.map(([, name, type]) => [name, type]))).toEqual(
      Object.fromEntries(ours.map((name) => [name, exposed.get(name)])),
    );
  });
});

describe('alerts', () => {
  it.each(rules.map((rule) => [rule.alert, rule] as const))('%s', (_name, rule) => {
    expect(rule.alert).toMatch(/^Clarion[A-Z]/);
    for (const name of metricsIn(rule.expr)) expect([...exposed.keys()]).toContain(name);
    expect(metricsIn(rule.expr)).not.toEqual([]);
    expect(['critical', 'warning']).toContain(rule.labels.severity);
    expect(rule.annotations.description).toMatch(/[.?]$/);
    // Counters are of use as rates only.
    for (const name of metricsIn(rule.expr))
      if (exposed.get(name) === 'counter') expect(rule.expr).toMatch(new RegExp(`(rate|increase)\\(${name}`));
  });

  it('have names of their own', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });
});

const promtool = ['promtool', '/usr/bin/promtool', process.env['PROMTOOL'] ?? ''].find(
  (program) => program !== '' && spawnSync(program, ['--version']).status === 0,
);
const noPromtool =
  promtool === undefined ? ' (skipped: no promtool here: Debian has it in the package prometheus)' : '';

describe.skipIf(promtool === undefined)(`alerts, in the eyes of Prometheus${noPromtool}`, () => {
  const work = mkdtempSync(join(tmpdir(), 'clarion-alerts-'));
  afterAll(() => rmSync(work, { recursive: true, force: true }));
  const check = (...words: string[]): { status: number | null; said: string } => {
    const { status, stdout, stderr } = spawnSync(promtool ?? '', words, { cwd: work, encoding: 'utf8' });
    return { status, said: stdout + stderr };
  };
  writeFileSync(join(work, 'rules.yaml'), JSON.stringify(spec));

  it('their syntax is right', () => {
    expect(check('check', 'rules', 'rules.yaml')).toMatchObject({
      status: 0,
      said: expect.stringContaining(`${rules.length} rules found`),
    });
  });

  /** The series that each alert is about, a value a minute; `for`, and a little, later it fires. */
  const node = '{instance="192.0.2.11:7472"}';
  const trouble: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    ClarionApiServerAway: { [`clarion_api_view_age_seconds${node}`]: '0+60x30' },
    ClarionNoController: { [`clarion_config_generation${node}`]: '0x30' },
    ClarionServiceWithoutAddress: { 'clarion_services{reason="pool-exhausted"}': '2x30' },
    ClarionPoolAlmostFull: {
      'clarion_pool_addresses{pool="public",family="ipv4"}': '100x30',
      'clarion_pool_addresses_used{pool="public",family="ipv4"}': '90x30',
    },
    ClarionPoolFull: {
      'clarion_pool_addresses{pool="public",family="ipv4"}': '100x30',
      'clarion_pool_addresses_used{pool="public",family="ipv4"}': '100x30',
    },
    ClarionConfigurationStale: { clarion_config_stale_elements: '1x30' },
    ClarionConfigurationProblems: { 'clarion_problems{severity="error"}': '1x30' },
    ClarionStatusNotWritten: { clarion_status_writes_pending: '5x30' },
    ClarionWireThreadDown: { [`clarion_wire_thread_up${node}`]: '0x30' },
    ClarionMemberLost: { 'clarion_members{status="dead"}': '1x30' },
    ClarionMembershipRefused: { [`clarion_membership_refused_total${node}`]: '0+600x30' },
    ClarionPauses: { [`clarion_membership_pauses_total${node}`]: '0+1x30' },
    ClarionAddressConflict: { [`clarion_layer2_conflicts_total${node}`]: '0+1x30' },
    ClarionAddressBarred: { 'clarion_addresses_barred{reason="no-advertisement"}': '1x30' },
    ClarionNoInterface: { 'clarion_layer2_addresses{state="no-interface",instance="192.0.2.11:7472"}': '1x30' },
    ClarionFramesLost: { 'clarion_layer2_kernel_dropped_total{protocol="arp"}': '0+60x30' },
    ClarionEventLoopSlow: { [`clarion_nodejs_eventloop_lag_p99_seconds${node}`]: '0.5x30' },
    ClarionBgpSessionDown: { 'clarion_bgp_session_up{peer="tor"}': '0x30' },
    ClarionBgpSessionFlaps: { 'clarion_bgp_flaps_total{peer="tor"}': '0+1x30' },
    ClarionBgpPrefixesPending: {
      'clarion_bgp_prefixes_pending{peer="tor",family="ipv4",instance="192.0.2.11:7472"}': '9x30',
      'clarion_bgp_session_up{peer="tor",instance="192.0.2.11:7472"}': '1x30',
    },
    ClarionBfdSessionDown: { 'clarion_bfd_session_up{remote="192.0.2.1"}': '0x30' },
  };
  /** All is well: nothing fires. */
  const well: Readonly<Record<string, string>> = {
    [`clarion_config_generation${node}`]: '7x30',
    // The one that stands by.
    'clarion_config_generation{instance="10.244.1.2:7472"}': '0x30',
    // A watch that is cut once in a while is taken up again.
    [`clarion_api_view_age_seconds${node}`]: '0 0 70 0 0 5 0x30',
    [`clarion_api_synced${node}`]: '1x30',
    'clarion_services{reason="none"}': '12x30',
    'clarion_services{reason="other-class"}': '3x30',
    'clarion_pool_addresses{pool="public",family="ipv4"}': '100x30',
    'clarion_pool_addresses_used{pool="public",family="ipv4"}': '80x30',
    'clarion_pool_addresses{pool="public",family="ipv6"}': '0x30',
    'clarion_pool_addresses_used{pool="public",family="ipv6"}': '0x30',
    clarion_config_stale_elements: '0x30',
    'clarion_problems{severity="error"}': '0x30',
    'clarion_problems{severity="warning"}': '2x30',
    clarion_status_writes_pending: '0x30',
    [`clarion_wire_thread_up${node}`]: '1x30',
    'clarion_members{status="alive"}': '2x30',
    'clarion_members{status="left"}': '1x30',
    [`clarion_membership_refused_total${node}`]: '0+1x30',
    [`clarion_membership_pauses_total${node}`]: '1x30',
    'clarion_layer2_addresses{state="announced"}': '12x30',
    'clarion_addresses_barred{reason="no-endpoints"}': '1x30',
    'clarion_bgp_session_up{peer="tor"}': '1x30',
    'clarion_bgp_flaps_total{peer="tor"}': '3x30',
    'clarion_bfd_session_up{remote="192.0.2.1"}': '1x30',
  };
  const test = (
    series: Readonly<Record<string, string>>,
    alerts: readonly string[],
    quiet: readonly string[],
  ): object => ({
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: [
      {
        expr: 'sort(count by (alertname) (ALERTS{alertstate="firing"}))',
        eval_time: '25m',
        exp_samples: alerts.map((alert) => ({ labels: `{alertname="${alert}"}`, value: 1 })),
      },
    ],
    alert_rule_test: quiet.map((alertname) => ({ eval_time: '25m', alertname, exp_alerts: [] })),
  });
  const play = (...tests: object[]): { status: number | null; said: string } => {
    writeFileSync(
      join(work, 'test.yaml'),
      JSON.stringify({ rule_files: ['rules.yaml'], evaluation_interval: '1m', tests }),
    );
    return check('test', 'rules', 'test.yaml');
  };
  const generation = { [`clarion_config_generation${node}`]: '7x30' };

  it('each has a case below', () => {
    expect(Object.keys(trouble).toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted());
  });

  it.each(Object.entries(trouble))('%s fires, and nothing that is not meant', (alert, series) => {
    const also = alert === 'ClarionPoolFull' ? ['ClarionPoolAlmostFull'] : [];
    const what = play(test({ ...generation, ...series }, [alert, ...also].toSorted(), []));
    expect(what, what.said).toMatchObject({ status: 0 });
  });

  it('ClarionNoController fires when nobody is scraped at all', () => {
    const what = play(test({}, ['ClarionNoController'], []));
    expect(what, what.said).toMatchObject({ status: 0 });
  });

  it('ClarionApiServerAway fires where the cluster was never read', () => {
    const never = { [`clarion_api_view_age_seconds${node}`]: '0x30', [`clarion_api_synced${node}`]: '0x30' };
    const what = play(test({ ...generation, ...never }, ['ClarionApiServerAway'], []));
    expect(what, what.said).toMatchObject({ status: 0 });
  });

  it('none fires on a good day', () => {
    const what = play(
      test(
        well,
        [],
        rules.map(({ alert }) => alert),
      ),
    );
    expect(what, what.said).toMatchObject({ status: 0 });
  });
});

describe('the dashboard', () => {
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');
  it.each(panels.map((panel) => [panel.title, panel] as const))('%s', (_title, { targets = [], description }) => {
    expect(targets.length).toBeGreaterThan(0);
    expect(description).toMatch(/\w/);
    for (const { expr } of targets) {
      expect(metricsIn(expr)).not.toEqual([]);
      for (const name of metricsIn(expr)) expect([...exposed.keys()]).toContain(name);
      // As many parentheses, braces and brackets closed as opened: its queries are not Prometheus' to check.
      for (const [open, close] of ['()', '{}', '[]'] as const)
        expect(expr.split(open ?? '').length).toBe(expr.split(close ?? '').length);
    }
  });

  it('lies on a grid of 24 columns without overlaps', () => {
    const taken = new Set<string>();
    for (const { gridPos, title } of dashboard.panels)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(x, title).toBeLessThan(24);
          expect(taken, title).not.toContain(`${x},${y}`);
          taken.add(`${x},${y}`);
        }
  });
});
