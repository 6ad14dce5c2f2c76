import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { messageOf, systemCodeOf } from '../../base/errors.ts';
import type { Problem } from '../../base/problem.ts';

/** Which files of a folder are manifests, and reading one without ever waiting: no FIFO, no device, nothing huge. */
const LARGEST_FILE = 64 * 1024 * 1024;

/** Names beginning with a dot are ours (.clarion), Kubernetes' (..data) or an editor's. */
export const isHidden = (name: string): boolean => name.startsWith('.');
export const isManifestName = (name: string): boolean => !isHidden(name) && /\.(?:ya?ml|json)$/i.test(name);

export type Entry = 'directory' | 'manifest' | 'nothing';

/** What a path is, symbolic links followed. `nothing`: no concern of ours, or no longer there. */
export function look(path: string, name: string): Entry {
  if (isHidden(name)) return 'nothing';
  try {
    if (statSync(path).isDirectory()) return 'directory';
    return isManifestName(name) ? 'manifest' : 'nothing';
  } catch (thrown) {
    if (systemCodeOf(thrown) === 'ENOENT' || !isManifestName(name)) return 'nothing';
    return 'manifest';
  }
}

export type FileText =
  | { readonly is: 'text'; readonly text: string }
  | { readonly is: 'gone' }
  /** It is there, but nothing can be said of its contents: code and words for a problem. */
  | { readonly is: 'unreadable'; readonly code: string; readonly message: string };

export function readText(path: string): FileText {
  let handle: number | undefined;
  try {
    // O_NONBLOCK: opening a FIFO without a writer returns at once, and fstat then tells what it is.
    handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const facts = fstatSync(handle);
    if (!facts.isFile()) return unreadable('not-a-file', 'this is no regular file');
    if (facts.size > LARGEST_FILE) return unreadable('file-too-large', 'files above 64 MB are not read');
    return { is: 'text', text: readFileSync(handle, 'utf8') };
  } catch (thrown) {
    if (systemCodeOf(thrown) === 'ENOENT') return { is: 'gone' };
    return unreadable('unreadable-file', `this cannot be read: ${messageOf(thrown)}`);
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}

const unreadable = (code: string, message: string): FileText => ({
  is: 'unreadable',
  code,
  message: `${message}. Objects that came from here before are kept; everything else works.`,
});

export const fileProblem = (file: string, code: string, message: string): Problem => ({
  severity: 'error',
  file,
  line: 1,
  column: 1,
  code,
  message,
});
