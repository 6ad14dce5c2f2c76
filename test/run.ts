import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ClarionError } from '../src/base/errors.ts';
import { runInPrivateTree } from '../src/lab/private-tree.ts';

/**
 * `npm test`: vitest with the given arguments, inside one private tree, so that tests may make links and namespaces
 * without root and leave nothing behind. Where no tree can be made, the tests that need one skip with the reason.
 */
const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const command = [process.execPath, vitest, 'run', ...process.argv.slice(2)] as const;

function withoutTree(reason: string): number {
  process.stderr.write(`Tests that need a network of their own will be skipped: ${reason}\n`);
  const [program, ...args] = command;
  const run = spawnSync(program, args, { stdio: 'inherit', env: { ...process.env, CLARION_NO_PRIVATE_TREE: reason } });
  return run.status ?? 3;
}

try {
  process.exitCode = await runInPrivateTree(command);
} catch (error) {
  if (!(error instanceof ClarionError)) throw error;
  process.exitCode = withoutTree(error.message);
}
