import { type Command, Option } from 'commander';
import { seconds, systemClock } from '../base/clock.ts';
import { ExitCode } from '../base/errors.ts';
import { type ClusterStatus, clusterStatus } from '../status/cluster-status.ts';
import { styleFor } from '../terminal/table.ts';
import { interruption } from './operation.ts';
import { addReachOptions, type ReachOptions, reach } from './reach.ts';
import { statusText } from './status-text.ts';

interface StatusOptions extends ReachOptions {
  readonly output: 'text' | 'json';
  readonly watch: boolean;
}

const WATCH_EVERY = seconds(1);
const CLEAR_SCREEN = '\u001b[H\u001b[2J\u001b[3J';

export function register(program: Command): void {
  const command = program
    .command('status')
    .description('who is there, who holds which address, what is wrong, how full the pools are')
    .addOption(new Option('-o, --output <format>', 'how to print it').choices(['text', 'json']).default('text'))
    .option('--watch', 'again each second until Ctrl-C; as JSON one object a line', false);
  addReachOptions(command).addHelpText('after', '\nExit codes: 0 somebody answered, 3 nobody did.').action(showStatus);
}

async function showStatus({ output, watch, ...where }: StatusOptions): Promise<void> {
  const processes = await reach(where);
  const interrupted = watch ? interruption() : undefined;
  for (;;) {
    const status = clusterStatus(await processes.ask());
    process.stdout.write(shown(status, output, watch));
    process.exitCode =
      status.nodes.some(({ answers }) => answers) || status.controllers.some(({ answers }) => answers)
        ? ExitCode.done
        : ExitCode.environment;
    if (interrupted === undefined) return;
    const pause = new Promise<void>((resolve) => void systemClock.startTimer('status again', WATCH_EVERY, resolve));
    if ((await Promise.race([interrupted, pause])) === 'interrupted') break;
  }
  process.exitCode = ExitCode.interrupted;
}

function shown(status: ClusterStatus, output: StatusOptions['output'], watch: boolean): string {
  if (output === 'json') return `${JSON.stringify(status, undefined, watch ? 0 : 2)}\n`;
  const text = statusText(status, styleFor(process.stdout));
  return watch ? (process.stdout.isTTY ? CLEAR_SCREEN : `${'-'.repeat(72)}\n`) + text : text;
}
