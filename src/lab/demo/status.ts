import { mkdirSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { machineTime } from '../../base/clock.ts';
import { Feed } from '../feed.ts';
import { type ServiceNews, ServiceNewsFeed } from './service-news.ts';

/** What standalone says of Services in `.clarion/status/`. */
export class StatusFeed extends ServiceNewsFeed {
  /** What the speaker says of its addresses, as text. */
  readonly reports = new Feed<{ readonly at: number; readonly text: string }>();
  readonly #folder: string;
  readonly #names = new Set<string>();

  constructor(manifests: string) {
    super();
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

  /** Every Service that has a status, as it is now. */
  all(): readonly ServiceNews[] {
    return [...this.#names].flatMap((name) => this.now(name) ?? []);
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
