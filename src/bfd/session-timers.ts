import type { Milliseconds } from '../base/clock.ts';
import { DueQueue } from '../base/due-queue.ts';
import type { SessionTimer } from './events.ts';

export type TimerName = SessionTimer | 'leave';

interface Alarm<O> {
  readonly owner: O;
  readonly timer: TimerName;
  /** Undefined: stopped. */
  due: Milliseconds | undefined;
  /** Where it lies in the queue; never later than `due`. */
  queued: Milliseconds | undefined;
}

/**
 * The timers of all sessions. Detection is put off with every packet, thousands of times a second, and hardly ever comes to
 * pass: so a timer that is put off stays where it lies and is looked at again when its old time has come.
 */
export class SessionTimers<O> {
  readonly #queue = new DueQueue<Alarm<O>>();
  readonly #alarms = new Map<O, Map<TimerName, Alarm<O>>>();

  start(owner: O, timer: TimerName, due: Milliseconds): void {
    const alarm = this.#alarmOf(owner, timer);
    alarm.due = due;
    if (alarm.queued !== undefined && alarm.queued <= due) return;
    this.#put(alarm, due);
  }

  stop(owner: O, timer: TimerName): void {
    const alarm = this.#alarms.get(owner)?.get(timer);
    if (alarm !== undefined) alarm.due = undefined;
  }

  forget(owner: O): void {
    for (const alarm of this.#alarms.get(owner)?.values() ?? []) this.#queue.delete(alarm);
    this.#alarms.delete(owner);
  }

  /** When to look next: perhaps sooner than anything is due. */
  nextDue(): Milliseconds | undefined {
    return this.#queue.nextDue();
  }

  /** Takes the first that is due out. */
  take(now: Milliseconds): { readonly owner: O; readonly timer: TimerName } | undefined {
    for (let alarm = this.#queue.peek(now); alarm !== undefined; alarm = this.#queue.peek(now)) {
      if (alarm.due !== undefined && alarm.due > now) {
        this.#put(alarm, alarm.due);
        continue;
      }
      this.#queue.delete(alarm);
      alarm.queued = undefined;
      if (alarm.due === undefined) continue;
      alarm.due = undefined;
      return alarm;
    }
    return undefined;
  }

  #put(alarm: Alarm<O>, due: Milliseconds): void {
    this.#queue.set(alarm, due);
    alarm.queued = due;
  }

  #alarmOf(owner: O, timer: TimerName): Alarm<O> {
    const alarms = this.#alarms.get(owner) ?? new Map<TimerName, Alarm<O>>();
    this.#alarms.set(owner, alarms);
    const alarm = alarms.get(timer) ?? { owner, timer, due: undefined, queued: undefined };
    alarms.set(timer, alarm);
    return alarm;
  }
}
