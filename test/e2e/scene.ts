import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Milliseconds, ms, seconds, systemClock } from '../../src/base/clock.ts';
import { Feed } from '../../src/lab/feed.ts';
import { ended, Lab } from '../../src/lab/lab.ts';
import { lanMac, lanPlan } from '../../src/lab/plan.ts';

/**
 * Processes of the real bundle in the namespaces of a lab, seen from outside only: their log, their exit code, their files,
 * their status server, and what the kernel of a client on the same switch believes.
 */
export const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const CLIENT = 100;
export const FIRST_NODE = 11;

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface Daemon {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly log: Feed<LogLine>;
  /** What it wrote to standard error: nothing, unless it ended badly. */
  readonly complaint: () => string;
  /** Sends the signal and waits for the end: exit code, or the name of the signal that ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | string>;
  /** Over the unix socket of the node. */
  get(path: string): Promise<{ readonly status: number; readonly body: string }>;
  /** The sum over all samples of the metric that have the label, given as `name="value"`. */
  metric(name: string, label?: string): Promise<number>;
}

/** As docs/directory-mode.md has it: what is read back at the next start. */
interface StatusFile {
  readonly ingress: readonly string[];
  readonly pool?: string;
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly lastTransitionTime: string;
  }[];
}

export interface DaemonOptions {
  readonly command?: 'standalone' | 'controller' | 'speaker';
  readonly node?: string;
  readonly args?: readonly string[];
  /** Words before `node dist/main.js`: a wrapper that takes a privilege away, say. */
  readonly wrapper?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** For the port that all nodes have in common; else there is none. */
  readonly port?: number;
}

export class Scene {
  readonly lab: Lab;
  readonly folder: string;
  readonly #nodes: readonly string[];

  /** `prefix`: short, of this test file alone. */
  constructor(prefix: string, nodes: readonly string[] = ['node-a']) {
    this.lab = new Lab(prefix);
    // On the tree's own tmpfs.
    this.folder = `/run/${prefix}-folder`;
    this.#nodes = nodes;
  }

  async build(): Promise<void> {
    if (!existsSync(PROGRAM)) throw new Error('the bundle is missing: npm run build');
    mkdirSync(this.folder, { recursive: true });
    await this.lab.build(
      lanPlan([
        { name: 'client', number: CLIENT },
        ...this.#nodes.map((name, i) => ({ name, number: FIRST_NODE + i })),
      ]),
    );
    // The client gives up after 300 ms instead of 3 s, and believes what it hears at once.
    for (const cache of ['arp_cache', 'ndisc_cache'])
      await this.lab.run(
        'client',
        `ip ntable change name ${cache} dev eth0 retrans 100 delay_probe 100 locktime 0`.split(' '),
      );
  }

  mac(node: string): string {
    return lanMac(FIRST_NODE + this.#nodes.indexOf(node));
  }

  write(file: string, ...objects: readonly (object | string)[]): void {
    const text = objects
      .map((object) => (typeof object === 'string' ? object : JSON.stringify(object)))
      .join('\n---\n');
    writeFileSync(join(this.folder, file), text);
  }

  remove(file: string): void {
    rmSync(join(this.folder, file), { recursive: true, force: true });
  }

  /** A fresh folder, for tests that share a lab. */
  empty(): void {
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.folder);
  }

  statusText(key: string): string | undefined {
    const path = join(this.folder, '.clarion', 'status', `${key}.json`);
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  }

  /** The addresses that the status of a Service has, in the folder's files. */
  addressesOf(key: string): readonly string[] {
    return this.status(key)?.ingress ?? [];
  }

  /** The status of a condition: True, False, or undefined where there is none. */
  condition(key: string, type: 'Allocated' | 'Announced'): string | undefined {
    return this.status(key)?.conditions.find((condition) => condition.type === `clarion.dev/${type}`)?.status;
  }

