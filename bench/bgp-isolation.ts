import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machineTime, seconds } from '../src/base/clock.ts';
import type { Feed } from '../src/lab/feed.ts';
import { type Bench, median, milliseconds, pause, percentile, runBench, times, tool, until, us } from './harness.ts';
import type { RouterNews } from './raw-router.ts';
import { bgpConfig, startRawRouter } from './routers.ts';
import { type Standalone, startStandalone } from './standalone.ts';
import { buildPair, configMap, endpointFile, endpointSlice, FIRST4, NODE, writeFolder } from './world.ts';

/**
 * What bad peers do to others: `clarion standalone` with one router that is as routers are, in turns alone and beside one that is
 * not there (its packets go nowhere), one that never reads, one that answers with garbage and one that breaks the connection
 * again and again. Measured in each turn: endpoint gone -> withdrawal at the good router, and layer 2's answer to who-has.
 */
const SERVICES = 500;
const ROUNDS = 6;
const EVENTS = 50;
const GOOD = '10.99.255.100';
const BAD = {
  slow: '10.99.255.101',
  garbage: '10.99.255.102',
  reset: '10.99.255.103',
  down: '10.99.255.104',
} as const;
const QUESTIONS = 300;
const INTERVAL_US = 2000;

const addressOf = (number: number): string => FIRST4.replace(/\.0\.0$/, `.${number >> 8}.${number & 255}`);

interface Round {
  readonly withdrawal: readonly number[];
  /** Microseconds. */
  readonly answer: readonly number[];
  readonly lost: number;
}

await runBench(
  import.meta.url,
  'One good router, alone and beside bad ones',
  async (bench) => {
    await buildPair(bench);
    for (const address of Object.values(BAD).filter((one) => one !== BAD.down))
      await bench.lab.run('client', ['ip', 'address', 'add', `${address}/16`, 'dev', 'eth0']);
    // Nobody has this MAC address, so what is sent there is never heard of again.
    const nowhere = ['lladdr', '02:00:00:00:00:99', 'dev', 'eth0', 'nud', 'permanent'];
    await bench.lab.run(NODE, ['ip', 'neigh', 'add', BAD.down, ...nowhere]);
    const heard = startRawRouter(bench.lab, 'client', 'steady', GOOD, SERVICES);
    for (const manner of ['slow', 'garbage', 'reset'] as const)
      startRawRouter(bench.lab, 'client', manner, BAD[manner], 0);

    const folder = writeFolder({ name: 'isolation', services: SERVICES, ready: true });
    const configure = (bad: boolean): void => {
      const peers = bgpConfig({ good: GOOD, ...(bad ? BAD : {}) });
      writeFileSync(join(folder, 'config.yaml'), `${configMap(1)}${peers}    l2Advertisements:\n    - {}\n`);
    };
    configure(false);
    const standalone = await startStandalone({ lab: bench.lab, host: NODE, folder });
    await standalone.settled('announced', SERVICES);
    await established(standalone, 1);
    await pause(1500);

    let number = 0;
    const rounds: Record<'alone' | 'beside', Round[]> = { alone: [], beside: [] };
    // The first pair warms up and is not counted.
    for (let round = 0; round <= ROUNDS; round++)
      for (const kind of ['alone', 'beside'] as const) {
        configure(kind === 'beside');
        // The good one and the slow one; the others never last.
        await established(standalone, kind === 'beside' ? 2 : 1);
        await pause(1000);
        const took = await measure(bench, folder, heard, number);
        number += EVENTS;
        if (number + EVENTS > SERVICES) number = 0;
        if (round > 0) rounds[kind].push(took);
      }
    const metrics = await standalone.metrics();
    judge(bench, 'endpoint gone -> withdrawal', rounds, ({ withdrawal }) => withdrawal, milliseconds);
    judge(bench, 'who-has -> answer', rounds, ({ answer }) => answer, us);
    const lost = [...rounds.alone, ...rounds.beside].reduce((sum, one) => sum + one.lost, 0);
    bench.demand('requests lost', String(lost), '0', lost === 0);
    const flaps = metrics('clarion_bgp_flaps_total', 'peer="good"');
    bench.demand('sessions of the good router lost', String(flaps), '0', flaps === 0);
    await standalone.stop();
  },
  seconds(190),
);

async function established(standalone: Standalone, count: number): Promise<void> {
  await until(`${count} sessions`, 15_000, async () => {
    const metrics = await standalone.metrics();
    const up = metrics('clarion_bgp_session_up', 'peer="good"') + metrics('clarion_bgp_session_up', 'peer="slow"');
    return up === count ? true : undefined;
  });
}

/** Endpoints go and come back while a neighbour asks for an address that stays. */
async function measure(bench: Bench, folder: string, heard: Feed<RouterNews>, first: number): Promise<Round> {
  const asked = bench.lab.run('client', [
    ...[tool('requester'), 'arp', 'eth0', addressOf(SERVICES - 1)],
    ...[String(QUESTIONS), String(INTERVAL_US)],
  ]);
  const answers = JSON.parse(await asked) as { readonly lost: number; readonly us: readonly number[] };
  const withdrawal: number[] = [];
  for (let number = first; number < first + EVENTS; number++) {
    for (const ready of [false, true]) {
      const mark = heard.mark();
      const start = machineTime();
      writeFileSync(join(folder, endpointFile(number)), endpointSlice(number, ready));
      const { at } = await heard.first(
        `news of ${addressOf(number)}`,
        mark,
        seconds(5),
        ({ event, prefixes }) =>
          event === (ready ? 'announced' : 'withdrawn') && prefixes.includes(`${addressOf(number)}/32`),
      );
      if (!ready) withdrawal.push(at - start);
      await pause(10 + Math.random() * 10);
    }
  }
  return { withdrawal, answer: answers.us, lost: answers.lost };
}

function judge(
  bench: Bench,
  words: string,
  { alone, beside }: Readonly<Record<'alone' | 'beside', readonly Round[]>>,
  of: (round: Round) => readonly number[],
  show: (value: number) => string,
): void {
  const ratios = (share: number): number[] =>
    beside.map((round, i) => percentile(of(round), share) / percentile(of(alone[i]!), share));
  const pooled = (rounds: readonly Round[], share: number): number => percentile(rounds.flatMap(of), share);
  bench.judge(`${words}, p50: beside bad routers / alone`, median(ratios(0.5)), 1.15, times, ratios(0.5));
  // A round is too short for a p99 of its own, so it is that of all of them.
  const p99 = pooled(beside, 0.99) / pooled(alone, 0.99);
  bench.judge(`${words}, p99: beside bad routers / alone`, p99, 1.5, times, ratios(0.99));
  for (const [name, rounds] of [
    ['alone', alone],
    ['beside bad routers', beside],
  ] as const)
    bench.table([
      [words, name, ...[0.5, 0.9, 0.99, 1].map((share) => show(pooled(rounds, share))), '(p50, p90, p99, max)'],
    ]);
}
