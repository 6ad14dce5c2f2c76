import { sameIpAddress } from '../base/ip-address.ts';
import type { Liveness, LivenessState, LivenessTarget, LivenessWatch } from './liveness.ts';

export interface LivenessGuardOptions {
  readonly liveness: Liveness;
  /** It was up and is down. */
  readonly lost: (message: string) => void;
  readonly changed: () => void;
}

/** The watch over one session's path. It outlives the session, so that a router that restarts finds BFD as it left it. */
export class LivenessGuard {
  readonly #options: LivenessGuardOptions;
  #target: LivenessTarget | undefined;
  #watch: LivenessWatch | undefined;
  #state: LivenessState | undefined;

  constructor(options: LivenessGuardOptions) {
    this.#options = options;
  }

  /** Undefined: not watched. */
  get state(): LivenessState | undefined {
    return this.#state;
  }

  /** Another profile for the same path is another wish for the session that there is, and no reason to end it. */
  watch(target: LivenessTarget): void {
    const before = { target: this.#target, watch: this.#watch };
    const isSamePath = before.target !== undefined && samePath(before.target, target);
    if (isSamePath && JSON.stringify(before.target?.profile) === JSON.stringify(target.profile)) return;
    if (!isSamePath) this.close();
    this.#target = target;
    this.#watch = this.#options.liveness.watch(target, (state) => this.#changed(target, state));
    if (isSamePath) before.watch?.close();
  }

  async adminDown(): Promise<void> {
    await this.#watch?.adminDown();
  }

  close(): void {
    this.#watch?.close();
    this.#watch = undefined;
    this.#target = undefined;
    this.#state = undefined;
  }

  #changed(target: LivenessTarget, state: LivenessState): void {
    if (this.#target !== target) return;
    const before = this.#state;
    this.#state = state;
    if (before?.kind === state.kind && before.reason === state.reason) return;
    if (before?.kind === 'up' && state.kind === 'down') this.#options.lost(state.reason ?? 'it went down');
    this.#options.changed();
  }
}

const samePath = (a: LivenessTarget, b: LivenessTarget): boolean =>
  sameIpAddress(a.remote, b.remote) &&
  sameIpAddress(a.local, b.local) &&
  a.interface === b.interface &&
  a.multihop === b.multihop;
