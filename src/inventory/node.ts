import type { IpAddress } from '../base/ip-address.ts';
import type { Labels } from '../base/label-selector.ts';

/** What a core/v1 Node says about announcing from it. NotReady and a cordon are no reasons and are not here. */
export interface ClusterNode {
  readonly name: string;
  readonly labels: Labels;
  /** status.addresses of type InternalIP. */
  readonly addresses: readonly IpAddress[];
  /** Condition NetworkUnavailable is True. */
  readonly networkUnavailable: boolean;
  /** Label node.kubernetes.io/exclude-from-external-load-balancers, whatever its value. */
  readonly excluded: boolean;
  /** Annotation clarion.dev/drain. */
  readonly draining: boolean;
  /** About to go: taint ToBeDeletedByClusterAutoscaler, or graceful node shutdown. Ranks last, never barred. */
  readonly leaving: boolean;
}

/** A node that no object describes: nothing speaks against it. */
export const impliedNode = (name: string): ClusterNode => ({
  name,
  labels: { 'kubernetes.io/hostname': name },
  addresses: [],
  networkUnavailable: false,
  excluded: false,
  draining: false,
  leaving: false,
});
