/*
 * How long a client's ping stream, one every 5 ms, is interrupted when the node that holds the address is lost, and what the
 * client notices when it returns. Clarion with both profiles and keepalived with defaults and tuned, at the same time, each
 * on a network of its own (a switch, three nodes, a client), with the same faults.
 *
 *   npx tsx bench/failover.ts [TRIALS] [FAULT]...     50 trials; cable silent crash power kill (faults.ts)
 *
 * A fault takes about three seconds a trial. keepalived with its defaults is slower, and gets an eighth of the trials.
 * CONTENDERS=default,fast,keepalived-default,keepalived-tuned leaves some out.
 */
import { machineTime, seconds } from '../src/base/clock.ts';
import { Cluster } from './cluster.ts';
import type { Contender } from './contender.ts';
import { FAULTS, type Fault } from './faults.ts';
import { type Bench, median, milliseconds, pause, percentile, runBench } from './harness.ts';
import { Keepalived, keepalivedVersion } from './keepalived.ts';
import { type Announcement, believedHolder, buildLan, FIRST_VIP, nodeAt, nodeMac, watchAnnouncements } from './lan.ts';
import { startPings } from './ping-stream.ts';

const [trialsWord = '50', ...faultWords] = process.argv.slice(2);
const TRIALS = Number(trialsWord);
const LIMIT = seconds(20);
/**
 * From when it is answered elsewhere until the lost node returns. Who takes over does so on trial for a second and a half: a
 * holder that was only cut off, and is back by then, keeps its address (and no ping is lost either).
 */
const OUTAGE = seconds(1.8);

interface Entrant {
  readonly make: () => Contender;
  readonly trials: number;
  /** Promised of the gap, or of the next announcement where there is none. */
  readonly promised?: { readonly median: number; readonly worst: number };
}

const ENTRANTS: Readonly<Record<string, Entrant>> = {
  default: {
    make: () => new Cluster({ name: 'default' }),
    trials: TRIALS,
    promised: { median: 350, worst: 500 },
  },
  fast: {
    make: () => new Cluster({ name: 'fast', profile: 'fast' }),
    trials: TRIALS,
    promised: { median: 200, worst: 200 },
  },
  'keepalived-default': { make: () => new Keepalived('kdefault', 'default'), trials: Math.ceil(TRIALS / 8) },
  'keepalived-tuned': { make: () => new Keepalived('ktuned', 'tuned'), trials: TRIALS },
};

interface Trial {
  /** The longest time between two answers. */
  readonly gap: number;
  /** From before the fault to the first announcement by another node. */
  readonly announced: number;
  readonly lostInGap: number;
  /** Once it was answered again, until the lost node had returned. */
  readonly lostAfter: number;
  /** Whether the address went elsewhere when the lost node returned. */
  readonly moved: boolean;
}

async function runTrials(contender: Contender, fault: Fault, count: number): Promise<readonly Trial[]> {
  const { lab } = contender;
  const announcements = await watchAnnouncements(lab);
  const trials: Trial[] = [];
  for (let number = 0; number < count; number++) {
    const ping = await startPings(lab, FIRST_VIP);
    // At no fixed phase of anything.
    await pause(50 + 200 * Math.random());
    const holder = await believedHolder(lab, FIRST_VIP);
    if (holder === undefined) throw new Error(`${contender.name}: the client does not know who has ${FIRST_VIP}`);
    const mark = announcements.mark();
    const struck = machineTime();
    await fault.strike(contender, holder);
    const byAnother = ({ address, mac }: Announcement): boolean => address === FIRST_VIP && mac !== nodeMac(holder);
    if (fault.cuts) {
      // What was under way when it was cut.
      await pause(30);
      await ping.answered();
    } else await announcements.first(`another node than ${holder} announces`, mark, LIMIT, byAnother);
    await pause(OUTAGE);
    const returned = announcements.mark();
    await fault.repair(contender, holder);
    await contender.revive(holder);
    await contender.settled();
    await pause(200);
    const { gap, lost, lostAfter } = await ping.stop();
    const taken = announcements.since(mark).find(byAnother);
    const moved = announcements.since(returned).some((one) => one.address === FIRST_VIP && one.mac !== taken?.mac);
    const announced = taken === undefined ? Number.POSITIVE_INFINITY : taken.ms - struck;
    const trial = { gap, announced, lostInGap: lost - lostAfter, lostAfter, moved };
    if (process.env['VERBOSE'] !== undefined)
      process.stdout.write(
        `${contender.name} ${number} ${holder}->${nodeAt(taken?.mac ?? '')} ${JSON.stringify(trial)} ${new Date().toISOString()}\n`,
      );
    trials.push(trial);
  }
  return trials;
}

