import { ms } from '../../../base/clock.ts';
import { formatMs } from '../../../terminal/progress.ts';
import { ADMIN, endpointSlices, WEB, WEB4, WEB6 } from '../manifests.ts';
import { stepFailed } from '../promises.ts';
import { conditionOf } from '../service-news.ts';
import { answersDuring, browse, measured, pause, seenOnWire, type Tale } from '../tale.ts';

export async function loseEndpoint(tale: Tale): Promise<void> {
  const { world, progress } = tale;
  progress.scene('The endpoint goes away, and returns', 'the pod is no longer ready');
  progress.line('node-a', 'withdraws both addresses; its last answer was seen after', await withdraw(tale));
  // An entry that is known already goes on being used for a while; nothing at layer 2 can take it back.
  await world.lab.run('client', ['ip', 'neigh', 'del', WEB4, 'dev', 'eth0']);
  const lost = await world.client.get(`http://${WEB4}/`, 400);
  if (lost.ok) throw stepFailed('the client still found the Service');
  progress.line('client', `with its neighbour entry deleted: http://${WEB4}/ -> ${lost.text}`);
  progress.line('node-a', `the pod is ready again: gratuitous ARP for ${WEB4}`, await restore(tale));
  await browse(tale, `http://${WEB4}/`);
  const rounds: string[] = [];
  for (let round = 0; round < 3; round++)
    rounds.push(`${formatMs(await withdraw(tale))} and ${formatMs(await restore(tale))}`);
  progress.line('node-a', `three times more, withdrawn and announced: ${rounds.join(', ')}`);
}

function setEndpoints({ world }: Tale, ready: boolean): number {
  const written = world.write('web-endpoints.yaml', endpointSlices(WEB, ready));
  world.write('admin-endpoints.yaml', endpointSlices(ADMIN, ready));
  return written;
}

/** How long answers were still seen after both Services had lost their endpoint. */
async function withdraw(tale: Tale): Promise<number> {
  const news = tale.status.mark();
  let gone = 0;
  const silent = (async () => {
    await pause(ms(100));
    gone = setEndpoints(tale, false);
    await tale.status.first(
      'web',
      'is withdrawn',
      news,
      (entry) => conditionOf(entry, 'Announced')?.reason === 'NoEndpoints',
    );
    await pause(ms(200));
  })();
  const last = (await answersDuring(tale, [WEB4, WEB6], silent)).at(-1);
  if (last === undefined) throw stepFailed('no answer was seen even before the endpoint went away');
  return measured(tale, 'withdrawn', Math.max(0, last - gone));
}

/** How long until the address was announced again. */
async function restore(tale: Tale): Promise<number> {
  const wire = tale.world.wire.seen.mark();
  const back = setEndpoints(tale, true);
  const arp = await seenOnWire(tale, 'announcement', WEB4, wire);
  return measured(tale, 'announced', arp.at - back);
}
