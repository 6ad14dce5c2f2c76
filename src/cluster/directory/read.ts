import { readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import { compareText } from '../../base/name-order.ts';
import type { Problem } from '../../base/problem.ts';
import type { ObjectLists } from '../ports.ts';
import { SortedLists } from '../sorted-objects.ts';
import { keyOf, ObjectClaims } from './claims.ts';
import { fileProblem, look, readText } from './files.ts';
import { parseManifest } from './parse.ts';

/**
 * A folder of manifests as it is at this moment, as its owner wrote it: nothing of `.clarion/` is merged in.
 * A folder that cannot be read is a problem and empty lists.
 */
export function readDirectory(directory: string): {
  readonly lists: ObjectLists;
  readonly problems: readonly Problem[];
} {
  const { files, problems } = manifestsOf(directory);
  const claims = new ObjectClaims();
  const lists = new SortedLists();
  const ofFiles = files.flatMap((name) => {
    const path = join(directory, name);
    const text = readText(path);
    if (text.is === 'gone') return [];
    if (text.is === 'unreadable') return [fileProblem(path, text.code, text.message)];
    const manifest = parseManifest(path, text.text);
    claims.replace(name, manifest.objects, []);
    for (const object of manifest.objects)
      lists.put(object.kind, object.namespace, object.name, claims.winner(keyOf(object)));
    return manifest.problems;
  });
  return { lists: lists.all(), problems: [...problems, ...ofFiles, ...claims.problems()] };
}

interface Found {
  /** Relative to the root, sorted. */
  readonly files: readonly string[];
  readonly problems: readonly Problem[];
}

/** Every manifest below a folder. Symbolic links are followed, each real folder once. */
function manifestsOf(root: string): Found {
  const files: string[] = [];
  const problems: Problem[] = [];
  const seen = new Set<string>();
  const walk = (relative: string): void => {
    const directory = join(root, relative);
    try {
      const real = realpathSync(directory);
      if (seen.has(real)) return;
      seen.add(real);
      const names = readdirSync(directory);
      for (const name of names) {
        const entry = look(join(directory, name), name);
        if (entry === 'directory') walk(join(relative, name));
        else if (entry === 'manifest') files.push(join(relative, name));
      }
    } catch (thrown) {
      problems.push(
        fileProblem(
          directory,
          'unreadable-file',
          `this folder cannot be read: ${messageOf(thrown)}. Nothing of it is used.`,
        ),
      );
    }
  };
  walk('');
  return { files: files.sort(compareText), problems };
}
