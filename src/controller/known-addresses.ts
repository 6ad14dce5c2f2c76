import type { Verdicts } from '../announcement/judge.ts';
import type { AddressVerdict } from '../announcement/verdict.ts';
import { Follower } from '../base/tracked-map.ts';
import type { SpeakerReport } from '../cluster/ports.ts';
import type { ServiceKey } from '../inventory/service-request.ts';
import { type AddressNews, newsOf } from './conditions.ts';

/** What is known of each address: who may announce it, and what the speakers say. By the address as text. */
export class KnownAddresses {
  readonly #newVerdicts = new Follower<string, AddressVerdict>();
  /** Which Services had an address when it was looked at last. */
  readonly #verdicts = new Map<string, AddressVerdict>();
  #reports: readonly SpeakerReport[] = [];
  #news: ReadonlyMap<string, AddressNews> = new Map();

  verdictOf(address: string): AddressVerdict | undefined {
    return this.#verdicts.get(address);
  }
  get news(): ReadonlyMap<string, AddressNews> {
    return this.#news;
  }

  /** The Services of those addresses of which something else is known now than before. */
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
    if (reports === this.#reports) return concerned;
    const before = this.#news;
    this.#reports = reports;
    this.#news = newsOf(reports, before);
    for (const [address, news] of this.#news) if (before.get(address) !== news) concern(address);
    for (const address of before.keys()) if (!this.#news.has(address)) concern(address);
    return concerned;
  }
}
