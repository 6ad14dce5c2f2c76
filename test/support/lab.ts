import { insidePrivateTree } from '../../src/lab/private-tree.ts';

/**
 * Whether this test process may make links and namespaces (`npm test` and `npx tsx test/run.ts FILE` see to it).
 * Use: describe.skipIf(!privateTree.inside)(`with real frames${privateTree.inside ? '' : `: ${privateTree.reason}`}`, ...).
 */
export const privateTree: { readonly inside: true } | { readonly inside: false; readonly reason: string } =
  insidePrivateTree()
    ? { inside: true }
    : {
        inside: false,
        reason:
          process.env['CLARION_NO_PRIVATE_TREE'] ?? 'not inside a private tree; start it with: npx tsx test/run.ts',
      };

/** The title of a suite that needs a private tree: says why it is skipped where there is none. */
export const networkTitle = (title: string): string =>
  privateTree.inside ? title : `${title} (skipped: ${privateTree.reason})`;
