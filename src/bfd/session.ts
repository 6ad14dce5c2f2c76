import type { Milliseconds } from '../base/clock.ts';
import { type EchoState, NO_ECHO } from './echo-state.ts';
import { type OurIntervals, slowIntervals } from './negotiation.ts';
import type { BfdSessionConfig } from './session-config.ts';
import { Diagnostic, type SessionState } from './wire/constants.ts';
import type { ControlPacket } from './wire/control-packet.ts';

/** All that is known of one session, as the variables of RFC 5880 §6.8.1. */
export interface Session {
  readonly discriminator: number;
  readonly state: SessionState;
  readonly diagnostic: number;
  readonly remote: Remote;
  readonly intervals: OurIntervals;
  readonly echo: EchoState;
  /** Undefined: nothing for as long as the detection time, or ever. */
  readonly lastReceived: Milliseconds | undefined;
  /** When the schedule of periodic packets began anew; a Final that says nothing new is no part of it. */
  readonly lastSent: Milliseconds | undefined;
  /** What the last packet said. */
  readonly told: ControlPacket | undefined;
  /** Undefined: nothing is sent periodically. */
  readonly transmitInterval: Milliseconds | undefined;
  readonly detectionDue: Milliseconds | undefined;
  /** We did not run for a while, and the neighbour was given one interval more to be heard. */
  readonly grace: boolean;
}

/** What the neighbour said last. */
export interface Remote {
  /** 0: not known. */
  readonly discriminator: number;
  readonly state: SessionState;
  readonly diagnostic: number;
  readonly demand: boolean;
  readonly minRxUs: number;
  readonly desiredMinTxUs: number;
  readonly minEchoRxUs: number;
  readonly detectMultiplier: number;
}

/** A session while a step works on it. */
export type Draft = { -readonly [K in keyof Session]: Session[K] };

/** As RFC 5880 §6.8.1 demands at the start. */
export const UNKNOWN_REMOTE: Remote = {
  discriminator: 0,
  state: 'down',
  diagnostic: Diagnostic.none,
  demand: false,
  minRxUs: 1,
  desiredMinTxUs: 0,
  minEchoRxUs: 0,
  detectMultiplier: 0,
};

/** `discriminator`: unique among our sessions, not 0, and hard to guess. */
export const newSession = (discriminator: number, config: BfdSessionConfig): Session => ({
  discriminator,
  state: 'down',
  diagnostic: Diagnostic.none,
  remote: UNKNOWN_REMOTE,
  intervals: slowIntervals(config.timing),
  echo: NO_ECHO,
  lastReceived: undefined,
  lastSent: undefined,
  told: undefined,
  transmitInterval: undefined,
  detectionDue: undefined,
  grace: false,
});
