import { type Milliseconds, ms } from '../base/clock.ts';
import type { FsmConfig } from './fsm-events.ts';
import { type OpenSituation, openFor } from './open-message.ts';
import type { SessionConfig } from './session-config.ts';
import type { SessionEnd } from './session-error.ts';
import type { SessionEffect } from './session-events.ts';

/**
 * What the parts of a session share: its configuration, what outlives a connection, and the effects of the event at hand.
 */
export class SessionDesk {
  now: Milliseconds = ms(0);
  upSince: Milliseconds = ms(0);
  lastEnd: SessionEnd | undefined;
  #config: SessionConfig;
  #situation: OpenSituation = { restarting: false, forwarding: false, plain: false };
  #fsmConfig: FsmConfig;
  #effects: SessionEffect[] = [];

  constructor(config: SessionConfig) {
    this.#config = config;
    this.#fsmConfig = this.#derive();
  }

  get config(): SessionConfig {
    return this.#config;
  }

  get situation(): OpenSituation {
    return this.#situation;
  }

  get fsmConfig(): FsmConfig {
    return this.#fsmConfig;
  }

  configure(config: SessionConfig): void {
    this.#config = config;
    this.#fsmConfig = this.#derive();
  }

  situate(change: Partial<OpenSituation>): void {
    this.#situation = { ...this.#situation, ...change };
    this.#fsmConfig = this.#derive();
  }

  emit(effect: SessionEffect): void {
    this.#effects.push(effect);
  }

  takeEffects(): readonly SessionEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #derive(): FsmConfig {
    const { passive, connectTime, delayOpenTime } = this.#config;
    return { passive, connectTime, delayOpenTime, open: openFor(this.#config, this.#situation) };
  }
}
