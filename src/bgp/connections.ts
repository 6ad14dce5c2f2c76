import { type Milliseconds, ms, seconds } from '../base/clock.ts';
import { unreachable } from '../base/errors.ts';
import type { IpAddress } from '../base/ip-address.ts';
import { loserOf } from './collision.ts';
import { wasStable } from './damping.ts';
import { step } from './fsm.ts';
import { type Fsm, type FsmEffect, type FsmEvent, type FsmTimer, isConnected } from './fsm-events.ts';
import { negotiate } from './negotiation.ts';
import { localAsnOf } from './session-config.ts';
import type { SessionDesk } from './session-desk.ts';
import { peerKeepsRoutes, type SessionEnd, sessionEnd } from './session-error.ts';
import type { ConnectionId, SessionTimer } from './session-events.ts';
import type { SessionState } from './session-report.ts';
import { Slot } from './slot.ts';
import { CeaseError } from './wire/constants.ts';
import type { Message, Notification, Open } from './wire/message.ts';
import { cease } from './wire/notification.ts';

/** Two connections that were made at the same time are sorted out long before. */
const COLLISION_WINDOW: Milliseconds = seconds(10);
/** To read what came while this process did not run, before the peer is called silent. */
const GRACE: Milliseconds = ms(500);
const RESTARTED = 'the router connected anew: it has restarted, and the old connection is void (RFC 4724 §4.2)';

/** How far a session is. */
const RANK: Readonly<Record<SessionState, number>> = {
  idle: 0,
  active: 1,
  connect: 2,
  'open-sent': 3,
  'open-confirm': 4,
  established: 5,
};

/**
 * The connections of one session. A main slot, which is started and stopped and connects; and, while the peer has a
 * connection to us beside that, a second one. Each slot is the state machine of one connection (fsm.ts). Of two the rule of
 * collisions keeps one (RFC 4271 §6.8); when the main one has no connection left, the second takes its place.
 */
export class Connections {
  readonly #desk: SessionDesk;
  #main = new Slot(0);
  #second: Slot | undefined;
  #slots = 1;
  #attempts = 0;

  constructor(desk: SessionDesk) {
    this.#desk = desk;
  }

  get main(): Slot {
    return this.#main;
  }

  /** Of the one that is further. */
  get state(): SessionState {
    const { state } = this.#main.fsm;
    const second = this.#second?.fsm.state ?? 'idle';
    return RANK[second] > RANK[state] ? second : state;
  }

  slots(): readonly Slot[] {
    return this.#second === undefined ? [this.#main] : [this.#main, this.#second];
  }

  of(connection: ConnectionId): Slot | undefined {
    return this.slots().find((slot) => slot.connection === connection);
  }

