import { type Clock, type Milliseconds, ms, seconds, type Timer } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { holdsLease, INITIAL_LEASE, type LeaseEffect, type LeaseEvent, type LeaseTiming, step } from './lease.ts';
import type { LeaseStore } from './ports.ts';

interface LeaseOptions {
  readonly store: LeaseStore;
  readonly name: string;
  /** For people; made unique by a random suffix, so that two processes of one name never take each other for themselves. */
  readonly identity: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly timing?: LeaseTiming;
  readonly onActive: () => void;
  /**
   * At once and in order: when this returns, the process must have begun nothing new. The lease is given back only when what it
   * returns has resolved, which is when nothing is under way any more.
   */
  readonly onStandby: () => void | Promise<void>;
}

export interface RunningLease {
  /**
   * Whether this process is the active one as of now, asked just before every write: a process that was asleep has not had its
   * timers yet, and must not act on what it was before.
   */
  valid(): boolean;
  stop(): Promise<void>;
}

const DEFAULT_TIMING: LeaseTiming = { duration: seconds(15), renewDeadline: seconds(10), retryPeriod: seconds(2) };

/** Takes part in the election of the active controller until stopped; stopping gives the lease back. */
export function runLease(options: LeaseOptions): RunningLease {
  const { store, name, clock, random, logger, timing = DEFAULT_TIMING } = options;
  const identity = `${options.identity}_${Buffer.from(random.bytes(4)).toString('hex')}`;
  const config = { identity, timing };
  let state = INITIAL_LEASE;
  let retry: Timer | undefined;
  let deadline: Timer | undefined;
  let quiet: Promise<void> = Promise.resolve();
  let releasing: Promise<void> = Promise.resolve();
  /** Told once while it lasts. A read that succeeds says nothing of writes, unless it shows that there is nothing to write. */
  let failing: 'read' | 'write' | undefined;

  const dispatch = (event: LeaseEvent): void => {
    const result = step(state, event, config, clock.now());
    state = result.state;
    if (event.kind === 'was-read' && !result.effects.some(({ kind }) => kind === 'write')) worksAgain('write');
    for (const effect of result.effects) perform(effect);
  };

  const perform = (effect: LeaseEffect): void => {
    switch (effect.kind) {
      case 'read':
        void attempt('read', async () => ({ kind: 'was-read', found: await store.read(name) }));
        return;
      case 'write':
        void attempt('write', () => write(effect));
        return;
      case 'release':
        releasing = release();
        return;
      case 'wait': {
        const jitter = 1 + random.fraction() / 5;
        retry = clock.startTimer('lease retry', ms(effect.after * jitter), () => dispatch({ kind: 'due' }));
        return;
      }
      case 'become-active':
        logger.info('active controller now', { lease: name, identity });
        options.onActive();
        return;
      case 'become-standby':
        logger.info('standby controller now', { lease: name, identity });
        quiet = Promise.resolve(options.onStandby());
    }
  };

  const write = async ({ version, transitions, acquired }: LeaseEffect & { kind: 'write' }): Promise<LeaseEvent> => {
    const begun = clock.now();
    const renewed = microTime(clock.wallTime());
    const durationSeconds = timing.duration / 1000;
    const record = { holder: identity, durationSeconds, acquired: acquired ?? renewed, renewed, transitions };
    if ((await store.write(name, record, version)) === 'conflict') return { kind: 'failed' };
    if (state.role !== 'stopped') startDeadline(begun);
    return { kind: 'was-written', begun };
  };

  const startDeadline = (begun: Milliseconds): void => {
    const left = (): Milliseconds => ms(begun + timing.renewDeadline - clock.now());
    deadline?.stop();
    deadline = clock.startTimer('lease deadline', left(), () => {
      // A timer of whole milliseconds fires a fraction of one too early.
      if (left() > 0) startDeadline(begun);
      else dispatch({ kind: 'deadline-passed' });
    });
  };

  /** Once stopped, a write that was under way may still succeed: it is given back too. */
  const attempt = async (what: 'read' | 'write', work: () => Promise<LeaseEvent>): Promise<void> => {
    let event: LeaseEvent;
    try {
      event = await work();
      worksAgain(what);
    } catch (thrown) {
      if (failing === undefined)
        logger.warn('the lease cannot be read or written', { lease: name, why: messageOf(thrown) });
      failing ??= what;
      event = { kind: 'failed' };
    }
    if (state.role === 'stopped' && event.kind === 'was-written') releasing = release();
    else dispatch(event);
  };

  const worksAgain = (what: 'read' | 'write'): void => {
    if (failing !== what) return;
    failing = undefined;
    logger.info('the lease can be read and written again', { lease: name });
  };

  const release = async (): Promise<void> => {
    try {
      await quiet;
      const found = await store.read(name);
      if (found?.record.holder !== identity) return;
      const renewed = microTime(clock.wallTime());
      await store.write(name, { ...found.record, holder: '', durationSeconds: 1, renewed }, found.version);
    } catch (thrown) {
      logger.warn('the lease could not be given back; others take it when it runs out', {
        lease: name,
        why: messageOf(thrown),
      });
    }
  };

  dispatch({ kind: 'due' });
  return {
    valid: () => holdsLease(state, timing, clock.now()),
    async stop() {
      retry?.stop();
      deadline?.stop();
      dispatch({ kind: 'stopped' });
      await releasing;
    },
  };
}

/** As metav1.MicroTime writes it. */
const microTime = (time: Date): string => time.toISOString().replace('Z', '000Z');
