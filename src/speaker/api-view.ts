import { type Clock, type Milliseconds, ms, seconds } from '../base/clock.ts';

/** An age that is off by more than this is news. */
const NEWS = seconds(1);

/** How old the control thread's view of the cluster is, as it last said; 0: it is live. It grows by itself, here and at the members who were told. */
export class ApiView {
  readonly #clock: Clock;
  #told = { age: ms(0), at: ms(0) };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get age(): Milliseconds {
    const { age, at } = this.#told;
    return ms(age === 0 ? 0 : age + this.#clock.now() - at);
  }

  /** True: otherwise than whoever was told before must expect. */
  told(age: Milliseconds): boolean {
    const before = this.age;
    this.#told = { age, at: this.#clock.now() };
    return (age === 0) !== (before === 0) || Math.abs(age - before) > NEWS;
  }
}
