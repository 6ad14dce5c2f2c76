import { constants } from 'node:os';
import { type Decoded, decoded, malformed } from '../base/decoded.ts';
import { type Addon, kernelError, loadAddon } from './addon.ts';
import type { NetworkError } from './ports.ts';

/**
 * SIGTERM for a thread that must know of it at once, while the main thread may be busy for seconds (native/signal.c).
 * The main thread hears it too, by process.on('SIGTERM'), when it gets round to it; its listener must be there *before* a
 * thread watches, and must stay (libuv takes every other handler away when the first one comes or the last one goes).
 */
const { SIGTERM } = constants.signals;

/** Calls back in this thread from now on, and in no other thread that watched before. */
export function watchStopSignal(received: () => void): Decoded<{ close(): void }, NetworkError> {
  const addon = loadAddon();
  return addon.ok ? watch(addon.value, received) : addon;
}

function watch(addon: Addon, received: () => void): Decoded<{ close(): void }, NetworkError> {
  const fd = addon.openSignal(SIGTERM);
  if (fd < 0) return malformed(kernelError(fd, 'watch for SIGTERM'));
  const octet = new Uint8Array(1);
  const poller = addon.startPolling(fd, () => {
    if (addon.receive(fd, octet) > 0) received();
  });
  if (typeof poller === 'number') {
    addon.close(fd);
    return malformed(kernelError(poller, 'poll for SIGTERM'));
  }
  return decoded({
    close() {
      addon.stopPolling(poller);
      addon.close(fd);
    },
  });
}

/**
 * For the main thread, before it starts the thread that watches: SIGTERM then interrupts other threads only, so it need not
 * wait while this one waits for a disk.
 */
export function leaveStopSignalToOthers(): NetworkError | undefined {
  const addon = loadAddon();
  if (!addon.ok) return addon.error;
  const result = addon.value.avoidSignal(SIGTERM);
  return result < 0 ? kernelError(result, 'block SIGTERM in the main thread') : undefined;
}
