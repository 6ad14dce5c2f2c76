import { kernelError, loadAddon } from './addon.ts';
import type { NetworkError } from './ports.ts';

/** The shortest that Linux takes, and far more than an answer to a neighbour needs. */
const SLICE_NANOSECONDS = 100_000;

/**
 * Lets this thread run as soon as it wakes, also where others compute: since Linux 6.12 a thread with a shorter time slice
 * takes the core from one with a longer slice, which otherwise keeps it for up to 3 ms. The share of each stays as it is,
 * so this needs no privilege. Older kernels do as if they had not heard it.
 * Standards: sched(7), sched_setattr(2); Linux Documentation/scheduler/sched-eevdf.rst.
 */
export function runPromptly(): NetworkError | undefined {
  const addon = loadAddon();
  if (!addon.ok) return addon.error;
  const result = addon.value.shortenSlice(SLICE_NANOSECONDS);
  return result < 0 ? kernelError(result, 'shorten the time slice of a thread') : undefined;
}
