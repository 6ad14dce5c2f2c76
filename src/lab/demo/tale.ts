import { type Milliseconds, ms, seconds, systemClock } from '../../base/clock.ts';
import type { Progress } from '../../terminal/progress.ts';
import type { Sighting } from '../capture.ts';
import type { PingResult } from '../ping.ts';
import type { Cluster } from './cluster.ts';
import type { Daemon } from './daemon.ts';
import { type PromiseKey, type Promises, stepFailed } from './promises.ts';
import type { StatusFeed } from './status.ts';
import { NODE_MAC, type World } from './world.ts';

/** What every scene has: the world, what is seen of it, and where it is told. */
export interface Tale {
  readonly world: World;
  readonly status: StatusFeed;
  readonly progress: Progress;
  readonly promises: Promises<PromiseKey>;
  /** All that was started, also what has ended. */
  readonly daemons: Daemon[];
  /** From the scene on in which the nodes are three. */
  readonly cluster: Cluster;
}

export const pause = (length: Milliseconds): Promise<void> =>
  new Promise((resolve) => void systemClock.startTimer('demo pause', length, resolve));

/** Tells how long something took and holds it against the promise. */
export function measured({ promises }: Tale, key: PromiseKey, value: number): number {
  promises.measured(key, value);
  return value;
}

/** What a ping saw, held against a promise of its gap where there is one. */
export function tellPing(tale: Tale, { sent, lost, gap }: PingResult, key?: PromiseKey, who = 'client'): void {
  if (key !== undefined) measured(tale, key, gap);
  tale.progress.line(who, `a ping every 5 ms: ${lost} of ${sent} lost, longest gap`, gap);
}

/** A frame of node-a about that address, seen by the capture in the client. */
export function seenOnWire(tale: Tale, what: Sighting['what'], address: string, mark: number): Promise<Sighting> {
  return tale.world.wire.seen.first(
    `${what} of ${address} on the wire`,
    mark,
    seconds(5),
    (frame) => frame.what === what && frame.address === address && frame.mac === NODE_MAC,
  );
}

/** What the client's browser would show; throws when it shows nothing. */
export async function browse({ world, progress }: Tale, url: string): Promise<void> {
  const answer = await world.client.get(url);
  if (!answer.ok) throw stepFailed(`the client asked for ${url} and got: ${answer.text}`);
  progress.line('client', `${url} -> "${answer.text}"`);
}

/** Asks on the wire for both of these addresses every millisecond until the work is done; the machine times of the answers. */
export async function answersDuring(
  { world: { wire } }: Tale,
  addresses: readonly string[],
  work: Promise<unknown>,
): Promise<readonly number[]> {
  const mark = wire.seen.mark();
  wire.ask(addresses, ms(1));
  await work.finally(() => wire.ask([]));
  const answers = wire.seen.since(mark).filter(({ what, address }) => what === 'answer' && addresses.includes(address));
  return answers.map(({ at }) => at);
}
