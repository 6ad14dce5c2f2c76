import { machineTime, ms, seconds } from '../../../base/clock.ts';
import type { NeighbourEvent } from '../../neighbours.ts';
import { WEB4, WEB6 } from '../manifests.ts';
import { stepFailed } from '../promises.ts';
import { browse, measured, pause, type Tale } from '../tale.ts';
import { NODE_MAC, RIVAL_MAC } from '../world.ts';

export async function rival(tale: Tale): Promise<void> {
  const { world, progress, status } = tale;
  const { lab } = world;
  progress.scene('Another host takes the address', `rival, ${RIVAL_MAC}`);
  const [reports, wire, neighbours] = [status.reports.mark(), world.wire.seen.mark(), world.neighbours.mark()];
  // A new MAC, though the same, makes Linux announce all its addresses (arp_notify).
  await lab.run('rival', ['ip', '-batch', '-'], `addr add ${WEB4}/24 dev eth0\nlink set eth0 address ${RIVAL_MAC}\n`);
  const spoke = await world.wire.seen.first(
    'the rival announces the address',
    wire,
    seconds(5),
    ({ what, address, mac }) => what === 'announcement' && address === WEB4 && mac === RIVAL_MAC,
  );
  // Two observers, each with its own delay: the later event may be noticed first.
  const since = ({ at }: { readonly at: number }): number => Math.max(0, at - spoke.at);
  const entry = (mac: string, from: number): Promise<NeighbourEvent> =>
    world.neighbours.first(
      `the client's kernel has ${WEB4} at ${mac}`,
      neighbours,
      seconds(15),
      (event) => event.address === WEB4 && event.mac === mac && event.at >= from,
    );
  const theirs = await entry(RIVAL_MAC, 0);
  progress.line('rival', `takes ${WEB4} and says so; the client's kernel believes it`);
  const report = await status.reports.first('the speaker reports the conflict', reports, seconds(5), ({ text }) =>
    text.includes(RIVAL_MAC),
  );
  progress.line('node-a', `reports the conflict: also at ${RIVAL_MAC}`, measured(tale, 'reported', since(report)));
  const ours = await entry(NODE_MAC, theirs.at);
  progress.line('node-a', `defends it: the client has ${NODE_MAC} again`, measured(tale, 'defended', since(ours)));
  await lab.run('rival', ['ip', 'addr', 'del', `${WEB4}/24`, 'dev', 'eth0']);
  await refusedByDetection(tale);
  await browse(tale, `http://${WEB4}/`);
}

/** IPv6 asks before it takes: an answer to that probe is all the defence that is needed. */
async function refusedByDetection({ world, progress }: Tale): Promise<void> {
  const { lab } = world;
  const asked = machineTime();
  await lab.run('rival', ['ip', 'addr', 'add', `${WEB6}/64`, 'dev', 'eth0']);
  while (!(await lab.run('rival', ['ip', '-6', 'addr', 'show', 'dev', 'eth0', 'dadfailed'])).includes(WEB6)) {
    if (machineTime() - asked > 5000)
      throw stepFailed(`the rival could take ${WEB6}: its duplicate address detection was not answered`);
    await pause(ms(50));
  }
  progress.line('rival', `asks whether ${WEB6} is free, hears node-a, and leaves it alone (dadfailed)`);
  await lab.run('rival', ['ip', 'addr', 'del', `${WEB6}/64`, 'dev', 'eth0']);
}
