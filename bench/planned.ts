/*
 * What a client's ping stream, one every 5 ms, loses while an address is handed over on purpose: `clarion move`, `clarion
 * drain` (and undrain), SIGTERM to the holder's speaker (which is then started again). Nothing, and nothing when the node
 * returns; and then nothing moves.
 *
 *   npx tsx bench/planned.ts [TRIALS]     50 trials of each, the three at the same time, each on a network of its own
 */
import { machineTime, seconds } from '../src/base/clock.ts';
import { Cluster } from './cluster.ts';
import { type Bench, median, milliseconds, pause, runBench } from './harness.ts';
import { believedHolder, buildLan, FIRST_VIP, NODES, nodeAt, watchAnnouncements } from './lan.ts';
import { startPings } from './ping-stream.ts';

const TRIALS = Number(process.argv[2] ?? 50);

interface Plan {
  readonly title: string;
  /** The holder holds it no more when this is over. */
  readonly away: (cluster: Cluster, holder: string) => Promise<unknown>;
  /** It may hold it again. */
  readonly back?: (cluster: Cluster, holder: string) => Promise<unknown>;
}

const PLANS: readonly Plan[] = [
  {
    title: 'move',
    away: (cluster, holder) => {
      const others = NODES.filter((node) => node !== holder);
      return cluster.clarion('move', FIRST_VIP, '--to', others[Math.floor(2 * Math.random())]!);
    },
  },
  {
    title: 'drain, undrain',
    away: (cluster, holder) => cluster.clarion('drain', holder),
    back: (cluster, holder) => cluster.clarion('undrain', holder),
  },
  {
    title: 'SIGTERM, start',
    away: async (cluster, holder) => {
      const outcome = await cluster.speaker(holder).stop();
      if (outcome !== 0) throw new Error(`the speaker on ${holder} ended with ${outcome}`);
    },
    back: async (cluster, holder) => {
      await cluster.revive(holder);
      await cluster.settled();
    },
  },
];

interface Trial {
  readonly sent: number;
  readonly lost: number;
  readonly gap: number;
  readonly took: number;
  /** Another announced the address when the one that gave it away returned. */
  readonly moved: boolean;
  readonly failure?: string;
}

async function runTrials(cluster: Cluster, plan: Plan): Promise<readonly Trial[]> {
  const announcements = await watchAnnouncements(cluster.lab);
  // Who announced it last. Within a second a client's kernel ignores another change (arp(7), locktime), and is no witness.
  const holderNow = async (): Promise<string | undefined> =>
    nodeAt(announcements.since(0).at(-1)?.mac ?? '') ?? (await believedHolder(cluster.lab, FIRST_VIP));
  const trials: Trial[] = [];
  for (let number = 0; number < TRIALS; number++) {
    const ping = await startPings(cluster.lab, FIRST_VIP);
    await pause(50 + 100 * Math.random());
    const holder = await holderNow();
    if (holder === undefined) throw new Error('nobody is known to have the address');
    const started = machineTime();
    let failure: string | undefined;
    await plan.away(cluster, holder).catch((thrown: Error) => {
      failure = thrown.message;
    });
    const took = machineTime() - started;
    await pause(150);
    const taker = await holderNow();
    if (taker === holder) failure ??= `${holder} has it still`;
    const mark = announcements.mark();
    await plan.back?.(cluster, holder);
    await pause(300);
    const moved = announcements.since(mark).some(({ mac }) => nodeAt(mac) !== taker);
    const { sent, lost, gap } = await ping.stop();
    if (failure !== undefined)
      process.stdout.write(`${new Date().toISOString()} ${plan.title} ${number}: ${failure}\n`);
    trials.push({ sent, lost, gap, took, moved, ...(failure === undefined ? {} : { failure }) });
  }
  return trials;
}

function tell(bench: Bench, results: readonly (readonly [Plan, readonly Trial[]])[]): void {
  const rows = results.map(([{ title }, trials]) => [
    title,
    String(trials.length),
    milliseconds(median(trials.map(({ took }) => took))),
    milliseconds(Math.max(...trials.map(({ took }) => took))),
    milliseconds(median(trials.map(({ gap }) => gap))),
    milliseconds(Math.max(...trials.map(({ gap }) => gap))),
  ]);
  bench.table([['', 'trials', 'took p50', 'max', 'longest time between answers, p50', 'max'], ...rows]);
  for (const [{ title, back }, trials] of results) {
    const sum = (of: (trial: Trial) => number): number => trials.reduce((total, trial) => total + of(trial), 0);
    const [sent, lost] = [sum((trial) => trial.sent), sum((trial) => trial.lost)];
    const moved = trials.filter((trial) => trial.moved).length;
    bench.demand(`${title}: pings lost`, `${lost} of ${sent}`, '0', lost === 0);
    if (back !== undefined) bench.demand(`${title}: moved at the return`, String(moved), '0', moved === 0);
    const failed = trials.filter(({ failure }) => failure !== undefined).length;
    bench.demand(`${title}: not done`, String(failed), '0', failed === 0);
  }
}

await runBench(
  import.meta.url,
  `An address is handed over, ${TRIALS} times in each way`,
  async (bench) => {
    const running = PLANS.map((plan, number) => ({ plan, cluster: new Cluster({ name: `planned${number}` }) }));
    try {
      for (const { cluster } of running) {
        await buildLan(cluster.lab);
        await cluster.start();
      }
      const results = await Promise.all(
        running.map(async ({ plan, cluster }) => [plan, await runTrials(cluster, plan)] as const),
      );
      tell(bench, results);
    } finally {
      await Promise.all(running.map(({ cluster }) => cluster.lab.stop()));
    }
  },
  seconds(60 + 8 * TRIALS),
);
