import type { Command } from 'commander';
import { addDaemonOptions, type DaemonOptions, runDaemon } from './daemon.ts';

const ROLES = { controller: true, speaker: false } as const;

export function register(program: Command): void {
  const command = program.command('controller').description('assign addresses to Services');
  addDaemonOptions(command, ROLES).action((options: DaemonOptions) => runDaemon(ROLES, options));
}
