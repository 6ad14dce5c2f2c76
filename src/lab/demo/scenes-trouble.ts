import { machineTime, ms, seconds } from '../../base/clock.ts';
import { configMap, endpointSlices, service, WEB4, WEB6 } from './manifests.ts';
import { stepFailed } from './promises.ts';
import { POOL, WEB } from './scenes-service.ts';
import { conditionOf } from './status.ts';
import { askSteadily, browse, measured, pause, seenOnWire, type Tale } from './tale.ts';
import { NODE_MAC, RIVAL_MAC } from './world.ts';

export async function editPool(tale: Tale): Promise<void> {
  const { world, status, progress, promises } = tale;
  progress.scene('The pool is edited while it runs', 'a request every 10 ms throughout');
  const [news, neighbours] = [status.mark(), world.neighbours.mark()];
  const before = new Map(status.all().map(({ name, ingress }) => [name, ingress.join()]));
  let over = false;
  const requests = (async () => {
    const answers = [];
    for (; !over; await pause(ms(10))) answers.push(world.client.get(`http://${WEB4}/`));
    return Promise.all(answers);
  })();
  try {
    const lower = ['192.0.2.190-192.0.2.209', '2001:db8:2::190-2001:db8:2::209'];
    world.write('config.yaml', configMap({ public: lower }));
    const written = world.write('late.yaml', service({ name: 'late', port: 81, families: 'IPv4' }));
    const late = await status.first('late', 'has an address', news, ({ ingress }) => ingress.length > 0);
    progress.line('you', `the pool begins at 192.0.2.190 now; a new Service, shop/late`);
    progress.line(
      'controller',
      `shop/late: ${conditionOf(late, 'Allocated')?.message}. shop/web stays`,
      late.at - written,
    );
    world.write('config.yaml', configMap({ public: ['192.0.2.190-192.0.2.199', '2001:db8:2::190-2001:db8:2::199'] }));
    const kept = await status.first(
      'web',
      'is told about the pool',
      news,
      (entry) => conditionOf(entry, 'Allocated')?.reason === 'AddressOutsidePools',
    );
    progress.line('you', `the pool ends at 192.0.2.199: shop/web is outside`);
    progress.line('controller', `shop/web keeps its addresses. ${conditionOf(kept, 'Allocated')?.message}`);
    const mended = status.mark();
    world.write('config.yaml', configMap({ public: [...lower.slice(0, 1), POOL[1]!] }));
    await status.first(
      'web',
      'is well again',
      mended,
      (entry) => conditionOf(entry, 'Allocated')?.reason === 'Assigned',
    );
    await pause(ms(200));
  } finally {
    over = true;
  }
  const answers = await requests;
  const moved = [...status.news.since(news)].filter(
    ({ name, ingress }) => before.has(name) && before.get(name) !== ingress.join(),
  );
  const macs = world.neighbours
    .since(neighbours)
    .filter((event) => event.address === WEB4 && event.mac !== undefined && event.mac !== NODE_MAC);
  promises.measured('lost', answers.filter(({ ok }) => !ok).length);
  promises.measured('moved', moved.length + macs.length);
  progress.line(
    'client',
    `${answers.length} requests, ${answers.filter(({ ok }) => !ok).length} lost; ${moved.length} addresses moved`,
  );
}

export async function loseEndpoint(tale: Tale): Promise<void> {
  const { world, status, progress } = tale;
  progress.scene('The endpoint goes away, and returns', 'the pod is no longer ready');
  const news = status.mark();
  let gone = 0;
  const silent = (async () => {
    await pause(ms(100));
    gone = world.write('web-endpoints.yaml', endpointSlices(WEB, false));
    await status.first(
      'web',
      'is withdrawn',
      news,
      (entry) => conditionOf(entry, 'Announced')?.reason === 'NoEndpoints',
    );
    await pause(ms(200));
  })();
  const answers = await askSteadily(tale, [WEB4, WEB6], silent);
  const last = answers.at(-1);
  if (last === undefined) throw stepFailed('no answer was seen even before the endpoint went away');
  progress.line(
    'node-a',
    'withdraws both addresses; the last answer was seen',
    measured(tale, 'withdrawn', Math.max(0, last - gone)),
  );
  const lost = await world.client.get(`http://${WEB4}/`, 400);
  if (lost.ok) throw stepFailed('the client still reached the Service');
  progress.line('client', `GET http://${WEB4}/  ->  ${lost.text}`);
  const wire = world.wire.seen.mark();
  const back = world.write('web-endpoints.yaml', endpointSlices(WEB, true));
  const arp = await seenOnWire(tale, 'announcement', WEB4, wire);
  progress.line(
    'node-a',
    `the pod is ready again: gratuitous ARP for ${WEB4}`,
    measured(tale, 'returned', arp.at - back),
  );
  await browse(tale, `http://${WEB4}/`);
}

