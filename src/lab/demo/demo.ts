import type { Progress } from '../../terminal/progress.ts';
import type { Lab } from '../lab.ts';
import { Cluster } from './cluster.ts';
import type { Daemon } from './daemon.ts';
import { PROMISES, Promises } from './promises.ts';
import { address, serve, start } from './scenes/assign.ts';
import { cable } from './scenes/cable.ts';
import { cutOff } from './scenes/cut-off.ts';
import { loseEndpoint } from './scenes/endpoint.ts';
import { drain, move } from './scenes/planned.ts';
import { editPool } from './scenes/pool.ts';
import { freeze, kill, terminate } from './scenes/processes.ts';
import { rival } from './scenes/rival.ts';
import { routed } from './scenes/routed.ts';
import { refuse, share } from './scenes/share.ts';
import { stop } from './scenes/stop.ts';
import { three } from './scenes/three.ts';
import { StatusFeed } from './status.ts';
import { type DemoResult, tellStory } from './story.ts';
import type { Tale } from './tale.ts';
import { buildWorld } from './world.ts';

/**
 * The demo: a small data centre in which the real `clarion` does its work, told as it happens: first
 * one process on one node, then a controller and three speakers, and what may happen to them.
 * Everything that is told was seen from outside of it: on the wire, in the client's kernel, in its answers, in the files.
 */
export interface DemoOptions {
  /** Empty, and stopped by whoever made it. */
  readonly lab: Lab;
  readonly progress: Progress;
  /** How this very program is started: node, its options, main.js. */
  readonly program: readonly string[];
  /** At the end all speakers run: it stays up. */
  readonly keep: boolean;
}

export async function runDemo({ lab, progress, program, keep }: DemoOptions): Promise<DemoResult> {
  const world = await buildWorld(lab, program);
  const daemons: Daemon[] = [];
  const tale: Tale = {
    world,
    status: new StatusFeed(world.folder),
    progress,
    promises: new Promises(PROMISES),
    daemons,
    cluster: new Cluster(world, daemons),
  };
  const alone = [start, address, serve, share, refuse, editPool, loseEndpoint, rival, stop];
  const scenes = [...alone, three, cable, kill, freeze, drain, move, cutOff, routed, terminate];
  const told = scenes.map((scene) => () => scene(tale));
  if (keep) told.push(() => tale.cluster.startMissing());
  return tellStory({ steps: told, progress, promises: tale.promises, lastWords: () => lastWords(daemons) });
}

/** What was logged last, of all processes together, in order. */
const lastWords = (daemons: readonly Daemon[]): readonly string[] =>
  daemons
    .flatMap(({ log }) => log.since(0))
    .toSorted((a, b) => a.at - b.at)
    .slice(-12)
    .map(({ text }) => text);
