import { machineTime, ms } from '../../../base/clock.ts';
import { holdingsText, VIPS } from '../cluster.ts';
import { WEB4 } from '../manifests.ts';
import { stepFailed } from '../promises.ts';
import { measured, pause, type Tale, tellPing } from '../tale.ts';
import { NODES, nodeMac, OTHER_SWITCH } from '../world.ts';

/** The switch falls in two, and no link goes down: on one side the holder and the host `rival`, on the other all others. */
export async function cutOff(tale: Tale): Promise<void> {
  const { world, progress, cluster } = tale;
  const { lab } = world;
  const before = await cluster.settled();
  const holder = before.find(({ address }) => address === WEB4)!.node;
  progress.scene('The network falls in two, and heals', `${holder} and rival on the other side`);
  const plugInto = (bridge: string): Promise<string> =>
    lab.run('switch', ['ip', '-batch', '-'], `link set ${holder} master ${bridge}\nlink set rival master ${bridge}\n`);
  const { done, ping } = await cluster.pinged(WEB4, async () => {
    const marks = cluster.marks();
    const at = machineTime();
    await plugInto(OTHER_SWITCH);
    const lost = before.filter(({ node }) => node === holder);
    return { at, taken: await Promise.all(lost.map(({ address }) => cluster.takenOver(address, holder, marks))) };
  });
  for (const { node, address, term, at } of done.taken)
    progress.line(node, `claims ${address} (term ${term}) on its side`, at - done.at);
  tellPing(tale, ping, 'cutGap');
  await lab.run('rival', ['ping', '-c', '1', '-W', '2', WEB4]);
  const entry = await lab.run('rival', ['ip', 'neigh', 'show', 'to', WEB4]);
  if (!entry.includes(nodeMac(holder))) throw stepFailed(`on the other side ${WEB4} is not at ${holder}: ${entry}`);
  progress.line('rival', `is served by ${holder} still: each side has what it can reach`);

  world.wire.ask(VIPS, ms(5));
  const { done: healed, ping: through } = await cluster
    .pinged(WEB4, async () => {
      const marks = cluster.marks();
      const at = machineTime();
      await plugInto('br0');
      await pause(ms(1500));
      return { at, marks, after: await cluster.settled() };
    })
    .finally(() => world.wire.ask([]));
  // Of each address, when the last frame was seen of one that does not hold it now.
  const late = healed.after.flatMap(({ address, node }) =>
    NODES.filter((other) => other !== node).flatMap((other) =>
      cluster.framesOf(other, [address], healed.marks).map(({ at }) => at - healed.at),
    ),
  );
  progress.line(
    'wire',
    `healed: ${late.length} frames of one that does not hold the address now; one alone answers after`,
    measured(tale, 'healed', Math.max(0, ...late)),
  );
  progress.line('speakers', holdingsText(healed.after));
  tellPing(tale, through);
}