export async function rival(tale: Tale): Promise<void> {
  const { world, progress, standalone } = tale;
  const { lab } = world;
  progress.scene('Another host takes the address', `rival, ${RIVAL_MAC}`);
  const [log, neighbours] = [standalone?.log.mark() ?? 0, world.neighbours.mark()];
  const taken = machineTime();
  // A new MAC, though the same, makes Linux announce all its addresses (arp_notify).
  await lab.run('rival', ['ip', '-batch', '-'], `addr add ${WEB4}/24 dev eth0\nlink set eth0 address ${RIVAL_MAC}\n`);
  const theirs = await world.neighbours.first(
    'the client believes the rival',
    neighbours,
    seconds(5),
    ({ address, mac }) => address === WEB4 && mac === RIVAL_MAC,
  );
  const start = world.neighbours.mark();
  progress.line('rival', `takes ${WEB4} and says so; the client's kernel believes it: ${theirs.mac}`);
  const ours = await world.neighbours.first(
    "the client's entry is node-a's again",
    start - 1,
    seconds(15),
    ({ at, address, mac }) => at >= theirs.at && address === WEB4 && mac === NODE_MAC,
  );
  const report = await standalone?.log.first('the conflict in the log', log, seconds(5), (line) =>
    JSON.stringify(line).includes(RIVAL_MAC),
  );
  progress.line(
    'node-a',
    `reports it: "${report?.msg}", ${RIVAL_MAC}`,
    measured(tale, 'reported', (report?.at ?? 0) - taken),
  );
  progress.line(
    'node-a',
    `defends it; the client's kernel has ${ours.mac} again`,
    measured(tale, 'defended', ours.at - theirs.at),
  );
  await lab.run('rival', ['ip', 'addr', 'del', `${WEB4}/24`, 'dev', 'eth0']);
  // IPv6 asks before it takes: the answer to its probe is all the defence that is needed.
  await lab.run('rival', ['ip', 'addr', 'add', `${WEB6}/64`, 'dev', 'eth0']);
  const asked = machineTime();
  while (!(await lab.run('rival', ['ip', '-6', 'addr', 'show', 'dev', 'eth0', 'dadfailed'])).includes(WEB6)) {
    if (machineTime() - asked > 5000)
      throw stepFailed(`the rival could take ${WEB6}: its duplicate address detection was not answered`);
    await pause(ms(50));
  }
  progress.line('rival', `asks whether ${WEB6} is free, hears node-a, and leaves it alone (dadfailed)`);
  await lab.run('rival', ['ip', 'addr', 'del', `${WEB6}/64`, 'dev', 'eth0']);
  await browse(tale, `http://${WEB4}/`);
}

export async function stop(tale: Tale): Promise<void> {
  const { world, progress, promises, standalone } = tale;
  progress.scene('A clean stop', 'SIGTERM to clarion standalone');
  const told = machineTime();
  const outcome = await standalone?.stop();
  const took = machineTime() - told;
  if (outcome !== 0) throw stepFailed(`standalone ended with ${outcome} instead of 0`);
  progress.line('node-a', 'the process has ended with exit code 0', measured(tale, 'stopped', took));
  const answers = await askSteadily(tale, [WEB4, WEB6], pause(ms(300)));
  promises.measured('answersAfter', answers.length);
  const left = (await world.lab.run(undefined, ['ip', 'netns', 'pids', 'node-a']))
    .split('\n')
    .filter((pid) => pid !== '');
  promises.measured('processesAfter', left.length);
  progress.line(
    'client',
    `asks for both addresses for 300 ms: ${answers.length} answers; ${left.length} processes left on node-a`,
  );
}
