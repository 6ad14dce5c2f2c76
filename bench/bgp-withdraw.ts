import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { machineTime, seconds } from '../src/base/clock.ts';
import type { Feed } from '../src/lab/feed.ts';
import { terminate } from '../src/lab/lab.ts';
import { type Bench, milliseconds, pause, percentile, runBench, until } from './harness.ts';
import type { RouterNews } from './raw-router.ts';
import { bgpConfig, startRawRouter } from './routers.ts';
import { startStandalone } from './standalone.ts';
import { buildPair, configMap, endpointFile, endpointSlice, NODE, writeFolder } from './world.ts';

/**
 * From a manifest to the router: `clarion standalone` announces to a router that does nothing but listen; the last endpoint of
 * a Service goes (its file is written over), and the router's socket has the withdrawal. From just before the file is
 * opened until the router's process has the octets. Once while nothing else happens, and once while 10,000 other Services lose
 * their endpoints too, 400 a second.
 */
const EVENTS = 250;
const OTHERS = 10_000;
/** A second: each of them changes once while the events are measured. */
const RATE = 400;
const ROUTER = '10.99.255.100';

await runBench(
  import.meta.url,
  'From a manifest to the withdrawal',
  async (bench) => {
    await buildPair(bench);
    const heard = startRawRouter(bench.lab, 'client', 'steady', ROUTER, EVENTS);
    for (const others of [0, OTHERS]) await measure(bench, heard, others);
  },
  seconds(190),
);

async function measure(bench: Bench, heard: Feed<RouterNews>, others: number): Promise<void> {
  const folder = writeFolder({ name: `withdraw-${others}`, services: EVENTS + others, ready: true });
  writeFileSync(join(folder, 'config.yaml'), `${configMap(1)}${bgpConfig({ tor: ROUTER })}`);
  const standalone = await startStandalone({ lab: bench.lab, host: NODE, folder });
  await until(
    'everything is announced',
    90_000,
    async () => {
      const metrics = await standalone.metrics();
      const told = metrics('clarion_bgp_prefixes', 'peer="tor"') - metrics('clarion_bgp_prefixes_pending');
      return told === EVENTS + others ? true : undefined;
    },
    250,
  );
  await pause(1500);
  const churn = others === 0 ? undefined : startChurn(bench, folder);
  if (churn !== undefined) await pause(1000);
  const sent = async (): Promise<number> =>
    (await standalone.metrics())('clarion_bgp_messages_total', 'direction="sent",type="update"');
  const updates = await sent();
  const took: number[] = [];
  for (let number = 0; number < EVENTS; number++) {
    const address = `10.99.${number >> 8}.${number & 255}/32`;
    const mark = heard.mark();
    const start = machineTime();
    writeFileSync(join(folder, endpointFile(number)), endpointSlice(number, false));
    const { at } = await heard.first(
      `the withdrawal of ${address}`,
      mark,
      seconds(5),
      ({ event, prefixes }) => event === 'withdrawn' && prefixes.includes(address),
    );
    took.push(at - start);
    // At no fixed phase of anything, and long enough for everybody to go idle.
    await pause(others === 0 ? 10 + Math.random() * 20 : 80 + Math.random() * 40);
  }
  const words =
    others === 0 ? 'endpoint gone -> withdrawal' : `the same, while ${others.toLocaleString('en')} others change`;
  const tenths = (share: number): number[] =>
    Array.from({ length: 10 }, (_, i) => percentile(took.slice(i * (EVENTS / 10), (i + 1) * (EVENTS / 10)), share));
  bench.judge(`${words}: p50`, percentile(took, 0.5), 5, milliseconds, tenths(0.5));
  bench.judge(`${words}: p99`, percentile(took, 0.99), 20, milliseconds, tenths(0.99));
  const all = [0, 0.5, 0.9, 0.99, 1].map((share) => milliseconds(percentile(took, share)));
  bench.table([[words, ...all, `(min, p50, p90, p99, max) of ${EVENTS}, ${(await sent()) - updates} UPDATEs`]]);
  if (churn !== undefined) await terminate(churn);
  await standalone.stop();
}

/** In a process of its own, so that the one that measures has nothing else to do. */
function startChurn(bench: Bench, folder: string) {
  const script = fileURLToPath(new URL('endpoint-churn.ts', import.meta.url));
  const range = [String(EVENTS), String(EVENTS + OTHERS), String(RATE)];
  return bench.lab.spawn(NODE, [process.execPath, '--import', import.meta.resolve('tsx'), script, folder, ...range]);
}
