import { ms, seconds } from '../base/clock.ts';
import { unreachable } from '../base/errors.ts';
import { Connections } from './connections.ts';
import { idleHoldTime } from './damping.ts';
import { livenessNotification, resetNotification, stopNotification } from './farewell.ts';
import { type FsmEvent, isConnected } from './fsm-events.ts';
import { negotiate, sameFacts } from './negotiation.ts';
import { openFor, sameMemory, sameOffer } from './open-message.ts';
import type { SessionConfig } from './session-config.ts';
import { SessionDesk } from './session-desk.ts';
import type { SessionEnd } from './session-error.ts';
import type { ConnectionId, SessionEffect, SessionEvent, SessionTimer } from './session-events.ts';
import type { SessionState } from './session-report.ts';
import type { Slot } from './slot.ts';
import { CeaseError, ErrorCode, OpenError, RefreshSubtype } from './wire/constants.ts';
import type { Message, MessageError, Notification, RouteRefresh, Update } from './wire/message.ts';
import { ipFamilyOf } from './wire/nlri.ts';
import { cease } from './wire/notification.ts';
import { endOfRib } from './wire/update.ts';

/**
 * One peer: what happens to it as events, what is to be done as effects (session-events.ts). Deterministic, without clock or
 * sockets, so that two of them run against each other in a test on virtual time.
 *
 * Its connections, at most two, are in connections.ts. Here is what outlives them: whether the operator wants the session,
 * when it is started again after a failure (damping.ts), what is said when we end it (farewell.ts), and a new configuration.
 *
 * Deliberately missing: what the peer announces (it is dropped, the driver counts it), and any view of our own routes.
 *
 * Standards: RFC 4271 §6.7, §6.8, §8; RFC 2918, 4486, 4724, 5492 §3, 6286, 8538, 9003, 9384.
 */
export class Session {
  readonly #desk: SessionDesk;
  readonly #connections: Connections;
  #running = false;
  /** The IdleHoldTimer runs. */
  #holding = false;
  /** The operator, or a new configuration, does not wait for the damping. */
  #atOnce = false;
  #state: SessionState = 'idle';

  constructor(config: SessionConfig) {
    this.#desk = new SessionDesk(config);
    this.#connections = new Connections(this.#desk);
  }

  handle(event: SessionEvent): readonly SessionEffect[] {
    this.#desk.now = event.now;
    this.#step(event);
    if (this.#connections.arrange()) this.#stopHolding();
    if (this.#running && this.#connections.main.fsm.state === 'idle' && !this.#holding) this.#startAgain();
    const { state } = this.#connections;
    if (state !== this.#state) this.#desk.emit({ kind: 'state-changed', state });
    this.#state = state;
    return this.#desk.takeEffects();
  }

  #step(event: SessionEvent): void {
    switch (event.kind) {
      case 'start':
        if (!this.#running) this.#start(event.restarting, event.forwarding);
        return;
      case 'stop':
        this.#running = false;
        this.#endAll((slot) => stopNotification(slot.fsm, this.#desk.config, event.how, event.communication));
        return;
      case 'reset':
        if (event.how === 'soft') this.#refreshAll();
        else if (this.#running) this.#again((slot) => resetNotification(slot.fsm, event.communication));
        return;
      case 'configured':
        this.#configured(event.config, event.reconnect);
        return;
      case 'accepted':
        this.#connections.accepted(event.connection);
        return;
      case 'connected':
        this.#apply(event.connection, { kind: 'tcp-connected' });
        return;
      case 'connect-failed':
      case 'closed':
        this.#apply(event.connection, { kind: 'tcp-failed', message: event.message });
        return;
      case 'received': {
        const slot = this.#connections.of(event.connection);
        if (slot !== undefined) this.#received(slot, event.message);
        return;
      }
      case 'malformed':
        this.#apply(event.connection, malformed(event.error));
        return;
      case 'written':
        this.#apply(event.connection, { kind: 'written' });
        return;
      case 'timer-fired':
        this.#fired(event.timer);
        return;
      case 'liveness-lost':
        this.#livenessLost(event.message);
        return;
      default:
        unreachable(event);
    }
  }

  #apply(connection: ConnectionId, event: FsmEvent): void {
    const slot = this.#connections.of(connection);
    if (slot !== undefined) this.#connections.apply(slot, event);
  }

  #start(restarting: boolean, forwarding: boolean): void {
    this.#running = true;
    this.#atOnce = true;
    this.#desk.situate({ restarting, forwarding, plain: false });
  }

  /** RFC 2918 lets the peer ask for it; here our operator does. */
  #refreshAll(): void {
    const { state, negotiated } = this.#connections.main.fsm;
    if (state !== 'established') return;
    for (const family of negotiated?.families ?? []) this.#desk.emit({ kind: 'refresh', family });
  }

  #configured(config: SessionConfig, reconnect: boolean): void {
    const all = reconnect || config.passive !== this.#desk.config.passive;
    const anew = all || this.#connections.slots().some((slot) => this.#changes(slot, config));
    this.#desk.configure(config);
    if (anew && this.#running) this.#again(() => cease(CeaseError.otherConfigurationChange));
  }

  /** Whether this connection would have become another one with that configuration. */
  #changes({ fsm, open, peerOpen }: Slot, config: SessionConfig): boolean {
    if (open === undefined || !isConnected(fsm)) return false;
    const offer = openFor(config, this.#desk.situation);
    if (fsm.negotiated === undefined || peerOpen === undefined) return !sameOffer(offer, open);
    const agreed = negotiate(config, offer, peerOpen);
    return !agreed.ok || !sameFacts(agreed.value, fsm.negotiated) || !sameMemory(offer, open, agreed.value.families);
  }

  #received(slot: Slot, message: Message): void {
    switch (message.kind) {
      case 'open':
        this.#connections.opened(slot, message);
        return;
      case 'keepalive':
        this.#connections.apply(slot, { kind: 'keepalive' });
        return;
      case 'notification':
        this.#told(slot, message);
        return;
      case 'update':
        this.#updated(slot, message);
        return;
      case 'route-refresh':
        this.#asked(slot, message);
        return;
      default:
        unreachable(message);
    }
  }

