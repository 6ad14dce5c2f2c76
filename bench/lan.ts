import { createInterface } from 'node:readline';
import { seconds } from '../src/base/clock.ts';
import { Feed } from '../src/lab/feed.ts';
import type { Lab } from '../src/lab/lab.ts';
import { lanMac } from '../src/lab/plan.ts';
import { tool } from './harness.ts';

/**
 * The network of the benchmarks with several nodes: a switch, on it three nodes and a client. The addresses that Services get
 * are in the subnet of all, and every node is ready to serve each of them (local to it, and not answered for by its kernel),
 * so that a client's ping shows who is asked, and nothing else.
 */
export const NODES: readonly string[] = ['node-a', 'node-b', 'node-c'];
export const FIRST_VIP = '10.99.0.1';
const VIPS = '10.99.0.0/17';

export const nodeAddress = (node: string): string => `10.99.255.${11 + NODES.indexOf(node)}`;
export const nodeMac = (node: string): string => lanMac(11 + NODES.indexOf(node));
export const nodeAt = (mac: string): string | undefined => NODES.find((node) => nodeMac(node) === mac);

export async function buildLan(lab: Lab): Promise<void> {
  await lab.build({
    hosts: ['switch', 'client', ...NODES],
    bridges: [{ host: 'switch', name: 'br0' }],
    cables: [
      ['client', '10.99.255.100', lanMac(100)] as const,
      ...NODES.map((node) => [node, nodeAddress(node), nodeMac(node)] as const),
    ].map(([host, address, mac]) => [
      { host: 'switch', interface: host, bridge: 'br0' },
      { host, interface: 'eth0', mac, addresses: [`${address}/16`] },
    ]),
    routes: [],
  });
  await Promise.all(
    NODES.map(async (node) => {
      await lab.sysctl(node, { 'net.ipv4.conf.all.arp_ignore': 1 });
      await lab.run(node, ['ip', 'route', 'add', 'local', VIPS, 'dev', 'lo']);
    }),
  );
}

/** A gratuitous ARP frame that reached the client. */
export interface Announcement {
  readonly address: string;
  readonly mac: string;
  /** Machine time, by the kernel. */
  readonly ms: number;
}

export async function watchAnnouncements(lab: Lab): Promise<Feed<Announcement>> {
  const seen = new Feed<Announcement>();
  const birth = new Feed<true>();
  const child = lab.spawn('client', [tool('watch'), 'eth0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (child.stdout !== null)
    createInterface(child.stdout).on('line', (line) => {
      const item = JSON.parse(line) as Announcement & { readonly ready?: true };
      if (item.ready === true) birth.push(true);
      else seen.push(item);
    });
  await birth.first('the watcher starts', 0, seconds(5), () => true);
  return seen;
}

/** The node that the client believes to have the address. */
export async function believedHolder(lab: Lab, address: string): Promise<string | undefined> {
  const text = await lab.run('client', ['ip', '-json', 'neigh', 'show', 'to', address]);
  const [entry] = JSON.parse(text || '[]') as { readonly lladdr?: string }[];
  return entry?.lladdr === undefined ? undefined : nodeAt(entry.lladdr);
}
