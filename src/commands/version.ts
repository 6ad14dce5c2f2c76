import type { Command } from 'commander';
import manifest from '../../package.json' with { type: 'json' };

export const { version } = manifest;

export function register(program: Command): void {
  program
    .command('version')
    .description('print the version')
    .action(() => {
      process.stdout.write(`${version}\n`);
    });
}
