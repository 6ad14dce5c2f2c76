import { type Milliseconds, ms } from '../base/clock.ts';
import { unreachable } from '../base/errors.ts';
import type { LeaseRecord } from './ports.ts';

/**
 * Which controller is the active one: the rules of client-go's leaderelection, as a pure step. A process never compares its
 * clock with another one's: a record counts as alive for `duration` after *this* process saw it change. The active one gives
 * up by itself once it could not renew for `renewDeadline`, which is shorter, so there are never two.
 *
 * Standards: coordination.k8s.io/v1 Lease; k8s.io/client-go/tools/leaderelection (defaults 15 s, 10 s, 2 s; released on stop).
 */
export interface LeaseTiming {
  readonly duration: Milliseconds;
  readonly renewDeadline: Milliseconds;
  readonly retryPeriod: Milliseconds;
}

export interface LeaseConfig {
  readonly identity: string;
  readonly timing: LeaseTiming;
}

interface ObservedLease {
  readonly record: LeaseRecord;
  readonly version: string;
  /** When this process first saw that version. */
  readonly at: Milliseconds;
}

export interface LeaseState {
  readonly role: 'standby' | 'active' | 'stopped';
  readonly observed: ObservedLease | undefined;
  /** When the last write that succeeded was begun; of use only while active. */
  readonly renewedAt: Milliseconds;
}

/** Whose holder is the active controller. */
export const CONTROLLER_LEASE = 'clarion-controller';

export const INITIAL_LEASE: LeaseState = { role: 'standby', observed: undefined, renewedAt: ms(0) };

export type LeaseEvent =
  /** The retry period passed, or the process just started. */
  | { readonly kind: 'due' }
  | {
      readonly kind: 'was-read';
      readonly found: { readonly record: LeaseRecord; readonly version: string } | undefined;
    }
  | { readonly kind: 'was-written'; readonly begun: Milliseconds }
  /** Somebody else wrote, or the store could not be reached. */
  | { readonly kind: 'failed' }
  /** The time for renewing is over, whatever is still under way. */
  | { readonly kind: 'deadline-passed' }
  | { readonly kind: 'stopped' };

export type LeaseEffect =
  | { readonly kind: 'read' }
  /** `version` undefined: there is none yet. Times are filled in by the driver. */
  | {
      readonly kind: 'write';
      readonly version: string | undefined;
      readonly transitions: number;
      /** Of the holder so far where it is us, else undefined: acquired now. */
      readonly acquired: string | undefined;
    }
  /** Where the holder is still us: give it back, so that the next one need not wait. */
  | { readonly kind: 'release' }
  /** Up to 20 % more than `after`, so that many standbys do not ask in step. */
  | { readonly kind: 'wait'; readonly after: Milliseconds }
  | { readonly kind: 'become-active' }
  | { readonly kind: 'become-standby' };

interface Step {
  readonly state: LeaseState;
  readonly effects: readonly LeaseEffect[];
}

export function step(state: LeaseState, event: LeaseEvent, config: LeaseConfig, now: Milliseconds): Step {
  if (state.role === 'stopped') return { state, effects: [] };
  switch (event.kind) {
    case 'due':
      // Asked before anything else: a process that was asleep must not act on what it was before.
      return expired(state, config, now)
        ? standDown(state, [{ kind: 'read' }])
        : { state, effects: [{ kind: 'read' }] };
    case 'was-read':
      return wasRead(state, event.found, config, now);
    case 'was-written':
      return {
        state: { ...state, role: 'active', renewedAt: event.begun },
        effects: [...(state.role === 'active' ? [] : [{ kind: 'become-active' } as const]), wait(config)],
      };
    case 'failed':
      return expired(state, config, now) ? standDown(state, [wait(config)]) : { state, effects: [wait(config)] };
    case 'deadline-passed':
      return expired(state, config, now) ? standDown(state, []) : { state, effects: [] };
    case 'stopped': {
      const stopped = { ...state, role: 'stopped' } as const;
      if (state.role === 'standby') return { state: stopped, effects: [] };
      // First silent, then free for another one.
      return { state: stopped, effects: [{ kind: 'become-standby' }, { kind: 'release' }] };
    }
    default:
      return unreachable(event);
  }
}

function wasRead(
  state: LeaseState,
  found: { readonly record: LeaseRecord; readonly version: string } | undefined,
  config: LeaseConfig,
  now: Milliseconds,
): Step {
  if (found === undefined)
    return { state: { ...state, observed: undefined }, effects: [write(undefined, 0, undefined)] };
  const { record, version } = found;
  const observed = state.observed?.version === version ? state.observed : { record, version, at: now };
  const next = { ...state, observed };
  const ours = record.holder === config.identity;
  if (ours && state.role === 'active')
    return { state: next, effects: [write(version, record.transitions, record.acquired)] };
  const free = record.holder === '' || ours || now - observed.at >= record.durationSeconds * 1000;
  if (free) return { state: next, effects: [write(version, record.transitions + 1, undefined)] };
  return state.role === 'active' ? standDown(next, [wait(config)]) : { state: next, effects: [wait(config)] };
}

const expired = (state: LeaseState, { timing }: LeaseConfig, now: Milliseconds): boolean =>
  state.role === 'active' && !holdsLease(state, timing, now);

/** Nobody else can be the active one now, nor for `duration - renewDeadline` from now: time for what is under way to end. */
export const holdsLease = (state: LeaseState, timing: LeaseTiming, now: Milliseconds): boolean =>
  state.role === 'active' && now - state.renewedAt < timing.renewDeadline;

const standDown = (state: LeaseState, then: readonly LeaseEffect[]): Step => ({
  state: { ...state, role: 'standby' },
  effects: [{ kind: 'become-standby' }, ...then],
});

const write = (version: string | undefined, transitions: number, acquired: string | undefined): LeaseEffect => ({
  kind: 'write',
  version,
  transitions,
  acquired,
});

const wait = ({ timing }: LeaseConfig): LeaseEffect => ({ kind: 'wait', after: timing.retryPeriod });
