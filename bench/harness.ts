import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type Milliseconds, machineTime, seconds, systemClock } from '../src/base/clock.ts';
import { ClarionError, ExitCode, environmentError } from '../src/base/errors.ts';
import { Lab } from '../src/lab/lab.ts';
import { insidePrivateTree, runInPrivateTree } from '../src/lab/private-tree.ts';
import { formatTable } from '../src/terminal/table.ts';

/**
 * What every benchmark here shares: it runs inside a private tree of namespaces (no root), within a minute, prints what
 * it measured beside what was promised, and exits 1 when a promise was missed.
 */
const LIMIT = seconds(60);
const root = fileURLToPath(new URL('..', import.meta.url));
export const MAIN = `${root}dist/main.js`;

/** What was promised about one measured value. */
export interface Judged {
  readonly name: string;
  /** Already with its unit. */
  readonly measured: string;
  readonly spread: string;
  readonly promised: string;
  readonly kept: boolean;
}

export class Bench {
  readonly lab = new Lab('');
  readonly #judged: Judged[] = [];

  /** Something measured and promised. `measured` and `atMost` are of the same unit, which `show` puts to words. */
  judge(
    name: string,
    measured: number,
    atMost: number,
    show: (value: number) => string,
    spread: readonly number[] = [],
  ): void {
    const sorted = spread.toSorted((a, b) => a - b);
    this.#judged.push({
      name,
      measured: show(measured),
      spread: sorted.length === 0 ? '' : `${show(sorted[0]!)} to ${show(sorted.at(-1)!)}`,
      promised: `<= ${show(atMost)}`,
      kept: measured <= atMost,
    });
  }

  /** Something that must be so, with what was found. */
  demand(name: string, found: string, promised: string, kept: boolean): void {
    this.#judged.push({ name, measured: found, spread: '', promised, kept });
  }

  /** What is measured for orientation, with a heading row. */
  table(rows: readonly (readonly string[])[]): void {
    write(`${formatTable(rows, '  ')}\n`);
  }

  verdict(): boolean {
    const rows = this.#judged.map(({ name, measured, spread, promised, kept }) => [
      name,
      measured,
      spread,
      promised,
      kept ? 'kept' : 'MISSED',
    ]);
    this.table([['figure', 'measured', 'spread', 'promised', ''], ...rows]);
    return this.#judged.length > 0 && this.#judged.every(({ kept }) => kept);
  }
}

const write = (text: string): void => void process.stdout.write(text);
const load = (): string => (loadavg()[0] ?? 0).toFixed(2);

/** `source`: the benchmark's import.meta.url, to be started anew inside the tree. `limit`: ends what does not end. */
export async function runBench(
  source: string,
  title: string,
  body: (bench: Bench) => Promise<void>,
  limit: Milliseconds = LIMIT,
): Promise<void> {
  try {
    if (!insidePrivateTree()) {
      const program = [process.execPath, '--import', import.meta.resolve('tsx'), fileURLToPath(source)];
      process.exitCode = await runInPrivateTree([...program, ...process.argv.slice(2)]);
      return;
    }
    if (!existsSync(MAIN)) throw environmentError('dist/main.js is missing; build it with: npm run build');
    const started = machineTime();
    write(`${title}\n${cpus().length} cores, Node ${process.versions.node}, Linux ${release()}, load ${load()}\n\n`);
    const bench = new Bench();
    const overdue = systemClock.startTimer('benchmark', limit, () => {
      bench.verdict();
      write(`not finished within ${limit / 1000} s\n`);
      process.exit(ExitCode.problems);
    });
    try {
      await body(bench);
    } finally {
      overdue.stop();
      await bench.lab.stop();
    }
    const kept = bench.verdict();
    write(`took ${((machineTime() - started) / 1000).toFixed(1)} s, load ${load()}\n`);
    process.exitCode = kept ? ExitCode.done : ExitCode.problems;
  } catch (thrown) {
    if (!(thrown instanceof ClarionError)) throw thrown;
    process.stderr.write(`bench: ${thrown.message}\n`);
    process.exitCode = thrown.exitCode;
  }
}

/** Compiles bench/tools/NAME.c when it is newer than its program, and returns the program. */
export function tool(name: string): string {
  const sources = [`${name}.c`, 'packet.h'].map((file) => `${root}bench/tools/${file}`);
  const program = `${root}dist/bench/${name}`;
  mkdirSync(`${root}dist/bench`, { recursive: true });
  const changed = Math.max(...sources.map((file) => statSync(file).mtimeMs));
  if (existsSync(program) && statSync(program).mtimeMs > changed) return program;
  const flags = ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program];
  const made = spawnSync('gcc', [...flags, sources[0]!], { encoding: 'utf8' });
  if (made.status !== 0) throw environmentError(`gcc ${name}.c: ${made.error?.message ?? made.stderr}`);
  return program;
}

/** Nearest rank; of no samples NaN, which keeps no promise. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
export const median = (samples: readonly number[]): number => percentile(samples, 0.5);

export const times = (value: number): string => `${value.toFixed(2)}x`;
export const us = (value: number): string => `${value.toFixed(1)} us`;
export const milliseconds = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
export const inSeconds = (value: number): string => `${value.toFixed(3)} s`;
export const megabytes = (value: number): string => `${value.toFixed(0)} MB`;
export const percent = (value: number): string => `${value.toFixed(2)} %`;

/** Polls, since what is waited for has no event; throws with `what` when the limit passes. */
export async function until<T>(
  what: string,
  limit: number,
  look: () => Promise<T | undefined>,
  every = 20,
): Promise<T> {
  const end = machineTime() + limit;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (machineTime() > end)
      throw new ClarionError(ExitCode.problems, `waited ${limit / 1000} s for this, and it did not happen: ${what}`);
    await pause(every);
  }
}

export const pause = (duration: number): Promise<void> =>
  new Promise((resolve) => systemClock.startTimer('pause', seconds(duration / 1000), () => resolve()));

/** Milliseconds that a process has spent on a core since its birth: its main thread, and all others together. */
export function cpuTime(pid: number): { readonly control: number; readonly others: number } {
  let [control, others] = [0, 0];
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const ran = Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
    if (thread === String(pid)) control += ran;
    else others += ran;
  }
  return { control, others };
}

/** A line of /proc/PID/status in megabytes: VmRSS, VmHWM. */
export function memory(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const [, kilobytes] =
    new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}
