import { insidePrivateTree } from '../../src/lab/private-tree.ts';

/**
 * Whether this test process may make links and namespaces (`npm test` and `npx tsx test/run.ts FILE` see to it).
 * Use: describe.skipIf(!privateTree.inside)(`with real frames${skipNote}`, ...).
 */
export const privateTree: { readonly inside: true } | { readonly inside: false; readonly reason: string } =
  insidePrivateTree()
    ? { inside: true }
    : {
        inside: false,
        reason:
          process.env['CLARION_NO_PRIVATE_TREE'] ?? 'not inside a private tree; start it with: npx tsx test/run.ts',
      };

/** For the title of such a suite, so that a skip says why. */
export const skipNote: string = privateTree.inside ? '' : ` (skipped: ${privateTree.reason})`;
