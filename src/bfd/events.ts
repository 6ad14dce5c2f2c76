import type { Milliseconds } from '../base/clock.ts';
import type { TimeRange } from './timing.ts';
import type { SessionState } from './wire/constants.ts';
import type { ControlPacket } from './wire/control-packet.ts';

export type SessionTimer = 'transmit' | 'detection' | 'echo-transmit' | 'echo-detection';

export type SessionEvent = { readonly now: Milliseconds } & (
  | { readonly kind: 'started' }
  /** The configuration that comes with this step is another one. */
  | { readonly kind: 'configured' }
  /** Authenticated, and for this session. */
  | { readonly kind: 'received'; readonly packet: ControlPacket }
  /** `stalled`: for how long we did not run when it was due, so that nothing could be received. */
  | { readonly kind: 'timer-fired'; readonly timer: SessionTimer; readonly stalled: Milliseconds }
  /** Whether this node forwards, and so would send the neighbour's echo packets back. */
  | { readonly kind: 'echo-offered'; readonly offered: boolean }
  /** Whether echo packets can be sent. */
  | { readonly kind: 'echo-possible'; readonly possible: boolean }
  | { readonly kind: 'echo-returned' }
);

export type SessionEffect =
  | { readonly kind: 'transmit'; readonly packet: ControlPacket }
  | { readonly kind: 'transmit-echo' }
  /** At a time drawn from the range; in the past: at once. Replaces the one of that name. */
  | ({ readonly kind: 'start-timer'; readonly timer: SessionTimer } & TimeRange)
  | { readonly kind: 'stop-timer'; readonly timer: SessionTimer }
  | { readonly kind: 'state-changed'; readonly from: SessionState }
  /** Other intervals are in force. */
  | { readonly kind: 'agreed' };
