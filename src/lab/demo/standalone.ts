import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { machineTime, seconds } from '../../base/clock.ts';
import { environmentError } from '../../base/errors.ts';
import { Feed } from '../feed.ts';
import { type Lab, terminate } from '../lab.ts';

/** The real `clarion standalone`, as a process of its own in the node's namespace. */
export interface Standalone {
  readonly log: Feed<LogLine>;
  /** SIGTERM; the exit code, or the signal that was needed. */
  stop(): Promise<number | string>;
}

export interface LogLine {
  readonly at: number;
  readonly level: string;
  readonly msg: string;
  /** The whole line as it was written. */
  readonly text: string;
}

export interface StandaloneOptions {
  readonly lab: Lab;
  readonly node: string;
  readonly folder: string;
  /** How this very program is started: node, its options, main.js. */
  readonly program: readonly string[];
}

/** Returns how long it took until it said that it runs. */
export async function startStandalone(options: StandaloneOptions): Promise<{ standalone: Standalone; took: number }> {
  const { lab, node, folder, program } = options;
  const started = machineTime();
  const command = [...program, 'standalone', '--directory', folder, '--node', node, '--status-port', '0'];
  const child: ChildProcess = lab.spawn(node, command, { stdio: ['ignore', 'pipe', 'pipe'] });
  const log = new Feed<LogLine>();
  for (const stream of [child.stdout, child.stderr])
    if (stream !== null) createInterface(stream).on('line', (line) => log.push(logLine(line)));
  child.once('exit', (code, signal) => log.push({ ...logLine(`ended with ${code ?? signal}`), level: 'exit' }));
  const running = await log.first(
    'standalone runs',
    0,
    seconds(10),
    ({ msg, level }) => msg === 'started' || level === 'exit',
  );
  if (running.level === 'exit') {
    const words = log.since(0).map(({ text }) => text);
    throw environmentError(`standalone does not start: ${words.join('\n')}`);
  }
  return { standalone: { log, stop: () => terminate(child, seconds(5)) }, took: running.at - started };
}

/** What is not JSON is a message for people, from before the log begins. */
function logLine(text: string): LogLine {
  const at = machineTime();
  try {
    const { level, msg } = JSON.parse(text) as { readonly level: string; readonly msg: string };
    return { at, level, msg, text };
  } catch {
    return { at, level: 'error', msg: text, text };
  }
}
