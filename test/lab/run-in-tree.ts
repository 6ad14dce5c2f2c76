import { runInPrivateTree } from '../../src/lab/private-tree.ts';

/** For private-tree.test.ts: a process that can be sent signals, with the command of its arguments in a tree. */
process.exitCode = await runInPrivateTree(process.argv.slice(2));
