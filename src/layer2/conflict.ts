import { type Milliseconds, seconds } from '../base/clock.ts';
import { unreachable } from '../base/errors.ts';
import type { MacAddress } from '../base/mac-address.ts';
import type { Layer2Settings } from '../config/config.ts';

/**
 * Does another machine have this address? Asked by probes before the address is first announced, and watched while it is.
 *
 * The probes have the shape of RFC 5227 §2.1.1 and RFC 4862 §5.4.2, but not their patience (seconds): they wait `wait` after
 * each of `count` probes, because an address of a pool is ours by configuration and the probe only finds mistakes. The result
 * holds as long as the address stays in the table, so that endpoints that come and go cost no second probe.
 * Missing: nobody else on this node is asked; a MAC of our own is no conflict (the responder sees to that).
 */
export type ConflictState =
  /** `left`: probes not yet sent. `rival`: who had it the last time; undefined: this is the first try. */
  | { readonly kind: 'probing'; readonly hold: boolean; readonly left: number; readonly rival: Rival | undefined }
  /** Silent: nobody has it, and there is nothing to serve. */
  | { readonly kind: 'clear' }
  /** Silent: `rival` has it. */
  | { readonly kind: 'refused'; readonly hold: boolean; readonly rival: Rival }
  | { readonly kind: 'announced' }
  /** Announced although `rival` claims it; `rested`: the next claim is answered by a defence again. */
  | { readonly kind: 'defending'; readonly rival: Rival; readonly rested: boolean };

export interface Rival {
  readonly mac: MacAddress;
  readonly interface: string;
}

export type ConflictEvent =
  /** The table wants the address held (true) or only prepared. */
  | { readonly kind: 'wanted'; readonly hold: boolean }
  /** A probe has left; it may have waited for its turn. */
  | { readonly kind: 'probe-sent' }
  /** A frame showed another machine that `uses` the address, or `probes` for it. */
  | { readonly kind: 'rival-seen'; readonly rival: Rival; readonly claim: 'uses' | 'probes' }
  /** The rival turned out to be one of us. */
  | { readonly kind: 'rival-excused' }
  | { readonly kind: 'expired'; readonly timer: ConflictTimer };

export const CONFLICT_TIMERS = ['wait', 'retry', 'rest', 'quiet'] as const;
export type ConflictTimer = (typeof CONFLICT_TIMERS)[number];

export type ConflictEffect =
  | { readonly kind: 'send-probe' }
  /** Start to answer, and announce in all rounds. */
  | { readonly kind: 'announce' }
  /** Stop to answer. */
  | { readonly kind: 'withdraw' }
  /** One announcement. */
  | { readonly kind: 'defend' }
  | { readonly kind: 'start-timer'; readonly timer: ConflictTimer; readonly after: Milliseconds }
  | { readonly kind: 'stop-timers' };

export interface ConflictStep {
  readonly state: ConflictState;
  readonly effects: readonly ConflictEffect[];
}

type Config = Layer2Settings['conflictProbe'];

/** A refused address is tried again this often, or less often when there are very many (contested.ts). */
const RETRY_INTERVAL = seconds(1);
/** RFC 5227 §1.1 DEFEND_INTERVAL: at most one defence in this time. */
const DEFEND_INTERVAL = seconds(10);
/** A rival not heard for this long has gone: three times the interval in which our defence provokes it. */
const QUIET_TIME = seconds(30);

/** The address is new in the table, or (`known`) has an interface again after it was found free before. */
export function startConflict(hold: boolean, known: boolean, config: Config): ConflictStep {
  return known || config.count === 0 ? settled(hold) : probing(hold, undefined, config);
}

export function stepConflict(state: ConflictState, event: ConflictEvent, config: Config): ConflictStep {
  switch (event.kind) {
    case 'wanted':
      return onWanted(state, event.hold);
    case 'probe-sent':
      return state.kind === 'probing'
        ? { state, effects: [{ kind: 'start-timer', timer: 'wait', after: config.wait }] }
        : same(state);
    case 'rival-seen':
      return onRival(state, event.rival, event.claim);
    case 'rival-excused':
      return onExcused(state, config);
    case 'expired':
      return onExpired(state, event.timer, config);
    default:
      return unreachable(event);
  }
}

