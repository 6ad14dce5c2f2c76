import { machineTime } from '../../../base/clock.ts';
import type { Holding } from '../cluster.ts';
import { WEB4 } from '../manifests.ts';
import { type Tale, tellPing } from '../tale.ts';
import { returns } from './returns.ts';

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
  tellPing(tale, ping, 'cableGap');
  return { holder, after: before.map((one) => done.taken.find(({ address }) => address === one.address) ?? one) };
}

async function plugIn(tale: Tale, node: string, before: readonly Holding[]): Promise<void> {
  const { world, progress, promises } = tale;
  progress.scene('The node returns', `${node} is plugged in again`);
  const plugged = (): Promise<unknown> => world.lab.run('switch', ['ip', 'link', 'set', node, 'up']);
  const ping = await returns(tale, node, before, plugged, 'returnMoves');
  promises.measured('returnLost', ping.lost);
}
