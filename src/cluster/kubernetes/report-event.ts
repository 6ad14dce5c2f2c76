import { type Decoded, decoded, malformed } from '../../base/decoded.ts';
import { encodeEvent, type StreamEvent } from '../../base/event-stream.ts';
import { isFields } from '../../base/fields.ts';
import { reasons } from '../../base/reason.ts';
import type { SpeakerReport } from '../ports.ts';

/**
 * A speaker's report as it travels: `report` is the whole one, `change` what differs from the one before. All that is said of one address
 * (layer 2 and BGP may both say something) travels together.
 */
type Said = SpeakerReport['addresses'][number];
type Head = Omit<SpeakerReport, 'addresses'>;

interface Change extends Head {
  readonly set: readonly Said[];
  readonly remove: readonly string[];
}

/** Undefined: `latest` says nothing new. */
export function encodeReport(told: SpeakerReport | undefined, latest: SpeakerReport): string | undefined {
  if (told === undefined) return encodeEvent({ event: 'report', data: JSON.stringify(latest) });
  const change = changeOf(told, latest);
  return change === undefined ? undefined : encodeEvent({ event: 'change', data: JSON.stringify(change) });
}

function changeOf(told: SpeakerReport, { addresses, ...head }: SpeakerReport): Change | undefined {
  const { addresses: before, ...headBefore } = told;
  const concerned = new Set(differing(before, addresses));
  if (concerned.size === 0) return sameHead(headBefore, head) ? undefined : { ...head, set: [], remove: [] };
  const set = addresses.filter(({ address }) => concerned.has(address));
  for (const { address } of set) concerned.delete(address);
  return { ...head, set, remove: [...concerned] };
}

/** Addresses of which other words are said than before. Of ten thousand in the order of before all but a few are passed over at once. */
function differing(before: readonly Said[], now: readonly Said[]): readonly string[] {
  const shorter = Math.min(before.length, now.length);
  let start = 0;
  while (start < shorter && sameWord(before[start]!, now[start]!)) start++;
  let end = 0;
  while (end < shorter - start && sameWord(before[before.length - 1 - end]!, now[now.length - 1 - end]!)) end++;
  const was = byAddress(before.slice(start, before.length - end));
  const is = byAddress(now.slice(start, now.length - end));
  return [...new Set([...was.keys(), ...is.keys()])].filter((address) => {
    const [a, b] = [was.get(address), is.get(address)];
    return a === undefined || b === undefined || !sameWords(a, b);
  });
}

function byAddress(addresses: readonly Said[]): Map<string, readonly Said[]> {
  const words = new Map<string, Said[]>();
  for (const said of addresses) {
    const others = words.get(said.address);
    if (others === undefined) words.set(said.address, [said]);
    else others.push(said);
  }
  return words;
}

const sameWord = (a: Said, b: Said): boolean =>
  a.address === b.address && a.state === b.state && a.reason === b.reason && a.message === b.message;

const sameWords = (a: readonly Said[], b: readonly Said[]): boolean =>
  a.length === b.length && a.every((one, i) => sameWord(one, b[i]!));

/** The time alone is no news. */
const sameHead = (a: Head, b: Head): boolean =>
  JSON.stringify({ ...a, at: undefined }) === JSON.stringify({ ...b, at: undefined });

/** What a reader knows of one speaker. */
export class HeardReport {
  #head: Head | undefined;
  #words = new Map<string, readonly Said[]>();
  #report: SpeakerReport | undefined;

  /** Undefined: nothing has been heard yet. The same object until something new is. */
  report(): SpeakerReport | undefined {
    if (this.#head === undefined) return undefined;
    this.#report ??= { ...this.#head, addresses: [...this.#words.values()].flat() };
    return this.#report;
  }

  /** True: it said something new. An error: nothing that follows can be trusted, so the stream is to be read anew. */
  take({ event, data }: StreamEvent): Decoded<boolean, string> {
    // Of a later version, for readers of that one.
    if (event !== 'report' && event !== 'change') return decoded(false);
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      return malformed('an event that is no JSON');
    }
    const whole = event === 'report';
    if (!isHead(value)) return malformed(`a ${event} without node and time`);
    const { addresses, set, remove, ...head } = value;
    const said = whole ? addresses : set;
    if (!Array.isArray(said)) return malformed(`a ${event} without addresses`);
    if (whole) this.#words = new Map();
    else if (this.#head === undefined) return malformed('a change before the report that it changes');
    for (const [address, words] of byAddress(said.filter(isSaid))) this.#words.set(address, words);
    if (Array.isArray(remove)) for (const address of remove) this.#words.delete(String(address));
    this.#head = head;
    this.#report = undefined;
    return decoded(true);
  }
}

const isHead = (value: unknown): value is Head & Readonly<Record<'addresses' | 'set' | 'remove', unknown>> =>
  isFields(value) && typeof value['node'] === 'string' && typeof value['at'] === 'string';

const STATES: readonly unknown[] = ['announced', 'prepared', 'probing', 'refused'] satisfies Said['state'][];
const textOrNothing = (value: unknown): boolean => value === undefined || typeof value === 'string';

/** A word of another version, which could not be understood here, is left out. */
const isSaid = (value: unknown): value is Said =>
  isFields(value) &&
  typeof value['address'] === 'string' &&
  STATES.includes(value['state']) &&
  (value['reason'] === undefined || (typeof value['reason'] === 'string' && Object.hasOwn(reasons, value['reason']))) &&
  textOrNothing(value['message']);
