import { type Milliseconds, machineTime, ms, seconds } from '../../../base/clock.ts';
import { type Router, type RouterConfig, type RouterKind, type RouterRoute, routerInstalled } from '../../router.ts';
import { startRouter } from '../../router-start.ts';
import {
  API,
  endpointSlices,
  NODE_ASN,
  ROUTED,
  ROUTER_ASN,
  ROUTER_PASSWORD,
  ROUTER_SECRET,
  routing,
  service,
} from '../manifests.ts';
import { stepFailed } from '../promises.ts';
import { measured, pause, type Tale, tellPing } from '../tale.ts';
import { NODES, nodeAddress, REMOTE, ROUTER } from '../world.ts';

/**
 * Four scenes with a top-of-rack router that is a program of others: it learns an address from three nodes, sends more to
 * the one that has more endpoints, is told when a node is drained, and notices when one loses power.
 */
const BFD_EVERY = ms(50);
const PREFIX = `${ROUTED}/32`;
const LOOK_AGAIN = ms(10);
/** Some requests of their own connections: enough that each of three nodes gets one. */
const REQUESTS = 24;

export async function routed(tale: Tale): Promise<void> {
  const kind = (['bird', 'frr'] as const).find(routerInstalled);
  if (kind === undefined) {
    tale.progress.scene('A top-of-rack router', 'not shown: neither BIRD nor FRR is installed here');
    tale.promises.leave('routerKnows', 'weightSeen', 'routerDrainLost', 'routedGap');
    return;
  }
  const router = await announce(tale, kind);
  await weigh(tale, router);
  await drain(tale, router);
  await losePower(tale, router);
}

async function announce(tale: Tale, kind: RouterKind): Promise<Router> {
  const { world, progress } = tale;
  progress.scene('A top-of-rack router', `${NAMES[kind]}, AS ${ROUTER_ASN}; BGP with MD5, and BFD beside it`);
  const router = await startRouter(kind, world.lab, 'tor', routerConfig());
  world.write('tor-secret.yaml', ROUTER_SECRET);
  world.write('api.yaml', service(API));
  world.write('api-endpoints.yaml', endpointSlices(API, true, NODES));
  const at = world.write('config.yaml', routing(ROUTER, BFD_EVERY));
  progress.line('you', `a pool ${ROUTED}/28, announced to peer ${ROUTER}; shop/api, externalTrafficPolicy Local`);
  const paths = await untilPaths(router, 'three paths', ({ length }) => length === NODES.length);
  progress.line('tor', `${PREFIX} by ${nodesOf(paths).join(', ')}`, measured(tale, 'routerKnows', machineTime() - at));
  progress.line('tor', `AS path ${paths[0]?.asPath.join(' ')}, community ${paths[0]?.communities.join(', ')}`);
  await untilText(
    tale,
    'BFD is up on all',
    (text) => text.split('\n').filter((line) => / up +\d{4}-/.test(line)).length >= NODES.length,
  );
  progress.line('clarion', `status: three sessions established, BFD detects in ${3 * BFD_EVERY} ms`);
  const answers = new Map<string, number>();
  for (let i = 0; i < REQUESTS; i++) {
    const { ok, text } = await world.remote.get(`http://${ROUTED}/`);
    if (!ok) throw stepFailed(`remote asked for http://${ROUTED}/ and got: ${text}`);
    answers.set(text, (answers.get(text) ?? 0) + 1);
  }
  const shares = [...answers.keys()].sort().map((text) => `"${text}" ${answers.get(text)} times`);
  progress.line('remote', `${REQUESTS} requests by the router: ${shares.join(', ')}`);
  return router;
}

/** Two pods on node-a, one on each other: the link bandwidth that the router is told follows. */
async function weigh({ world, progress, ...tale }: Tale, router: Router): Promise<void> {
  progress.scene('Weights follow the endpoints', 'weighted ECMP by the link bandwidth community');
  const before = bandwidthsOf(await untilPaths(router, 'three paths', ({ length }) => length === NODES.length));
  const at = world.write('api-endpoints.yaml', endpointSlices(API, true, ['node-a', 'node-b', 'node-c', 'node-a']));
  progress.line('you', 'a second ready pod on node-a');
  const paths = await untilPaths(router, 'another weight', (found) => bandwidthsOf(found) !== before);
  progress.line('tor', `link bandwidths before: ${before}`);
  progress.line(
    'tor',
    `and now: ${bandwidthsOf(paths)}`,
    measured({ world, progress, ...tale }, 'weightSeen', machineTime() - at),
  );
}

