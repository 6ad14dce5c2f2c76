import { machineTime, ms } from '../../../base/clock.ts';
import { holdingsText } from '../cluster.ts';
import { WEB4 } from '../manifests.ts';
import { type PromiseKey, stepFailed } from '../promises.ts';
import { measured, pause, type Tale, tellPing } from '../tale.ts';
import { returns } from './returns.ts';

/** The kernel goes on forwarding, so a client notices next to nothing; but nobody answers who-has until another takes over. */
export async function kill(tale: Tale): Promise<void> {
  const { progress, cluster } = tale;
  const holder = await cluster.holderOf(WEB4);
  progress.scene('A speaker is killed', `SIGKILL on ${holder}, which holds ${WEB4}`);
  await lose(tale, holder, 'SIGKILL', 'killTaken', 'killGap');
  await cluster.speaker(holder).ended();
  const others = await cluster.settled(cluster.runningNodes());
  progress.line(holder, 'its speaker is started again');
  await returns(tale, holder, others, () => cluster.startSpeaker(holder), 'restartMoves');
}

export async function freeze(tale: Tale): Promise<void> {
  const { world, progress, cluster, promises } = tale;
  const holder = await cluster.holderOf(WEB4);
  progress.scene('A speaker freezes, and thaws', `SIGSTOP on ${holder}, which holds ${WEB4}`);
  const lost = await lose(tale, holder, 'SIGSTOP', 'freezeTaken', 'freezeGap');
  await pause(ms(500));
  // Questions from before it wakes wait for it in its sockets.
  world.wire.ask(lost, ms(5));
  await pause(ms(200));
  const marks = cluster.marks();
  cluster.speaker(holder).signal('SIGCONT');
  await pause(ms(1000));
  const after = await cluster.settled().finally(() => world.wire.ask([]));
  const frames = cluster.framesOf(holder, lost, marks);
  promises.measured('thawAnswers', frames.length);
  progress.line(
    holder,
    `SIGCONT: it asks before it answers; ${frames.length} answers and announcements of it were seen`,
  );
  progress.line('speakers', holdingsText(after));
}

/** The addresses that this node held are announced by others. */
async function lose(
  tale: Tale,
  holder: string,
  signal: NodeJS.Signals,
  taken: PromiseKey,
  gap: PromiseKey,
): Promise<readonly string[]> {
  const { progress, cluster } = tale;
  const held = (await cluster.settled()).filter(({ node }) => node === holder).map(({ address }) => address);
  const { done, ping } = await cluster.pinged(WEB4, async () => {
    const marks = cluster.marks();
    const at = machineTime();
    cluster.speaker(holder).signal(signal);
    return { at, claims: await Promise.all(held.map((address) => cluster.takenOver(address, holder, marks))) };
  });
  for (const { node, address, term, at } of done.claims)
    progress.line(node, `claims ${address} (term ${term}) and announces it`, measured(tale, taken, at - done.at));
  tellPing(tale, ping, gap);
  return held;
}

export async function terminate(tale: Tale): Promise<void> {
  const { progress, cluster, promises } = tale;
  const holder = await cluster.holderOf(WEB4);
  progress.scene('A speaker is stopped', `SIGTERM on ${holder}, which holds ${WEB4}`);
  const told = machineTime();
  const { done, ping } = await cluster.pinged(WEB4, async () => {
    const outcome = await cluster.speaker(holder).stop();
    if (outcome !== 0) throw stepFailed(`the speaker on ${holder} ended with ${outcome} instead of 0`);
    return { took: machineTime() - told };
  });
  progress.line(holder, 'hands over, says goodbye, ends with exit code 0', done.took);
  progress.line('speakers', holdingsText(await cluster.settled(cluster.runningNodes())));
  promises.measured('stopLost', ping.lost);
  tellPing(tale, ping);
}
