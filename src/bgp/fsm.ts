import { unreachable } from '../base/errors.ts';
import {
  confirm,
  drop,
  exactly,
  fail,
  listenAgain,
  loseCollision,
  refuse,
  SEND_KEEPALIVE,
  type Step,
  sendOpen,
  sent,
  startConnectRetry,
  startHold,
  startKeepalive,
  startSendHold,
  startTimer,
  stay,
  stop,
  stopTimer,
  toIdle,
  told,
  unexpected,
} from './fsm-actions.ts';
import type { Fsm, FsmConfig, FsmEvent } from './fsm-events.ts';
import { ErrorCode } from './wire/constants.ts';
import { notification } from './wire/notification.ts';

/**
 * The finite state machine of RFC 4271 §8 for one connection: `step(state, event, config)`, total and pure, one function a
 * state. session.ts joins two of them (collision), gives them connections, and starts them again.
 *
 * Of the attributes of §8.1.1: DelayOpen, PassiveTcpEstablishment, DampPeerOscillations (session.ts);
 * SendNOTIFICATIONwithoutOPEN is on, CollisionDetectEstablishedState off; AcceptConnectionsUnconfiguredPeers and
 * TrackTcpState (events 14, 15) are not there.
 *
 * ther than §8.2.2, deliberately: a NOTIFICATION is not answered by one in OpenSent (RFC 6608 §4 has it among the valid
 * messages there); the ConnectRetryCounter does not count collisions and refusals (fsm-actions.ts); a header in error is
 * called that in Established too (§6.1 is a MUST); a passive peer has no ConnectRetryTimer, since it never connects; in Idle
 * no timer runs, also after event 18 in Active.
 *
 * Standards: RFC 4271 §8 and §10, RFC 6608, RFC 9687, RFC 2918.
 */

export function step(fsm: Fsm, event: FsmEvent, config: FsmConfig): Step {
  switch (fsm.state) {
    case 'idle':
      return inIdle(fsm, event, config);
    case 'connect':
    case 'active':
      return beforeOpen(fsm, event, config);
    case 'open-sent':
      return inOpenSent(fsm, event, config);
    case 'open-confirm':
      return inOpenConfirm(fsm, event);
    case 'established':
      return inEstablished(fsm, event);
    default:
      return unreachable(fsm.state);
  }
}

function inIdle(fsm: Fsm, event: FsmEvent, config: FsmConfig): Step {
  if (event.kind !== 'start') return stay(fsm);
  const connectRetryCounter = event.damped ? fsm.connectRetryCounter : 0;
  const wait = startConnectRetry(config, event.connectAfter);
  if (event.passive || config.passive) return { fsm: { ...fsm, connectRetryCounter, state: 'active' }, effects: wait };
  return { fsm: { ...fsm, connectRetryCounter, state: 'connect' }, effects: [...wait, { kind: 'connect' }] };
}

/** Connect and Active, which differ in whether a connection is under way; with DelayOpen one may be there in either. */
function beforeOpen(fsm: Fsm, event: FsmEvent, config: FsmConfig): Step {
  switch (event.kind) {
    case 'start':
    case 'written':
      return stay(fsm);
    case 'manual-stop':
      return stop(fsm, event.notification);
    case 'connect-retry-timer-expired':
      if (config.passive || fsm.delayingOpen) return stay(fsm);
      return {
        fsm: { ...fsm, state: 'connect' },
        effects: [
          ...(fsm.state === 'connect' ? drop({ kind: 'no-answer' }, 'abort') : []),
          ...startConnectRetry(config),
          { kind: 'connect' },
        ],
      };
    case 'tcp-connected':
      if (fsm.delayingOpen) return stay(fsm);
      if (config.delayOpenTime === undefined) return sendOpen(fsm, config);
      return {
        fsm: { ...fsm, delayingOpen: true },
        effects: [stopTimer('connect-retry'), startTimer('delay-open', exactly(config.delayOpenTime))],
      };
    case 'delay-open-timer-expired':
      return fsm.delayingOpen ? sendOpen(fsm, config) : stay(fsm);
    case 'tcp-failed':
      if (fsm.state === 'active') return toIdle(fsm, event, 1);
      return fsm.delayingOpen ? listenAgain(fsm, event, config) : toIdle(fsm, event, 0);
    case 'open':
      if (!fsm.delayingOpen) return unexpected(fsm, event);
      return confirm(fsm, event.negotiated, [{ kind: 'send', message: config.open }]);
    case 'header-error':
    case 'open-error':
      return refuse(fsm, event.error);
    case 'notification':
      return told(fsm, event.notification);
    case 'automatic-stop':
      return fail(fsm, event.notification, event.message);
    case 'open-collision-dump':
      return loseCollision(fsm);
    case 'hold-timer-expired':
    case 'keepalive-timer-expired':
    case 'keepalive':
    case 'update':
    case 'update-error':
    case 'send-hold-timer-expired':
    case 'route-refresh':
    case 'route-refresh-error':
      return unexpected(fsm, event);
  }
}

