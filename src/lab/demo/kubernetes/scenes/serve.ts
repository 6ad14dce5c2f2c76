import { machineTime, ms, seconds } from '../../../../base/clock.ts';
import { CLIENT, NODES, nodeAddress, REMOTE, ROUTER } from '../../../kubernetes/network.ts';
import { pause } from '../../../logged-program.ts';
import { type Router, type RouterRoute, routerInstalled } from '../../../router.ts';
import { startRouter } from '../../../router-start.ts';
import { stepFailed } from '../../promises.ts';
import { NODE_ASN, ROUTED, ROUTER_ASN, routing, service, WEB4, WEB6 } from '../manifests.ts';
import { holderOf, type KubernetesTale, until } from '../world.ts';

/** From the client to a Pod: by ARP or NDP to the node that holds the address, there by kube-proxy. */
export async function serve({ world, progress, promises }: KubernetesTale): Promise<void> {
  progress.scene('A Service is served', 'policy Local: the Pod sees the real client');
  const holder = await holderOf(world, WEB4);
  let others = 0;
  for (const [address, seen] of [
    [WEB4, CLIENT.address],
    [`[${WEB6}]`, CLIENT.address6],
  ] as const) {
    const { text } = await until(seconds(10), async () => {
      const answer = await world.client.get(`http://${address}/`);
      if (!answer.ok) throw stepFailed(`the client asked for http://${address}/ and got: ${answer.text}`);
      return answer;
    });
    if (!text.endsWith(`you are ${seen}`)) others++;
    progress.line('client', `http://${address}/ -> "${text}"`);
  }
  promises.measured('clientSeen', others);
  progress.line('wire', `${holder} answers for ${WEB4}, which no interface has`);
  const explained = await world.clarion('explain shop/web');
  for (const line of explained
    .split('\n')
    .filter((text) => text.trim() !== '')
    .slice(0, 3))
    progress.line('clarion', `explain: ${line.trim().replace(/ {2,}/g, '  ')}`);

  const [services, wire] = [world.services.mark(), world.wire.seen.mark()];
  const at = machineTime();
  await world.cluster.plane.apply(service({ name: 'news' }));
  const given = await world.services.first('news', 'has an address', services, ({ ingress }) => ingress.length > 0);
  const [address] = given.ingress;
  promises.measured('assigned', given.at - at);
  progress.line('controller', `gives ${address} to a new Service, as another client sees it`, given.at - at);
  const announced = await world.wire.seen.first(
    `${address} is announced`,
    wire,
    seconds(10),
    (frame) => frame.what === 'announcement' && frame.address === address,
  );
  promises.measured('announced', announced.at - at);
  progress.line('wire', 'and the first gratuitous ARP, after the question whether it is free', announced.at - at);
}

const BFD_EVERY = ms(100);
const REQUESTS = 24;
const NAMES = { bird: 'BIRD', frr: 'FRR', gobgp: 'GoBGP' } as const;

/** Undefined: no router is installed here; then what needs one is not promised. */
export async function routed({ world, progress, promises }: KubernetesTale): Promise<Router | undefined> {
  const kind = (['bird', 'frr'] as const).find(routerInstalled);
  if (kind === undefined) {
    progress.scene('A top-of-rack router', 'not shown: neither BIRD nor FRR is installed here');
    promises.leave('routerKnows', 'routedSeen', 'speakersRouted');
    return undefined;
  }
  progress.scene('A top-of-rack router', `${NAMES[kind]}, BGP and BFD with every node`);
  const router = await startRouter(kind, world.lab, ROUTER.host, {
    asn: ROUTER_ASN,
    routerId: ROUTER.address,
    forward: true,
    neighbours: NODES.map((node) => ({
      address: nodeAddress(node),
      asn: NODE_ASN,
      gracefulRestart: 'helper',
      bfd: { interval: BFD_EVERY, multiplier: 3 },
    })),
  });
  await world.cluster.plane.apply(routing(ROUTER.address, BFD_EVERY));
  await until(seconds(20), async () => {
    const up = (await router.sessions()).filter(({ established }) => established).length;
    if (up < NODES.length) throw stepFailed(`the router has ${up} sessions instead of ${NODES.length}`);
  });
  progress.line(
    'you',
    `a ConfigMap with a pool ${ROUTED}/28 and peer ${ROUTER.address}: three sessions are established`,
  );
  const at = machineTime();
  await world.cluster.plane.apply(service({ name: 'api', annotations: { 'clarion.dev/address-pool': 'routed' } }));
  await untilPaths(router, NODES.length);
  const took = machineTime() - at;
  promises.measured('routerKnows', took);
  progress.line('tor', `${ROUTED}/32 by ${NODES.join(', ')}`, took);
  await tellShares({ world, progress, promises });
  return router;
}

async function tellShares({ world, progress, promises }: KubernetesTale): Promise<void> {
  const answers = new Map<string, number>();
  for (let i = 0; i < REQUESTS; i++) {
    // The first may be there before kube-proxy has its rules.
    const text = await until(seconds(5), async () => {
      const answer = await world.remote.get(`http://${ROUTED}/`);
      if (!answer.ok) throw stepFailed(`remote asked for http://${ROUTED}/ and got: ${answer.text}`);
      return answer.text;
    });
    answers.set(text, (answers.get(text) ?? 0) + 1);
  }
  const wrong = [...answers.keys()].filter((text) => !text.endsWith(`you are ${REMOTE.address}`)).length;
  promises.measured('routedSeen', wrong);
  const shares = [...answers.keys()].sort().map((text) => `"${text}" ${answers.get(text)} times`);
  progress.line('remote', `${REQUESTS} requests by the router: ${shares.join(', ')}`);
}

const pathsOf = async (router: Router): Promise<readonly RouterRoute[]> =>
  (await router.routes('ipv4')).filter(({ prefix }) => prefix === `${ROUTED}/32`);

export async function untilPaths(router: Router, count: number): Promise<void> {
  const end = machineTime() + seconds(30);
  for (;;) {
    const { length } = await pathsOf(router);
    if (length === count) return;
    if (machineTime() > end)
      throw stepFailed(`waited 30 s for ${count} paths to ${ROUTED} at the router; it has ${length}`);
    await pause(ms(10));
  }
}
