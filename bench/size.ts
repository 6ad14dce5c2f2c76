import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { machineTime } from '../src/base/clock.ts';
import { type Bench, inSeconds, MAIN, median, megabytes, memory, pause, runBench } from './harness.ts';
import { type Standalone, startStandalone } from './standalone.ts';
import { buildPair, NODE, writeFolder } from './world.ts';

/**
 * What Clarion costs before it does anything, and what it weighs: start of the commands, memory of `standalone` by number of
 * Services (one object a file, each Service with an EndpointSlice, all announced), `validate` of a long configuration.
 */
const RUNS = 10;
const STARTS = 3;
const LINES = 10_000;

/** Seconds, from the start of the process to its end. */
function run(args: readonly string[]): number {
  const started = machineTime();
  const ended = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
  if (ended.status !== 0)
    throw new Error(`clarion ${args.join(' ')} ended with ${ended.status}: ${ended.stderr}${ended.stdout}`);
  return (machineTime() - started) / 1000;
}

const repeated = (count: number, measure: () => number): number[] => Array.from({ length: count }, () => measure());

/** Pools of ten lines each, advertisements, and comments as people write them. */
function longConfiguration(): string {
  const pool = (number: number): string => {
    const [high, low] = [number >> 8, number & 255];
    return `- name: pool-${number}
  # Rack ${number}
  labels: {tier: edge, rack: "${number}"}
  addresses:
  - 10.${high}.${low}.0/25
  - 10.${high}.${low}.200-10.${high}.${low}.220
  - 2001:db8:${number.toString(16)}::/112
  autoAssign: ${number % 2 === 0}
  reserved: [10.${high}.${low}.1]
  serviceAllocation: {priority: ${1 + (number % 9)}, namespaces: [team-${number}]}
`;
  };
  const pools = Array.from({ length: Math.ceil((LINES * 0.9) / 10) }, (_, i) => pool(i));
  const advertisements = pools.map((_, i) => `- {name: adv-${i}, ipAddressPools: [pool-${i}]}\n`);
  return `pools:\n${pools.join('')}l2Advertisements:\n${advertisements.join('')}`;
}

async function weigh(bench: Bench, services: number, limit: number): Promise<void> {
  const folder = writeFolder({ name: `weigh-${services}`, services, ready: true });
  const started = machineTime();
  const standalone = await startStandalone({ lab: bench.lab, host: NODE, folder });
  await standalone.settled('announced', services);
  const announced = (machineTime() - started) / 1000;
  const settled = await settledMemory(standalone);
  const name = services.toLocaleString('en');
  bench.judge(`memory with ${name} Services, steady`, settled, limit, megabytes);
  bench.table([
    [`${name} Services`, 'ready', 'all announced', 'memory steady', 'at most'],
    [
      '',
      inSeconds(standalone.ready / 1000),
      inSeconds(announced),
      megabytes(settled),
      megabytes(memory(standalone.pid, 'VmHWM')),
    ],
  ]);
  await standalone.stop();
}

/** Waits until the statuses are written and the garbage of the start is gone: memory has stood still for some seconds. */
async function settledMemory(standalone: Standalone): Promise<number> {
  let last = memory(standalone.pid, 'VmRSS');
  for (let still = 0, waited = 0; still < 5 && waited < 28; waited++) {
    await pause(1000);
    const now = memory(standalone.pid, 'VmRSS');
    still = Math.abs(now - last) < 1 ? still + 1 : 0;
    last = now;
  }
  return last;
}

await runBench(import.meta.url, 'Start and size', async (bench) => {
  await buildPair(bench);
  const versions = repeated(RUNS, () => run(['--version']));
  bench.judge('clarion --version', median(versions), 0.15, inSeconds, versions);

  const file = '/run/bench/long.yaml';
  mkdirSync('/run/bench', { recursive: true });
  const text = longConfiguration();
  writeFileSync(file, text);
  const validations = repeated(STARTS, () => run(['validate', file]));
  bench.judge(`validate of ${text.split('\n').length - 1} lines`, median(validations), 1.5, inSeconds, validations);

  const few = writeFolder({ name: 'few', services: 10, ready: true });
  const starts: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    const standalone = await startStandalone({ lab: bench.lab, host: NODE, folder: few });
    starts.push(standalone.ready / 1000);
    await standalone.stop();
  }
  bench.judge('standalone ready (10 Services)', median(starts), 0.5, inSeconds, starts);

  await weigh(bench, 1_000, 120);
  await weigh(bench, 10_000, 200);
});
