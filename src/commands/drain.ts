import type { Command } from 'commander';
import { seconds } from '../base/clock.ts';
import { ClarionError, ExitCode } from '../base/errors.ts';
import { parseIpAddress } from '../base/ip-address.ts';
import { DRAIN_ANNOTATION } from '../inventory/node-object.ts';
import { type ClusterAddress, type ClusterStatus, clusterStatus } from '../status/cluster-status.ts';
import { heldBy, whyKept } from '../status/drain.ts';
import { formatMs } from '../terminal/progress.ts';
import { addOperationOptions, type OperationOptions, operate, type Waiting, waitFor } from './operation.ts';
import { answersOf, statusOf } from './reach.ts';

export function register(program: Command): void {
  const command = program
    .command('drain')
    .description('let a node hand over all addresses that it holds, and take none')
    .argument('<node>', 'its name');
  addOperationOptions(command, 'it holds nothing', seconds(30))
    .addHelpText(
      'after',
      'An address that no other node may hold stays where it is and is served on. The drain lasts until clarion undrain.',
    )
    .action((node: string, options: OperationOptions) => operate(options, (waiting) => drain(node, waiting)));
}

/** More are not explained one by one. */
const EXPLAINED = 10;
/** Of a drain that takes long. */
const SAY_EVERY = seconds(1);

export async function drain(node: string, waiting: Waiting): Promise<ExitCode> {
  const { reach: processes, clock, say } = waiting;
  const look = async (): Promise<readonly ClusterAddress[]> =>
    heldBy(await answersOf(processes, { holder: node }), node);
  const first = await answersOf(processes, { holder: node });
  refuseUnknown(node, clusterStatus(first));
  const before = heldBy(first, node);
  const started = clock.now();
  const written = await processes.annotate('Node', '', node, { [DRAIN_ANNOTATION]: 'true' });
  if (written.kind !== 'done') throw new ClarionError(ExitCode.problems, `${node} is not drained: ${written.message}`);
  let left = before;
  let said = started;
  if (left.length > 0) say(`${node} hands over ${addresses(left.length)}`);
  const outcome = await waitFor(waiting, async () => {
    left = await look();
    if (left.length > 0 && clock.now() - said >= SAY_EVERY) {
      said = clock.now();
      say(`${node} still holds ${left.length}`);
    }
    return left.length === 0 ? true : undefined;
  });
  if (outcome === 'interrupted') {
    say(`Interrupted with ${addresses(left.length)} left. The drain goes on until: clarion undrain ${node}`);
    return ExitCode.interrupted;
  }
  if (outcome === 'timeout') {
    say(`${node} still holds ${addresses(left.length)} and serves on:`);
    for (const line of await explain(left, node, waiting)) say(`  ${line}`);
    say(`The drain goes on until: clarion undrain ${node}`);
    return ExitCode.problems;
  }
  const gone =
    before.length === 0 ? '' : `: ${addresses(before.length)} handed over in ${formatMs(clock.now() - started)}`;
  say(`${node} holds nothing${gone}. It takes nothing until: clarion undrain ${node}`);
  return ExitCode.done;
}

/** Where no Node is defined, any name could be annotated, and nothing would come of it. */
export function refuseUnknown(node: string, { nodes }: ClusterStatus): void {
  if (nodes.some((one) => one.node === node)) return;
  const names = nodes.slice(0, 10).map((one) => one.node);
  throw new ClarionError(ExitCode.problems, `there is no node ${node}. There are ${names.join(', ')}.`);
}

async function explain(left: readonly ClusterAddress[], node: string, waiting: Waiting): Promise<readonly string[]> {
  const lines = await Promise.all(
    left.slice(0, EXPLAINED).map(async (held) => {
      const address = parseIpAddress(held.address);
      if (!address.ok) return held.address;
      const status = await statusOf(waiting.reach, { address: address.value });
      return whyKept(status.addresses[0] ?? held, node);
    }),
  );
  return left.length > EXPLAINED ? [...lines, `and ${left.length - EXPLAINED} more`] : lines;
}

const addresses = (count: number): string => `${count} address${count === 1 ? '' : 'es'}`;
