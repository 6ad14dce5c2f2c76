import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { machineTime, seconds } from '../../base/clock.ts';
import { environmentError } from '../../base/errors.ts';
import { Feed } from '../feed.ts';
import { ended, type Lab, terminate } from '../lab.ts';

/** A real `clarion standalone`, `controller` or `speaker`, as a process of its own in the node's namespace. */
export interface Daemon {
  readonly pid: number;
  readonly log: Feed<LogLine>;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM; the exit code, or the signal that was needed. */
  stop(): Promise<number | string>;
  ended(): Promise<number | string>;
  running(): boolean;
}

export interface LogLine {
  readonly at: number;
  readonly level: string;
  readonly msg: string;
  /** The whole line as it was written. */
  readonly text: string;
  /** With "address claimed". */
  readonly address?: string;
  readonly term?: number;
}

export interface DaemonOptions {
  readonly lab: Lab;
  readonly command: 'standalone' | 'controller' | 'speaker';
  readonly node: string;
  readonly folder: string;
  /** How this very program is started: node, its options, main.js. */
  readonly program: readonly string[];
  readonly onLine?: (line: LogLine) => void;
}

/** Returns how long it took until it said that it runs. */
export async function startDaemon(options: DaemonOptions): Promise<{ daemon: Daemon; took: number }> {
  const { lab, command, node, folder, program, onLine } = options;
  const started = machineTime();
  const words = [...program, command, '--directory', folder, '--node', node, '--status-port', '0'];
  const child: ChildProcess = lab.spawn(node, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  const log = new Feed<LogLine>();
  for (const stream of [child.stdout, child.stderr])
    if (stream !== null)
      createInterface(stream).on('line', (text) => {
        const line = logLine(text);
        log.push(line);
        onLine?.(line);
      });
  child.once('exit', (code, signal) => log.push({ ...logLine(`ended with ${code ?? signal}`), level: 'exit' }));
  const running = await log.first(
    `clarion ${command} runs on ${node}`,
    0,
    seconds(20),
    ({ msg, level }) => msg === 'started' || level === 'exit',
  );
  if (running.level === 'exit') {
    const said = log.since(0).map(({ text }) => text);
    throw environmentError(`clarion ${command} does not start on ${node}: ${said.join('\n')}`);
  }
  const daemon: Daemon = {
    pid: child.pid ?? 0,
    log,
    signal: (signal) => void child.kill(signal),
    stop: () => terminate(child, seconds(10)),
    ended: () => ended(child),
    running: () => child.exitCode === null && child.signalCode === null,
  };
  return { daemon, took: running.at - started };
}

/** What is not JSON is a message for people, from before the log begins. */
function logLine(text: string): LogLine {
  const at = machineTime();
  try {
    const line = JSON.parse(text) as Omit<LogLine, 'at' | 'text'>;
    return { ...line, at, text };
  } catch {
    return { at, level: 'error', msg: text, text };
  }
}
