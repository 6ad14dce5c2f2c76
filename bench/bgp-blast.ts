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
import { type Bench, inSeconds, median, megabytes, memory, pause, runBench, times } from './harness.ts';

/**
 * A whole table into BIRD: from Established (the router's KEEPALIVE is here) until BIRD says that it has imported all prefixes, and
 * from the change until it has dropped the half that is withdrawn. Clarion's driver, on the kernel's sockets, beside a socket
 * that writes the same octets encoded before; each in a process that has done nothing before, in alternation.
 * BIRD is asked again and again over its control socket, which costs both the same.
 */
const ROUTER = '10.99.255.100';
const SOURCES = ['10.99.255.11', '10.99.255.12', '10.99.255.13', '10.99.255.14'];
const root = fileURLToPath(new URL('..', import.meta.url));
const SENDER = `${root}dist/bgp-sender.js`;

const million = process.argv.includes('--million');

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
    const neighbour = { asn: 64_512, passive: true, gracefulRestart: 'off', families: ['ipv4'] } as const;
    const bird = await startRouter('bird', bench.lab, 'router', {
      asn: 64_513,
      routerId: ROUTER,
      neighbours: SOURCES.map((address) => ({ address, ...neighbour })),
    });
    await compare(bench, bird, 10_000, 5, 2);
    await compare(bench, bird, 100_000, 5, 1.5);
    if (million) await compare(bench, bird, 1_000_000, 1, 1.5);
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
  const clarion: Took[] = [];
  const blast: Took[] = [];
  for (let round = 0; round < rounds; round++) {
    blast.push(await send(bench, bird, 'blast', count));
    clarion.push(await send(bench, bird, 'clarion', count));
  }
  const name = count.toLocaleString('en');
  for (const [words, part] of [
    [`${name} host routes, Established -> all in`, 'announced'],
    [`${name}: half withdrawn`, 'withdrawn'],
  ] as const) {
    const ratios = clarion.map((one, i) => one[part] / blast[i]![part]);
    bench.judge(`${words}: Clarion / blast`, median(ratios), atMost, times, ratios);
    const show = (all: readonly Took[]): string => all.map((one) => inSeconds(one[part] / 1000)).join(' ');
    bench.table([
      [words, 'Clarion', show(clarion)],
      ['', 'blast', show(blast)],
    ]);
  }
}

/** One fresh process against a fresh BIRD. */
async function send(bench: Bench, bird: Router, kind: 'clarion' | 'blast', count: number): Promise<Took> {
  await bird.stop();
  await bird.start();
  const asker = await BirdAsker.open(bench);
  const sender = startSender(bench, kind, count, SOURCES.slice(0, 1));
  try {
    const established = await sender.news.first('the session', 0, seconds(15), ({ event }) => event === 'established');
    const announced = await asker.until('n0', count);
    await pause(200);
    sender.child.stdin?.write('withdraw\n');
    const begun = await sender.news.first('the withdrawal', 0, seconds(5), ({ event }) => event === 'withdrawing');
    const withdrawn = await asker.until('n0', count / 2);
    return { announced: announced - established.at, withdrawn: withdrawn - begun.at };
  } finally {
    asker.close();
    await terminate(sender.child);
  }
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
