/*
 * Membership of whole clusters on virtual time, with the state machines that run in production: how fast a death is noticed,
 * how often one is noticed that is none, and what it costs. `npx tsx bench/membership-simulation.ts` takes a minute and a half
 * and exits 1 when a promise was missed; `HOURS=24 TRIALS=1000 NODES=3,10,100` runs longer, and NODES=1000 needs an hour of
 * machine time for one of virtual time.
 */
import { DEFAULT_PROFILE, FAST_PROFILE, type Profile } from '../src/membership/settings.ts';
import { formatTable } from '../src/terminal/table.ts';
import { detection, MembershipWorld, quantile } from '../test/simulation/membership-world.ts';

const NODES = (process.env['NODES'] ?? '3,10,100').split(',').map(Number);
const TRIALS = Number(process.env['TRIALS'] ?? 300);
const HOURS = Number(process.env['HOURS'] ?? 1);
const LOSSES = [0, 0.01, 0.05];
/** The work of a run grows with the nodes; so do what is tried less often and for less long by default. */
const shareOf = (count: number): number => (process.env['HOURS'] === undefined ? 3 / count : 1);

const rows: (readonly string[])[] = [
  [
    'nodes',
    'profile',
    'loss',
    'trials',
    'noticed p50',
    'p99',
    'max',
    'by all p99',
    'hours',
    'suspicions',
    'false deaths',
    'datagrams/s',
    'octets/s',
  ],
];
const missed: string[] = [];
const show = (value: number): string => `${Math.round(value)} ms`;

for (const count of NODES)
  for (const [name, profile] of [
    ['default', DEFAULT_PROFILE],
    ['fast', FAST_PROFILE],
  ] as const)
    for (const loss of LOSSES) if (name === 'default' || count === 3) rows.push(measure(count, name, profile, loss));

process.stdout.write(`${formatTable(rows, '  ')}\n`);
for (const promise of missed) process.stdout.write(`missed: ${promise}\n`);
process.exitCode = missed.length === 0 ? 0 : 1;

function measure(count: number, name: string, profile: Profile, loss: number): readonly string[] {
  const trials = Math.max(5, Math.round(TRIALS * Math.min(1, 10 * shareOf(count))));
  const options = { count, profile, conditions: { loss } };
  const times = Array.from({ length: trials }, (_, i) => detection({ ...options, seed: i + 1 }));
  const first = times.map((time) => time.first);
  const hours = HOURS * shareOf(count);
  const world = new MembershipWorld({ ...options, seed: 1 });
  world.run(10_000);
  for (const node of world.nodes) node.measure();
  world.run(10_000);
  // Each node in ten seconds.
  const perSecond = (of: 'sent' | 'octets') => world.nodes.reduce((sum, node) => sum + node[of], 0) / count / 10;
  const cost = [perSecond('sent'), perSecond('octets')] as const;
  for (const node of world.nodes) node.stopMeasuring();
  world.run(hours * 3_600_000);
  const deaths = world.changes('dead').length;
  const p99 = quantile(first, 0.99);
  if (deaths > 0) missed.push(`no false death, ${count} nodes, ${loss} loss: ${deaths}`);
  if (p99 > 800) missed.push(`p99 of detection <= 800 ms, ${count} nodes, ${loss} loss: ${show(p99)}`);
  if (loss === 0 && name === 'default' && cost[1] > 5000)
    missed.push(`5,000 octets a second, ${count} nodes: ${cost[1]}`);
  const shown = [
    quantile(first, 0.5),
    p99,
    Math.max(...first),
    quantile(
      times.map(({ last }) => last),
      0.99,
    ),
  ].map(show);
  const life = [hours.toPrecision(2), String(world.suspicions), String(deaths)];
  return [
    String(count),
    name,
    `${loss * 100} %`,
    String(trials),
    ...shown,
    ...life,
    ...cost.map((value) => value.toFixed(0)),
  ];
}
