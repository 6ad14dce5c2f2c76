import type { Milliseconds } from '../../../base/clock.ts';

/** What the users of the demo's cluster write. Everything is in the namespace `shop`. */
export const NAMESPACE = 'shop';
export const SYSTEM = 'clarion-system';
/** The first address that MetalLB's pool had to give, and the one that it gave to the Service `legacy`. */
export const WEB4 = '192.0.2.200';
export const WEB6 = '2001:db8:2::200';
export const LEGACY4 = '192.0.2.205';
/** In no subnet of anybody. */
export const ROUTED = '203.0.113.0';
export const ROUTER_ASN = 64500;
export const NODE_ASN = 64512;

/** Three Pods that end as well-behaved ones do: they serve on while their endpoints are taken out everywhere. */
export const APP = `
apiVersion: v1
kind: Namespace
metadata: {name: ${NAMESPACE}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, namespace: ${NAMESPACE}}
spec:
  replicas: 3
  # Every node is without an endpoint for a while, the one that holds the address too.
  strategy: {rollingUpdate: {maxUnavailable: 1, maxSurge: 0}}
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      containers:
      - name: app
        image: hello
        args: ["8080=hello from $(NODE)"]
        env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {port: http}, periodSeconds: 1}
        lifecycle: {preStop: {sleep: {seconds: 3}}}
`;

export interface ServiceSketch {
  readonly name: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly dualStack?: boolean;
}

export const service = ({ name, annotations = {}, dualStack = false }: ServiceSketch): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: NAMESPACE, annotations },
    spec: {
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      ipFamilyPolicy: dualStack ? 'RequireDualStack' : 'SingleStack',
      selector: { app: 'app' },
      ports: [{ name: 'http', port: 80, targetPort: 'http' }],
    },
  });

/** As much of MetalLB's definitions as lets its objects be kept by the API server. */
const metallbKind = (kind: string, plural: string): string => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ${plural}.metallb.io}
spec:
  group: metallb.io
  scope: Namespaced
  names: {kind: ${kind}, plural: ${plural}, singular: ${kind.toLowerCase()}}
  versions:
  - name: v1beta1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`;
export const METALLB_KINDS = [
  metallbKind('IPAddressPool', 'ipaddresspools'),
  metallbKind('L2Advertisement', 'l2advertisements'),
].join('---');
export const METALLB_OBJECTS = `
apiVersion: v1
kind: Namespace
metadata: {name: metallb-system}
---
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: public, namespace: metallb-system}
spec: {addresses: [192.0.2.200-192.0.2.209, "2001:db8:2::200-2001:db8:2::209"]}
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: lan, namespace: metallb-system}
spec: {ipAddressPools: [public]}
`;

/** As MetalLB leaves a Service that it gave an address. */
export const LEGACY_ANNOTATIONS = { 'metallb.io/ip-allocated-from-pool': 'public' };

/** What MetalLB said, and another pool that is told to the router. */
export const routing = (router: string, bfd: Milliseconds): string => `
apiVersion: v1
kind: ConfigMap
metadata: {name: clarion, namespace: ${SYSTEM}}
data:
  config.yaml: |
    pools:
    - {name: public, addresses: [192.0.2.200-192.0.2.209, "2001:db8:2::200-2001:db8:2::209"]}
    - {name: routed, addresses: [${ROUTED}/28], autoAssign: false}
    l2Advertisements:
    - {ipAddressPools: [public]}
    bgpAdvertisements:
    - {ipAddressPools: [routed]}
    peers:
    - {name: tor, myASN: ${NODE_ASN}, peerASN: ${ROUTER_ASN}, peerAddress: ${router}, connectTime: 1s, bfdProfile: quick}
    bfdProfiles:
    - {name: quick, receiveInterval: ${bfd}, transmitInterval: ${bfd}, detectMultiplier: 3}
    bgp: {drainWait: 1s}
`;
