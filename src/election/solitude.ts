import { type Milliseconds, ms, seconds } from '../base/clock.ts';

/** Who heard somebody on the link within this time after it lost all members has a link that works. */
const AT_ONCE = ms(500);

/** A link that was down may receive for a second before it sends (Linux looks at carriers once a second), and members have to meet again. */
const AFTER_RETURN = seconds(2);

/**
 * When this node hears no member: is it the others that are gone, or is it this node that is cut off? What was heard on the links
 * before counts nothing. Heard at once, the link works. Heard only later, the link has come back and the members are
 * likely to follow, so they get the settle time before anything that was theirs is claimed.
 */
export class Solitude {
  readonly #patience: Milliseconds;
  #since: Milliseconds | undefined;
  /** Interfaces that were gone, with the time of their return: what is heard there first says only that they are back. */
  readonly #returned = new Map<string, Milliseconds>();
  /** Interfaces, with the time from which they show that others are gone. */
  readonly #trusted = new Map<string, Milliseconds>();

  constructor(patience: Milliseconds) {
    this.#patience = patience;
  }

  /** True: it has just begun, so look around. */
  note(alone: boolean, now: Milliseconds): boolean {
    if (alone === (this.#since !== undefined)) return false;
    this.#since = alone ? now : undefined;
    this.#trusted.clear();
    return alone;
  }

  linkReturned(name: string, now: Milliseconds): void {
    this.#returned.set(name, now);
    this.#trusted.delete(name);
  }

  heard(interfaces: ReadonlySet<string>, now: Milliseconds): void {
    if (this.#since === undefined) return;
    for (const name of this.#trusted.keys()) if (!interfaces.has(name)) this.#trusted.delete(name);
    for (const name of interfaces) if (!this.#trusted.has(name)) this.#trusted.set(name, this.#trustFrom(name, now));
  }

  /** Infinite: not as things are. */
  trustedFrom(name: string): number {
    return this.#trusted.get(name) ?? Number.POSITIVE_INFINITY;
  }

  #trustFrom(name: string, now: Milliseconds): Milliseconds {
    const since = this.#since ?? now;
    const returned = this.#returned.get(name);
    if (returned !== undefined && returned >= since - this.#patience) return ms(Math.max(now, returned) + AFTER_RETURN);
    return now - since <= AT_ONCE ? now : ms(now + this.#patience);
  }
}
