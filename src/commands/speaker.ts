import type { Command } from 'commander';
import { addDaemonOptions, type DaemonOptions, runDaemon } from './daemon.ts';

const ROLES = { controller: false, speaker: true } as const;

export function register(program: Command): void {
  const command = program.command('speaker').description('announce addresses from this node');
  addDaemonOptions(command, ROLES).action((options: DaemonOptions) => runDaemon(ROLES, options));
}