  status(key: string): StatusFile | undefined {
    const text = this.statusText(key);
    return text === undefined ? undefined : (JSON.parse(text) as StatusFile);
  }

  /** Starts it, without waiting for anything. */
  spawn(options: DaemonOptions = {}): Daemon {
    const { command = 'standalone', node = 'node-a', args, wrapper = [], env = {}, port = 0 } = options;
    const words = args ?? ['--directory', this.folder, '--node', node, '--status-port', String(port)];
    const child = this.lab.spawn(node, [...wrapper, process.execPath, PROGRAM, command, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    const log = new Feed<LogLine>();
    let complaint = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    if (child.stdout !== null) createInterface(child.stdout).on('line', (line) => log.push(logLine(line)));
    void ended(child).then((outcome) => log.push({ level: 'exit', msg: `ended with ${outcome}: ${complaint}` }));
    const socketPath = join(this.folder, '.clarion', `${node}.sock`);
    const get: Daemon['get'] = (path) => ask({ socketPath, path });
    return {
      child,
      pid: child.pid ?? 0,
      log,
      complaint: () => complaint,
      async stop(signal = 'SIGTERM') {
        child.kill(signal);
        return ended(child);
      },
      get,
      async metric(name, label = '') {
        const { body } = await get('/metrics');
        return body
          .split('\n')
          .filter((line) => line.startsWith(name) && '{ '.includes(line[name.length] ?? '-') && line.includes(label))
          .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
      },
    };
  }

  /** Starts it and waits until it says that it runs. */
  async start(options: DaemonOptions = {}): Promise<Daemon> {
    const daemon = this.spawn(options);
    const first = await daemon.log.first(
      'the process says that it runs',
      0,
      seconds(15),
      ({ msg, level }) => msg === 'started' || level === 'exit',
    );
    if (first.level === 'exit') throw new Error(`it did not start: ${first.msg}`);
    return daemon;
  }

  /** Makes the client's kernel resolve the address anew; the MAC that it found, or undefined when nobody answered. */
  async resolve(address: string): Promise<string | undefined> {
    const { lab } = this;
    await lab.run('client', ['ip', 'neigh', 'flush', 'to', address]);
    // Nobody need answer the ping itself. -W is enough for all three questions of the kernel.
    await lab.run('client', ['ping', '-c', '1', '-W', '0.5', address]).catch(() => {});
    return this.neighbour(address);
  }

  /** The MAC that the client's kernel believes the address to be at. */
  async neighbour(address: string): Promise<string | undefined> {
    const text = await this.lab.run('client', ['ip', '-json', 'neigh', 'show', 'to', address]);
    const [entry] = JSON.parse(text || '[]') as { lladdr?: string; state?: string[] }[];
    return entry?.state?.includes('FAILED') === true ? undefined : entry?.lladdr;
  }

  async announcedBy(node: string, address: string, limit = seconds(8)): Promise<void> {
    await until(`${node} answers for ${address}`, async () => (await this.resolve(address)) === this.mac(node), limit);
  }

  async stop(): Promise<void> {
    await this.lab.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function ask(
  where: { readonly socketPath: string; readonly path: string },
  limit: Milliseconds = seconds(5),
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...where, agent: false, signal: AbortSignal.timeout(limit) }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        body += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body })).on('error', reject);
    });
    asked.on('error', reject).end();
  });
}

/** Looks every few milliseconds until it is so. */
export async function until(
  what: string,
  check: () => Promise<boolean> | boolean,
  limit: Milliseconds = seconds(8),
): Promise<void> {
  const end = systemClock.now() + limit;
  while (!(await check())) {
    if (systemClock.now() > end) throw new Error(`waited ${limit} ms for this, and it did not happen: ${what}`);
    await new Promise<void>((resolve) => void systemClock.startTimer('poll', ms(10), resolve));
  }
}

function logLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { level: 'not-json', msg: text };
  }
}
