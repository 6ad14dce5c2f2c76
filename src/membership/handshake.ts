import { ms } from '../base/clock.ts';
import { unreachable } from '../base/errors.ts';
import type { Arrivals } from './arrivals.ts';
import type { Desk } from './desk.ts';
import type { Instance, TransportAddress } from './member.ts';
import { isLive, type Peer, placesOf } from './roster.ts';
import {
  GREETING_REPEATS,
  GREETING_TICK,
  GREETINGS_A_TICK,
  MOST_CHALLENGES,
  NONCE_LIFE,
  STRANGER_INTERVAL,
  STRANGERS_A_SECOND,
} from './settings.ts';
import { GREETING_NONCE } from './wire/constants.ts';
import type { Message, SelfRecord } from './wire/message.ts';

/**
 * How two speakers come to trust that the other one is there now, and is the instance that it says:
 *
 *     hello (nonce a)  ->
 *                      <-  challenge (echoes a, nonce b)
 *     echo (echoes b)  ->
 *
 * Whoever sees its nonce echoed has the other one proved, and nothing recorded can do that. Only what a proved instance says
 * has any effect; a dead one must be proved again. A hello is the only datagram that goes to a node rather than to an
 * instance, so it is also how one looks for a node that restarted, moved, or was cut off.
 */
type Handshake = Extract<Message, { kind: 'hello' | 'challenge' | 'echo' }>;

interface Greeting {
  repeats: number;
  due: number;
}

interface Challenge {
  readonly nonce: Uint8Array;
  readonly at: number;
}

export class Greeter {
  readonly #desk: Desk;
  readonly #arrivals: Arrivals;
  readonly #greetings = new Map<Peer, Greeting>();
  /** What we asked instances to echo; the oldest first. */
  readonly #challenges = new Map<Instance, Challenge>();
  #nonces:
    | { readonly current: Uint8Array; readonly before: Uint8Array | undefined; readonly since: number }
    | undefined;
  #strangers = { count: 0, since: 0 };

  constructor(desk: Desk, arrivals: Arrivals) {
    this.#desk = desk;
    this.#arrivals = arrivals;
  }

  /** Now, and a few times more until it is proved. */
  greet(peer: Peer): void {
    if (this.#greetings.has(peer) || this.#justGreeted(peer)) return;
    const idle = this.#greetings.size === 0;
    this.#greetings.set(peer, { repeats: 0, due: this.#desk.now });
    if (idle) this.tick();
  }

  /** By timer: the greetings that are due, so many at a time. */
  tick(): void {
    let left = GREETINGS_A_TICK;
    for (const [peer, greeting] of this.#greetings) {
      if (greeting.due > this.#desk.now) continue;
      if (left-- <= 0) break;
      this.greetOnce(peer);
      const wait = GREETING_REPEATS[greeting.repeats++];
      if (wait === undefined) this.#greetings.delete(peer);
      else greeting.due = this.#desk.now + wait;
    }
    if (this.#greetings.size > 0) this.#desk.startTimer('greet', GREETING_TICK);
  }

  greetOnce(peer: Peer): void {
    peer.greetedAt = this.#desk.now;
    for (const place of placesOf(peer)) this.#hello(place);
  }

  /**
   * Somebody who is not proved, or not any more, speaks to us as if we knew it: after a partition, or because its echo was
   * lost. There is a bound to how often such are greeted.
   */
  greetStranger(sender: Instance, from: TransportAddress): void {
    const known = this.#desk.roster.byInstance(sender);
    const { now } = this.#desk;
    if (known !== undefined) {
      if (this.#justGreeted(known)) return;
      known.greetedAt = now;
    } else {
      if (now - this.#strangers.since >= 1000) this.#strangers = { count: 0, since: now };
      if (++this.#strangers.count > STRANGERS_A_SECOND) return;
    }
    this.#hello(from);
  }

  received(message: Handshake, sender: Instance, from: TransportAddress): void {
    switch (message.kind) {
      case 'hello':
        this.#send(from, sender, [
          { kind: 'challenge', self: this.#desk.self, echoed: message.nonce, nonce: this.#challenge(sender) },
        ]);
        return;
      case 'challenge':
        if (this.#isOurNonce(message.echoed))
          this.#proved(message.self, sender, from, [{ kind: 'echo', self: this.#desk.self, echoed: message.nonce }]);
        return;
      case 'echo': {
        const challenge = this.#challenges.get(sender);
        if (challenge === undefined || !sameBytes(challenge.nonce, message.echoed)) return;
        this.#challenges.delete(sender);
        if (this.#desk.now - challenge.at <= 2 * NONCE_LIFE) this.#proved(message.self, sender, from, []);
        return;
      }
      default:
        unreachable(message);
    }
  }

  #proved(self: SelfRecord, sender: Instance, from: TransportAddress, answer: readonly Message[]): void {
    const known = this.#desk.roster.get(self.node);
    // So that it learns that it was thought dead, and outlives that.
    const dead = known?.member?.instance === sender && !isLive(known) ? this.#desk.updateOf(known) : [];
    const news: readonly Message[] = dead.length === 0 ? [] : [{ kind: 'updates', updates: dead }];
    if (answer.length + news.length > 0) this.#send(from, sender, [...answer, ...news]);
    this.#arrivals.proved(self, sender, from);
    if (known !== undefined && isLive(known) && known.member?.instance === sender) this.#greetings.delete(known);
  }

  #send(to: TransportAddress, receiver: Instance, messages: readonly Message[]): void {
    this.#desk.emit({ kind: 'transmit', to, receiver, messages });
  }

  #hello(to: TransportAddress): void {
    const messages: readonly Message[] = [{ kind: 'hello', self: this.#desk.self, nonce: this.#nonce() }];
    this.#desk.emit({ kind: 'transmit', to, receiver: undefined, messages });
  }

  #justGreeted(peer: Peer): boolean {
    return this.#desk.now - peer.greetedAt < STRANGER_INTERVAL;
  }

  /** One for all hellos of a while: a challenge is for one instance anyway. */
  #nonce(): Uint8Array {
    const { now, random } = this.#desk;
    const nonces = this.#nonces;
    if (nonces !== undefined && now - nonces.since < NONCE_LIFE) return nonces.current;
    const before = nonces !== undefined && now - nonces.since < 2 * NONCE_LIFE ? nonces.current : undefined;
    this.#nonces = { current: random.bytes(GREETING_NONCE), before, since: now };
    return this.#nonces.current;
  }

  #isOurNonce(echoed: Uint8Array): boolean {
    const nonces = this.#nonces;
    if (nonces === undefined || this.#desk.now - nonces.since > 2 * NONCE_LIFE) return false;
    return sameBytes(nonces.current, echoed) || (nonces.before !== undefined && sameBytes(nonces.before, echoed));
  }

  /** The same again when a hello is repeated, since the answer to the first may be under way. */
  #challenge(sender: Instance): Uint8Array {
    const { now, random } = this.#desk;
    const known = this.#challenges.get(sender);
    if (known !== undefined && now - known.at < NONCE_LIFE) return known.nonce;
    this.#challenges.delete(sender);
    this.#challenges.set(sender, { nonce: random.bytes(GREETING_NONCE), at: ms(now) });
    const [oldest] = this.#challenges.keys();
    if (this.#challenges.size > MOST_CHALLENGES && oldest !== undefined) this.#challenges.delete(oldest);
    return this.#challenges.get(sender)!.nonce;
  }
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);
