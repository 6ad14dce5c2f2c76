import type { Command } from 'commander';
import { type Milliseconds, seconds, systemClock } from '../base/clock.ts';
import { ClarionError, ExitCode, usageError } from '../base/errors.ts';
import { formatIpAddress, type IpAddress, parseIpAddress } from '../base/ip-address.ts';
import { MOVE_ANNOTATION } from '../inventory/move-request.ts';
import type { ClusterStatus } from '../status/cluster-status.ts';
import { type MoveProgress, moveProgress, planMove } from '../status/move.ts';
import { formatMs } from '../terminal/progress.ts';
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

interface MoveOptions extends ReachOptions {
  readonly to: string;
  readonly timeout: Milliseconds;
}

export function register(program: Command): void {
  const command = program
    .command('move')
    .description('hand an address over to another node, without losing a packet')
    .argument('<address>', 'one that a Service has')
    .requiredOption('--to <node>', 'the node that takes it')
    .option('--timeout <duration>', 'how long to wait until it holds the address', durationArgument, seconds(10));
  addReachOptions(command)
    .addHelpText(
      'after',
      '\nExit codes: 0 it holds the address, 1 it cannot or did not in time, 3 nothing answers, 130 interrupted.',
    )
    .action(async (text: string, { to, timeout, ...where }: MoveOptions) => {
      const address = parseIpAddress(text);
      if (!address.ok) throw usageError(address.error);
      const say = (line: string): void => void process.stdout.write(`${line}\n`);
      const waiting = { reach: reach(where), clock: systemClock, timeout, interrupted: interruption(), say };
      process.exitCode = await move(address.value, to, waiting);
    });
}

/** The request stays where it is when time is up or the user has enough: it ends with the term that it names. */
export async function move(address: IpAddress, to: string, waiting: Waiting): Promise<ExitCode> {
  const { reach: processes, clock, say } = waiting;
  const look = (): Promise<ClusterStatus> => statusOf(processes, { address });
  const text = formatIpAddress(address);
  const plan = planMove(await look(), address, to);
  if (plan.kind === 'refused') throw new ClarionError(ExitCode.problems, plan.why);
  const annotate = (value: string | undefined): ReturnType<typeof processes.annotate> => {
    const [namespace = '', name = ''] = plan.service.split('/');
    return processes.annotate('Service', namespace, name, { [MOVE_ANNOTATION]: value });
  };
  if (plan.kind === 'there-already') {
    await annotate(undefined);
    say(`${to} holds ${text} already.`);
    return ExitCode.done;
  }
  const started = clock.now();
  const written = await annotate(plan.annotation);
  if (written.kind !== 'done') throw new ClarionError(ExitCode.problems, `${text} is not moved: ${written.message}`);
  say(`${plan.from} is asked to hand ${text} over to ${to}`);
  const outcome = await waitFor(waiting, async () => ended(moveProgress(await look(), address, to, plan.term)));
  const left = `The request stays: annotation ${MOVE_ANNOTATION} on Service ${plan.service}, which ends with term ${plan.term}.`;
  if (outcome === 'interrupted') {
    say(`Interrupted. ${left}`);
    return ExitCode.interrupted;
  }
  if (outcome === 'timeout') {
    say(
      `${to} did not take ${text} in time; ${plan.from} keeps serving. ${left}\nSee why: the log of the speaker on ${to}, and clarion status.`,
    );
    return ExitCode.problems;
  }
  await annotate(undefined);
  if (outcome.found.kind === 'overtaken') {
    say(`${outcome.found.holder} holds ${text} since term ${outcome.found.term}: something else moved it meanwhile.`);
    return ExitCode.problems;
  }
  const { term } = outcome.found;
  say(
    `${to} holds ${text}${term === undefined ? '' : ` (term ${term})`}, ${formatMs(clock.now() - started)} after the request`,
  );
  return ExitCode.done;
}

const ended = (progress: MoveProgress): Exclude<MoveProgress, { readonly kind: 'waiting' }> | undefined =>
  progress.kind === 'waiting' ? undefined : progress;
