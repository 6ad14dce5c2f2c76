import { type Clock, ms, type Timer } from '../base/clock.ts';

const LOOK_EVERY = ms(100);
const LOOKS = 50;

/**
 * On which interfaces anybody is heard, asked when no member is: whose cable is cut hears nothing there, and must not take
 * what others hold. Any frame counts; the kernel counts them.
 */
export class Hearing {
  readonly #clock: Clock;
  readonly #framesReceived: (interfaceName: string) => number | undefined;
  readonly #changed: () => void;
  #before = new Map<string, number | undefined>();
  #heard = new Set<string>();
  #timer: Timer | undefined;

  constructor(clock: Clock, framesReceived: (interfaceName: string) => number | undefined, changed: () => void) {
    this.#clock = clock;
    this.#framesReceived = framesReceived;
    this.#changed = changed;
  }

  /** Forgets what was heard, and tells of each interface on which a frame arrives in the next seconds. */
  lookAround(interfaces: readonly string[]): void {
    this.#before = new Map(interfaces.map((name) => [name, this.#framesReceived(name)]));
    this.#heard = new Set();
    this.#look(LOOKS);
  }

  heard(): ReadonlySet<string> {
    return new Set(this.#heard);
  }

  stop(): void {
    this.#timer?.stop();
  }

  #look(left: number): void {
    this.#timer?.stop();
    if (left === 0) return;
    this.#timer = this.#clock.startTimer('hearing', LOOK_EVERY, () => {
      const known = this.#heard.size;
      for (const [name, before] of this.#before) if (this.#framesReceived(name) !== before) this.#heard.add(name);
      this.#look(left - 1);
      if (this.#heard.size > known) this.#changed();
    });
  }
}
