import { Worker } from 'node:worker_threads';
import { type Clock, seconds } from '../base/clock.ts';
import { environmentError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { ClusterReader, ReportBoard } from '../cluster/ports.ts';
import type { InventoryTaker } from '../inventory/take.ts';
import type { GroupKey } from '../membership/keys.ts';
import type { NeighbourNetwork, Network, StreamNetwork } from '../network/ports.ts';
import { leaveStopSignalToOthers } from '../network/stop-signal.ts';
import { Control, type ControlSnapshot } from './control.ts';
import type { FromWire, ToWire, WireCounters, WireOptions } from './messages.ts';
import { Routing } from './routing.ts';

/** How long a stop waits for the wire thread to hand over and say goodbye before it is ended without. */
const STOP_LIMIT = seconds(5);
/** A wire thread that has not answered within this is called dead by /healthz. */
const PING_LIMIT = seconds(2);

export interface SpeakerDeps extends WireOptions {
  readonly cluster: ClusterReader & ReportBoard;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly loadBalancerClass: string | undefined;
  readonly ignoreExcludeLb: boolean;
  readonly keys: readonly GroupKey[] | undefined;
  readonly takeInventory?: InventoryTaker | undefined;
  readonly random: Random;
  /** Of the control thread, for BGP. */
  readonly network: Network;
  readonly streams: StreamNetwork;
  readonly neighbours: NeighbourNetwork;
  readonly restart: { readonly forwarding: boolean };
  /** The wire thread ended although nobody asked it to: the process must not go on as if it announced. */
  readonly onLost: (error: Error) => void;
}

/** A speaker: the control thread's part here, the wire thread as a worker. */
export class Speaker {
  readonly #deps: SpeakerDeps;
  readonly #worker: Worker;
  readonly #control: Control;
  /** Undefined: this speaker only observes. */
  readonly #routing: Routing | undefined;
  readonly #pings = new Map<number, (counters: WireCounters) => void>();
  #pingNumber = 0;
  #stopped: (() => void) | undefined;

  /** Starts both threads; the error says what the wire thread lacks (a privilege, the native addon). */
  static start(deps: SpeakerDeps): Promise<Speaker> {
    return new Promise((resolve, reject) => {
      const speaker = new Speaker(deps, (failure) => {
        if (failure === undefined) resolve(speaker);
        else reject(failure);
      });
    });
  }

  private constructor(deps: SpeakerDeps, started: (failure: Error | undefined) => void) {
    this.#deps = deps;
    const { node, version, interfaces, observe, logLevel } = deps;
    const options: WireOptions = { node, version, interfaces, observe, logLevel };
    // So that SIGTERM interrupts the thread that hands over, and not this one while it waits for a disk.
    const refused = leaveStopSignalToOthers();
    if (refused !== undefined) deps.logger.debug('SIGTERM comes to any thread', { why: refused.message });
    // It makes little garbage; with V8's usual room for young objects it would keep 50 MB of it.
    this.#worker = new Worker(wireEntry(), { workerData: options, resourceLimits: { maxYoungGenerationSizeMb: 4 } });
    this.#routing = observe
      ? undefined
      : new Routing({
          ...deps,
          tellBfd: (sessions) => this.#send({ kind: 'bfd', sessions }),
          wireDone: async () => void (await this.ping()),
          changed: () => this.#control.sessionsChanged(),
        });
    this.#control = new Control({ ...deps, routing: this.#routing, toWire: (message) => this.#send(message) });
    this.#worker.on('message', (message: FromWire) => this.#receive(message, started));
    this.#worker.on('error', (error) => this.#lost(error, started));
    this.#worker.on('exit', () => this.#lost(new Error('the wire thread ended'), started));
  }

  snapshot(): ControlSnapshot {
    return this.#control.snapshot();
  }

  /** A rotation: what membership seals and opens datagrams with from now on. */
  useKeys(keys: readonly GroupKey[]): void {
    this.#send({ kind: 'keys', keys });
  }

  /** Counters of the wire thread, which proves by answering that it lives; undefined when it does not. */
  ping(): Promise<WireCounters | undefined> {
    const number = ++this.#pingNumber;
    return new Promise((resolve) => {
      const limit = this.#deps.clock.startTimer('ping', PING_LIMIT, () => {
        this.#pings.delete(number);
        resolve(undefined);
      });
      this.#pings.set(number, (counters) => {
        limit.stop();
        resolve(counters);
      });
      this.#send({ kind: 'ping', number });
    });
  }

  /** Stops answering and announcing, then ends the thread. */
  async stop(): Promise<void> {
    const own = this.#control.snapshot().nodes?.get(this.#deps.node);
    this.#control.stop();
    // BFD says that what follows is no failure before BGP says anything, and that takes the wire thread. A node that is
    // drained is not expected back with what it announced.
    await this.#routing?.stop(own?.draining === true ? 'for-good' : 'keep-routes');
    await new Promise<void>((resolve) => {
      const limit = this.#deps.clock.startTimer('wire stop', STOP_LIMIT, resolve);
      this.#stopped = () => {
        limit.stop();
        resolve();
      };
      this.#send({ kind: 'stop' });
    });
    await this.#worker.terminate();
  }

  #send(message: ToWire): void {
    this.#worker.postMessage(message);
  }

  #receive(message: FromWire, started: (failure: Error | undefined) => void): void {
    switch (message.kind) {
      case 'started':
        started(undefined);
        return;
      case 'failed':
        this.#lost(environmentError(message.message), started);
        return;
      case 'report':
      case 'members':
        this.#control.fromWire(message);
        return;
      case 'bfd':
        this.#routing?.fromBfd(message.changed);
        return;
      case 'pong':
        this.#pings.get(message.number)?.(message.counters);
        this.#pings.delete(message.number);
        return;
      case 'stopped':
        this.#stopped?.();
        return;
    }
  }

  #lost(error: Error, started: (failure: Error | undefined) => void): void {
    if (this.#stopped !== undefined) {
      this.#stopped();
      return;
    }
    this.#control.stop();
    started(error);
    this.#deps.onLost(error);
  }
}

/** The bundle of the wire thread lies beside the bundle of the main one; from the sources, in dist/. */
function wireEntry(): URL {
  return import.meta.url.endsWith('.ts')
    ? new URL('../../dist/wire.js', import.meta.url)
    : new URL('./wire.js', import.meta.url);
}
