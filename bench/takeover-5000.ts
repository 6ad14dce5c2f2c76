/*
 * The node that holds 5,000 addresses loses its power: when the last of them is answered for elsewhere, asked on the wire for
 * each of them again and again; how fast gratuitous frames follow; and when a client that has an entry for the address, and
 * so does not ask, is told by them.
 *
 *   npx tsx bench/takeover-5000.ts [TRIALS] [ADDRESSES]     three trials; the start and each trial take 20 s or so
 */
import { machineTime, seconds } from '../src/base/clock.ts';
import { ended } from '../src/lab/lab.ts';
import { Cluster } from './cluster.ts';
import { FAULTS } from './faults.ts';
import { type Bench, median, milliseconds, pause, percentile, runBench, tool, until } from './harness.ts';
import { buildLan, FIRST_VIP, NODES, nodeMac } from './lan.ts';

const TRIALS = Number(process.argv[2] ?? 3);
const ADDRESSES = Number(process.argv[3] ?? 5000);
const REQUESTS_PER_SECOND = 25_000;
/** What layer2.gratuitous.ratePerSecond is by default, for each of the two that take over. */
const MOST_FRAMES_A_SECOND = 2 * 5000;
/** A tenth of a second's worth may go out at once. */
const MOST_FRAMES_IN_ONE = MOST_FRAMES_A_SECOND * 1.1;

interface Seen {
  readonly answered: readonly number[];
  readonly announced: readonly number[];
  /** Gratuitous frames in each tenth of a second. */
  readonly frames: readonly number[];
  readonly asked: number;
}

/** Everything goes to that node, and the others may take it again. */
async function gather(cluster: Cluster, node: string): Promise<void> {
  const others = NODES.filter((other) => other !== node);
  for (const other of others) await cluster.clarion('drain', other, '--timeout', '60s');
  for (const other of others) await cluster.clarion('undrain', other);
  await until('all is on one node', 30_000, async () => {
    const { nodes } = await cluster.status();
    return nodes.find((one) => one.node === node)?.holds === ADDRESSES ? true : undefined;
  });
  // Rounds of gratuitous frames, of which there are five, a second apart.
  await pause(6000);
}

async function lose(cluster: Cluster, node: string): Promise<Seen & { readonly struck: number }> {
  const range = `${FIRST_VIP}+${ADDRESSES}`;
  const words = [tool('takeover'), 'eth0', range, nodeMac(node), String(REQUESTS_PER_SECOND)];
  const child = cluster.lab.spawn('client', words, { stdio: ['pipe', 'pipe', 'inherit'] });
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await until('the client listens', 5000, async () => (said.includes('ready') ? true : undefined), 5);
  const struck = machineTime();
  await FAULTS['power']!.strike(cluster, node);
  // Before that nobody can have noticed; to ask 25,000 times a second in vain is work for those who are to notice.
  await pause(200);
  child.stdin?.write('ask\n');
  await pause(4000);
  child.stdin?.end();
  await ended(child);
  return { struck, ...(JSON.parse(said.split('\n')[1] ?? '') as Seen) };
}

function tell(bench: Bench, trials: readonly (Seen & { readonly struck: number })[]): void {
  const rows = trials.map(({ struck, answered, announced, frames, asked }) => {
    const since = (times: readonly number[]): readonly number[] =>
      times.map((at) => (at === 0 ? Number.POSITIVE_INFINITY : at - struck));
    const shown = [answered, announced].flatMap((times) => {
      const after = since(times);
      return [Math.min(...after), median(after), Math.max(...after)].map(milliseconds);
    });
    return [...shown, String(perSecond(frames)), String(asked)];
  });
  const heading = ['answered elsewhere: first', 'p50', 'last', 'announced: first', 'p50', 'last', 'frames/s', 'asked'];
  bench.table([heading, ...rows]);
  const lasts = trials.map(({ struck, answered }) =>
    answered.includes(0) ? Number.POSITIVE_INFINITY : Math.max(...answered) - struck,
  );
  bench.judge(`the last of ${ADDRESSES} is answered for elsewhere`, Math.max(...lasts), 1000, milliseconds, lasts);
  const rates = trials.map(({ frames }) => perSecond(frames));
  bench.judge('gratuitous frames in any second', Math.max(...rates), MOST_FRAMES_IN_ONE, String, rates);
  const cached = trials.flatMap(({ struck, announced }) => announced.map((at) => at - struck));
  process.stdout.write(
    `a client with an entry is told after ${milliseconds(median(cached))} (p50), ${milliseconds(percentile(cached, 0.99))} (p99)\n\n`,
  );
}

/** The most that were seen in ten tenths of a second on end. */
const perSecond = (frames: readonly number[]): number =>
  Math.max(...frames.map((_, i) => frames.slice(i, i + 10).reduce((sum, count) => sum + count, 0)));

await runBench(
  import.meta.url,
  `A node with ${ADDRESSES} addresses loses its power`,
  async (bench) => {
    const cluster = new Cluster({ name: 'many', services: ADDRESSES });
    try {
      await buildLan(cluster.lab);
      await cluster.start();
      const trials: (Seen & { readonly struck: number })[] = [];
      for (let number = 0; number < TRIALS; number++) {
        const node = NODES[number % NODES.length]!;
        await gather(cluster, node);
        trials.push(await lose(cluster, node));
        await FAULTS['power']!.repair(cluster, node);
        await cluster.revive(node);
        await cluster.settled();
      }
      tell(bench, trials);
    } finally {
      await cluster.lab.stop();
    }
  },
  seconds(120 + 60 * TRIALS),
);
