import type { Claim } from './claim.ts';
import { MAX_PAYLOAD } from './wire/constants.ts';
import type { AddressTerm, Offer, OwnClaim } from './wire/fields.ts';
import { claimSize, encodeMessage, type Message, makerSize, type Part } from './wire/message.ts';

/** To whom: a node, or every living member. */
export type Receiver = string;
/** No node can have this name. */
export const EVERYBODY: Receiver = '*';

/** Room that a list has in a payload, whatever stands before it. */
const ROOM = MAX_PAYLOAD - 32;

/**
 * What is said while one event is handled, put together: thousands of claims or offers leave in few payloads, after all
 * that had to be done before them.
 */
export class Outbox {
  readonly #claims = new Map<Receiver, OwnClaim[]>();
  readonly #offers = new Map<string, Offer[]>();
  readonly #terms = {
    declines: new Map<string, AddressTerm[]>(),
    terms: new Map<string, AddressTerm[]>(),
    requests: new Map<string, AddressTerm[]>(),
  };
  readonly #messages: { readonly to: Receiver; readonly message: Message }[] = [];

  message(to: Receiver, message: Message): void {
    this.#messages.push({ to, message });
  }

  claim(to: Receiver, claim: Claim): void {
    listOf(this.#claims, to).push(claim);
  }

  offer(to: string, offer: Offer): void {
    listOf(this.#offers, to).push(offer);
  }

  term(kind: 'declines' | 'terms' | 'requests', to: string, item: AddressTerm): void {
    listOf(this.#terms[kind], to).push(item);
  }

  flush(sequence: () => number, expiry: number, send: (to: Receiver, payload: Uint8Array) => void): void {
    const say = (to: Receiver, message: Message): void => send(to, encodeMessage(message));
    for (const [to, items] of drain(this.#claims))
      for (const claims of chunks(items, claimSize, ROOM)) say(to, { kind: 'claims', sequence: sequence(), claims });
    for (const [to, items] of drain(this.#offers))
      for (const offers of chunks(items, claimSize, ROOM)) say(to, { kind: 'offers', expiry, offers });
    for (const [to, items] of drain(this.#terms.declines))
      for (const declines of chunks(items, claimSize, ROOM)) say(to, { kind: 'declines', declines });
    for (const [to, items] of drain(this.#terms.terms))
      for (const terms of chunks(items, claimSize, ROOM)) say(to, { kind: 'terms', terms });
    for (const [to, items] of drain(this.#terms.requests))
      for (const requests of chunks(items, claimSize, ROOM)) say(to, { kind: 'requests', requests });
    for (const { to, message } of this.#messages.splice(0)) say(to, message);
  }
}

/** A long list of claims as parts of one message; at least one part, so that an empty list is told too. */
export function inParts<T extends Claim>(
  claims: readonly T[],
  sequence: number,
  make: (part: Part, claims: readonly T[]) => Message,
): readonly Message[] {
  // Two claims by different makers take the most room; sorted by maker there are few such neighbours.
  let maker = '';
  const size = (claim: T): number => {
    const same = claim.instance === maker;
    maker = claim.instance;
    return claimSize(claim) + (same ? 0 : makerSize(claim));
  };
  const lists = chunks(claims, size, ROOM - 300);
  const parts = lists.length === 0 ? [[]] : lists;
  return parts.map((list, index) => make({ sequence, index, count: parts.length }, list));
}

function chunks<T>(items: readonly T[], size: (item: T) => number, room: number): readonly (readonly T[])[] {
  const lists: T[][] = [];
  let left = 0;
  for (const item of items) {
    const octets = size(item);
    if (octets > left) {
      lists.push([]);
      left = room;
    }
    left -= octets;
    lists.at(-1)!.push(item);
  }
  return lists;
}

function listOf<K, V>(map: Map<K, V[]>, key: K): V[] {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made: V[] = [];
  map.set(key, made);
  return made;
}

function drain<K, V>(map: Map<K, V>): readonly [K, V][] {
  const entries = [...map];
  map.clear();
  return entries;
}
