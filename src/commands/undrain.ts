import type { Command } from 'commander';
import { seconds } from '../base/clock.ts';
import { ClarionError, ExitCode } from '../base/errors.ts';
import { DRAIN_ANNOTATION } from '../inventory/node-object.ts';
import { refuseUnknown } from './drain.ts';
import { addOperationOptions, type OperationOptions, operate, type Waiting, waitFor } from './operation.ts';
import { statusOf } from './reach.ts';

export function register(program: Command): void {
  const command = program
    .command('undrain')
    .description('end the drain of a node: it may take addresses again, and takes none away from others')
    .argument('<node>', 'its name');
  addOperationOptions(command, 'the speakers know it', seconds(10)).action((node: string, options: OperationOptions) =>
    operate(options, (waiting) => undrain(node, waiting)),
  );
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