const same = (state: ConflictState): ConflictStep => ({ state, effects: [] });

const probing = (hold: boolean, rival: Rival | undefined, { count }: Config): ConflictStep => ({
  state: { kind: 'probing', hold, left: count - 1, rival },
  effects: [{ kind: 'send-probe' }],
});

const settled = (hold: boolean): ConflictStep =>
  hold ? { state: { kind: 'announced' }, effects: [{ kind: 'announce' }] } : same({ kind: 'clear' });

function onWanted(state: ConflictState, hold: boolean): ConflictStep {
  switch (state.kind) {
    case 'probing':
    case 'refused':
      return same({ ...state, hold });
    case 'clear':
      return settled(hold);
    case 'announced':
    case 'defending':
      return hold
        ? same(state)
        : { state: { kind: 'clear' }, effects: [{ kind: 'withdraw' }, { kind: 'stop-timers' }] };
    default:
      return unreachable(state);
  }
}

function onRival(state: ConflictState, rival: Rival, claim: 'uses' | 'probes'): ConflictStep {
  switch (state.kind) {
    case 'probing':
      // RFC 5227 §2.1.1: who probes at the same time is as much a conflict as who has it.
      return refused(state.hold, rival);
    case 'clear':
      // Our own probe is over, so a probe of somebody else says nothing yet.
      return claim === 'uses' ? refused(false, rival) : same(state);
    case 'refused':
      return same(state);
    case 'announced':
      return claim === 'uses' ? defending(rival) : same(state);
    case 'defending': {
      if (claim !== 'uses') return same(state);
      // RFC 5227 §2.4 (c): keep the address, but defend it no more often than every DEFEND_INTERVAL.
      if (state.rested) return defending(rival);
      return { state, effects: [{ kind: 'start-timer', timer: 'quiet', after: QUIET_TIME }] };
    }
    default:
      return unreachable(state);
  }
}

const refused = (hold: boolean, rival: Rival): ConflictStep => ({
  state: { kind: 'refused', hold, rival },
  effects: [{ kind: 'stop-timers' }, { kind: 'start-timer', timer: 'retry', after: RETRY_INTERVAL }],
});

const defending = (rival: Rival): ConflictStep => ({
  state: { kind: 'defending', rival, rested: false },
  effects: [
    { kind: 'defend' },
    { kind: 'start-timer', timer: 'rest', after: DEFEND_INTERVAL },
    { kind: 'start-timer', timer: 'quiet', after: QUIET_TIME },
  ],
});

function onExcused(state: ConflictState, config: Config): ConflictStep {
  const stop = { kind: 'stop-timers' } as const;
  if (state.kind === 'defending') return { state: { kind: 'announced' }, effects: [stop] };
  if (state.kind !== 'refused') return same(state);
  const next = config.count === 0 ? settled(state.hold) : probing(state.hold, undefined, config);
  return { ...next, effects: [stop, ...next.effects] };
}

function onExpired(state: ConflictState, timer: ConflictTimer, config: Config): ConflictStep {
  if (state.kind === 'probing' && timer === 'wait') {
    if (state.left === 0) return settled(state.hold);
    return { state: { ...state, left: state.left - 1 }, effects: [{ kind: 'send-probe' }] };
  }
  if (state.kind === 'refused' && timer === 'retry')
    return config.count === 0 ? settled(state.hold) : probing(state.hold, state.rival, config);
  if (state.kind === 'defending' && timer === 'rest') return same({ ...state, rested: true });
  if (state.kind === 'defending' && timer === 'quiet')
    return { state: { kind: 'announced' }, effects: [{ kind: 'stop-timers' }] };
  return same(state);
}
