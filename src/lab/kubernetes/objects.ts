import { NODES, type NodeName, POD_PLACES } from './network.ts';

/** Objects by hand, for a Service without a selector: what the controllers of a cluster would make of Pods. */
export interface EndpointSketch {
  readonly node: NodeName;
  readonly ready?: boolean;
  readonly serving?: boolean;
  readonly terminating?: boolean;
}

/** The first place of each node as endpoints, a slice for each family; the name of the Service joins them. */
export const endpointSlices = (
  service: string,
  endpoints: readonly EndpointSketch[],
  port = 8080,
  namespace = 'default',
): readonly object[] =>
  (['IPv4', 'IPv6'] as const).map((addressType) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${service}-${addressType.toLowerCase()}`,
      namespace,
      labels: { 'kubernetes.io/service-name': service },
    },
    addressType,
    ports: [{ name: 'http', port, protocol: 'TCP' }],
    endpoints: endpoints.map(({ node, ready = true, serving = ready, terminating = false }) => {
      const { address, address6 } = firstPlace(node);
      return {
        addresses: [addressType === 'IPv4' ? address : address6],
        nodeName: node,
        conditions: { ready, serving, terminating },
      };
    }),
  }));

export const firstPlace = (node: NodeName) => POD_PLACES[NODES.indexOf(node) * (POD_PLACES.length / NODES.length)]!;

/** Clarion's configuration, where its manifests have it. */
export const configurationObject = (text: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'clarion', namespace: 'clarion-system' },
  data: { 'config.yaml': text },
});
