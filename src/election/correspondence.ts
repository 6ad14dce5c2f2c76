import { unreachable } from '../base/errors.ts';
import type { Instance, Member } from '../membership/member.ts';
import type { Desk } from './desk.ts';
import { answerAsk, type Joining } from './joining.ts';
import { hearCheck, hearClaims, hearOwn, hearTerms, tellOwn } from './merging.ts';
import { Parts } from './parts.ts';
import { learnFacts, type Peer } from './peers.ts';
import { grantRequests, takeOffers } from './taking.ts';
import { decodeMessage, type Message } from './wire/message.ts';

/**
 * What members write to each other, as it is read here: each kind of message goes to the file whose matter it is. Payloads come at
 * least once and in no order, so everything read twice or late must mean no more than once and in time.
 */
export class Correspondence {
  readonly #joining: Joining;
  /** Lists of all that their sender holds, of which parts are still to come. */
  readonly #ownLists = new Parts();

  constructor(joining: Joining) {
    this.#joining = joining;
  }

  received(desk: Desk, from: Member, payload: Uint8Array): void {
    const peer = desk.peers.current(from);
    const message = decodeMessage(payload);
    if (!message.ok) desk.emit({ kind: 'notice', notice: { kind: 'unreadable', from: from.node, why: message.error } });
    else if (peer !== undefined && message.value !== 'unknown') this.#read(desk, peer, message.value);
  }

  /** Nothing more is to come from there. */
  forget(instance: Instance): void {
    this.#ownLists.forget(instance);
  }

  #read(desk: Desk, from: Peer, message: Message): void {
    switch (message.kind) {
      case 'facts': {
        if (message.sequence <= from.factsSequence) return;
        from.factsSequence = message.sequence;
        learnFacts(from, message.facts, desk.now);
        from.settled = message.settled;
        from.strong = message.strong;
        if (from.settled) this.#joining.peerSettled(desk);
        desk.everythingChanged();
        // What it holds it may hold by a view that has become too old (seat.ts).
        if (message.facts.apiViewAge > 0)
          for (const { record } of desk.table.claimsOf(from.instance)) desk.unsettled.add(record);
        return;
      }
      case 'ask':
        answerAsk(desk, from, message);
        return;
      case 'table':
        this.#joining.hearTable(desk, from, message);
        return;
      case 'claims':
        hearClaims(desk, from, message.claims, message.sequence);
        return;
      case 'own':
        hearOwn(desk, from, message.part, message.claims, this.#ownLists);
        return;
      case 'check':
        hearCheck(desk, from, message.digest, message.mutual);
        return;
      case 'ask-own':
        tellOwn(desk, from.node);
        return;
      case 'offers':
        takeOffers(desk, from, message.offers, message.expiry);
        return;
      case 'declines':
        for (const { address, term } of message.declines) {
          const record = desk.table.find(address);
          if (record?.reserved === term) desk.handOvers.failed(desk, record, from.node);
        }
        return;
      case 'terms':
        hearTerms(desk, message.terms);
        return;
      case 'requests':
        grantRequests(desk, from, message.requests);
        return;
      default:
        unreachable(message);
    }
  }
}
