import type { Command } from 'commander';
import { seconds } from '../base/clock.ts';
import { ClarionError, ExitCode, usageError } from '../base/errors.ts';
import { formatIpAddress, type IpAddress, parseIpAddress } from '../base/ip-address.ts';
import { MOVE_ANNOTATION } from '../inventory/move-request.ts';
import type { ClusterStatus } from '../status/cluster-status.ts';
import { type MoveProgress, moveProgress, planMove } from '../status/move.ts';
import { formatMs } from '../terminal/progress.ts';
import { addOperationOptions, type OperationOptions, operate, type Waiting, waitFor } from './operation.ts';
import { statusOf } from './reach.ts';

interface MoveOptions extends OperationOptions {
  readonly to: string;
}

export function register(program: Command): void {
  const command = program
    .command('move')
    .description('hand an address over to another node, without losing a packet')
    .argument('<address>', 'one that a Service has')
    .requiredOption('--to <node>', 'the node that takes it');
  addOperationOptions(command, 'it holds the address', seconds(10)).action(
    async (text: string, { to, ...options }: MoveOptions) => {
      const address = parseIpAddress(text);
      if (!address.ok) throw usageError(address.error);
      await operate(options, (waiting) => move(address.value, to, waiting));
    },
  );
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
