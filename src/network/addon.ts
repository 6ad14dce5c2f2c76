import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { getSystemErrorMap } from 'node:util';
import { type Decoded, decoded, malformed } from '../base/decoded.ts';
import { messageOf } from '../base/errors.ts';
import type { NetworkError } from './ports.ts';

/**
 * The native addon (native/addon.c) as TypeScript sees it. Results below zero are -errno; nothing throws for what the kernel says.
 * Octets are structures in the kernel's layout and byte order.
 */
export interface Addon {
  /** A descriptor, non-blocking. It belongs to this thread and is closed with it at the latest. */
  socket(domain: number, type: number, protocol: number): number;
  /** The descriptor may not be used any more; the kernel's part is done in the background. */
  close(fd: number): number;
  /** Done when it returns: for sockets that are closed in no time. */
  closeNow(fd: number): number;
  bind(fd: number, address: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: number | Uint8Array): number;
  /** The length of the value. */
  getsockopt(fd: number, level: number, name: number, into: Uint8Array): number;
  attachFilter(fd: number, program: Uint8Array): number;
  /** The number of octets sent. */
  send(fd: number, bytes: Uint8Array, to?: Uint8Array): number;
  /** The length of the datagram, which is above `into.length` when it was cut off. Its sender is written to `from`. */
  receive(fd: number, into: Uint8Array, from?: Uint8Array): number;
  /** EINPROGRESS as a rule. */
  connect(fd: number, address: Uint8Array): number;
  listen(fd: number, backlog: number): number;
  /** A descriptor like those of `socket`. */
  accept(fd: number, from: Uint8Array): number;
  shutdown(fd: number, how: number): number;
  localAddress(fd: number, into: Uint8Array): number;
  /** Octets that the other end has not acknowledged. */
  outstanding(fd: number): number;
  /** The number of octets of a stream; 0 at its end. */
  read(fd: number, into: Uint8Array): number;
  /** The number of octets sent of `parts`, from `parts[from][skip]` on: not all, when there are many or the kernel takes no more. */
  sendParts(fd: number, parts: readonly Uint8Array[], from: number, skip: number): number;
  /** The number of datagrams; `records` as native/hops.c says, of which each has the same share of `into`. */
  receiveHops(fd: number, into: Uint8Array, records: Uint8Array): number;
  interfaceIndex(name: string): number;
  interfaceName(index: number): string | undefined;
  /** Of the thread that calls. */
  shortenSlice(nanoseconds: number): number;
  /** Gives back to the system what the C library keeps of freed memory, of all threads. */
  trimMemory(): void;
  /** Begins a collection of this thread's garbage, which goes on in the background. */
  collectInSteps(): void;
  /** Receives a datagram for each signal of that number, from now on in this thread and no other. */
  openSignal(number: number): number;
  /** The thread that calls is not the one to be interrupted by it. */
  avoidSignal(number: number): number;
  /**
   * Calls back with 0 and what there is of `events` (if none are given: whenever there is something to receive), or with -errno
   * when the socket has an error.
   */
  startPolling(fd: number, callback: (error: number, events: number) => void, events?: number): Poller | number;
  /**
   * Polls for datagrams, and has received one into `into` before it calls back with 0 or -errno of the socket, and what
   * `receive` would return: its length, or -errno. `receive` gives the others.
   * `into` must stay where it is: never transferred to another thread.
   */
  startReceiving(fd: number, callback: (error: number, length: number) => void, into: Uint8Array): Poller | number;
  /** Waits for these events from now on; 0: for none, not even an error. */
  pollFor(poller: Poller, events: number): void;
  /** No callback comes after it. To be called before `close`. */
  stopPolling(poller: Poller): void;
}

/** Opaque. It polls, and keeps its thread alive, until it is stopped. */
export interface Poller {
  readonly __brand: 'poller';
}

/** Events of a poller, as libuv numbers them. HANG_UP: the other end sends no more. */
export const READABLE = 1;
export const WRITABLE = 2;
export const HANG_UP = 4;

/** -errno of Linux on every architecture that Node runs on. */
export const EPERM = -1;
export const EAGAIN = -11;
export const ENOMEM = -12;
export const EACCES = -13;
export const EEXIST = -17;
export const ENODEV = -19;
export const EINVAL = -22;
export const EPROTO = -71;
export const ENOPROTOOPT = -92;
export const EAFNOSUPPORT = -97;
export const EADDRINUSE = -98;
export const ECONNABORTED = -103;
export const ENOBUFS = -105;
export const ECONNREFUSED = -111;
export const EINPROGRESS = -115;

// One place for both: beside the bundle in dist/, and in dist/ when the sources run as they are.
const FROM_SOURCE = import.meta.url.endsWith('/src/network/addon.ts');
const ADDON_FILE = fileURLToPath(new URL(FROM_SOURCE ? '../../dist/native.node' : './native.node', import.meta.url));

/** Absent or of another Node: an error that says what to do. */
export function loadAddon(file = ADDON_FILE): Decoded<Addon, NetworkError> {
  const rebuild = 'build it with: npm run build';
  if (!existsSync(file))
    return malformed({ code: 'ENOENT', message: `the native addon ${file} is missing; ${rebuild}` });
  try {
    return decoded(createRequire(import.meta.url)(file) as Addon);
  } catch (thrown) {
    return malformed({
      code: 'ENOEXEC',
      message: `the native addon ${file} does not load (${messageOf(thrown)}); ${rebuild}`,
    });
  }
}

/** `result` is -errno, `doing` what was attempted and on what: "bind a packet socket to eth0". */
export function kernelError(result: number, doing: string): NetworkError {
  const [code, words] = getSystemErrorMap().get(result) ?? [`E${-result}`, 'unknown error'];
  return { code, message: `cannot ${doing}: ${words} (${code})` };
}
