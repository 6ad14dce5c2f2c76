import { mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { seconds } from '../src/base/clock.ts';
import { Feed } from '../src/lab/feed.ts';
import { terminate } from '../src/lab/lab.ts';
import { lanMac } from '../src/lab/plan.ts';
import { type Router, routerInstalled } from '../src/lab/router.ts';
import { startRouter } from '../src/lab/router-start.ts';
import type { SenderNews } from './bgp-sender.ts';
import { BirdAsker } from './bird-asker.ts';
import { BirdLog } from './bird-log.ts';
import { type Bench, median, megabytes, memory, milliseconds, pause, runBench, times } from './harness.ts';

/**
 * A whole table into BIRD: from Established (the router's KEEPALIVE is here) until BIRD has read the End-of-RIB behind it, and
 * from the change until BIRD has read the KEEPALIVE behind the last withdrawal. BIRD imports a message before it reads the next, and
 * says both in its log, which is watched: to ask it again and again would cost it, and the sender, as much as 10,000 routes do.
 *
 * Clarion's driver, on the kernel's sockets, beside a socket that writes the same octets encoded before; each in a process that
 * has done nothing before, in alternation. The first table of such a process is what is judged; then BIRD is started anew under
 * the same process, as routers are under a speaker that runs for weeks.
 */
const ROUTER = '10.99.255.100';
const SOURCES = ['10.99.255.11', '10.99.255.12', '10.99.255.13', '10.99.255.14'];
const root = fileURLToPath(new URL('..', import.meta.url));
const SENDER = `${root}dist/bgp-sender.js`;

const million = process.argv.includes('--million');
/** Times that BIRD is started anew under a sender. */
const AGAIN = 2;

await runBench(
  import.meta.url,
  'A table of routes into BIRD',
  async (bench) => {
    bench.demand('BIRD is installed', routerInstalled('bird') ? 'yes' : 'no', 'yes', routerInstalled('bird'));
    if (!routerInstalled('bird')) return;
    await bundleSender();
    await bench.lab.build({
      hosts: ['router', 'node-a'],
      bridges: [],
      cables: [
        [
          { host: 'router', interface: 'eth0', mac: lanMac(100), addresses: [`${ROUTER}/16`] },
          { host: 'node-a', interface: 'eth0', mac: lanMac(11), addresses: SOURCES.map((source) => `${source}/16`) },
        ],
      ],
      routes: [],
    });
    const neighbour = {
      asn: 64_512,
      passive: true,
      gracefulRestart: 'off',
      families: ['ipv4'],
      extra: ['debug { packets };'],
    } as const;
    const bird = await startRouter('bird', bench.lab, 'router', {
      asn: 64_513,
      routerId: ROUTER,
      neighbours: SOURCES.map((address) => ({ address, ...neighbour })),
    });
    if (million) {
      await grow(bench, bird);
      return;
    }
    await compare(bench, bird, 10_000, 7, 2);
    await compare(bench, bird, 100_000, 5, 1.5);
    await weigh(bench, bird);
  },
  seconds(190),
);

async function bundleSender(): Promise<void> {
  mkdirSync(`${root}dist`, { recursive: true });
  await build({
    absWorkingDir: root,
    entryPoints: ['bench/bgp-sender.ts'],
    outfile: SENDER,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
}

interface Took {
  readonly announced: number;
  readonly withdrawn: number;
}

async function compare(bench: Bench, bird: Router, count: number, rounds: number, atMost: number): Promise<void> {
  const [clarion, blast]: Took[][][] = [[], []];
  for (let round = 0; round < rounds; round++) {
    blast!.push(await send(bench, bird, 'blast', count, AGAIN));
    clarion!.push(await send(bench, bird, 'clarion', count, AGAIN));
  }
  const name = count.toLocaleString('en');
  for (const [words, part] of [
    [`${name} host routes, Established -> all in`, 'announced'],
    [`${name}: half withdrawn`, 'withdrawn'],
  ] as const) {
    const first = clarion!.map(([one], i) => one![part] / blast![i]![0]![part]);
    bench.judge(`${words}: Clarion / blast`, median(first), atMost, times, first);
    const later = clarion!.flatMap((all, i) => all.slice(1).map((one, k) => one[part] / blast![i]![k + 1]![part]));
    bench.table([[`${words}, the router started anew`, times(median(later)), later.map(times).join(' ')]]);
    const show = (all: readonly Took[][], from: number, to?: number): string =>
      all.flatMap((one) => one.slice(from, to).map((took) => milliseconds(took[part]))).join(', ');
    bench.table([
      ['', 'Clarion, first', show(clarion!, 0, 1)],
      ['', 'blast, first', show(blast!, 0, 1)],
      ['', 'Clarion, later', show(clarion!, 1)],
      ['', 'blast, later', show(blast!, 1)],
    ]);
  }
}

/** A million completes, and takes as long for each prefix as a hundred thousand. */
async function grow(bench: Bench, bird: Router): Promise<void> {
  const took: Took[] = [];
  for (const count of [100_000, 1_000_000]) took.push((await send(bench, bird, 'clarion', count, 0))[0]!);
  const blast = (await send(bench, bird, 'blast', 1_000_000, 0))[0]!;
  const [few, many] = [took[0]!, took[1]!];
  for (const part of ['announced', 'withdrawn'] as const) {
    bench.judge(`1,000,000 ${part}, beside ten times 100,000`, many[part] / few[part] / 10, 1.5, times);
    bench.table([[part, ...[few, many, blast].map((one) => milliseconds(one[part])), '(100,000, 1,000,000, blast)']]);
  }
}

/** One fresh process against a fresh BIRD, and `again` times against a BIRD that comes back. */
async function send(
  bench: Bench,
  bird: Router,
  kind: 'clarion' | 'blast',
  count: number,
  again: number,
): Promise<Took[]> {
  await bird.stop();
  const log = new BirdLog(bench.lab, 'router');
  await bird.start();
  const sender = startSender(bench, kind, count, SOURCES.slice(0, 1));
  const took: Took[] = [];
  let news = 0;
  const happened = async (event: SenderNews['event']): Promise<number> => {
    const { at } = await sender.news.first(event, news, seconds(30), (one) => one.event === event);
    news = sender.news.mark();
    return at;
  };
  try {
    for (let round = 0; round <= again; round++) {
      if (round > 0) {
        sender.child.stdin?.write('restore\n');
        await pause(300);
        await bird.stop();
        await bird.start();
      }
      const marked = log.mark();
      const established = await happened('established');
      const announced = await log.says('n0: Got END-OF-RIB', marked);
      await check(bench, count);
      await pause(200);
      const before = log.mark();
      sender.child.stdin?.write('withdraw\n');
      const begun = await happened('withdrawing');
      const withdrawn = await log.says('n0: Got KEEPALIVE', before);
      await check(bench, count / 2);
      took.push({ announced: announced - established, withdrawn: withdrawn - begun });
    }
    return took;
  } finally {
    log.close();
    await terminate(sender.child);
  }
}

/** BIRD has imported so many, already now. */
async function check(bench: Bench, count: number): Promise<void> {
  const asker = await BirdAsker.open(bench);
  const imported = await asker.imported('n0');
  asker.close();
  if (imported !== count) throw new Error(`BIRD has imported ${imported} routes, not ${count}`);
}

/** The memory of one process that has told four routers of 100,000 prefixes each. */
async function weigh(bench: Bench, bird: Router): Promise<void> {
  await bird.stop();
  await bird.start();
  const asker = await BirdAsker.open(bench);
  const sender = startSender(bench, 'clarion', 100_000, SOURCES);
  for (const i of SOURCES.keys()) await asker.until(`n${i}`, 100_000);
  bench.judge('memory, 100,000 prefixes x 4 peers', memory(sender.child.pid!, 'VmRSS'), 250, megabytes);
  bench.table([['the most memory on the way there', megabytes(memory(sender.child.pid!, 'VmHWM'))]]);
  asker.close();
  await terminate(sender.child);
}

function startSender(bench: Bench, kind: string, count: number, sources: readonly string[]) {
  const command = [process.execPath, SENDER, kind, ROUTER, String(count), ...sources];
  const child = bench.lab.spawn('node-a', command, { stdio: ['pipe', 'pipe', 'inherit'] });
  const news = new Feed<SenderNews>();
  if (child.stdout !== null)
    createInterface(child.stdout).on('line', (line) => news.push(JSON.parse(line) as SenderNews));
  return { child, news };
}
