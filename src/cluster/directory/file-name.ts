import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, openSync, readdirSync } from 'node:fs';
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
const LONGEST_SOCKET_NAME = 80;

/**
 * Where the speaker of a node listens for commands: DIRECTORY/.clarion/NODE.sock. Where that is longer than a unix socket's path
 * may be, the same file by way of an open handle of its folder (/proc/self/fd/N), which stays open as long as the process
 * lives: ask once. The folder is made when it is not there.
 */
export const nodeSocketPath = (directory: string, node: string): string => socketPath(directory, node, '.sock');

/** Likewise of a controller without a speaker. No name of a node has a plus sign in its file's name. */
export const controllerSocketPath = (directory: string, node: string): string =>
  socketPath(directory, node, '+controller.sock');

function socketPath(directory: string, node: string, ending: string): string {
  const folder = join(directory, STATE_FOLDER);
  const file = `${fileNameOf(node)}${ending}`;
  mkdirSync(folder, { recursive: true });
  const path = join(folder, file);
  if (Buffer.byteLength(path) <= LONGEST_SOCKET_PATH) return path;
  const short = `${createHash('sha256').update(node).digest('hex').slice(0, 32)}${ending}`;
  return reachable(folder, file.length <= LONGEST_SOCKET_NAME ? file : short);
}

export interface FoundSocket {
  /** Of the node, as far as the file's name tells; of a controller "NODE (controller)". */
  readonly name: string;
  readonly path: string;
}

/**
 * The folder of the sockets by a path that is short enough for each of them; asked once, since it may keep a handle open.
 */
export function socketFolder(directory: string): string {
  const folder = join(directory, STATE_FOLDER);
  const longest = Buffer.byteLength(folder) + 1 + LONGEST_FILE_NAME + '+controller.sock'.length;
  return longest <= LONGEST_SOCKET_PATH || !existsSync(folder) ? folder : reachable(folder, '');
}

/** Also those that a process which was killed left behind. */
export function socketsIn(socketFolder: string): readonly FoundSocket[] {
  const files = existsSync(socketFolder) ? readdirSync(socketFolder).filter((file) => file.endsWith('.sock')) : [];
  return files.sort().map((file) => ({ name: nameOf(file), path: join(socketFolder, file) }));
}

const reachable = (folder: string, file: string): string => join(`/proc/self/fd/${openSync(folder, 'r')}`, file);

function nameOf(file: string): string {
  const [node = '', controller] = file.slice(0, -'.sock'.length).split('+');
  const suffix = controller === undefined ? '' : ' (controller)';
  try {
    return decodeURIComponent(node) + suffix;
  } catch {
    return node + suffix;
  }
}
