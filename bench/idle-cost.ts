/*
 * What a speaker costs when nothing happens: share of a core, and octets that its node sends, Ethernet headers included. Three
 * speakers with 100 addresses, each profile on a network of its own, both at the same time.
 *
 *   npx tsx bench/idle-cost.ts [SECONDS]     a minute
 */
import { ms } from '../src/base/clock.ts';
import { Cluster } from './cluster.ts';
import { cpuTime, median, memory, pause, percent, runBench } from './harness.ts';
import { buildLan, NODES } from './lan.ts';

const SECONDS = Number(process.argv[2] ?? 60);
const ADDRESSES = 100;
const PROFILES = ['default', 'fast'] as const;

interface Cost {
  /** Of a core. */
  readonly control: number;
  readonly others: number;
  readonly octets: number;
  readonly frames: number;
  readonly rss: number;
}

async function measure(cluster: Cluster): Promise<readonly Cost[]> {
  const read = (node: string) => async () => {
    const { pid } = cluster.speaker(node);
    const counters = ['bytes', 'packets'].map((what) => `/sys/class/net/eth0/statistics/tx_${what}`);
    const [octets = 0, frames = 0] = (await cluster.lab.run(node, ['cat', ...counters])).split('\n').map(Number);
    return { ...cpuTime(pid), octets, frames, at: performance.now() };
  };
  const all = () => Promise.all(NODES.map((node) => read(node)()));
  const before = await all();
  await pause(SECONDS * 1000);
  const after = await all();
  return NODES.map((node, i) => {
    const [from, to] = [before[i]!, after[i]!];
    const per = (key: 'control' | 'others' | 'octets' | 'frames'): number => (to[key] - from[key]) / (to.at - from.at);
    return {
      control: per('control') * 100,
      others: per('others') * 100,
      octets: per('octets') * 1000,
      frames: per('frames') * 1000,
      rss: memory(cluster.speaker(node).pid, 'VmRSS'),
    };
  });
}

await runBench(
  import.meta.url,
  `Three speakers, ${ADDRESSES} addresses, idle for ${SECONDS} s`,
  async (bench) => {
    const clusters = PROFILES.map((profile) => new Cluster({ name: profile, profile, services: ADDRESSES }));
    try {
      for (const { lab } of clusters) await buildLan(lab);
      for (const cluster of clusters) await cluster.start();
      // Until the rounds of gratuitous frames are over.
      await pause(8000);
      const costs = await Promise.all(clusters.map(measure));
      const rows = PROFILES.flatMap((profile, i) =>
        costs[i]!.map(({ control, others, octets, frames, rss }, number) => [
          `${profile}, ${NODES[number]}`,
          percent(control),
          percent(others),
          octets.toFixed(0),
          frames.toFixed(1),
          `${rss.toFixed(0)} MB`,
        ]),
      );
      bench.table([['', 'control thread', 'wire and others', 'octets/s', 'frames/s', 'memory'], ...rows]);
      for (const [i, profile] of PROFILES.entries()) {
        const cpu = costs[i]!.map(({ control, others }) => control + others);
        const octets = costs[i]!.map((cost) => cost.octets);
        // The promise is of the default; the other's cost stands beside it.
        const [mostCpu, mostOctets] = profile === 'default' ? [1, 5000] : [2.5, 12_500];
        bench.judge(`${profile}: a core`, median(cpu), mostCpu, percent, cpu);
        bench.judge(
          `${profile}: octets sent a second`,
          median(octets),
          mostOctets,
          (value) => value.toFixed(0),
          octets,
        );
      }
    } finally {
      await Promise.all(clusters.map(({ lab }) => lab.stop()));
    }
  },
  ms((SECONDS + 60) * 1000),
);
