import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { type Milliseconds, machineTime, ms, seconds, systemClock } from '../base/clock.ts';
import { environmentError } from '../base/errors.ts';
import { ended, type Lab, terminate } from './lab.ts';

/** A program in a host of the lab, with its log in a file. */
export class LoggedProgram {
  readonly #lab: Lab;
  readonly #host: string | undefined;
  readonly #log: string;
  #child: ChildProcess | undefined;

  constructor(lab: Lab, host: string | undefined, log: string) {
    this.#lab = lab;
    this.#host = host;
    this.#log = log;
    writeFileSync(log, '');
  }

  start(command: readonly string[]): void {
    // The shell is replaced by the program, so that signals reach it.
    this.#child = this.#lab.spawn(this.#host, ['sh', '-c', `exec "$@" >>'${this.#log}' 2>&1`, 'sh', ...command]);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.kill('SIGCONT');
    await terminate(child);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.kill('SIGKILL');
    await ended(child);
  }

  log(): string {
    return readFileSync(this.#log, 'utf8');
  }
}

/** Characters of a log that a complaint repeats. */
const LAST_WORDS = 2000;

/** Until it answers; throws with what it said when it ends instead, or does not answer in time. */
export async function answering(
  what: string,
  programs: readonly LoggedProgram[],
  ask: () => Promise<unknown>,
  patience: Milliseconds = seconds(15),
): Promise<void> {
  const limit = machineTime() + patience;
  for (;;) {
    try {
      await ask();
      return;
    } catch (cause) {
      const said = programs.map((program) => program.log().slice(-LAST_WORDS)).join('\n');
      if (programs.some((program) => !program.running)) throw environmentError(`${what} ended: ${said}`, cause);
      if (machineTime() > limit) throw environmentError(`${what} does not answer: ${said}`, cause);
    }
    await pause(ms(25));
  }
}

export const pause = (time: Milliseconds): Promise<void> =>
  new Promise((resolve) => void systemClock.startTimer('lab pause', time, resolve));