  apply(slot: Slot, event: FsmEvent): void {
    const before = slot.fsm;
    const { fsm, effects } = step(before, event, this.#desk.fsmConfig);
    slot.fsm = fsm;
    for (const effect of effects) this.#perform(slot, effect, before);
    if (fsm.state === 'established' && before.state !== 'established') this.#cameUp(slot);
  }

  stopAll(notificationFor: (slot: Slot) => Notification | undefined): void {
    for (const slot of this.slots()) this.apply(slot, { kind: 'manual-stop', notification: notificationFor(slot) });
  }

  fired(timer: SessionTimer): void {
    for (const slot of this.slots()) {
      const event = slot.fired(timer, this.#desk.now);
      if (event === 'late') this.#startTimer(slot, 'hold', GRACE, GRACE);
      else if (event !== undefined) this.apply(slot, event);
    }
  }

  /** RFC 4271 §8.2.1: each incoming connection has a state machine of its own until it is known which one stays. */
  accepted(connection: ConnectionId): void {
    const main = this.#main;
    if (main.fsm.state === 'idle') {
      this.#reject(connection, CeaseError.connectionRejected);
      return;
    }
    if (main.isListening) {
      main.connection = connection;
      this.apply(main, { kind: 'tcp-connected' });
      return;
    }
    if (this.#second?.fsm.state === 'open-confirm') {
      this.#reject(connection, CeaseError.connectionCollision);
      return;
    }
    // Who connects once more has given up the connection before.
    if (this.#second !== undefined) this.apply(this.#second, { kind: 'open-collision-dump' });
    const second = new Slot(this.#slots++);
    // Its own from here on: that it wins a collision is no failure.
    second.fsm = { ...second.fsm, state: 'active', connectRetryCounter: main.fsm.connectRetryCounter };
    second.connection = connection;
    this.#second = second;
    // A router that restarted does not know the old connection any more, and says so as soon as something arrives on it.
    if (main.fsm.state === 'established') this.#send(main, { kind: 'keepalive' });
    this.apply(second, { kind: 'tcp-connected' });
  }

  opened(slot: Slot, open: Open): void {
    const { state, delayingOpen, negotiated } = slot.fsm;
    if (state !== 'open-sent' && !delayingOpen) {
      // Out of place; what it says does not matter any more.
      if (negotiated !== undefined) this.apply(slot, { kind: 'open', negotiated });
      return;
    }
    slot.peerOpen = open;
    const agreed = negotiate(this.#desk.config, slot.open ?? this.#desk.fsmConfig.open, open);
    if (!agreed.ok) this.apply(slot, { kind: 'open-error', error: agreed.error });
    else if (this.#winsOver(slot, this.#beside(slot), agreed.value.peerRouterId))
      this.apply(slot, { kind: 'open', negotiated: agreed.value });
    else this.apply(slot, { kind: 'open-collision-dump' });
  }

  /**
   * A slot without connection is worth nothing beside one that has one; the established one is the main one. True: there is
   * another main slot.
   */
  arrange(): boolean {
    const second = this.#second;
    if (second === undefined) return false;
    if (!isConnected(second.fsm)) {
      this.#second = undefined;
      this.#retire(second);
      return false;
    }
    const main = this.#main;
    if (main.fsm.state === 'idle' || main.isListening) {
      this.#retire(main);
      this.#second = undefined;
    } else if (second.fsm.state === 'established') this.#second = main;
    else return false;
    this.#main = second;
    return true;
  }

  /** RFC 4271 §6.8 for an OPEN that has come on `slot`; the other one is closed where it loses. */
  #winsOver(slot: Slot, other: Slot | undefined, peerRouterId: IpAddress): boolean {
    if (other?.fsm.state === 'established') {
      if (!this.#hasRestarted(slot, other)) return false;
      this.apply(other, { kind: 'tcp-failed', message: RESTARTED });
      return true;
    }
    if (other?.fsm.state !== 'open-confirm') return true;
    const { config } = this.#desk;
    const local = { routerId: config.routerId, asn: localAsnOf(config) };
    const remote = { routerId: peerRouterId, asn: other.fsm.negotiated?.peerAsn ?? 0 };
    if (loserOf(other.direction, slot.direction, { local, remote }) === 'fresh') return false;
    this.apply(other, { kind: 'open-collision-dump' });
    return true;
  }

  /**
   * RFC 4724 §4.2: with graceful restart a new connection of the peer means that the old one is void. Not right after the
   * old one came up: then it is the late one of two that were made at the same time, and both would be lost.
   */
  #hasRestarted(slot: Slot, old: Slot): boolean {
    const { now, upSince } = this.#desk;
    const agreed = old.fsm.negotiated?.gracefulRestart !== undefined;
    return agreed && slot.direction === 'in' && now - upSince >= COLLISION_WINDOW;
  }

  #perform(slot: Slot, effect: FsmEffect, before: Fsm): void {
    switch (effect.kind) {
      case 'connect':
        slot.connection = `out ${this.#attempts++}`;
        this.#desk.emit({ kind: 'connect', connection: slot.connection });
        return;
      case 'close': {
        const { connection } = slot;
        slot.forget();
        if (connection !== undefined) this.#desk.emit({ kind: 'close', connection, how: effect.how });
        return;
      }
      case 'send':
        this.#send(slot, effect.message);
        return;
      case 'start-timer':
        this.#startTimer(slot, effect.timer, effect.atLeast, effect.atMost);
        return;
      case 'stop-timer': {
        const timer = slot.stopped(effect.timer);
        if (timer !== undefined) this.#desk.emit({ kind: 'stop-timer', timer });
        return;
      }
      case 'ended':
        this.#ended(slot, sessionEnd(effect.ending, this.#desk.config, isConnected(before)), before);
        return;
      default:
        unreachable(effect);
    }
  }

  #startTimer(slot: Slot, timer: FsmTimer, atLeast: Milliseconds, atMost: Milliseconds): void {
    const name = slot.started(timer, ms(this.#desk.now + atMost));
    this.#desk.emit({ kind: 'start-timer', timer: name, atLeast, atMost });
  }

  #send(slot: Slot, message: Message): void {
    const { connection } = slot;
    if (connection === undefined) return;
    if (message.kind === 'open') slot.open = message;
    this.#desk.emit({ kind: 'send', connection, message });
  }

  #ended(slot: Slot, end: SessionEnd, before: Fsm): void {
    const desk = this.#desk;
    desk.lastEnd = end;
    const { connection } = slot;
    if (connection === undefined) return;
    if (before.state !== 'established') {
      if (end.kind !== 'closed-silently') desk.emit({ kind: 'attempt-failed', connection, end });
      return;
    }
    if (wasStable(ms(desk.now - desk.upSince)))
      slot.fsm = { ...slot.fsm, connectRetryCounter: Math.min(1, slot.fsm.connectRetryCounter) };
    desk.situate({ plain: false });
    desk.emit({ kind: 'session-down', connection, end, peerKeepsRoutes: peerKeepsRoutes(before.negotiated, end) });
  }

  #cameUp(slot: Slot): void {
    const desk = this.#desk;
    const { connection } = slot;
    const { negotiated } = slot.fsm;
    if (connection === undefined || negotiated === undefined) return;
    desk.upSince = desk.now;
    // From now on this process is the one that the peer knows, and while it lives so does the data path.
    desk.situate({ restarting: false, forwarding: true });
    desk.emit({ kind: 'session-up', connection, negotiated });
    const other = this.#beside(slot);
    // An attempt is in vain now; a connection that is there may still win (§6.8), or dies of its hold timer.
    if (other?.fsm.state === 'connect' || other?.fsm.state === 'active')
      this.apply(other, { kind: 'manual-stop', notification: cease(CeaseError.connectionCollision) });
  }

  /** RFC 4486 §4. */
  #reject(connection: ConnectionId, subcode: number): void {
    this.#desk.emit({ kind: 'send', connection, message: cease(subcode) });
    this.#desk.emit({ kind: 'close', connection, how: 'flush' });
  }

  #retire(slot: Slot): void {
    for (const timer of slot.stopAll()) this.#desk.emit({ kind: 'stop-timer', timer });
  }

  #beside(slot: Slot): Slot | undefined {
    return slot === this.#main ? this.#second : this.#main;
  }
}
