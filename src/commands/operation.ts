import { type Command, InvalidArgumentError } from 'commander';
import { type Clock, type Milliseconds, ms, systemClock } from '../base/clock.ts';
import type { ExitCode } from '../base/errors.ts';
import { parseDuration } from '../config/duration.ts';
import { addReachOptions, type Reach, type ReachOptions, reach } from './reach.ts';

/** Commands that ask for something and wait until it is so: move, drain, undrain. */
export interface OperationOptions extends ReachOptions {
  readonly timeout: Milliseconds;
}

/** What such a command is given. */
export interface Waiting {
  readonly reach: Pick<Reach, 'ask' | 'askEvery' | 'annotate'>;
  readonly clock: Clock;
  readonly timeout: Milliseconds;
  /** Resolves when the user wants no more. */
  readonly interrupted: Promise<'interrupted'>;
  readonly say: (text: string) => void;
}

/** `until`: what it waits for, in words. */
export function addOperationOptions(command: Command, until: string, timeout: Milliseconds): Command {
  return addReachOptions(
    command.option('--timeout <duration>', `how long to wait until ${until}`, durationArgument, timeout),
  ).addHelpText(
    'after',
    '\nExit codes: 0 it is so, 1 it cannot be or was not in time, 3 nothing answers, 130 interrupted.',
  );
}

export async function operate(
  { timeout, ...where }: OperationOptions,
  run: (waiting: Waiting) => Promise<ExitCode>,
): Promise<void> {
  process.exitCode = await run({
    reach: await reach(where),
    clock: systemClock,
    timeout,
    interrupted: interruption(),
    say: (line) => void process.stdout.write(`${line}\n`),
  });
}

/** Asks again and again until `look` finds something. */
export async function waitFor<T>(
  { reach: { askEvery }, clock, timeout, interrupted }: Waiting,
  look: () => Promise<T | undefined>,
): Promise<{ readonly found: T } | 'timeout' | 'interrupted'> {
  const end = clock.now() + timeout;
  for (;;) {
    const outcome = await Promise.race([interrupted, look()]);
    if (outcome === 'interrupted') return 'interrupted';
    if (outcome !== undefined) return { found: outcome };
    if (clock.now() >= end) return 'timeout';
    const pause = new Promise<void>((resolve) => void clock.startTimer('ask again', askEvery, resolve));
    if ((await Promise.race([interrupted, pause])) === 'interrupted') return 'interrupted';
  }
}

/** The first Ctrl-C; a second one ends the process as ever. */
export const interruption = (): Promise<'interrupted'> =>
  new Promise((resolve) => {
    process.once('SIGINT', () => resolve('interrupted'));
  });

function durationArgument(text: string): Milliseconds {
  const duration = parseDuration(text);
  if (!duration.ok) throw new InvalidArgumentError(duration.error);
  return ms(duration.value);
}
