/** The one place where the process meets time. Everything else is handed a Clock, so that tests run on virtual time. */
export type Milliseconds = number & { readonly __unit: 'ms' };
export const ms = (count: number): Milliseconds => count as Milliseconds;
export const seconds = (count: number): Milliseconds => ms(count * 1000);

export interface Timer {
  stop(): void;
}

export interface Clock {
  /** Monotonic milliseconds with a fraction; never compare with wall time. */
  now(): Milliseconds;
  /** Wall time, for what people and other machines read: timestamps in status, events and logs. `ahead`: from now. */
  wallTime(ahead?: Milliseconds): Date;
  /** `name` is shown by test failures, so that a timer left running can be told from another. */
  startTimer(name: string, after: Milliseconds, fire: () => void): Timer;
}

export const systemClock: Clock = {
  now: () => ms(performance.now()),
  wallTime: (ahead = ms(0)) => new Date(Date.now() + ahead),
  startTimer(_name, after, fire) {
    // What is due already: Node would do the same, and warn of it.
    const handle = setTimeout(fire, Math.max(0, after));
    return { stop: () => clearTimeout(handle) };
  },
};

/** Monotonic milliseconds since the machine started: the same for every process on it, so that they can compare notes. */
export const machineTime = (): Milliseconds => ms(Number(process.hrtime.bigint()) / 1e6);

/**
 * Once everything that has arrived by now was handed out, before any timer. For work that an event asks for and that is
 * better done once for a batch of events; it takes no time, so it is no business of a Clock.
 */
export function afterThisTurn(run: () => void): Timer {
  const handle = setImmediate(run);
  return { stop: () => clearImmediate(handle) };
}
