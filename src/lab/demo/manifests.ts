import type { Milliseconds } from '../../base/clock.ts';

/** What the demo puts into its folder: ordinary manifests, as a user would write them. */
export const pod4 = (index: number): string => `10.244.${index + 1}.2`;
export const pod6 = (index: number): string => `fd00:10:244:${index + 1}::2`;
/** The first address of the pool that is told to the router, in no subnet of anybody. */
export const ROUTED = '203.0.113.0';
export const WEB4 = '192.0.2.200';
export const WEB6 = '2001:db8:2::200';

export const node = (name: string, address: string): string => `apiVersion: v1
kind: Node
metadata: {name: ${name}}
status:
  addresses:
  - {type: InternalIP, address: ${address}}
`;

/** Pool name to its ranges; `more`: lines of the same text. */
export function configMap(pools: Readonly<Record<string, readonly string[]>>, more: readonly string[] = []): string {
  const lines = Object.entries(pools).map(
    ([name, ranges]) => `    - name: ${name}\n      addresses: [${ranges.join(', ')}]\n`,
  );
  return `apiVersion: v1
kind: ConfigMap
metadata: {name: clarion, namespace: clarion-system}
data:
  config.yaml: |
    pools:
${lines.join('')}${more.map((line) => `    ${line}\n`).join('')}`;
}

export interface ServiceSketch {
  readonly name: string;
  readonly port: number;
  readonly families: 'IPv4' | 'IPv4, IPv6';
  readonly annotations?: Readonly<Record<string, string>>;
  readonly trafficPolicy?: 'Cluster' | 'Local';
}

export function service({ name, port, families, annotations = {}, trafficPolicy = 'Cluster' }: ServiceSketch): string {
  const notes = Object.entries(annotations).map(([key, value]) => `    ${key}: "${value}"\n`);
  return `apiVersion: v1
kind: Service
metadata:
  name: ${name}
  namespace: shop
${notes.length === 0 ? '' : `  annotations:\n${notes.join('')}`}spec:
  type: LoadBalancer
  ipFamilies: [${families}]
  ipFamilyPolicy: ${families === 'IPv4' ? 'SingleStack' : 'RequireDualStack'}
  externalTrafficPolicy: ${trafficPolicy}
  ports:
  - {port: ${port}, protocol: TCP}
`;
}

/** A pod on each of these nodes as endpoints of a Service: a slice for each family, as Kubernetes makes them. */
export function endpointSlices(
  { name, port }: Pick<ServiceSketch, 'name' | 'port'>,
  ready: boolean,
  nodes: readonly string[] = ['node-a'],
): string {
  const endpoint = (node: string, address: string): string => `- addresses: ["${address}"]
  nodeName: ${node}
  conditions: {ready: ${ready}, serving: ${ready}, terminating: false}
`;
  const slice = (family: string, address: (index: number) => string): string => `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: ${name}-${family.toLowerCase()}
  namespace: shop
  labels: {kubernetes.io/service-name: ${name}}
addressType: ${family}
ports:
- {port: ${port}, protocol: TCP}
endpoints:
${nodes.map((name, index) => endpoint(name, address(index))).join('')}`;
  return [slice('IPv4', pod4), slice('IPv6', pod6)].join('---\n');
}

/** What stands in for kube-proxy on a node: everything for an address of the pools, ICMP included, goes to its own pod. */
export const dnat = (index: number): string => `table inet stand-in-for-kube-proxy {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    ip daddr { 192.0.2.180-192.0.2.219, ${ROUTED}/28 } dnat ip to ${pod4(index)}
    ip6 daddr 2001:db8:2::180-2001:db8:2::219 dnat ip6 to ${pod6(index)}
  }
}
`;

/** The Services of the story, all in the namespace shop. */
export const POOL = ['192.0.2.200-192.0.2.209', '2001:db8:2::200-2001:db8:2::209'];
const SHARED = { 'clarion.dev/allow-shared-ip': 'shop-front' };
export const WEB = { name: 'web', port: 80, families: 'IPv4, IPv6', annotations: SHARED } as const;
export const ADMIN = {
  ...WEB,
  name: 'admin',
  port: 8080,
  annotations: { ...SHARED, 'clarion.dev/loadBalancerIPs': `${WEB4},${WEB6}` },
} as const;
export const API = {
  name: 'api',
  port: 80,
  families: 'IPv4',
  trafficPolicy: 'Local',
  annotations: { 'clarion.dev/address-pool': 'routed' },
} as const;
export const ROUTER_PASSWORD = 'between the two of us';
export const ROUTER_SECRET = `apiVersion: v1
kind: Secret
metadata: {name: tor, namespace: clarion-system}
type: kubernetes.io/basic-auth
stringData: {password: ${ROUTER_PASSWORD}}
`;
/** The first pool as before by layer 2, another one by BGP. */
export const routing = (router: string, bfd: Milliseconds): string =>
  configMap({ public: POOL, routed: [`${ROUTED}/28`] }, [
    'l2Advertisements:',
    '- {ipAddressPools: [public]}',
    'bgpAdvertisements:',
    '- {ipAddressPools: [routed], communities: ["64512:80"]}',
    'peers:',
    `- {name: tor, myASN: ${NODE_ASN}, peerASN: ${ROUTER_ASN}, peerAddress: ${router}, connectTime: 1s,`,
    '   passwordSecret: {name: tor}, bfdProfile: quick}',
    'bfdProfiles:',
    `- {name: quick, receiveInterval: ${bfd}, transmitInterval: ${bfd}, detectMultiplier: 3}`,
    'bgp: {drainWait: 1s, weightedEcmp: true}',
  ]);
export const NODE_ASN = 64512;
export const ROUTER_ASN = 64500;
export const LEGACY = {
  name: 'legacy',
  port: 443,
  families: 'IPv4',
  annotations: { 'clarion.dev/loadBalancerIPs': WEB4 },
} as const;