function inOpenSent(fsm: Fsm, event: FsmEvent, config: FsmConfig): Step {
  switch (event.kind) {
    case 'start':
    case 'written':
    // §6.8: the second connection has a state machine of its own until it sends an OPEN.
    case 'tcp-connected':
      return stay(fsm);
    case 'manual-stop':
      return stop(fsm, event.notification);
    case 'automatic-stop':
      return fail(fsm, event.notification, event.message);
    case 'hold-timer-expired':
      return fail(fsm, notification(ErrorCode.holdTimerExpired, 0), undefined);
    case 'tcp-failed':
      return listenAgain(fsm, event, config);
    case 'open':
      return confirm(fsm, event.negotiated, []);
    case 'header-error':
    case 'open-error':
      return refuse(fsm, event.error);
    case 'open-collision-dump':
      return loseCollision(fsm);
    case 'notification':
      return told(fsm, event.notification);
    case 'connect-retry-timer-expired':
    case 'keepalive-timer-expired':
    case 'delay-open-timer-expired':
    case 'keepalive':
    case 'update':
    case 'update-error':
    case 'send-hold-timer-expired':
    case 'route-refresh':
    case 'route-refresh-error':
      return unexpected(fsm, event);
  }
}

function inOpenConfirm(fsm: Fsm, event: FsmEvent): Step {
  switch (event.kind) {
    case 'start':
    case 'written':
    case 'tcp-connected':
      return stay(fsm);
    case 'manual-stop':
      return stop(fsm, event.notification);
    case 'automatic-stop':
      return fail(fsm, event.notification, event.message);
    case 'hold-timer-expired':
      return fail(fsm, notification(ErrorCode.holdTimerExpired, 0), undefined);
    case 'keepalive-timer-expired':
      return { fsm, effects: [SEND_KEEPALIVE, ...startKeepalive(fsm.negotiated)] };
    case 'tcp-failed':
      return toIdle(fsm, event, 1);
    case 'header-error':
    case 'open-error':
      return refuse(fsm, event.error);
    case 'open-collision-dump':
      return loseCollision(fsm);
    case 'notification':
      return told(fsm, event.notification);
    case 'keepalive':
      return {
        fsm: { ...fsm, state: 'established' },
        effects: [
          ...(fsm.negotiated?.holdTime === 0 ? [stopTimer('hold')] : startHold(fsm.negotiated)),
          ...startSendHold(fsm.negotiated),
        ],
      };
    case 'connect-retry-timer-expired':
    case 'delay-open-timer-expired':
    case 'open':
    case 'update':
    case 'update-error':
    case 'send-hold-timer-expired':
    case 'route-refresh':
    case 'route-refresh-error':
      return unexpected(fsm, event);
  }
}

function inEstablished(fsm: Fsm, event: FsmEvent): Step {
  switch (event.kind) {
    case 'keepalive':
    case 'update':
      return { fsm, effects: startHold(fsm.negotiated) };
    case 'written':
      return { fsm, effects: startSendHold(fsm.negotiated) };
    case 'keepalive-timer-expired':
      return { fsm, effects: [SEND_KEEPALIVE, ...startKeepalive(fsm.negotiated)] };
    case 'start':
    case 'tcp-connected':
    case 'route-refresh':
      return stay(fsm);
    case 'manual-stop':
      return stop(fsm, event.notification);
    case 'automatic-stop':
      return fail(fsm, event.notification, event.message);
    case 'hold-timer-expired':
      return fail(fsm, notification(ErrorCode.holdTimerExpired, 0), undefined);
    case 'send-hold-timer-expired':
      // RFC 9687 §4.3: the peer reads nothing, so nothing waits until the NOTIFICATION is through.
      return toIdle(fsm, sent(notification(ErrorCode.sendHoldTimerExpired, 0)), 1, 'abort');
    case 'tcp-failed':
      return toIdle(fsm, event, 1);
    case 'header-error':
    case 'update-error':
    case 'route-refresh-error':
      return refuse(fsm, event.error);
    case 'open-collision-dump':
      return loseCollision(fsm);
    case 'notification':
      return told(fsm, event.notification);
    case 'connect-retry-timer-expired':
    case 'delay-open-timer-expired':
    case 'open':
    case 'open-error':
      return unexpected(fsm, event);
  }
}