function tell(bench: Bench, fault: Fault, results: readonly (readonly [string, Entrant, readonly Trial[]])[]): void {
  const p99 = (values: readonly number[]): string =>
    values.length < 300 ? `max ${milliseconds(Math.max(...values))}` : `p99 ${milliseconds(percentile(values, 0.99))}`;
  const rows = results.map(([name, , trials]) => {
    const of = (key: 'gap' | 'announced' | 'lostAfter'): readonly number[] => trials.map((trial) => trial[key]);
    const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
    return [
      name,
      String(trials.length),
      milliseconds(Math.min(...of('gap'))),
      milliseconds(median(of('gap'))),
      p99(of('gap')),
      milliseconds(median(of('announced'))),
      p99(of('announced')),
      String(Math.max(...trials.map(({ lostInGap }) => lostInGap))),
      String(trials.filter(({ moved }) => moved).length),
      String(sum(of('lostAfter'))),
    ];
  });
  process.stdout.write(`${fault.title}\n`);
  const heading = [
    '',
    'trials',
    'gap min',
    'p50',
    '',
    'announced p50',
    '',
    'most lost',
    'moved at return',
    'lost then',
  ];
  bench.table([heading, ...rows]);
  for (const [name, { promised }, trials] of results) {
    if (promised === undefined) continue;
    const what = `${fault.title}, ${name}`;
    const samples = trials.map(({ gap, announced }) => (fault.cuts ? gap : announced));
    bench.judge(`${what}: ${fault.cuts ? 'gap' : 'announced'}, p50`, median(samples), promised.median, milliseconds);
    const worst = samples.length < 300 ? Math.max(...samples) : percentile(samples, 0.99);
    bench.judge(`${what}: ${samples.length < 300 ? 'max' : 'p99'}`, worst, promised.worst, milliseconds, samples);
    if (!fault.cuts) {
      const most = Math.max(...trials.map(({ lostInGap, lostAfter }) => lostInGap + lostAfter));
      bench.judge(`${what}: pings lost in a trial`, most, 1, String);
    }
    const moved = trials.filter((trial) => trial.moved).length;
    const lost = trials.reduce((sum, { lostAfter }) => sum + lostAfter, 0);
    bench.demand(`${what}: the node returns`, `${moved} moved, ${lost} lost`, '0, 0', moved + lost === 0);
  }
}

await runBench(
  import.meta.url,
  `A node is lost: ${faultWords.join(', ') || 'every fault'}, ${TRIALS} trials`,
  async (bench) => {
    const wanted = process.env['CONTENDERS']?.split(',') ?? Object.keys(ENTRANTS);
    const entrants = Object.entries(ENTRANTS).filter(([name]) => wanted.includes(name));
    if (entrants.some(([name]) => name.startsWith('keepalived'))) process.stdout.write(`${keepalivedVersion()}\n\n`);
    const running = entrants.map(([name, entrant]) => ({ name, entrant, contender: entrant.make() }));
    try {
      // One after the other, so that no start disturbs another.
      for (const { contender } of running) {
        await buildLan(contender.lab);
        await contender.start();
      }
      const faults = faultWords.length === 0 ? Object.values(FAULTS) : faultWords.map((word) => FAULTS[word]);
      for (const fault of faults) {
        if (fault === undefined) throw new Error(`no such fault; there are ${Object.keys(FAULTS).join(', ')}`);
        const results = await Promise.all(
          running.map(
            async ({ name, entrant, contender }) =>
              [name, entrant, await runTrials(contender, fault, entrant.trials)] as const,
          ),
        );
        tell(bench, fault, results);
      }
    } finally {
      await Promise.all(running.map(({ contender }) => contender.lab.stop()));
    }
  },
  seconds(Number.isFinite(TRIALS) ? 60 + 8 * TRIALS * Math.max(1, faultWords.length || 5) : 60),
);
