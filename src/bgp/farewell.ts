import type { Fsm } from './fsm-events.ts';
import type { SessionConfig } from './session-config.ts';
import type { StopKind } from './session-events.ts';
import { CeaseError } from './wire/constants.ts';
import type { Notification } from './wire/message.ts';
import { cease, hardReset } from './wire/notification.ts';

/**
 * What we say when we end a session ourselves. A plain Cease no longer ends a graceful restart where both have the N bit
 * (RFC 8538 §4), so what is meant for good is a hard reset there (§5).
 */
const forGood = (fsm: Fsm, notification: Notification): Notification =>
  fsm.negotiated?.gracefulRestart?.notification === true ? hardReset(notification) : notification;

/** Undefined: nothing is said, since a NOTIFICATION would end the restart (RFC 4724 §4). */
export function stopNotification(
  fsm: Fsm,
  config: SessionConfig,
  how: StopKind,
  communication: string | undefined,
): Notification | undefined {
  if (how === 'deconfigured') return forGood(fsm, cease(CeaseError.peerDeconfigured));
  if (how === 'keep-routes') {
    const agreed = fsm.negotiated?.gracefulRestart;
    if (agreed?.notification === true) return cease(CeaseError.administrativeReset, communication);
    // Not agreed yet: what the peer keeps of an earlier session is not to be spoiled.
    if (agreed !== undefined || (fsm.negotiated === undefined && config.gracefulRestart !== undefined))
      return undefined;
  }
  return forGood(fsm, cease(CeaseError.administrativeShutdown, communication));
}

/** An operator who resets a session by hand wants nothing old to be left. */
export const resetNotification = (fsm: Fsm, communication: string | undefined): Notification =>
  forGood(fsm, cease(CeaseError.administrativeReset, communication));

/** RFC 9384 §3. The path is down, so the peer had better not keep routes that lead there (§4). */
export const livenessNotification = (fsm: Fsm): Notification => forGood(fsm, cease(CeaseError.bfdDown));
