import { ms } from '../../../base/clock.ts';
import { holdingsText, movedBetween } from '../cluster.ts';
import { WEB4 } from '../manifests.ts';
import { pause, type Tale, tellPing } from '../tale.ts';
import { NODES } from '../world.ts';

export async function drain(tale: Tale): Promise<void> {
  const { progress, cluster, promises } = tale;
  const holder = await cluster.holderOf(WEB4);
  progress.scene('A node is drained', `${holder}, which holds ${WEB4}`);
  const { done, ping } = await cluster.pinged(WEB4, async () => {
    const said = await cluster.clarion('drain', holder);
    const drained = await cluster.settled();
    const back = await cluster.clarion('undrain', holder);
    await pause(ms(500));
    return { said, drained, back, after: await cluster.settled() };
  });
  progress.line('you', `clarion drain ${holder}`);
  progress.line('clarion', lastLine(done.said));
  progress.line('speakers', holdingsText(done.drained));
  progress.line('you', `clarion undrain ${holder}`);
  const moved = movedBetween(done.drained, done.after);
  promises.measured('undrainMoves', moved);
  progress.line('speakers', `${moved} addresses moved back`);
  promises.measured('drainLost', ping.lost);
  tellPing(tale, ping);
}

export async function move(tale: Tale): Promise<void> {
  const { progress, cluster, promises } = tale;
  const holder = await cluster.holderOf(WEB4);
  const to = NODES.find((node) => node !== holder)!;
  progress.scene('An address is moved', `${WEB4} from ${holder} to ${to}`);
  const { done, ping } = await cluster.pinged(WEB4, async () => {
    const said = await cluster.clarion('move', WEB4, '--to', to);
    return { said, after: await cluster.settled() };
  });
  progress.line('you', `clarion move ${WEB4} --to ${to}`);
  progress.line('clarion', lastLine(done.said));
  progress.line('speakers', holdingsText(done.after));
  promises.measured('moveLost', ping.lost);
  tellPing(tale, ping);
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';
