import { ms } from '../../base/clock.ts';
import { configMap, endpointSlices, node, service, WEB4, WEB6 } from './manifests.ts';
import { stepFailed } from './promises.ts';
import { startStandalone } from './standalone.ts';
import { conditionOf } from './status.ts';
import { askSteadily, browse, measured, pause, seenOnWire, type Tale } from './tale.ts';
import { CLIENT_ADDRESS, NODE_MAC } from './world.ts';

export const POOL = ['192.0.2.200-192.0.2.209', '2001:db8:2::200-2001:db8:2::209'];
const SHARED = { 'clarion.dev/allow-shared-ip': 'shop-front' };
export const WEB = { name: 'web', port: 80, families: 'IPv4, IPv6', annotations: SHARED } as const;
const ADMIN = {
  ...WEB,
  name: 'admin',
  port: 8080,
  annotations: { ...SHARED, 'clarion.dev/loadBalancerIPs': `${WEB4},${WEB6}` },
} as const;
const LEGACY = {
  name: 'legacy',
  port: 443,
  families: 'IPv4',
  annotations: { 'clarion.dev/loadBalancerIPs': WEB4 },
} as const;

export async function start(tale: Tale): Promise<void> {
  const { world, progress } = tale;
  progress.scene('Clarion starts on a folder of manifests', 'no Kubernetes, one process');
  world.write('config.yaml', configMap({ public: POOL }));
  world.write('node-a.yaml', node);
  const { lab, folder, program } = world;
  const { standalone, took } = await startStandalone({ lab, node: 'node-a', folder, program });
  tale.standalone = standalone;
  progress.line('you', `a ConfigMap: pool public, ${POOL.join(' and ')}`);
  progress.line('node-a', 'clarion standalone: controller and speaker run', measured(tale, 'ready', took));
}

export async function address(tale: Tale): Promise<void> {
  const { world, status, progress } = tale;
  progress.scene('A Service asks for an address', 'shop/web, type LoadBalancer, IPv4 and IPv6');
  const [wire, news] = [world.wire.seen.mark(), status.mark()];
  const written = world.write('web.yaml', service(WEB));
  const given = await status.first('web', 'has an address', news, ({ ingress }) => ingress.length > 0);
  if (given.ingress.join() !== [WEB4, WEB6].join()) throw stepFailed(`shop/web got ${given.ingress.join(' and ')}`);
  progress.line(
    'controller',
    `${conditionOf(given, 'Allocated')?.message}: the first free of each family`,
    measured(tale, 'assigned', given.at - written),
  );
  const probes = [await seenOnWire(tale, 'probe', WEB4, wire), await seenOnWire(tale, 'probe', WEB6, wire)];
  progress.line(
    'node-a',
    'asks the network whether anybody has them: ARP probe, IPv6 duplicate address detection',
    probes[0]!.at - written,
  );
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
  const answers = await askSteadily(tale, [WEB4, WEB6], pause(ms(100)));
  if (answers.length > 0) throw stepFailed('an address without endpoints was answered for');
  progress.line('client', 'asks for both on the wire for 100 ms: no answer, and that is right');
}

export async function serve(tale: Tale): Promise<void> {
  const { world, progress } = tale;
  progress.scene('There is something to serve', 'the pod behind node-a becomes ready');
  const [wire, neighbours] = [world.wire.seen.mark(), world.neighbours.mark()];
  const written = world.write('web-endpoints.yaml', endpointSlices(WEB, true));
  const arp = await seenOnWire(tale, 'announcement', WEB4, wire);
  const na = await seenOnWire(tale, 'announcement', WEB6, wire);
  progress.line(
    'node-a',
    `gratuitous ARP on the wire: ${WEB4} is at ${NODE_MAC}`,
    measured(tale, 'announced4', arp.at - written),
  );
  progress.line(
    'node-a',
    `unsolicited NA on the wire: ${WEB6} is at ${NODE_MAC}`,
    measured(tale, 'announced6', na.at - written),
  );
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
  progress.line('client', `ip monitor neigh: both at ${NODE_MAC}. The pod saw ${CLIENT_ADDRESS}, not node-a`);
  const ping = await world.lab.run('client', ['ping', '-c', '1', '-W', '2', WEB4]);
  progress.line('client', `ping ${WEB4}: answered`, Number(/time=([\d.]+)/.exec(ping)?.[1] ?? 0));
}

export async function share(tale: Tale): Promise<void> {
  const { world, status, progress } = tale;
  progress.scene('A second Service shares the address', 'shop/admin, port 8080, the same allow-shared-ip key');
  const news = status.mark();
  world.write('admin-endpoints.yaml', endpointSlices(ADMIN, true));
  const written = world.write('admin.yaml', service(ADMIN));
  const given = await status.first('admin', 'shares the address', news, ({ ingress }) => ingress.length > 0);
  progress.line(
    'controller',
    `${conditionOf(given, 'Allocated')?.message}`,
    measured(tale, 'assigned', given.at - written),
  );
  await browse(tale, `http://${WEB4}:8080/`);
  await browse(tale, `http://${WEB4}/`);
}

export async function refuse(tale: Tale): Promise<void> {
  const { world, status, progress } = tale;
  progress.scene('One that cannot have one, and why', `shop/legacy asks for ${WEB4} without the key`);
  const news = status.mark();
  const written = world.write('legacy.yaml', service(LEGACY));
  const refused = await status.first(
    'legacy',
    'is refused',
    news,
    (entry) => conditionOf(entry, 'Allocated')?.status === 'False',
  );
  const why = conditionOf(refused, 'Allocated');
  progress.line('controller', `${why?.reason}: ${why?.message}`, refused.at - written);
}
