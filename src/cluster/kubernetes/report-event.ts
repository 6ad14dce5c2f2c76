import { type Decoded, decoded, malformed } from '../../base/decoded.ts';
import { encodeEvent, type StreamEvent } from '../../base/event-stream.ts';
import { isFields } from '../../base/fields.ts';
import { Follower, TrackedMap } from '../../base/tracked-map.ts';
import { replaceWords, reportJson, type SaidJson, saidJson, setWords, wordsIn } from '../address-words.ts';
import type { AddressWord, SpeakerReport } from '../ports.ts';

/**
 * A speaker's report as it travels: `report` is the whole one, `change` what differs from the one before. All that is said of one address
 * (layer 2 and BGP may both say something) travels together.
 */
type Head = Omit<SpeakerReport, 'addresses'>;

interface Change extends Head {
  readonly set: readonly SaidJson[];
  readonly remove: readonly string[];
}

/** What one reader has been told. */
export class ToldReport {
  readonly #addresses = new Follower<string, readonly AddressWord[]>();
  #node: string | undefined;

  /** Undefined: `latest` says nothing that the reader does not know. The time alone is no news. */
  news(latest: SpeakerReport): string | undefined {
    const { node, at, addresses } = latest;
    const touched = this.#addresses.changed(addresses);
    if (touched.size === 0 && node === this.#node) return undefined;
    const text =
      this.#node === undefined
        ? encodeEvent({ event: 'report', data: reportJson(latest) })
        : encodeEvent({ event: 'change', data: JSON.stringify(changeOf({ node, at }, addresses, touched)) });
    this.#node = node;
    this.#addresses.seen();
    return text;
  }

  /** The reader is gone. */
  stop(): void {
    this.#addresses.stop();
  }
}

function changeOf(head: Head, addresses: SpeakerReport['addresses'], touched: ReadonlySet<string>): Change {
  const set: (readonly [string, readonly AddressWord[]])[] = [];
  const remove: string[] = [];
  for (const address of touched) {
    const words = addresses.get(address);
    if (words === undefined) remove.push(address);
    else set.push([address, words]);
  }
  return { ...head, set: saidJson(set), remove };
}

/** What a reader knows of one speaker. */
export class HeardReport {
  readonly #addresses = new TrackedMap<string, readonly AddressWord[]>();
  #report: SpeakerReport | undefined;

  /** Undefined: nothing has been heard yet. The same object until something new is; its map is always the same one. */
  report(): SpeakerReport | undefined {
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
    const { node, at, addresses, set, remove } = value;
    const said = whole ? addresses : set;
    if (!Array.isArray(said)) return malformed(`a ${event} without addresses`);
    const words = wordsIn(said);
    if (whole) replaceWords(this.#addresses, words);
    else if (this.#report === undefined) return malformed('a change before the report that it changes');
    else for (const [address, latest] of words) setWords(this.#addresses, address, latest);
    if (Array.isArray(remove)) for (const address of remove) this.#addresses.delete(String(address));
    this.#report = { node, at, addresses: this.#addresses };
    return decoded(true);
  }
}

const isHead = (value: unknown): value is Head & Readonly<Record<'addresses' | 'set' | 'remove', unknown>> =>
  isFields(value) && typeof value['node'] === 'string' && typeof value['at'] === 'string';
