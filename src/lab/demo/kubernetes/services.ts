import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { machineTime, ms } from '../../../base/clock.ts';
import type { ControlPlane } from '../../kubernetes/control-plane.ts';
import { pause } from '../../logged-program.ts';
import { type ServiceCondition, ServiceNewsFeed } from '../service-news.ts';

interface WatchedService {
  readonly metadata: { readonly name: string };
  readonly status?: {
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip: string }[] };
    readonly conditions?: readonly ServiceCondition[];
  };
}

const AGAIN_AFTER = ms(300);

/** What the API server tells another client about Services: when each change was to be seen, and its status. */
export class ServiceFeed extends ServiceNewsFeed {
  #watch: ChildProcess | undefined;
  #stopped = false;

  constructor(plane: ControlPlane, namespace: string) {
    super();
    void this.#follow(plane, namespace);
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
          const { metadata, status } = (JSON.parse(line) as { object: WatchedService }).object;
          if (metadata?.name === undefined) return;
          const ingress = (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);
          this.news.push({ at, name: metadata.name, ingress, conditions: status?.conditions ?? [] });
        });
      await new Promise<void>((resolve) => watch.once('close', () => resolve()));
      await pause(AGAIN_AFTER);
    }
  }
}
