import type { IpAddress, IpFamily } from '../base/ip-address.ts';
import type { Labels } from '../base/label-selector.ts';

/** "namespace/name" */
export type ServiceKey = string & { readonly __format: 'namespace/name' };
export const serviceKey = (namespace: string, name: string): ServiceKey => `${namespace}/${name}` as ServiceKey;

export type IpFamilyPolicy = 'SingleStack' | 'PreferDualStack' | 'RequireDualStack';
export type TransportProtocol = 'TCP' | 'UDP' | 'SCTP';
export interface ServicePort {
  readonly protocol: TransportProtocol;
  readonly port: number;
}

/** What a Service asks of us, and what it has already: a core/v1 Service with our annotations read and checked. */
export interface ServiceRequest {
  readonly key: ServiceKey;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  /** metadata.creationTimestamp in milliseconds since 1970; undefined sorts last. */
  readonly createdAt: number | undefined;
  /** spec.type is LoadBalancer. */
  readonly loadBalancer: boolean;
  readonly loadBalancerClass: string | undefined;
  /** clusterIP: None. */
  readonly headless: boolean;
  /**
   * Families in order of preference: those of spec.clusterIPs; where there are none yet (a folder of manifests), spec.ipFamilies;
   * else those of the addresses asked for or held; else IPv4, with a dual-stack policy both.
   */
  readonly families: readonly IpFamily[];
  readonly ipFamilyPolicy: IpFamilyPolicy;
  readonly ports: readonly ServicePort[];
  readonly externalTrafficPolicy: 'Cluster' | 'Local';
  /** Equal for Services with the same backends: the sorted selector under Local, "" under Cluster (MetalLB's backend key). */
  readonly backendKey: string;
  /** Asked for by annotation loadBalancerIPs or spec.loadBalancerIP. */
  readonly wantedAddresses: readonly IpAddress[];
  readonly wantedPool: string | undefined;
  readonly sharingKey: string | undefined;
  /** Why an annotation or field cannot be read (reason `invalid-annotation`); what could be read is in the other fields. */
  readonly invalid: string | undefined;
  /** status.loadBalancer.ingress[].ip, those that are addresses. */
  readonly assigned: readonly IpAddress[];
  /** Annotation clarion.dev/ip-allocated-from-pool (or MetalLB's). */
  readonly assignedPool: string | undefined;
  readonly healthCheckNodePort: number | undefined;
  /** Annotation clarion.dev/move-to. */
  readonly moveTo: MoveRequest | undefined;
}

/** That another node takes over, as `clarion move` asks: "NODE,term=N" or "NODE,term=N,address=ADDRESS". */
export interface MoveRequest {
  readonly node: string;
  /** The term that it ends; of no meaning once the term is greater. */
  readonly term: number;
  /** Undefined: every address of the Service whose term that is. */
  readonly address: IpAddress | undefined;
}
