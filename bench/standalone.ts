import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { machineTime, seconds } from '../src/base/clock.ts';
import { environmentError } from '../src/base/errors.ts';
import { nodeSocketPath } from '../src/cluster/directory/directory.ts';
import { Feed } from '../src/lab/feed.ts';
import { type Lab, terminate } from '../src/lab/lab.ts';
import { MAIN, until } from './harness.ts';

/** The real `clarion standalone` as a process of its own in a host of the lab, as a benchmark sees it: from outside. */
export interface Standalone {
  readonly pid: number;
  /** Milliseconds from the start of the process to its log line "started". */
  readonly ready: number;
  readonly log: Feed<LogLine>;
  /** The metrics as of now. */
  metrics(): Promise<Metrics>;
  /** Waits until that many addresses are in this state. */
  settled(state: 'announced' | 'prepared', count: number, limit?: number): Promise<void>;
  stop(): Promise<void>;
}

/** The sum over all samples of the metric that have the label, given as `name="value"`. */
type Metrics = (name: string, label?: string) => number;

interface LogLine {
  readonly level: string;
  readonly msg: string;
}

interface StandaloneOptions {
  readonly lab: Lab;
  readonly host: string;
  readonly folder: string;
  /** Options of Node itself, before main.js. */
  readonly node?: readonly string[];
}

export async function startStandalone({ lab, host, folder, node = [] }: StandaloneOptions): Promise<Standalone> {
  const command = [process.execPath, ...node, MAIN, 'standalone', '--directory', folder, '--node', host];
  const started = machineTime();
  const child = lab.spawn(host, [...command, '--status-port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const log = new Feed<LogLine>();
  const birth = new Feed<{ readonly at: number; readonly failure?: string }>();
  if (child.stdout !== null)
    createInterface(child.stdout).on('line', (line) => {
      const entry = JSON.parse(line) as LogLine;
      log.push(entry);
      if (entry.msg === 'started') birth.push({ at: machineTime() });
    });
  child.once('exit', (code, signal) => birth.push({ at: machineTime(), failure: `ended with ${code ?? signal}` }));
  const { at, failure } = await birth.first('standalone starts', 0, seconds(30), () => true);
  if (failure !== undefined || child.pid === undefined) throw environmentError(`standalone ${failure}`);
  const metrics = (): Promise<Metrics> => metricsOf(folder, host);
  return {
    pid: child.pid,
    ready: at - started,
    log,
    metrics,
    async settled(state, count, limit = 30_000) {
      await until(`${count} addresses ${state}`, limit, async () => {
        const found = (await metrics())('clarion_layer2_addresses', `state="${state}"`);
        return found === count ? true : undefined;
      });
    },
    async stop() {
      await terminate(child);
    },
  };
}

export const metricsOf = async (folder: string, node: string): Promise<Metrics> =>
  metricsIn(await scrape(folder, node));

/** By the node's unix socket, which crosses network namespaces. */
function scrape(folder: string, node: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: nodeSocketPath(folder, node), path: '/metrics' }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve(text));
    });
    asked.on('error', reject).end();
  });
}

/** Prometheus' text format, one sample a line. */
function metricsIn(text: string): Metrics {
  const lines = text.split('\n');
  return (name, label = '') =>
    lines
      .filter((line) => line.startsWith(name) && '{ '.includes(line[name.length] ?? '-') && line.includes(label))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
