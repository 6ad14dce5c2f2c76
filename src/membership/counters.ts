import { DATAGRAM_ERRORS, type DatagramError } from './wire/datagram.ts';

/** Since the start. */
export interface MembershipCounters {
  readonly sent: number;
  /** Octets of UDP payload. */
  readonly sentOctets: number;
  readonly received: number;
  readonly receivedOctets: number;
  /** Datagrams without any effect, by why. */
  readonly dropped: Readonly<Record<DatagramError, number>>;
  readonly sendErrors: number;
  readonly suspicions: number;
  /** Of them, those that ended with a sign of life. */
  readonly suspicionsEnded: number;
  /** Others suspected us. */
  readonly refuted: number;
  /** The process was found not to have run for a while. */
  readonly pauses: number;
  /** Lifeguard's score now: 0 is well. */
  readonly localHealth: number;
}

export type CountingMembership = { -readonly [K in Exclude<keyof MembershipCounters, 'dropped'>]: number } & {
  readonly dropped: Record<DatagramError, number>;
};

export const zeroCounters = (): CountingMembership => ({
  sent: 0,
  sentOctets: 0,
  received: 0,
  receivedOctets: 0,
  dropped: Object.fromEntries(DATAGRAM_ERRORS.map((error) => [error, 0])) as Record<DatagramError, number>,
  sendErrors: 0,
  suspicions: 0,
  suspicionsEnded: 0,
  refuted: 0,
  pauses: 0,
  localHealth: 0,
});
