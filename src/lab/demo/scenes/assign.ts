import { ms } from '../../../base/clock.ts';
import { startDaemon } from '../daemon.ts';
import { configMap, endpointSlices, node, POOL, service, WEB, WEB4, WEB6 } from '../manifests.ts';
import { stepFailed } from '../promises.ts';
import { conditionOf } from '../service-news.ts';
import { answersDuring, browse, measured, pause, seenOnWire, type Tale } from '../tale.ts';
import { NODE_MAC, nodeAddress } from '../world.ts';

export async function start(tale: Tale): Promise<void> {
  const { world, progress } = tale;
  progress.scene('Clarion starts on a folder of manifests', 'no Kubernetes, one process');
  world.write('config.yaml', configMap({ public: POOL }));
  world.write('node-a.yaml', node('node-a', nodeAddress(0)));
  const { lab, folder, program } = world;
  const { daemon, took } = await startDaemon({ lab, command: 'standalone', node: 'node-a', folder, program });
  tale.daemons.push(daemon);
  progress.line('you', `a ConfigMap: pool public, ${POOL.join(' and ')}`);
  progress.line('node-a', 'clarion standalone: controller and speaker run', measured(tale, 'ready', took));
}

export async function address(tale: Tale): Promise<void> {
  const { world, status, progress } = tale;
  progress.scene('A Service asks for an address', 'shop/web, IPv4 and IPv6');
  const [wire, news] = [world.wire.seen.mark(), status.mark()];
  const written = world.write('web.yaml', service(WEB));
  const given = await status.first('web', 'has an address', news, ({ ingress }) => ingress.length > 0);
  if (given.ingress.join() !== [WEB4, WEB6].join()) throw stepFailed(`shop/web got ${given.ingress.join(' and ')}`);
  progress.line(
    'controller',
    `${conditionOf(given, 'Allocated')?.message}`,
    measured(tale, 'assigned', given.at - written),
  );
  const probes = [await seenOnWire(tale, 'probe', WEB4, wire), await seenOnWire(tale, 'probe', WEB6, wire)];
  progress.line('wire', 'node-a asks whether anybody has them (ARP probe, IPv6 DAD)', probes[0]!.at - written);
  const waiting = await status.first(
    'web',
    'says why it is not announced',
    news,
    (entry) => conditionOf(entry, 'Announced')?.reason === 'NoEndpoints',
  );
  progress.line(
    'status',
    `Announced: ${conditionOf(waiting, 'Announced')?.status}. ${conditionOf(waiting, 'Announced')?.message}`,
  );
  const answers = await answersDuring(tale, [WEB4, WEB6], pause(ms(100)));
  if (answers.length > 0) throw stepFailed('an address without endpoints was answered for');
  progress.line('client', 'asks for both for 100 ms: no answer, as there is nothing to serve');
}

export async function serve(tale: Tale): Promise<void> {
  const { world, progress } = tale;
  progress.scene('There is something to serve', 'the pod behind node-a becomes ready');
  const [wire, neighbours] = [world.wire.seen.mark(), world.neighbours.mark()];
  const written = world.write('web-endpoints.yaml', endpointSlices(WEB, true));
  const arp = await seenOnWire(tale, 'announcement', WEB4, wire);
  const na = await seenOnWire(tale, 'announcement', WEB6, wire);
  progress.line('wire', `gratuitous ARP: ${WEB4} is at ${NODE_MAC}`, measured(tale, 'announced', arp.at - written));
  progress.line('wire', `unsolicited NA: ${WEB6} is at ${NODE_MAC}`, measured(tale, 'announced', na.at - written));
  await browse(tale, `http://${WEB4}/`);
  await browse(tale, `http://[${WEB6}]/`);
  for (const address of [WEB4, WEB6]) {
    const entry = await world.neighbours.first(
      `the client's kernel learns ${address}`,
      neighbours,
      ms(5000),
      (event) => event.address === address && event.mac !== undefined,
    );
    if (entry.mac !== NODE_MAC) throw stepFailed(`the client's kernel learned ${address} at ${entry.mac}`);
  }
  progress.line('client', `ip monitor neigh: the kernel has both at ${NODE_MAC}`);
  const ping = await world.lab.run('client', ['ping', '-c', '1', '-W', '2', WEB4]);
  progress.line('client', `ping ${WEB4}: answered`, Number(/time=([\d.]+)/.exec(ping)?.[1] ?? 0));
}
