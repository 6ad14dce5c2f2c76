/*
 * Failovers that are none: three speakers on a machine with two busy processes a core (nice 0), their control threads
 * blocked for 300 ms of every second, one datagram in twenty lost at random. Nobody dies, so nobody may be called dead and no
 * address may move.
 *
 *   npx tsx bench/false-failover.ts [MINUTES] [default|fast]     10 minutes, default
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { seconds } from '../src/base/clock.ts';
import { Cluster } from './cluster.ts';
import { pause, percent, runBench } from './harness.ts';
import { buildLan, FIRST_VIP, NODES, nodeAt, watchAnnouncements } from './lan.ts';
import { startPings } from './ping-stream.ts';
import { metricsOf } from './standalone.ts';

const MINUTES = Number(process.argv[2] ?? 10);
const PROFILE = process.argv[3] === 'fast' ? 'fast' : 'default';
const SERVICES = 30;
const BLOCKER = fileURLToPath(new URL('../test/e2e/block-control-thread.mjs', import.meta.url));
const LOSS = `table inet lossy {
  chain in {
    type filter hook prerouting priority raw;
    udp dport 7946 numgen random mod 100 < 5 drop
  }
}
`;

await runBench(
  import.meta.url,
  `False failovers in ${MINUTES} minutes, ${PROFILE} profile`,
  async (bench) => {
    const wrapper = ['env', `NODE_OPTIONS=--import ${BLOCKER}`];
    const cluster = new Cluster({ name: 'busy', profile: PROFILE, services: SERVICES, wrapper });
    const hogs = Array.from({ length: 2 * availableParallelism() }, () => spawn('sh', ['-c', 'while :; do :; done']));
    try {
      await buildLan(cluster.lab);
      await cluster.start();
      await Promise.all(NODES.map((node) => cluster.lab.nft(node, LOSS)));
      // Announcements of the start come for five seconds.
      await pause(8000);
      const before = await holders(cluster);
      const announcements = await watchAnnouncements(cluster.lab);
      const marks = new Map(NODES.map((node) => [node, cluster.speaker(node).log.mark()]));
      const started = await counted(cluster);
      const ping = await startPings(cluster.lab, FIRST_VIP);
      await pause(MINUTES * 60_000);
      const { sent, lost, gap } = await ping.stop();
      const ended = await counted(cluster);
      const lines = NODES.flatMap((node) =>
        cluster
          .speaker(node)
          .log.since(marks.get(node) ?? 0)
          .map(({ msg }) => msg),
      );
      const deaths = lines.filter((msg) => msg === 'a speaker is not heard any more').length;
      const claims = lines.filter((msg) => msg === 'address claimed').length;
      const after = await holders(cluster);
      const moved = [...after].filter(([address, node]) => before.get(address) !== node).length;
      const strangers = announcements.since(0).filter(({ address, mac }) => !isFrom(before.get(address), mac)).length;
      bench.table([
        ['suspicions', 'pauses of a wire thread', 'datagrams sent a second and node', 'pings', 'lost', 'longest gap'],
        [
          String(ended.suspicions - started.suspicions),
          String(ended.pauses - started.pauses),
          ((ended.sent - started.sent) / NODES.length / MINUTES / 60).toFixed(1),
          String(sent),
          `${lost} (${percent((100 * lost) / sent)})`,
          `${gap.toFixed(0)} ms`,
        ],
      ]);
      bench.demand('members called dead', String(deaths), '0', deaths === 0);
      bench.demand('addresses claimed', String(claims), '0', claims === 0);
      bench.demand('addresses held by another node at the end', String(moved), '0', moved === 0);
      bench.demand('announcements by another than the holder', String(strangers), '0', strangers === 0);
    } finally {
      for (const hog of hogs) hog.kill('SIGKILL');
      await cluster.lab.stop();
    }
  },
  seconds(120 + 60 * MINUTES),
);

async function holders(cluster: Cluster): Promise<ReadonlyMap<string, string | undefined>> {
  const { addresses } = await cluster.status();
  return new Map(addresses.map(({ address, holder }) => [address, holder]));
}

function isFrom(node: string | undefined, mac: string): boolean {
  return node !== undefined && nodeAt(mac) === node;
}

/** Of all three together. */
async function counted(cluster: Cluster): Promise<Readonly<Record<'suspicions' | 'pauses' | 'sent', number>>> {
  const all = await Promise.all(NODES.map((node) => metricsOf(cluster.folder, node)));
  const sum = (what: string): number => all.reduce((total, of) => total + of(`clarion_membership_${what}_total`), 0);
  return { suspicions: sum('suspicions'), pauses: sum('pauses'), sent: sum('sent') };
}
