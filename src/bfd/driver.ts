import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { HopDatagramNetwork, Network } from '../network/ports.ts';
import type { BfdSessionConfig } from './session-config.ts';
import type { BfdSessionReport } from './session-report.ts';

export interface BfdOptions {
  readonly datagrams: HopDatagramNetwork;
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Sessions whose state changed (in order, each change of it), or what was agreed. Not for every counter. */
  readonly onReport: (changed: readonly BfdSessionReport[]) => void;
}

/** The BFD sessions of this node. */
export declare class Bfd {
  constructor(options: BfdOptions);
  /** The whole list each time, compared by key: timers are renegotiated, a session that is missing says AdminDown and ends. */
  setSessions(sessions: readonly BfdSessionConfig[]): void;
  /** Sorted by key; as of now, counters included. */
  reports(): readonly BfdSessionReport[];
  /** Tells every peer AdminDown once, within the call, and is silent from then on. */
  stop(): void;
}
