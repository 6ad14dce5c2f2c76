import { mkdirSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { machineTime, seconds } from '../src/base/clock.ts';
import { Feed } from '../src/lab/feed.ts';
import { type Bench, median, milliseconds, pause, percentile, runBench, times } from './harness.ts';
import { startStandalone } from './standalone.ts';
import { type Sighting, watchWire } from './wire-watch.ts';
import { buildPair, endpointFile, endpointSlice, NODE, service, serviceFile, writeFolder } from './world.ts';

/**
 * From a manifest to the wire, with `clarion standalone` running: an endpoint becomes ready (its file is written over),
 * and the first gratuitous ARP for the Service's address arrives in the client, by the kernel's timestamp. The address was
 * assigned and probed for before. In alternation with a bare loop, which only watches a folder, reads and sends.
 * Both are measured from just before the file is opened for writing.
 * Then, for orientation: a Service is created, and its status and its first gratuitous ARP are waited for.
 */
const EVENTS = 200;
const CREATED = 40;
const FROM_BARE_LOOP = '10.99.254';

async function startBareLoop(bench: Bench): Promise<string> {
  const folder = '/run/bench/bare';
  mkdirSync(folder, { recursive: true });
  const script = fileURLToPath(new URL('tools/bare-loop.mjs', import.meta.url));
  const birth = new Feed<string>();
  const command = [process.execPath, script, folder, 'eth0'];
  const child = bench.lab.spawn(NODE, command, { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout?.on('data', () => birth.push('ready'));
  await birth.first('the bare loop starts', 0, seconds(5), () => true);
  return folder;
}

const addressOf = (number: number, base = '10.99'): string => `${base}.${number >> 8}.${number & 255}`;

await runBench(import.meta.url, 'From a manifest to the wire', async (bench) => {
  await buildPair(bench);
  const folder = writeFolder({ name: 'announce', services: EVENTS, ready: false, rounds: 5 });
  const standalone = await startStandalone({ lab: bench.lab, host: NODE, folder });
  await standalone.settled('prepared', EVENTS);
  const [seen, bareFolder] = await Promise.all([watchWire(bench), startBareLoop(bench)]);
  await pause(1500);

  /** Milliseconds from before the write to the first gratuitous frame for the address. */
  const until = async (file: string, text: string, address: string): Promise<number> => {
    const mark = seen.mark();
    const start = machineTime();
    writeFileSync(file, text);
    const first = await seen.first(
      `a gratuitous ARP for ${address}`,
      mark,
      seconds(3),
      (one) => one.address === address,
    );
    // At no fixed phase of anything, and long enough for everybody to go idle.
    await pause(10 + Math.random() * 20);
    return first.ms - start;
  };
  const clarion: number[] = [];
  const bare: number[] = [];
  for (let number = 0; number < EVENTS; number++) {
    const address = `${FROM_BARE_LOOP}.${number}`;
    bare.push(
      await until(join(bareFolder, endpointFile(number)), `${endpointSlice(number, true)}# ${address}\n`, address),
    );
    const manifest = join(folder, endpointFile(number));
    clarion.push(await until(manifest, endpointSlice(number, true), addressOf(number)));
  }

  const created = await measureCreation(folder, seen);
  await standalone.stop();
  const row = (name: string, samples: readonly number[]): string[] => [
    name,
    ...[
      Math.min(...samples),
      median(samples),
      percentile(samples, 0.9),
      percentile(samples, 0.99),
      Math.max(...samples),
    ].map((value) => milliseconds(value).padStart(8)),
  ];
  bench.table([
    ['', ...['min', 'median', 'p90', 'p99', 'max'].map((word) => word.padStart(8))],
    row(`endpoint ready -> gratuitous ARP, bare loop (${EVENTS})`, bare),
    row(`endpoint ready -> gratuitous ARP, Clarion (${EVENTS})`, clarion),
    row(`Service created -> status written (${CREATED})`, created.status),
    row(`Service created -> gratuitous ARP, 60 ms probe included (${CREATED})`, created.wire),
  ]);
  const tenths = (samples: readonly number[], share: number): number[] =>
    Array.from({ length: 4 }, (_, i) => percentile(samples.slice((i * EVENTS) / 4, ((i + 1) * EVENTS) / 4), share));
  const ratio = (share: number): number => percentile(clarion, share) / percentile(bare, share);
  const spread = (share: number): number[] => tenths(clarion, share).map((value, i) => value / tenths(bare, share)[i]!);
  bench.judge('endpoint ready -> wire: p50 of the bare loop', ratio(0.5), 2, times, spread(0.5));
  bench.judge('endpoint ready -> wire: p99 of the bare loop', ratio(0.99), 4, times, spread(0.99));
  bench.judge('for orientation: p50', percentile(clarion, 0.5), 5, milliseconds);
  bench.judge('for orientation: p99', percentile(clarion, 0.99), 20, milliseconds);
});

/** The endpoints are there first, as with most Services; the status is seen by a watch of ours on its folder. */
async function measureCreation(
  folder: string,
  seen: Feed<Sighting>,
): Promise<{ readonly status: readonly number[]; readonly wire: readonly number[] }> {
  const statuses = new Feed<{ readonly file: string; readonly at: number }>();
  const watcher = watch(join(folder, '.clarion/status/bench'), (_kind, file) => {
    if (file !== null) statuses.push({ file, at: machineTime() });
  });
  const status: number[] = [];
  const wire: number[] = [];
  for (let number = EVENTS; number < EVENTS + CREATED; number++) {
    writeFileSync(join(folder, endpointFile(number)), endpointSlice(number, true));
    await pause(60);
    const file = `${/s\d+/.exec(serviceFile(number))?.[0]}.json`;
    const marks = { status: statuses.mark(), wire: seen.mark() };
    const start = machineTime();
    writeFileSync(join(folder, serviceFile(number)), service(number));
    const written = await statuses.first(`the status ${file}`, marks.status, seconds(3), (one) => one.file === file);
    const address = addressOf(number);
    const first = await seen.first(
      `a gratuitous ARP for ${address}`,
      marks.wire,
      seconds(3),
      (one) => one.address === address,
    );
    status.push(written.at - start);
    wire.push(first.ms - start);
    await pause(10 + Math.random() * 20);
  }
  watcher.close();
  return { status, wire };
}