  #told(slot: Slot, notification: Notification): void {
    const { code, subcode } = notification;
    // RFC 5492 §3: again without what it does not understand; and, if that was not it either, with it.
    if (code === ErrorCode.open && subcode === OpenError.unsupportedParameter)
      this.#desk.situate({ plain: !this.#desk.situation.plain });
    this.#connections.apply(slot, { kind: 'notification', notification });
  }

  #updated(slot: Slot, update: Update): void {
    this.#connections.apply(slot, { kind: 'update' });
    if (slot.fsm.state !== 'established') return;
    const ended = endOfRib(update);
    const family = ended && ipFamilyOf(ended);
    if (family !== undefined) this.#desk.emit({ kind: 'end-of-rib', family });
  }

  #asked(slot: Slot, { family: wire, subtype }: RouteRefresh): void {
    this.#connections.apply(slot, { kind: 'route-refresh' });
    const { state, negotiated } = slot.fsm;
    const family = ipFamilyOf(wire);
    // RFC 7313 §4: begin and end are about the peer's own routes.
    if (state !== 'established' || family === undefined || subtype !== RefreshSubtype.request) return;
    // RFC 2918 §4: what was not agreed upon is ignored.
    if (negotiated?.families.includes(family) === true) this.#desk.emit({ kind: 'refresh', family });
  }

  #livenessLost(message: string): void {
    for (const slot of this.#connections.slots())
      if (isConnected(slot.fsm))
        this.#connections.apply(slot, {
          kind: 'automatic-stop',
          notification: livenessNotification(slot.fsm),
          message: `BFD says that the path to the router is down (${message})`,
        });
  }

  #fired(timer: SessionTimer): void {
    if (timer !== IDLE_HOLD) {
      this.#connections.fired(timer);
      return;
    }
    if (!this.#holding) return;
    this.#holding = false;
    this.#startMain({ passive: this.#desk.config.passive, damped: true });
  }

  /** A new session, without waiting. */
  #again(notificationFor: (slot: Slot) => Notification | undefined): void {
    this.#endAll(notificationFor);
    this.#atOnce = true;
  }

  #endAll(notificationFor: (slot: Slot) => Notification | undefined): void {
    this.#stopHolding();
    this.#connections.stopAll(notificationFor);
  }

  /**
   * RFC 4271 §8.1.2, events 1 and 3 to 7. After a failure we listen before we connect, so that a router that comes back
   * first is not refused.
   */
  #startAgain(): void {
    if (this.#atOnce) {
      this.#atOnce = false;
      this.#startMain({ passive: this.#desk.config.passive, damped: false });
      return;
    }
    if (wasUnavailable(this.#desk.lastEnd)) {
      this.#startMain({ passive: true, damped: true });
      return;
    }
    const hold = idleHoldTime(this.#connections.main.fsm.connectRetryCounter);
    if (hold === undefined) {
      this.#startMain({ passive: true, damped: true, connectAfter: SOON });
      return;
    }
    this.#holding = true;
    this.#desk.emit({ kind: 'start-timer', timer: IDLE_HOLD, atLeast: ms(hold * 0.75), atMost: hold });
  }

  #startMain(how: Omit<Extract<FsmEvent, { kind: 'start' }>, 'kind'>): void {
    this.#connections.apply(this.#connections.main, { kind: 'start', ...how });
  }

  #stopHolding(): void {
    if (this.#holding) this.#desk.emit({ kind: 'stop-timer', timer: IDLE_HOLD });
    this.#holding = false;
  }
}

const IDLE_HOLD = 'idle-hold' as SessionTimer;
/** One failure: again soon, and not at the same moment as the peer. */
const SOON = { atLeast: ms(250), atMost: seconds(1) };

/** The peer is not there, or takes nobody now: it is tried again after ConnectRetryTime, and may come itself before. */
function wasUnavailable(end: SessionEnd | undefined): boolean {
  if (end?.kind === 'connect-failed') return true;
  const { code, subcode } = end?.notification ?? {};
  return end?.kind === 'notification-received' && code === ErrorCode.cease && subcode === CeaseError.connectionRejected;
}

/** RFC 4271 §8.1.5: events 21, 22 and 28, by the code that the NOTIFICATION is to have. */
function malformed(error: MessageError): FsmEvent {
  switch (error.code) {
    case ErrorCode.open:
      return { kind: 'open-error', error };
    case ErrorCode.update:
      return { kind: 'update-error', error };
    case ErrorCode.routeRefresh:
      return { kind: 'route-refresh-error', error };
    default:
      return { kind: 'header-error', error };
  }
}
