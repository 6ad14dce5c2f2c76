import type { Verdicts } from '../announcement/judge.ts';
import type { AddressVerdict } from '../announcement/verdict.ts';
import { Follower } from '../base/tracked-map.ts';
import type { AddressWord, SpeakerReport } from '../cluster/ports.ts';
import type { ServiceKey } from '../inventory/service-request.ts';
import { type AddressNews, newsOf } from './conditions.ts';

const NOTHING: SpeakerReport['addresses'] = new Map();

/** What is known of each address: who may announce it, and what the speakers say. By the address as text. */
export class KnownAddresses {
  readonly #newVerdicts = new Follower<string, AddressVerdict>();
  /** Which Services had an address when it was looked at last. */
  readonly #verdicts = new Map<string, AddressVerdict>();
  /** By node. */
  readonly #newWords = new Map<string, Follower<string, readonly AddressWord[]>>();
  readonly #news = new Map<string, AddressNews>();

  verdictOf(address: string): AddressVerdict | undefined {
    return this.#verdicts.get(address);
  }
  get news(): ReadonlyMap<string, AddressNews> {
    return this.#news;
  }

  /** The Services of those addresses of which something else is known now than before; one report of each node. */
  update(verdicts: Verdicts, reports: readonly SpeakerReport[]): ReadonlySet<ServiceKey> {
    const concerned = new Set<ServiceKey>();
    const concern = (address: string): void => {
      for (const service of this.#verdicts.get(address)?.services ?? []) concerned.add(service);
    };
    for (const address of this.#newVerdicts.changed(verdicts)) {
      const verdict = verdicts.get(address);
      concern(address);
      if (verdict === undefined) this.#verdicts.delete(address);
      else this.#verdicts.set(address, verdict);
      concern(address);
    }
    this.#newVerdicts.seen();
    for (const address of this.#spokenOf(reports)) {
      const before = this.#news.get(address);
      const news = newsOf(address, reports, before);
      if (news === before) continue;
      if (news === undefined) this.#news.delete(address);
      else this.#news.set(address, news);
      concern(address);
    }
    return concerned;
  }

  /** Addresses of which a speaker may say something else than before. */
  #spokenOf(reports: readonly SpeakerReport[]): ReadonlySet<string> {
    const touched = new Set<string>();
    const latest = new Map(reports.map(({ node, addresses }) => [node, addresses]));
    for (const node of latest.keys()) if (!this.#newWords.has(node)) this.#newWords.set(node, new Follower());
    for (const [node, follower] of this.#newWords) {
      const addresses = latest.get(node);
      for (const address of follower.changed(addresses ?? NOTHING)) touched.add(address);
      follower.seen();
      if (addresses === undefined) this.#newWords.delete(node);
    }
    return touched;
  }
}
