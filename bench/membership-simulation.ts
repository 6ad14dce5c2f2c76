/*
 * Membership of whole clusters on virtual time, with the state machines that run in production: how fast a death is noticed,
 * how often one is noticed that is none, and what it costs. `npx tsx bench/membership-simulation.ts` takes a minute and a half
 * and exits 1 when a promise was missed. What else may be asked of it, by the environment:
 *   NODES=3,10,100  LOSSES=0,0.01,0.05  TRIALS=300  HOURS=24  LATE=0.02 (this part of all timers fires 30 ms late)  SEED=1
 *   MINUTES=30 (of machine time for each row's hours: what was reached by then is told)
 * A day of 100 nodes takes the better part of an hour, an hour of 1000 nodes the same.
 */
import { machineTime } from '../src/base/clock.ts';
import { DEFAULT_PROFILE, FAST_PROFILE, type Profile } from '../src/membership/settings.ts';
import { formatTable } from '../src/terminal/table.ts';
import { nameOf } from '../test/simulation/membership-node.ts';
import { detection, MembershipWorld, quantile } from '../test/simulation/membership-world.ts';

const NODES = (process.env['NODES'] ?? '3,10,100').split(',').map(Number);
const TRIALS = Number(process.env['TRIALS'] ?? 300);
const HOURS = Number(process.env['HOURS'] ?? 1);
const LOSSES = (process.env['LOSSES'] ?? '0,0.01,0.05').split(',').map(Number);
const SEED = Number(process.env['SEED'] ?? 1);
const LATE = { part: Number(process.env['LATE'] ?? 0), by: 30 };
const MACHINE_TIME = Number(process.env['MINUTES'] ?? Number.POSITIVE_INFINITY) * 60_000;
/** Virtual milliseconds between two looks at the machine's clock. */
const SLICE = 30_000;
/** To bring so many nodes together takes longer than to watch one of them die: they die one after the other in one world. */
const ONE_WORLD_FROM = 500;
/** The work of a run grows with the nodes, so by default more nodes are tried less often and for less long. */
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
  const options = { count, profile, conditions: { loss }, late: LATE };
  const times =
    count < ONE_WORLD_FROM
      ? Array.from({ length: trials }, (_, i) => detection({ ...options, seed: SEED + i }))
      : deathsInOneWorld(new MembershipWorld({ ...options, seed: SEED }), Math.min(trials, count / 5));
  const first = times.map((time) => time.first);
  const world = new MembershipWorld({ ...options, seed: SEED });
  world.run(10_000);
  for (const node of world.nodes) node.measure();
  world.run(10_000);
  // Each node in ten seconds.
  const perSecond = (of: 'sent' | 'octets') => world.nodes.reduce((sum, node) => sum + node[of], 0) / count / 10;
  const cost = [perSecond('sent'), perSecond('octets')] as const;
  for (const node of world.nodes) node.stopMeasuring();
  const hours = runFor(world, HOURS * shareOf(count));
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
    String(times.length),
    ...shown,
    ...life,
    ...cost.map((value) => value.toFixed(0)),
  ];
}

function deathsInOneWorld(
  world: MembershipWorld,
  trials: number,
): readonly { readonly first: number; readonly last: number }[] {
  world.run(5000);
  return Array.from({ length: trials }, (_, i) => {
    world.run(1000 * world.random.fraction());
    const died = world.time.now;
    const before = world.seen.length;
    world.node(i + 1).die();
    world.run(3000);
    const times = world.seen.slice(before).flatMap(({ at, report }) => {
      const isDeath = report.kind === 'member-changed' && report.member.status === 'dead';
      return isDeath && report.member.node === nameOf(i + 1) ? [at - died] : [];
    });
    return { first: Math.min(...times), last: Math.max(...times) };
  });
}

/** Returns the virtual hours that it came to. */
function runFor(world: MembershipWorld, hours: number): number {
  const started = machineTime();
  let ran = 0;
  while (ran < hours * 3_600_000 && machineTime() - started < MACHINE_TIME) {
    const slice = Math.min(SLICE, hours * 3_600_000 - ran);
    world.run(slice);
    ran += slice;
  }
  return ran / 3_600_000;
}
