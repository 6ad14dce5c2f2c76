import { DROP_REASONS, type DropReason } from './responder.ts';

/** Since the start. For held addresses `received` is `answered` plus what was dropped. */
export interface ProtocolCounters {
  /** Frames that the filter in the kernel let pass. */
  readonly received: number;
  readonly answered: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
  /** Lost in the kernel because the process did not read in time. */
  readonly droppedByKernel: number;
  /** Frames, refreshes and defences included. */
  readonly gratuitousSent: number;
  readonly probesSent: number;
  /** How often a conflict began. */
  readonly conflicts: number;
  readonly sendErrors: number;
}

export interface Layer2Counters {
  readonly arp: ProtocolCounters;
  readonly ndp: ProtocolCounters;
}

/** The same while it is counted. */
export type CountingProtocol = { -readonly [K in Exclude<keyof ProtocolCounters, 'dropped'>]: number } & {
  readonly dropped: Record<DropReason, number>;
};

export const zeroCounters = (): CountingProtocol => ({
  received: 0,
  answered: 0,
  dropped: Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Record<DropReason, number>,
  droppedByKernel: 0,
  gratuitousSent: 0,
  probesSent: 0,
  conflicts: 0,
  sendErrors: 0,
});
