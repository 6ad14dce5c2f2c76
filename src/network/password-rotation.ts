import { type Clock, ms, type Timer } from '../base/clock.ts';

/**
 * Which of a peer's one or two TCP-MD5 passwords is in force; ports.ts (PeerSocketOptions) says why there can be only one.
 * With two, it looks every half second whether the connection is stuck, and then takes the other one. TCP repeats what was not
 * acknowledged after 0.2, 0.4, 0.8 ... seconds, so a password must be left in force longer each time to be tried at all.
 */
export interface RotationTarget {
  /** Puts it in force from now on; undefined: no signatures. 0, or -errno. */
  apply(password: string | undefined): number;
  /** Nothing gets through, and it may be for the signatures. Asked only while there are two passwords. */
  stuck(): boolean;
}

const LOOK = ms(500);
const FIRST_STAY = ms(2000);
const LONGEST_STAY = ms(8000);

export class PasswordRotation {
  readonly #clock: Clock;
  readonly #target: RotationTarget;
  #passwords: readonly string[] = [];
  #current: string | undefined;
  #stay = FIRST_STAY;
  #since = ms(0);
  #timer: Timer | undefined;

  /** `start`: the one to begin with, if it is among those that will be set (the one that fitted last). */
  constructor(clock: Clock, target: RotationTarget, start: string | undefined) {
    this.#clock = clock;
    this.#target = target;
    this.#current = start;
  }

  /** In force now. */
  get current(): string | undefined {
    return this.#current;
  }

  /** What to begin the next attempt with, should this one be given up: not again with what had no answer for a while. */
  get next(): string | undefined {
    const isFutile = this.#clock.now() - this.#since >= LOOK;
    return (isFutile ? this.#other() : undefined) ?? this.#current;
  }

  /** What is in force stays so if it is still among them. What `apply` says. */
  set(passwords: readonly string[]): number {
    this.#passwords = passwords;
    const stays = this.#current !== undefined && passwords.includes(this.#current);
    this.#stay = FIRST_STAY;
    this.close();
    if (passwords.length > 1) this.#timer = this.#clock.startTimer('password rotation', LOOK, () => this.#look());
    return this.#take(stays ? this.#current : passwords[0]);
  }

  close(): void {
    this.#timer?.stop();
    this.#timer = undefined;
  }

  #look(): void {
    this.#timer = this.#clock.startTimer('password rotation', LOOK, () => this.#look());
    if (!this.#target.stuck()) {
      this.#stay = FIRST_STAY;
      return;
    }
    if (this.#clock.now() - this.#since < this.#stay) return;
    this.#stay = ms(Math.min(this.#stay * 2, LONGEST_STAY));
    this.#take(this.#other());
  }

  #other(): string | undefined {
    return this.#passwords.find((password) => password !== this.#current);
  }

  #take(password: string | undefined): number {
    this.#current = password;
    this.#since = this.#clock.now();
    return this.#target.apply(password);
  }
}
