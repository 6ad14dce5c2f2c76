import { diffVerdicts } from '../announcement/diff.ts';
import type { AddressVerdict } from '../announcement/verdict.ts';
import { formatIpAddress } from '../base/ip-address.ts';
import type { SpeakerReport } from '../cluster/ports.ts';
import type { ServiceKey } from '../inventory/service-request.ts';
import { type AddressNews, newsOf } from './conditions.ts';

/** What is known of each address: who may announce it, and what the speakers say. By the address as text. */
export class KnownAddresses {
  readonly #verdicts = new Map<string, AddressVerdict>();
  #list: readonly AddressVerdict[] = [];
  #reports: readonly SpeakerReport[] = [];
  #news: ReadonlyMap<string, AddressNews> = new Map();

  verdictOf(address: string): AddressVerdict | undefined {
    return this.#verdicts.get(address);
  }
  get news(): ReadonlyMap<string, AddressNews> {
    return this.#news;
  }

  /** The Services of those addresses of which something else is known now than before. */
  update(verdicts: readonly AddressVerdict[], reports: readonly SpeakerReport[]): ReadonlySet<ServiceKey> {
    const concerned = new Set<ServiceKey>();
    const concern = (address: string): void => {
      for (const service of this.#verdicts.get(address)?.services ?? []) concerned.add(service);
    };
    const { changed, removed } = diffVerdicts(this.#list, verdicts);
    this.#list = verdicts;
    for (const address of removed.map(formatIpAddress)) {
      concern(address);
      this.#verdicts.delete(address);
    }
    for (const verdict of changed) {
      const address = formatIpAddress(verdict.address);
      concern(address);
      this.#verdicts.set(address, verdict);
      concern(address);
    }
    if (reports === this.#reports) return concerned;
    const before = this.#news;
    this.#reports = reports;
    this.#news = newsOf(reports, before);
    for (const [address, news] of this.#news) if (before.get(address) !== news) concern(address);
    for (const address of before.keys()) if (!this.#news.has(address)) concern(address);
    return concerned;
  }
}
