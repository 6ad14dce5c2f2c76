import { createInterface } from 'node:readline';
import { seconds } from '../src/base/clock.ts';
import { Feed } from '../src/lab/feed.ts';
import { type Bench, tool } from './harness.ts';

/** A gratuitous ARP frame in the client, by the kernel's timestamp. */
export interface Sighting {
  readonly address: string;
  /** Of the machine's clock. */
  readonly ms: number;
}

/** Resolves when the client looks. */
export async function watchWire(bench: Bench): Promise<Feed<Sighting>> {
  const seen = new Feed<Sighting>();
  const birth = new Feed<true>();
  const child = bench.lab.spawn('client', [tool('watch'), 'eth0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout !== null)
    createInterface(child.stdout).on('line', (line) => {
      const item = JSON.parse(line) as Sighting & { readonly ready?: true };
      if (item.ready === true) birth.push(true);
      else seen.push(item);
    });
  await birth.first('the watcher starts', 0, seconds(10), () => true);
  return seen;
}
