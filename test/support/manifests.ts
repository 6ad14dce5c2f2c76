/** Kubernetes objects as a user would write them, short enough for a test to show what matters in it. */
interface Metadata {
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

interface ServiceOptions extends Metadata {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly ports?: readonly number[];
  readonly families?: readonly ('IPv4' | 'IPv6')[];
  readonly created?: string;
}

export function service(name: string, options: ServiceOptions = {}) {
  const { namespace = 'shop', annotations = {}, labels = {}, ports = [80], families = ['IPv4'], created } = options;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      namespace,
      annotations,
      labels,
      ...(created === undefined ? {} : { creationTimestamp: created }),
    },
    spec: {
      type: 'LoadBalancer',
      ipFamilies: families,
      ipFamilyPolicy: families.length === 2 ? 'RequireDualStack' : 'SingleStack',
      clusterIPs: families.map((family, i) => (family === 'IPv4' ? `10.96.0.${i + 10}` : `fd00:10:96::${i + 10}`)),
      selector: { app: name },
      ports: ports.map((port) => ({ port, protocol: 'TCP' })),
      ...options.spec,
    },
  };
}

interface EndpointOptions extends Metadata {
  readonly conditions?: Readonly<Record<string, boolean>>;
}

/** One slice with one Pod on each of the nodes. */
export function endpointSlice(serviceName: string, nodes: readonly string[], options: EndpointOptions = {}) {
  const { namespace = 'shop', conditions = { ready: true } } = options;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${serviceName}-1`, namespace, labels: { 'kubernetes.io/service-name': serviceName } },
    addressType: 'IPv4',
    endpoints: nodes.map((nodeName, i) => ({ addresses: [`10.244.0.${i + 2}`], nodeName, conditions })),
    ports: [{ port: 8080, protocol: 'TCP' }],
  };
}

interface NodeOptions extends Metadata {
  /** InternalIP. */
  readonly address?: string;
}

/** Node a is 192.0.2.17, b 192.0.2.18, and so on, where nothing else is said. */
export function node(name: string, options: NodeOptions = {}) {
  const { labels = {}, annotations = {} } = options;
  const address = options.address ?? `192.0.2.${0x11 + name.charCodeAt(0) - 'a'.charCodeAt(0)}`;
  const status = { addresses: [{ type: 'InternalIP', address }] };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels, annotations }, status };
}

export function configMap(text: string) {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'clarion', namespace: 'clarion-system' },
    data: { 'config.yaml': text },
  };
}
