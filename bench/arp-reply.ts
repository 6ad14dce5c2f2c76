import { fileURLToPath } from 'node:url';
import { type Bench, median, percentile, runBench, times, tool, us } from './harness.ts';
import { type Standalone, startStandalone } from './standalone.ts';
import { buildPair, FIRST4, FIRST6, NODE, NODE_MAC, NODE4, NODE6, writeFolder } from './world.ts';

/**
 * How long a neighbour waits for the answer to "who has": the kernel for the node's own address, and Clarion's wire thread
 * for an address of a Service, on the same veth pair, in alternating batches of one run, so that both meet the same machine.
 * Targets: median <= 3 times the kernel's, p99 <= 6 times, with 1 address, with 10,000, and with the control thread blocked.
 */
const ROUNDS = 4;
const BATCH = 300;
/** A request every 2 ms: everybody is idle again when the next one comes, as on a quiet LAN. */
const INTERVAL_US = 2000;
const MANY = 10_000;

interface Batch {
  readonly sent: number;
  readonly lost: number;
  readonly mac: string;
  readonly us: readonly number[];
}

async function ask(bench: Bench, protocol: 'arp' | 'ndp', target: string): Promise<Batch> {
  const command = [tool('requester'), protocol, 'eth0', target, String(BATCH), String(INTERVAL_US)];
  const batch = JSON.parse(await bench.lab.run('client', command)) as Batch;
  if (batch.mac !== NODE_MAC && batch.lost < batch.sent) throw new Error(`${batch.mac} answered for ${target}`);
  return batch;
}

interface Case {
  readonly name: string;
  readonly protocol: 'arp' | 'ndp';
  readonly own: string;
  readonly target: string;
}

async function compare(bench: Bench, { name, protocol, own, target }: Case): Promise<void> {
  const kernel: Batch[] = [];
  const clarion: Batch[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    kernel.push(await ask(bench, protocol, own));
    clarion.push(await ask(bench, protocol, target));
  }
  const row = (who: string, batches: readonly Batch[]): string[] => {
    const all = batches.flatMap((batch) => batch.us);
    const lost = batches.reduce((sum, batch) => sum + batch.lost, 0);
    const shown = [Math.min(...all), median(all), percentile(all, 0.9), percentile(all, 0.99), Math.max(...all)];
    return [who, ...shown.map((value) => us(value).padStart(10)), `${lost} of ${all.length + lost}`];
  };
  const head = ['min', 'median', 'p90', 'p99', 'max'].map((word) => word.padStart(10));
  bench.table([[name, ...head, 'lost'], row('  kernel', kernel), row('  clarion', clarion)]);
  // The ratio of each round's pair; what counts is their median, so that a burst of other work in one round does not decide.
  const ratios = (share: number): number[] =>
    clarion.map((batch, i) => percentile(batch.us, share) / percentile(kernel[i]!.us, share));
  const lost = clarion.reduce((sum, batch) => sum + batch.lost, 0);
  bench.judge(`${name}: median`, median(ratios(0.5)), 3, times, ratios(0.5));
  bench.judge(`${name}: p99`, median(ratios(0.99)), 6, times, ratios(0.99));
  bench.demand(`${name}: lost`, String(lost), '0', lost === 0);
}

const ARP = { protocol: 'arp', own: NODE4 } as const;
const NDP = { protocol: 'ndp', own: NODE6 } as const;

await runBench(import.meta.url, 'ARP and NDP answers: the kernel and Clarion', async (bench) => {
  await buildPair(bench);
  const during = async (standalone: Standalone, count: number, ...cases: readonly Case[]): Promise<void> => {
    await standalone.settled('announced', count);
    for (const one of cases) await compare(bench, one);
    await standalone.stop();
  };
  const start = (folder: string, node: readonly string[] = []): Promise<Standalone> =>
    startStandalone({ lab: bench.lab, host: NODE, folder, node });
  const one = writeFolder({ name: 'one', services: 1, ready: true, families: ['IPv4', 'IPv6'] });
  await during(
    await start(one),
    2,
    { name: 'ARP, 1 address', ...ARP, target: FIRST4 },
    { name: 'NDP, 1 address', ...NDP, target: FIRST6 },
  );
  const block = fileURLToPath(new URL('tools/block-control.mjs', import.meta.url));
  const blocked = await start(one, ['--import', block]);
  await during(blocked, 2, { name: 'ARP, control thread blocked', ...ARP, target: FIRST4 });
  const many = writeFolder({ name: 'many', services: MANY, ready: true });
  const manyCase = { name: 'ARP, 10,000 addresses', ...ARP, target: `${FIRST4}+${MANY}` };
  await during(await start(many), MANY, manyCase);
});
