import type { SessionState } from './wire/constants.ts';

/** What status, metrics, the log and whoever relies on the session know of it; plain values, so that they can cross threads. */
export interface BfdSessionReport {
  readonly key: string;
  /** "192.0.2.1", "fe80::1%eth0". */
  readonly remote: string;
  /** Of what was received last; undefined before that, where none is configured. */
  readonly local: string | undefined;
  readonly multihop: boolean;
  /** `admin-down`: one of the two ends wants it so, which is no failure of the path (RFC 5882 §3.2). `down` after `up` is one. */
  readonly state: SessionState;
  /** Wall time of the last change of `state` (milliseconds since 1970). */
  readonly since: number;
  /** Why it is not up, in words ("control detection time expired"). */
  readonly reason: string | undefined;
  /** RFC 5880 §4.1: ours, and the neighbour's last. */
  readonly diagnostic: number;
  readonly remoteDiagnostic: number;
  readonly discriminator: number;
  /** 0: not known. */
  readonly remoteDiscriminator: number;
  /** Milliseconds, as agreed; `receiveInterval` is what the neighbour sends at, times its multiplier the `detectionTime`. 0: none is sent. */
  readonly transmitInterval: number;
  readonly receiveInterval: number;
  readonly detectionTime: number;
  /** Milliseconds between echo packets; undefined: the echo function does not run. */
  readonly echoInterval: number | undefined;
  readonly authentication: string | undefined;
  readonly counters: BfdSessionCounters;
}

export interface BfdSessionCounters {
  /** Times that an up session failed. */
  readonly failures: number;
  readonly sent: number;
  readonly received: number;
  readonly echoSent: number;
  readonly echoReceived: number;
  /** Packets for this session that were discarded: authentication. */
  readonly refused: number;
}
