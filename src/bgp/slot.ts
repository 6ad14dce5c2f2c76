import type { Milliseconds } from '../base/clock.ts';
import type { Direction } from './collision.ts';
import { type Fsm, type FsmEvent, type FsmTimer, IDLE, isConnected } from './fsm-events.ts';
import type { ConnectionId, SessionTimer } from './session-events.ts';
import type { Open } from './wire/message.ts';

/** Which event a timer of one connection is (RFC 4271 §8.1.3, RFC 9687 §4.2). */
const EXPIRED: Readonly<Record<FsmTimer, FsmEvent>> = {
  'connect-retry': { kind: 'connect-retry-timer-expired' },
  'delay-open': { kind: 'delay-open-timer-expired' },
  hold: { kind: 'hold-timer-expired' },
  keepalive: { kind: 'keepalive-timer-expired' },
  'send-hold': { kind: 'send-hold-timer-expired' },
};

/** No timer is late by so much unless nothing ran. */
const LATE = 250;

/** One state machine with what belongs to its connection: the name of it, its timers, both OPENs. */
export class Slot {
  readonly #id: number;
  readonly #timers = new Map<SessionTimer, { readonly timer: FsmTimer; readonly due: Milliseconds }>();
  fsm: Fsm = IDLE;
  connection: ConnectionId | undefined;
  /** That we sent on it. */
  open: Open | undefined;
  peerOpen: Open | undefined;

  constructor(id: number) {
    this.#id = id;
  }

  get direction(): Direction {
    return this.connection?.startsWith('in') === true ? 'in' : 'out';
  }

  /** In Active without a connection: the next one that comes is its own. */
  get isListening(): boolean {
    return this.fsm.state === 'active' && !isConnected(this.fsm);
  }

  /** `due`: at the latest. */
  started(timer: FsmTimer, due: Milliseconds): SessionTimer {
    const name = this.#nameOf(timer);
    this.#timers.set(name, { timer, due });
    return name;
  }

  /** Undefined: it did not run. */
  stopped(timer: FsmTimer): SessionTimer | undefined {
    const name = this.#nameOf(timer);
    return this.#timers.delete(name) ? name : undefined;
  }

  stopAll(): readonly SessionTimer[] {
    const names = [...this.#timers.keys()];
    this.#timers.clear();
    return names;
  }

  /**
   * Undefined: it is none of its own, or was stopped in the meantime. `late`: it is the hold timer, and fires much later
   * than it was to: then it was this process that did not run, and what the peer said meanwhile waits to be read.
   */
  fired(name: SessionTimer, now: Milliseconds): FsmEvent | 'late' | undefined {
    const running = this.#timers.get(name);
    this.#timers.delete(name);
    if (running === undefined) return undefined;
    return running.timer === 'hold' && now - running.due > LATE ? 'late' : EXPIRED[running.timer];
  }

  forget(): void {
    this.connection = undefined;
    this.open = undefined;
    this.peerOpen = undefined;
  }

  #nameOf(timer: FsmTimer): SessionTimer {
    return `${timer} ${this.#id}` as SessionTimer;
  }
}
