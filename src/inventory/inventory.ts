import type { Labels } from '../base/label-selector.ts';
import type { Problem } from '../base/problem.ts';
import type { Endpoint } from './endpoint.ts';
import type { ClusterNode } from './node.ts';
import type { ServiceKey, ServiceRequest } from './service-request.ts';

/**
 * The cluster's objects as our values. An object with nonsense in it is a problem of that object only. `services` and `endpoints`
 * of one taker are the same maps always, changed in place (base/tracked-map.ts), and are in no order.
 */
export interface Inventory {
  readonly services: ReadonlyMap<ServiceKey, ServiceRequest>;
  readonly endpoints: ReadonlyMap<ServiceKey, readonly Endpoint[]>;
  readonly nodes: ReadonlyMap<string, ClusterNode>;
  /** Labels of each Namespace; one that no object describes has the single label kubernetes.io/metadata.name. */
  readonly namespaces: ReadonlyMap<string, Labels>;
  readonly problems: readonly Problem[];
}
