import type { Command } from 'commander';
import { addDaemonOptions, type DaemonOptions, runDaemon } from './daemon.ts';

const ROLES = { controller: true, speaker: true } as const;

export function register(program: Command): void {
  const command = program
    .command('standalone')
    .description('controller and speaker in one process, on a folder of manifests; no Kubernetes needed');
  addDaemonOptions(command, ROLES).action((options: DaemonOptions) => runDaemon(ROLES, options));
}
