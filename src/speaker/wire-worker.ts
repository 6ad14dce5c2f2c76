import { Worker } from 'node:worker_threads';
import { environmentError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import { leaveStopSignalToOthers } from '../network/stop-signal.ts';
import type { FromWire, ToWire, WireOptions } from './messages.ts';

/** All that it says but whether it could begin. */
export type WireWord = Exclude<FromWire, { readonly kind: 'started' | 'failed' }>;

/**
 * The wire thread as the control thread has it. It takes up to half a second until its program is loaded, and needs to know
 * nothing of the cluster for that: begun before the cluster is read, it is there when there is something to announce.
 */
export class WireWorker {
  readonly #worker: Worker;
  readonly #started: Promise<void>;
  #lost: Error | undefined;
  #receive: ((message: WireWord) => void) | undefined;
  #onLost: ((error: Error) => void) | undefined;

  constructor(options: WireOptions, logger: Logger) {
    // So that SIGTERM interrupts the thread that hands over, and not this one while it waits for a disk.
    const refused = leaveStopSignalToOthers();
    if (refused !== undefined) logger.debug('SIGTERM comes to any thread', { why: refused.message });
    // It makes little garbage; with V8's usual room for young objects it would keep 50 MB of it.
    this.#worker = new Worker(wireEntry(), { workerData: options, resourceLimits: { maxYoungGenerationSizeMb: 4 } });
    this.#started = new Promise((resolve, reject) => {
      const lose = (error: Error): void => {
        if (this.#lost !== undefined) return;
        this.#lost = error;
        reject(error);
        this.#onLost?.(error);
      };
      this.#worker.on('message', (message: FromWire) => {
        if (message.kind === 'started') resolve();
        else if (message.kind === 'failed') lose(environmentError(message.message));
        else this.#receive?.(message);
      });
      this.#worker.on('error', lose);
      this.#worker.on('exit', () => lose(new Error('the wire thread ended')));
    });
    // Who asks is told; while the cluster is read nobody asks.
    this.#started.catch(() => {});
  }

  /** Rejects with what the thread lacks (a privilege, the native addon). */
  started(): Promise<void> {
    return this.#started;
  }

  /** Before that it has nothing to say. `lost` once: it ended, or could not begin. */
  attach(receive: (message: WireWord) => void, lost: (error: Error) => void): void {
    this.#receive = receive;
    this.#onLost = lost;
    if (this.#lost !== undefined) lost(this.#lost);
  }

  send(message: ToWire): void {
    this.#worker.postMessage(message);
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** The bundle of the wire thread lies beside the bundle of the main one; from the sources, in dist/. */
function wireEntry(): URL {
  return import.meta.url.endsWith('.ts')
    ? new URL('../../dist/wire.js', import.meta.url)
    : new URL('./wire.js', import.meta.url);
}
