/** One endpoint of a Service, merged across its EndpointSlices (discovery.k8s.io/v1); one Pod counts once, whatever its families. */
export interface Endpoint {
  /** nodeName; undefined for endpoints outside the cluster. */
  readonly node: string | undefined;
  /** condition `ready`: nil counts as true. */
  readonly ready: boolean;
  /** May receive traffic: `ready`, or `serving` while terminating. */
  readonly serving: boolean;
  readonly terminating: boolean;
}
