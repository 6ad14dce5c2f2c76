import { type Clock, seconds } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { ClusterReader, ReportBoard } from '../cluster/ports.ts';
import type { InventoryTaker } from '../inventory/take.ts';
import type { GroupKey } from '../membership/keys.ts';
import type { NeighbourNetwork, Network, StreamNetwork } from '../network/ports.ts';
import { Control, type ControlSnapshot } from './control.ts';
import type { WireCounters, WireOptions } from './messages.ts';
import { Routing } from './routing.ts';
import type { WireWord, WireWorker } from './wire-worker.ts';

/** How long a stop waits for the wire thread to hand over and say goodbye before it is ended without. */
const STOP_LIMIT = seconds(5);
/** A wire thread that has not answered within this is called dead by /healthz. */
const PING_LIMIT = seconds(2);

export interface SpeakerDeps extends Pick<WireOptions, 'node' | 'observe'> {
  readonly wire: WireWorker;
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

/** A speaker: the control thread's part here, and the wire thread. */
export class Speaker {
  readonly #deps: SpeakerDeps;
  readonly #control: Control;
  /** Undefined: this speaker only observes. */
  readonly #routing: Routing | undefined;
  readonly #pings = new Map<number, (counters: WireCounters) => void>();
  #pingNumber = 0;
  #stopped: (() => void) | undefined;

  /** The error says what the wire thread lacks (a privilege, the native addon). */
  static async start(deps: SpeakerDeps): Promise<Speaker> {
    const speaker = new Speaker(deps);
    await deps.wire.started();
    return speaker;
  }

  private constructor(deps: SpeakerDeps) {
    this.#deps = deps;
    const { observe, wire } = deps;
    this.#routing = observe
      ? undefined
      : new Routing({
          ...deps,
          tellBfd: (sessions) => wire.send({ kind: 'bfd', sessions }),
          wireDone: async () => void (await this.ping()),
          changed: () => this.#control.sessionsChanged(),
        });
    this.#control = new Control({ ...deps, routing: this.#routing, toWire: (message) => wire.send(message) });
    wire.attach(
      (message) => this.#receive(message),
      (error) => this.#lost(error),
    );
  }

  snapshot(): ControlSnapshot {
    return this.#control.snapshot();
  }

  /** A rotation: what membership seals and opens datagrams with from now on. */
  useKeys(keys: readonly GroupKey[]): void {
    this.#deps.wire.send({ kind: 'keys', keys });
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
      this.#deps.wire.send({ kind: 'ping', number });
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
      this.#deps.wire.send({ kind: 'stop' });
    });
    await this.#deps.wire.terminate();
  }

  #receive(message: WireWord): void {
    switch (message.kind) {
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

  #lost(error: Error): void {
    if (this.#stopped !== undefined) {
      this.#stopped();
      return;
    }
    this.#control.stop();
    this.#deps.onLost(error);
  }
}
