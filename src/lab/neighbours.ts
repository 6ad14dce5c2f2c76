import { createInterface } from 'node:readline';
import { machineTime } from '../base/clock.ts';
import { Feed } from './feed.ts';
import type { Lab } from './lab.ts';

/** A change in a host's own neighbour table, as the kernel tells it. */
export interface NeighbourEvent {
  readonly at: number;
  readonly address: string;
  /** Undefined where the entry has none: the neighbour does not answer, or the entry is gone. */
  readonly mac: string | undefined;
  /** REACHABLE, STALE, FAILED, ... */
  readonly state: string;
}

const LINE =
  /^(?<deleted>Deleted )?(?<address>[0-9a-f.:]+) dev \S+ (?:lladdr (?<mac>[0-9a-f:]{17}) )?.*?(?<state>[A-Z]+)\s*$/;

/** `ip monitor neigh` in the host: an observer that has nothing of ours in it. */
export function watchNeighbours(lab: Lab, host: string): Feed<NeighbourEvent> {
  const feed = new Feed<NeighbourEvent>();
  const child = lab.spawn(host, ['ip', 'monitor', 'neigh'], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout !== null)
    createInterface(child.stdout).on('line', (line) => {
      const { address, mac, state } = LINE.exec(line)?.groups ?? {};
      if (address !== undefined && state !== undefined) feed.push({ at: machineTime(), address, mac, state });
    });
  return feed;
}
