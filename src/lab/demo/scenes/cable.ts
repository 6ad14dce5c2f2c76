import { machineTime, ms } from '../../../base/clock.ts';
import { type Holding, holdingsText, movedBetween, VIPS } from '../cluster.ts';
import { WEB4 } from '../manifests.ts';
import { measured, pause, pingText, type Tale } from '../tale.ts';

/** Two scenes: the node that held the addresses is gone, and comes back. */
export async function cable(tale: Tale): Promise<void> {
  const { holder, after } = await pull(tale);
  await plugIn(tale, holder, after);
}

async function pull(tale: Tale): Promise<{ readonly holder: string; readonly after: readonly Holding[] }> {
  const { world, progress, cluster } = tale;
  const before = await cluster.settled();
  const holder = before.find(({ address }) => address === WEB4)!.node;
  progress.scene("The holder's cable is pulled", `${holder}, at the switch`);
  const { done, ping } = await cluster.pinged(WEB4, async () => {
    const marks = cluster.marks();
    const at = machineTime();
    await world.lab.run('switch', ['ip', 'link', 'set', holder, 'down']);
    const lost = before.filter(({ node }) => node === holder);
    const taken = await Promise.all(lost.map(({ address }) => cluster.takenOver(address, holder, marks)));
    return { at, taken };
  });
  for (const { node, address, term, at } of done.taken)
    progress.line(node, `claims ${address} (term ${term}) and announces it`, at - done.at);
  progress.line('client', pingText(WEB4, ping), measured(tale, 'cableGap', ping.gap));
  return { holder, after: before.map((one) => done.taken.find(({ address }) => address === one.address) ?? one) };
}

async function plugIn(tale: Tale, node: string, before: readonly Holding[]): Promise<void> {
  const { world, progress, cluster, promises } = tale;
  progress.scene('The node returns', `${node} is plugged in again`);
  const marks = cluster.marks();
  world.wire.ask(VIPS, ms(5));
  const { done: after, ping } = await cluster
    .pinged(WEB4, async () => {
      await world.lab.run('switch', ['ip', 'link', 'set', node, 'up']);
      const settled = await cluster.settled();
      await pause(ms(1000));
      return settled;
    })
    .finally(() => world.wire.ask([]));
  const frames = cluster.framesOf(node, VIPS, marks);
  const moved = Math.max(movedBetween(before, after), new Set(frames.map(({ address }) => address)).size);
  promises.measured('returnMoves', moved);
  promises.measured('returnLost', ping.lost);
  progress.line('speakers', `see each other again; ${holdingsText(after)}`);
  progress.line('wire', `${frames.length} answers and announcements of ${node}: ${moved} addresses moved`);
  progress.line('client', pingText(WEB4, ping));
}
