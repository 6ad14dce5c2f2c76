import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machineTime } from '../../base/clock.ts';
import { type Capture, startCapture } from '../capture.ts';
import type { Feed } from '../feed.ts';
import { type HttpClient, startHttpClient } from '../http-client.ts';
import type { Lab } from '../lab.ts';
import { type NeighbourEvent, watchNeighbours } from '../neighbours.ts';
import { lanMac, lanPlan } from '../plan.ts';
import { startTool } from '../tool-process.ts';
import { dnat, pod4, pod6 } from './manifests.ts';

/** The small data centre: a switch; on it a client, three nodes, a rival and a router; behind each node a pod, behind the router a host. */
export interface World {
  readonly lab: Lab;
  /** The manifests. */
  readonly folder: string;
  readonly program: readonly string[];
  readonly client: HttpClient;
  readonly remote: HttpClient;
  /** In the client. */
  readonly wire: Capture;
  /** The client's own neighbour table. */
  readonly neighbours: Feed<NeighbourEvent>;
  /** Writes a manifest; the machine time just before. */
  write(file: string, text: string): number;
}

export const NODES: readonly string[] = ['node-a', 'node-b', 'node-c'];
const FIRST_NODE = 11;
const CLIENT = 100;
const RIVAL = 66;
const TOR = 1;
export const nodeMac = (name: string): string => lanMac(FIRST_NODE + NODES.indexOf(name));
export const nodeAt = (mac: string): string | undefined => NODES.find((node) => nodeMac(node) === mac);
export const ROUTER = `192.0.2.${TOR}`;
/** Behind the router: from here an address is reached by routes, and never by ARP. */
export const REMOTE = '198.51.100.2';
const REMOTE_GATEWAY = '198.51.100.1';
export const nodeAddress = (index: number): string => `192.0.2.${FIRST_NODE + index}`;
/** The one that the story begins with. */
export const NODE_MAC = nodeMac('node-a');
export const RIVAL_MAC = lanMac(RIVAL);
/** In the host `switch`: what is plugged in there is cut off from what is in br0, and sees no change of its link. */
export const OTHER_SWITCH = 'br1';

export const picture = `
   client 192.0.2.${CLIENT} ──┐
                      switch ─┬─ node-a ${nodeAddress(0)} ── pod ${pod4(0)}   an HTTP server
   rival  192.0.2.${RIVAL}  ──┘     ├─ node-b ${nodeAddress(1)} ── pod ${pod4(1)}   another
                           │  └─ node-c ${nodeAddress(2)} ── pod ${pod4(2)}   another
   remote ${REMOTE} ── tor ${ROUTER}   a top-of-rack router

   node-a begins alone with clarion standalone; from scene 10 on there are a controller and three speakers
   wire is a capture in the client, with a packet socket of its own
`;

/** On the tree's own tmpfs, so it vanishes with the tree. */
export const FOLDER = '/run/demo';

export async function buildWorld(lab: Lab, program: readonly string[]): Promise<World> {
  const lan = lanPlan([
    ...NODES.map((name, index) => ({ name, number: FIRST_NODE + index })),
    { name: 'client', number: CLIENT },
    { name: 'rival', number: RIVAL },
    { name: 'tor', number: TOR },
  ]);
  await lab.build({
    hosts: [...lan.hosts, ...NODES.map(podOf), 'remote'],
    bridges: [...lan.bridges, { host: 'switch', name: OTHER_SWITCH }],
    cables: [
      ...lan.cables,
      [
        { host: 'tor', interface: 'eth1', addresses: [`${REMOTE_GATEWAY}/24`] },
        { host: 'remote', interface: 'eth0', addresses: [`${REMOTE}/24`] },
      ],
      ...NODES.map(
        (host, index) =>
          [
            { host, interface: 'cni0', addresses: [`${gateway4(index)}/24`, `${gateway6(index)}/64`] },
            { host: podOf(host), interface: 'eth0', addresses: [`${pod4(index)}/24`, `${pod6(index)}/64`] },
          ] as const,
      ),
    ],
    routes: [
      { host: 'remote', to: 'default', via: REMOTE_GATEWAY },
      ...NODES.flatMap((host, index) => [
        { host: podOf(host), to: 'default', via: gateway4(index) },
        { host: podOf(host), to: 'default', via: gateway6(index) },
        { host, to: '198.51.100.0/24', via: ROUTER },
      ]),
    ],
  });
  mkdirSync(FOLDER);
  const [client, remote, wire] = await Promise.all([
    startHttpClient(lab, 'client'),
    startHttpClient(lab, 'remote'),
    startCapture(lab, 'client', 'eth0'),
    ...NODES.flatMap((host, index) => [
      startTool(lab, podOf(host), ['http-server', `80=hello from ${host}`, '8080=admin page']),
      lab.sysctl(host, { 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1 }),
      lab.nft(host, dnat(index)),
    ]),
    // A flow is a connection, not a pair of hosts.
    lab.sysctl('tor', { 'net.ipv4.ip_forward': 1, 'net.ipv4.fib_multipath_hash_policy': 1 }),
    // A host that takes an address tells everybody, and for IPv6 asks first: the lab has that off, hosts have it on.
    lab.sysctl('rival', { 'net.ipv4.conf.eth0.arp_notify': 1, 'net.ipv6.conf.eth0.accept_dad': 1 }),
  ]);
  return {
    lab,
    folder: FOLDER,
    program,
    client,
    remote,
    wire,
    neighbours: watchNeighbours(lab, 'client'),
    write(file, text) {
      const at = machineTime();
      writeFileSync(join(FOLDER, file), text);
      return at;
    },
  };
}

const podOf = (node: string): string => node.replace('node', 'pod');
const gateway4 = (index: number): string => `10.244.${index + 1}.1`;
const gateway6 = (index: number): string => `fd00:10:244:${index + 1}::1`;
