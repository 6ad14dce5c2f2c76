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
import { dnat, POD4, POD6 } from './manifests.ts';

/** The small data centre: a switch; on it a client, node-a and a rival; behind node-a a pod with an HTTP server. */
export interface World {
  readonly lab: Lab;
  /** The manifests. */
  readonly folder: string;
  readonly program: readonly string[];
  readonly client: HttpClient;
  /** In the client. */
  readonly wire: Capture;
  /** The client's own neighbour table. */
  readonly neighbours: Feed<NeighbourEvent>;
  /** Writes a manifest; the machine time just before. */
  write(file: string, text: string): number;
}

const NODE = 11;
const CLIENT = 100;
const RIVAL = 66;
export const NODE_MAC = lanMac(NODE);
export const RIVAL_MAC = lanMac(RIVAL);

export const picture = `
   client 192.0.2.${CLIENT} ──┐
                        ├── node-a 192.0.2.${NODE}   clarion standalone
   rival  192.0.2.${RIVAL}  ──┘     │
                              └── pod ${POD4}   an HTTP server

   wire is a capture in the client, with a packet socket of its own
`;

/** On the tree's own tmpfs, so it vanishes with the tree. */
export const FOLDER = '/run/demo';

export async function buildWorld(lab: Lab, program: readonly string[]): Promise<World> {
  const lan = lanPlan([
    { name: 'node-a', number: NODE },
    { name: 'client', number: CLIENT },
    { name: 'rival', number: RIVAL },
  ]);
  await lab.build({
    ...lan,
    hosts: [...lan.hosts, 'pod'],
    cables: [
      ...lan.cables,
      [
        { host: 'node-a', interface: 'pods', addresses: ['10.244.1.1/24', 'fd00:10:244:1::1/64'] },
        { host: 'pod', interface: 'eth0', addresses: [`${POD4}/24`, `${POD6}/64`] },
      ],
    ],
    routes: [
      { host: 'pod', to: 'default', via: '10.244.1.1' },
      { host: 'pod', to: 'default', via: 'fd00:10:244:1::1' },
    ],
  });
  mkdirSync(FOLDER);
  const [client, wire] = await Promise.all([
    startHttpClient(lab, 'client'),
    startCapture(lab, 'client', 'eth0'),
    startTool(lab, 'pod', ['http-server', '80=hello from node-a', '8080=admin page']),
    lab.sysctl('node-a', { 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1 }),
    lab.nft('node-a', dnat),
    // A host that takes an address tells everybody, and for IPv6 asks first: the lab has that off, hosts have it on.
    lab.sysctl('rival', { 'net.ipv4.conf.eth0.arp_notify': 1, 'net.ipv6.conf.eth0.accept_dad': 1 }),
  ]);
  return {
    lab,
    folder: FOLDER,
    program,
    client,
    wire,
    neighbours: watchNeighbours(lab, 'client'),
    write(file, text) {
      const at = machineTime();
      writeFileSync(join(FOLDER, file), text);
      return at;
    },
  };
}
