import type { AuthenticationRefusal } from './authenticator.ts';
import type { ControlPacketMalformed } from './wire/control-packet.ts';

/** Why a packet was discarded: malformed, for nobody here, or not authentic. */
export type Discarded = ControlPacketMalformed | 'no-session' | AuthenticationRefusal;

/** Of all sessions, since the start. */
export interface BfdCounters {
  readonly sent: number;
  readonly received: number;
  readonly discarded: Readonly<Partial<Record<Discarded, number>>>;
  /** Lost in the kernel because the process did not read in time. */
  readonly droppedByKernel: number;
  readonly sendErrors: number;
  /** Times that we noticed not to have run for a while. */
  readonly stalls: number;
}

/** The same while it is counted. */
export type CountingBfd = { -readonly [K in Exclude<keyof BfdCounters, 'discarded'>]: number } & {
  readonly discarded: Partial<Record<Discarded, number>>;
};

export const zeroCounters = (): CountingBfd => ({
  sent: 0,
  received: 0,
  discarded: {},
  droppedByKernel: 0,
  sendErrors: 0,
  stalls: 0,
});
