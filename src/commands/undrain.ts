import type { Command } from 'commander';
import { type Milliseconds, seconds, systemClock } from '../base/clock.ts';
import { ClarionError, ExitCode } from '../base/errors.ts';
import { DRAIN_ANNOTATION } from '../inventory/node-object.ts';
import { refuseUnknown } from './drain.ts';
import {
  addReachOptions,
  durationArgument,
  interruption,
  type ReachOptions,
  reach,
  statusOf,
  type Waiting,
  waitFor,
} from './reach.ts';

interface UndrainOptions extends ReachOptions {
  readonly timeout: Milliseconds;
}

export function register(program: Command): void {
  const command = program
    .command('undrain')
    .description('end the drain of a node: it may take addresses again, and takes none away from others')
    .argument('<node>', 'its name')
    .option('--timeout <duration>', 'how long to wait until the speakers know it', durationArgument, seconds(10));
  addReachOptions(command).action(async (node: string, { timeout, ...where }: UndrainOptions) => {
    const say = (line: string): void => void process.stdout.write(`${line}\n`);
    const waiting = { reach: reach(where), clock: systemClock, timeout, interrupted: interruption(), say };
    process.exitCode = await undrain(node, waiting);
  });
}

export async function undrain(node: string, waiting: Waiting): Promise<ExitCode> {
  const { reach: processes, say } = waiting;
  refuseUnknown(node, await statusOf(processes, { holder: node }));
  const written = await processes.annotate('Node', '', node, { [DRAIN_ANNOTATION]: undefined });
  if (written.kind !== 'done') throw new ClarionError(ExitCode.problems, `${node} stays drained: ${written.message}`);
  const outcome = await waitFor(waiting, async () => {
    const { nodes } = await statusOf(processes, { holder: node });
    return nodes.some((one) => one.node === node && one.draining === true) ? undefined : true;
  });
  if (outcome === 'interrupted') {
    say(`Interrupted. The drain of ${node} is taken back all the same.`);
    return ExitCode.interrupted;
  }
  if (outcome === 'timeout') {
    say(`The drain of ${node} is taken back, but a speaker has not seen it yet: clarion status.`);
    return ExitCode.problems;
  }
  say(`${node} may take addresses again. Those that it handed over stay where they are.`);
  return ExitCode.done;
}
