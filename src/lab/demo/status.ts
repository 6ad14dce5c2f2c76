import { mkdirSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { type Milliseconds, machineTime, seconds } from '../../base/clock.ts';
import { Feed } from '../feed.ts';

/** What standalone says of a Service in `.clarion/status/`, as anybody may read it. */
export interface ServiceNews {
  /** When the file was there. */
  readonly at: number;
  readonly name: string;
  readonly ingress: readonly string[];
  readonly pool?: string;
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
  }[];
}

export class StatusFeed {
  readonly news = new Feed<ServiceNews>();
  /** What the speaker says of its addresses, as text. */
  readonly reports = new Feed<{ readonly at: number; readonly text: string }>();
  readonly #folder: string;
  readonly #names = new Set<string>();

  constructor(manifests: string) {
    this.#folder = join(manifests, '.clarion', 'status', 'shop');
    this.#watch(this.#folder, (file) => this.#read(file));
    const reports = join(manifests, '.clarion', 'reports');
    this.#watch(reports, (file) => {
      const at = machineTime();
      this.reports.push({ at, text: readFileSync(join(reports, file), 'utf8') });
    });
  }

  /** Files are written under a hidden name and renamed, so what is told is whole. */
  #watch(folder: string, changed: (file: string) => void): void {
    mkdirSync(folder, { recursive: true });
    const watcher = watch(folder, (_event, file) => {
      if (file?.endsWith('.json') === true && !file.startsWith('.')) changed(file);
    });
    // The demo ends when it ends.
    watcher.unref();
  }

  mark(): number {
    return this.news.mark();
  }

  first(
    name: string,
    what: string,
    mark: number,
    test: (news: ServiceNews) => boolean,
    limit: Milliseconds = seconds(5),
  ): Promise<ServiceNews> {
    return this.news.first(`shop/${name}: ${what}`, mark, limit, (news) => news.name === name && test(news));
  }

  /** Every Service that has a status, as it is now. */
  all(): readonly ServiceNews[] {
    return [...this.#names].flatMap((name) => this.news.since(0).findLast((news) => news.name === name) ?? []);
  }

  #read(file: string): void {
    const at = machineTime();
    const name = file.slice(0, -'.json'.length);
    try {
      const record = JSON.parse(readFileSync(join(this.#folder, file), 'utf8')) as Omit<ServiceNews, 'at' | 'name'>;
      this.#names.add(name);
      this.news.push({ ...record, at, name });
    } catch {
      // Removed: the Service is gone.
      this.#names.delete(name);
    }
  }
}

export const conditionOf = (
  { conditions }: ServiceNews,
  type: 'Allocated' | 'Announced',
): ServiceNews['conditions'][number] | undefined =>
  conditions.find((condition) => condition.type === `clarion.dev/${type}`);
