import { ms } from '../../../base/clock.ts';
import type { PingResult } from '../../ping.ts';
import { type Holding, holdingsText, movedBetween, VIPS } from '../cluster.ts';
import { WEB4 } from '../manifests.ts';
import type { PromiseKey } from '../promises.ts';
import { pause, type Tale, tellPing } from '../tale.ts';

/**
 * A node or its speaker is there again. An address moved where its holder is another than before, or where the one that
 * returns was seen to answer for it or to announce it, be it for a moment.
 */
export async function returns(
  tale: Tale,
  node: string,
  before: readonly Holding[],
  bringBack: () => Promise<unknown>,
  key: PromiseKey,
): Promise<PingResult> {
  const { world, progress, cluster, promises } = tale;
  const marks = cluster.marks();
  world.wire.ask(VIPS, ms(5));
  const { done: after, ping } = await cluster
    .pinged(WEB4, async () => {
      await bringBack();
      await cluster.settled();
      await pause(ms(1000));
      return cluster.settled();
    })
    .finally(() => world.wire.ask([]));
  const held = before.filter((one) => one.node !== node).map(({ address }) => address);
  const frames = cluster.framesOf(node, held, marks);
  const moved = Math.max(movedBetween(before, after), new Set(frames.map(({ address }) => address)).size);
  promises.measured(key, moved);
  progress.line('speakers', `see each other again; ${holdingsText(after)}`);
  progress.line('wire', `${frames.length} answers and announcements of ${node}: ${moved} addresses moved`);
  tellPing(tale, ping);
  return ping;
}
