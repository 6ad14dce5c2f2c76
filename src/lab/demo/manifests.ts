/** What the demo puts into its folder: ordinary manifests, as a user would write them. */
export const pod4 = (index: number): string => `10.244.${index + 1}.2`;
export const pod6 = (index: number): string => `fd00:10:244:${index + 1}::2`;
export const WEB4 = '192.0.2.200';
export const WEB6 = '2001:db8:2::200';

export const node = (name: string, address: string): string => `apiVersion: v1
kind: Node
metadata: {name: ${name}}
status:
  addresses:
  - {type: InternalIP, address: ${address}}
`;

/** Pool name to its ranges. */
export function configMap(pools: Readonly<Record<string, readonly string[]>>): string {
  const lines = Object.entries(pools).map(
    ([name, ranges]) => `    - name: ${name}\n      addresses: [${ranges.join(', ')}]\n`,
  );
  return `apiVersion: v1
kind: ConfigMap
metadata: {name: clarion, namespace: clarion-system}
data:
  config.yaml: |
    pools:
${lines.join('')}`;
}

export interface ServiceSketch {
  readonly name: string;
  readonly port: number;
  readonly families: 'IPv4' | 'IPv4, IPv6';
  readonly annotations?: Readonly<Record<string, string>>;
}

export function service({ name, port, families, annotations = {} }: ServiceSketch): string {
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
    ip daddr 192.0.2.180-192.0.2.219 dnat ip to ${pod4(index)}
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
export const LEGACY = {
  name: 'legacy',
  port: 443,
  families: 'IPv4',
  annotations: { 'clarion.dev/loadBalancerIPs': WEB4 },
} as const;
