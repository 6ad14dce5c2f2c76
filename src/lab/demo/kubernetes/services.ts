import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type Milliseconds, machineTime, ms, seconds } from '../../../base/clock.ts';
import { Feed } from '../../feed.ts';
import type { ControlPlane } from '../../kubernetes/control-plane.ts';
import { pause } from '../../logged-program.ts';

/** What the API server tells another client about Services: when each change was to be seen, and its status. */
export interface ServiceNews {
  readonly at: number;
  readonly name: string;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly ingress: readonly string[];
  readonly conditions: readonly Condition[];
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

interface WatchedService {
  readonly metadata: { readonly name: string };
  readonly status?: {
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip: string }[] };
    readonly conditions?: readonly Condition[];
  };
}

const AGAIN_AFTER = ms(300);

export class ServiceFeed {
  readonly news = new Feed<ServiceNews>();
  #watch: ChildProcess | undefined;
  #stopped = false;

  constructor(plane: ControlPlane, namespace: string) {
    void this.#follow(plane, namespace);
  }

  mark(): number {
    return this.news.mark();
  }

  first(
    name: string,
    what: string,
    mark: number,
    test: (news: ServiceNews) => boolean,
    limit: Milliseconds = seconds(10),
  ): Promise<ServiceNews> {
    return this.news.first(`shop/${name}: ${what}`, mark, limit, (one) => one.name === name && test(one));
  }

  /** As it was told last. */
  now(name: string): ServiceNews | undefined {
    return this.news.since(0).findLast((one) => one.name === name);
  }

  stop(): void {
    this.#stopped = true;
    this.#watch?.kill('SIGKILL');
  }

  /** A watch of kubectl ends when its API server does. */
  async #follow(plane: ControlPlane, namespace: string): Promise<void> {
    const words = ['get', 'services', '--namespace', namespace, '--watch', '--output-watch-events', '--output', 'json'];
    while (!this.#stopped) {
      const watch = plane.lab.spawn(plane.host, plane.kubectlCommand(words), { stdio: ['ignore', 'pipe', 'ignore'] });
      this.#watch = watch;
      if (watch.stdout !== null)
        createInterface(watch.stdout).on('line', (line) => {
          const at = machineTime();
          const { type, object } = JSON.parse(line) as { type: ServiceNews['type']; object: WatchedService };
          if (object.metadata?.name === undefined) return;
          const ingress = (object.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);
          this.news.push({
            at,
            name: object.metadata.name,
            type,
            ingress,
            conditions: object.status?.conditions ?? [],
          });
        });
      await new Promise<void>((resolve) => watch.once('close', () => resolve()));
      await pause(AGAIN_AFTER);
    }
  }
}

export const conditionOf = ({ conditions }: ServiceNews, type: 'Allocated' | 'Announced'): Condition | undefined =>
  conditions.find((condition) => condition.type === `clarion.dev/${type}`);