async function drain(tale: Tale, router: Router): Promise<void> {
  const { progress, cluster, promises } = tale;
  const node = await servingNode(tale);
  progress.scene('A node is drained behind the router', `${node}, which gets the pings of remote`);
  const { done, ping } = await cluster.pinged(
    ROUTED,
    async () => {
      const at = machineTime();
      const draining = cluster.clarion('drain', node);
      await untilPaths(router, 'graceful shutdown', (found) =>
        found.some(({ communities }) => communities.includes(GRACEFUL_SHUTDOWN)),
      );
      const told = machineTime() - at;
      const said = await draining;
      await untilPaths(router, 'two paths', ({ length }) => length === NODES.length - 1);
      return { told, said };
    },
    'remote',
  );
  progress.line(
    'tor',
    `community ${GRACEFUL_SHUTDOWN} (graceful-shutdown, RFC 8326) on the path by ${node}`,
    done.told,
  );
  progress.line('clarion', done.said.trim().split('\n').at(-1) ?? '');
  promises.measured('routerDrainLost', ping.lost);
  tellPing(tale, ping, undefined, 'remote');
  await cluster.clarion('undrain', node);
  await untilPaths(router, 'three paths', ({ length }) => length === NODES.length);
  progress.line('you', `clarion undrain ${node}: three paths again`);
}

async function losePower(tale: Tale, router: Router): Promise<void> {
  const { world, progress, cluster } = tale;
  const node = await servingNode(tale);
  progress.scene(
    'A node loses power behind the router',
    `${node}: its speaker is killed and its cable is dead at once`,
  );
  const { done, ping } = await cluster.pinged(
    ROUTED,
    async () => {
      const at = machineTime();
      // A port that forwards nothing: no carrier tells anybody, as with a switch between.
      const cut = world.lab.run('switch', ['bridge', 'link', 'set', 'dev', node, 'state', 'disabled']);
      cluster.speaker(node).signal('SIGKILL');
      await cut;
      await untilPaths(router, 'two paths', ({ length }) => length === NODES.length - 1);
      return machineTime() - at;
    },
    'remote',
  );
  progress.line('tor', `BFD is down, two paths are left`, done);
  tellPing(tale, ping, 'routedGap', 'remote');
  await world.lab.run('switch', ['bridge', 'link', 'set', 'dev', node, 'state', 'forwarding']);
  await cluster.startMissing();
  await untilPaths(router, 'three paths', ({ length }) => length === NODES.length);
  progress.line('you', `${node} has power again: three paths`);
}

const NAMES = { bird: 'BIRD', frr: 'FRR', gobgp: 'GoBGP' } as const;
const GRACEFUL_SHUTDOWN = '65535:0';

const routerConfig = (): RouterConfig => ({
  asn: ROUTER_ASN,
  routerId: ROUTER,
  forward: true,
  neighbours: NODES.map((_, index) => ({
    address: nodeAddress(index),
    asn: NODE_ASN,
    password: ROUTER_PASSWORD,
    bfd: { interval: BFD_EVERY, multiplier: 3 },
  })),
});

/** The paths to the address, as the router's own program tells them. */
async function untilPaths(
  router: Router,
  what: string,
  test: (paths: readonly RouterRoute[]) => boolean,
  limit: Milliseconds = seconds(15),
): Promise<readonly RouterRoute[]> {
  const end = machineTime() + limit;
  for (;;) {
    const paths = (await router.routes('ipv4')).filter(({ prefix }) => prefix === PREFIX);
    if (test(paths)) return paths;
    if (machineTime() > end) throw stepFailed(`waited ${limit / 1000} s for ${what} to ${PREFIX} at the router`);
    await pause(LOOK_AGAIN);
  }
}

async function untilText({ cluster }: Tale, what: string, test: (text: string) => boolean): Promise<void> {
  const end = machineTime() + seconds(15);
  while (!test(await cluster.clarion('status'))) {
    if (machineTime() > end) throw stepFailed(`waited 15 s until ${what}`);
    await pause(LOOK_AGAIN);
  }
}

/** By which node the router sends remote's pings: the kernel is asked for the route of just such a packet. */
async function servingNode({ world }: Tale): Promise<string> {
  const words = `ip -json route get ${ROUTED} from ${REMOTE} iif eth1 ipproto icmp`.split(' ');
  const [route] = JSON.parse(await world.lab.run('tor', words)) as { readonly gateway?: string }[];
  const index = NODES.findIndex((_, i) => nodeAddress(i) === route?.gateway);
  if (index < 0) throw stepFailed(`the router has no route to ${ROUTED}`);
  return NODES[index]!;
}

const nodeBehind = (address: string | undefined): string =>
  NODES.find((_, index) => nodeAddress(index) === address) ?? `${address}`;
const nodesOf = (paths: readonly RouterRoute[]): string[] =>
  paths.map(({ nextHops }) => nodeBehind(nextHops[0])).sort();
const bandwidthsOf = (paths: readonly RouterRoute[]): string =>
  paths
    .map(
      ({ nextHops, extendedCommunities }) => `${nodeBehind(nextHops[0])} ${extendedCommunities.map(weight).join(' ')}`,
    )
    .sort()
    .join(', ');

/** BIRD 2 does not know the community and writes its last four octets as a number; they are a float (RFC 10005). */
function weight(community: string): string {
  const octets = /^\S+ 0x\w+:\d+:(\d+)$/.exec(community)?.[1];
  if (octets === undefined) return community;
  return String(new Float32Array(new Uint32Array([Number(octets)]).buffer)[0]);
}
