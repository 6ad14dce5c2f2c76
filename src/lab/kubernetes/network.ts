import type { Lab } from '../lab.ts';
import { type CableEnd, type LabPlan, lanMac, lanPlan } from '../plan.ts';

/**
 * The machines of the lab's cluster: on one switch the control plane, three nodes, a client and a router; behind each node
 * places for Pods, each a namespace with a cable of its own; behind the router a remote host. Both address families.
 */
export const NODES = ['node-a', 'node-b', 'node-c'] as const;
export type NodeName = (typeof NODES)[number];

const PLACES = 4;
const FIRST_NODE = 11;
const numberOf = (node: NodeName): number => FIRST_NODE + NODES.indexOf(node);

export const CONTROL_PLANE = { host: 'cp', address: '192.0.2.10' };
export const ROUTER = { host: 'tor', address: '192.0.2.1' };
export const CLIENT = { host: 'client', address: '192.0.2.100', address6: '2001:db8:2::100' };
/** From here an address is reached through the router, and never by ARP. */
export const REMOTE = { host: 'remote', address: '198.51.100.100', address6: '2001:db8:3::100' };

export const nodeAddress = (node: NodeName): string => `192.0.2.${numberOf(node)}`;
export const nodeAddress6 = (node: NodeName): string => `2001:db8:2::${numberOf(node)}`;
export const nodeMac = (node: NodeName): string => lanMac(numberOf(node));
export const nodeOfMac = (mac: string): NodeName | undefined => NODES.find((node) => nodeMac(node) === mac);

export const POD_NETWORKS = '10.244.0.0/16,fd00:10:244::/56';
const podNetwork = (node: NodeName): string => `10.244.${NODES.indexOf(node) + 1}.0/24`;
const podNetwork6 = (node: NodeName): string => `fd00:10:244:${NODES.indexOf(node) + 1}::/64`;

/** A network namespace that waits for a Pod. */
export interface PodPlace {
  readonly host: string;
  readonly node: NodeName;
  readonly address: string;
  readonly address6: string;
}

export const POD_PLACES: readonly PodPlace[] = NODES.flatMap((node, index) =>
  Array.from({ length: PLACES }, (_, place) => ({
    host: `${node.replace('node', 'pod')}${place + 1}`,
    node,
    address: `10.244.${index + 1}.${16 * place + 2}`,
    address6: `fd00:10:244:${index + 1}:${place + 1}::2`,
  })),
);

/** Every node has a /24 and a /64, every place a part of it and the first address in that for the node. */
function podCable({ host, node, address, address6 }: PodPlace): readonly [CableEnd, CableEnd] {
  const [gateway, gateway6] = gatewaysOf(address, address6);
  return [
    { host: node, interface: host, addresses: [`${gateway}/28`, `${gateway6}/80`] },
    { host, interface: 'eth0', addresses: [`${address}/28`, `${address6}/80`] },
  ];
}

const gatewaysOf = (address: string, address6: string): readonly [string, string] => [
  address.replace(/\d+$/, (last) => `${Number(last) - 1}`),
  address6.replace(/2$/, '1'),
];

/** The object as the kubelet would make it; its addresses are in the status, so it is to be made by `kubectl create`. */
export const nodeObject = (node: NodeName): object => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: node, labels: { 'kubernetes.io/hostname': node, 'kubernetes.io/os': 'linux' } },
  spec: { podCIDR: podNetwork(node), podCIDRs: [podNetwork(node), podNetwork6(node)] },
  status: {
    addresses: [nodeAddress(node), nodeAddress6(node)].map((address) => ({ type: 'InternalIP', address })),
    // Much of everything, so that no Pod is told that there is no room.
    capacity: { cpu: '64', memory: '64Gi', pods: '110' },
    allocatable: { cpu: '64', memory: '64Gi', pods: '110' },
    conditions: [{ type: 'Ready', status: 'True', reason: 'Lab', message: '' }],
  },
});

const networkPlan = (): LabPlan => {
  const lan = lanPlan([
    { name: ROUTER.host, number: 1 },
    { name: CONTROL_PLANE.host, number: 10 },
    ...NODES.map((name) => ({ name, number: numberOf(name) })),
    { name: CLIENT.host, number: 100 },
  ]);
  const viaRouter = (host: string) => [
    { host, to: 'default', via: ROUTER.address },
    { host, to: 'default', via: '2001:db8:2::1' },
  ];
  const toPods = (host: string) =>
    NODES.filter((node) => node !== host).flatMap((node) => [
      { host, to: podNetwork(node), via: nodeAddress(node) },
      { host, to: podNetwork6(node), via: nodeAddress6(node) },
    ]);
  return {
    hosts: [...lan.hosts, REMOTE.host, ...POD_PLACES.map(({ host }) => host)],
    bridges: lan.bridges,
    cables: [
      ...lan.cables,
      [
        { host: ROUTER.host, interface: 'eth1', addresses: ['198.51.100.1/24', '2001:db8:3::1/64'] },
        { host: REMOTE.host, interface: 'eth0', addresses: [`${REMOTE.address}/24`, `${REMOTE.address6}/64`] },
      ],
      ...POD_PLACES.map(podCable),
    ],
    routes: [
      { host: REMOTE.host, to: 'default', via: '198.51.100.1' },
      { host: REMOTE.host, to: 'default', via: '2001:db8:3::1' },
      // Without a default route a node's own processes do not reach a ClusterIP: the route is looked up before kube-proxy's rule.
      ...[CONTROL_PLANE.host, CLIENT.host, ...NODES].flatMap(viaRouter),
      ...[CONTROL_PLANE.host, ...NODES].flatMap(toPods),
      ...POD_PLACES.flatMap(({ host, address, address6 }) =>
        gatewaysOf(address, address6).map((via) => ({ host, to: 'default', via })),
      ),
    ],
  };
};

export async function buildNetwork(lab: Lab): Promise<void> {
  await lab.build(networkPlan());
  const forwards = { 'net.ipv4.ip_forward': 1, 'net.ipv6.conf.all.forwarding': 1 };
  // A flow is a connection, not a pair of hosts.
  const perFlow = { 'net.ipv4.fib_multipath_hash_policy': 1, 'net.ipv6.fib_multipath_hash_policy': 1 };
  await Promise.all([
    ...NODES.map((node) => lab.sysctl(node, forwards)),
    lab.sysctl(ROUTER.host, { ...forwards, ...perFlow }),
  ]);
}
