import type { ChildProcess } from 'node:child_process';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { machineTime, seconds } from '../src/base/clock.ts';
import type { EndEvent, EndSession } from './bfd-end.ts';
import { type Bench, cpuTime, median, milliseconds, pause, percent, percentile, runBench, until } from './harness.ts';

/**
 * BFD between two processes over a veth pair, both as in the wire thread. `npx tsx bench/bfd.ts`: how long it takes to notice that
 * the other end has stopped (50 ms x 3), on a quiet machine and with two busy processes on each core, and what 1,000 sessions
 * at 300 ms x 3 cost (a minute and a half). `npx tsx bench/bfd.ts long [MINUTES]`: sessions at 50 ms x 3 and at 300 ms x 3 that
 * nothing happens to, ten minutes, beside whatever else the machine does.
 */
const ADDRESSES = 32;
const HERE = Array.from({ length: ADDRESSES }, (_, i) => `10.88.1.${i + 1}`);
const THERE = Array.from({ length: ADDRESSES }, (_, i) => `10.88.2.${i + 1}`);
const DETECTING = 20;
const TRIALS = 12;
const MANY = 1000;
const BUSY_PER_CORE = 2;
const WARM_UP = 3000;

/** As many as there are pairs of addresses. */
const sessionsOf = (count: number, interval: number, first = 0): readonly EndSession[] =>
  Array.from({ length: count }, (_, at) => first + at).map((i) => ({
    key: `${interval} ms, ${i}`,
    local: HERE[i % ADDRESSES]!,
    remote: THERE[Math.floor(i / ADDRESSES)]!,
    interval,
  }));

class End {
  /** Of sessions that were up. */
  readonly failures: EndEvent[] = [];
  readonly child: ChildProcess;
  readonly #up = new Set<string>();

  constructor(bench: Bench, host: string, sessions: readonly EndSession[]) {
    const program = [
      process.execPath,
      '--import',
      import.meta.resolve('tsx'),
      fileURLToPath(new URL('bfd-end.ts', import.meta.url)),
    ];
    this.child = bench.lab.spawn(host, [...program, JSON.stringify(sessions)], { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.child.stdout === null) throw new Error('no pipe');
    createInterface(this.child.stdout).on('line', (line) => {
      const event = JSON.parse(line) as EndEvent;
      if (event.state === 'up') this.#up.add(event.key);
      else if (this.#up.delete(event.key)) this.failures.push(event);
    });
  }

  get up(): number {
    return this.#up.size;
  }
}

/** Both ends, all sessions up. */
async function pair(
  bench: Bench,
  sessions: readonly EndSession[],
): Promise<{ readonly here: End; readonly there: End }> {
  const turned = sessions.map((one) => ({ ...one, local: one.remote, remote: one.local }));
  const ends = { here: new End(bench, 'here', sessions), there: new End(bench, 'there', turned) };
  const all = (): boolean => ends.here.up === sessions.length && ends.there.up === sessions.length;
  await until(`${sessions.length} sessions are up`, seconds(30), async () => (all() ? true : undefined));
  // What has just been loaded is compiled as it runs.
  await pause(WARM_UP);
  await until(`${sessions.length} sessions are up`, seconds(30), async () => (all() ? true : undefined));
  for (const { failures } of [ends.here, ends.there]) failures.length = 0;
  return ends;
}

const stop = ({ here, there }: { readonly here: End; readonly there: End }): void => {
  for (const { child } of [here, there]) child.kill('SIGKILL');
};

async function detection(bench: Bench, name: string, most: number): Promise<void> {
  const ends = await pair(bench, sessionsOf(DETECTING, 50));
  const { here, there } = ends;
  const took: number[] = [];
  let unwanted = 0;
  for (let trial = 0; trial < TRIALS; trial++) {
    await pause(200 + 200 * Math.random());
    // What is down by now has no reason to be.
    unwanted += here.failures.length;
    here.failures.length = 0;
    const stopped = machineTime();
    there.child.kill('SIGSTOP');
    await until('all are down', seconds(2), async () => (here.failures.length >= DETECTING ? true : undefined), 5);
    took.push(...here.failures.map(({ at }) => at - stopped));
    there.child.kill('SIGCONT');
    await until('all are up again', seconds(10), async () =>
      here.up === DETECTING && there.up === DETECTING ? true : undefined,
    );
    here.failures.length = 0;
  }
  stop(ends);
  bench.table([
    [
      `${name}: detection p50, p99, max of ${took.length}`,
      ...[median(took), percentile(took, 0.99), Math.max(...took)].map(milliseconds),
    ],
  ]);
  bench.judge(`detection at 50 ms x 3, ${name}: p99`, percentile(took, 0.99), most, milliseconds, took);
  bench.demand(`failures that were none, ${name}`, String(unwanted), '0', unwanted === 0);
}

async function many(bench: Bench): Promise<void> {
  const ends = await pair(bench, sessionsOf(MANY, 300));
  const used = (): number => {
    const { control, others } = cpuTime(ends.here.child.pid!);
    return control + others;
  };
  const [began, before] = [machineTime(), used()];
  await pause(15_000);
  const share = (100 * (used() - before)) / (machineTime() - began);
  const failures = ends.here.failures.length;
  stop(ends);
  bench.judge(`${MANY} sessions at 300 ms x 3, of one core`, share, 25, percent);
  bench.demand(`failures of the ${MANY}`, String(failures), '0', failures === 0);
}

async function long(bench: Bench, minutes: number): Promise<void> {
  const intervals = [50, 300];
  const ends = await pair(
    bench,
    intervals.flatMap((interval, i) => sessionsOf(DETECTING, interval, i * ADDRESSES)),
  );
  await pause(minutes * 60_000);
  for (const interval of intervals) {
    const failures = [ends.here, ends.there].flatMap((end) =>
      end.failures.filter(({ key }) => key.startsWith(`${interval} `)),
    );
    for (const { key, at, reason } of failures.slice(0, 20)) bench.table([[key, at.toFixed(0), reason ?? '']]);
    const what = `false downs of ${DETECTING} sessions at ${interval} ms x 3 in ${minutes} minutes, both ends`;
    bench.demand(what, String(failures.length), '0', failures.length === 0);
  }
  stop(ends);
}

const [mode, minutes] = process.argv.slice(2);
await runBench(
  import.meta.url,
  'BFD: detection, false alarms, cost',
  async (bench) => {
    await bench.lab.build({
      hosts: ['here', 'there'],
      bridges: [],
      cables: [
        [
          { host: 'here', interface: 'eth0', addresses: HERE.map((one) => `${one}/16`) },
          { host: 'there', interface: 'eth0', addresses: THERE.map((one) => `${one}/16`) },
        ],
      ],
      routes: [],
    });
    if (mode === 'long') {
      await long(bench, Number(minutes ?? 10));
      return;
    }
    await detection(bench, 'quiet', 160);
    const busy = cpus().flatMap(() =>
      Array.from({ length: BUSY_PER_CORE }, () => bench.lab.spawn(undefined, ['sh', '-c', 'while :; do :; done'])),
    );
    await detection(bench, `${BUSY_PER_CORE} busy processes a core`, 190);
    for (const child of busy) child.kill('SIGKILL');
    await many(bench);
  },
  seconds(mode === 'long' ? 60 * Number(minutes ?? 10) + 60 : 180),
);
