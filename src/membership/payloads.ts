import { ms } from '../base/clock.ts';
import type { Desk } from './desk.ts';
import { isLive, type Peer } from './roster.ts';
import { FIRST_RETRANSMISSION, LONGEST_RETRANSMISSION, PAYLOAD_WINDOW } from './settings.ts';
import { MAX_PAYLOAD } from './wire/constants.ts';

/**
 * Octets of another stage, from one member to another, reliably while the receiver is a member: each datagram is
 * acknowledged, and repeated until it is. The receiver may get one twice, and in any order. To a suspect it goes on; when a
 * member dies, what was on its way to it is forgotten.
 */
interface Sending {
  readonly payload: Uint8Array;
  due: number;
  wait: number;
}

interface Conversation {
  readonly underWay: Map<number, Sending>;
  readonly waiting: Uint8Array[];
}

export class Payloads {
  readonly #desk: Desk;
  readonly #conversations = new Map<Peer, Conversation>();

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** To a node that is no member it goes nowhere. */
  send(to: string, payload: Uint8Array): void {
    if (payload.length > MAX_PAYLOAD) throw new RangeError(`a payload has at most ${MAX_PAYLOAD} octets`);
    const peer = this.#desk.roster.get(to);
    if (peer === undefined || !isLive(peer)) return;
    const conversation = this.#conversations.get(peer) ?? { underWay: new Map<number, Sending>(), waiting: [] };
    this.#conversations.set(peer, conversation);
    conversation.waiting.push(payload);
    this.#fill(peer, conversation);
  }

  received(peer: Peer, sequence: number, payload: Uint8Array): void {
    this.#desk.transmit(peer, [{ kind: 'payload-ack', sequence }]);
    if (peer.member !== undefined) this.#desk.emit({ kind: 'payload', from: peer.member, payload });
  }

  acknowledged(peer: Peer, sequence: number): void {
    const conversation = this.#conversations.get(peer);
    if (conversation?.underWay.delete(sequence) !== true) return;
    this.#fill(peer, conversation);
  }

  /** By timer. */
  repeat(peer: Peer): void {
    const conversation = this.#conversations.get(peer);
    if (conversation === undefined) return;
    for (const [sequence, sending] of conversation.underWay) {
      if (sending.due > this.#desk.now) continue;
      sending.wait = Math.min(LONGEST_RETRANSMISSION, 2 * sending.wait);
      this.#transmit(peer, sequence, sending);
    }
    this.#arm(peer, conversation);
  }

  /** It is no member any more, or another instance of its node is. */
  forget(peer: Peer): void {
    if (this.#conversations.delete(peer)) this.#desk.stopTimer(`payload ${peer.node}`);
  }

  #fill(peer: Peer, conversation: Conversation): void {
    while (conversation.underWay.size < PAYLOAD_WINDOW) {
      const payload = conversation.waiting.shift();
      if (payload === undefined) break;
      const sending = { payload, due: 0, wait: FIRST_RETRANSMISSION };
      const sequence = this.#desk.nextSequence();
      conversation.underWay.set(sequence, sending);
      this.#transmit(peer, sequence, sending);
    }
    this.#arm(peer, conversation);
  }

  #transmit(peer: Peer, sequence: number, sending: Sending): void {
    sending.due = ms(this.#desk.now + sending.wait);
    this.#desk.transmit(peer, [{ kind: 'payload', sequence, payload: sending.payload }]);
  }

  #arm(peer: Peer, { underWay }: Conversation): void {
    const due = Math.min(...[...underWay.values()].map((sending) => sending.due));
    if (underWay.size === 0) this.forget(peer);
    else this.#desk.startTimer(`payload ${peer.node}`, due - this.#desk.now);
  }
}
