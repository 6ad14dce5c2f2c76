import { createHash } from 'node:crypto';
import { mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';

/** Everything that we write lies in this folder, below the folder of manifests. */
export const STATE_FOLDER = '.clarion';

const LONGEST_FILE_NAME = 120;

/**
 * A name from somebody's file as a file name of ours: no slash, no leading dot, no more bytes than a file system takes.
 * Different names stay different.
 */
export function fileNameOf(name: string): string {
  const escaped = encodeURIComponent(name)
    .replace(/^\./, '%2E')
    .replace(/[*'()!~]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
  if (escaped.length <= LONGEST_FILE_NAME) return escaped;
  return `${escaped.slice(0, 60)}~${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
}

/** sockaddr_un has 108 bytes, the last of them zero: unix(7). */
const LONGEST_SOCKET_PATH = 107;

/**
 * Where the speaker of a node listens for commands: DIRECTORY/.clarion/NODE.sock. Where that is longer than a unix socket's path
 * may be, the same file by way of an open handle of its folder (/proc/self/fd/N), which stays open as long as the process
 * lives: ask once. The folder is made when it is not there.
 */
export function nodeSocketPath(directory: string, node: string): string {
  const folder = join(directory, STATE_FOLDER);
  const file = `${fileNameOf(node)}.sock`;
  mkdirSync(folder, { recursive: true });
  const path = join(folder, file);
  if (Buffer.byteLength(path) <= LONGEST_SOCKET_PATH) return path;
  const short = `${createHash('sha256').update(node).digest('hex').slice(0, 32)}.sock`;
  const handle = openSync(folder, 'r');
  return join(`/proc/self/fd/${handle}`, file.length <= 80 ? file : short);
}
