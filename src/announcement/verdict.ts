import type { IpAddress } from '../base/ip-address.ts';
import type { Prefix } from '../base/prefix.ts';
import type { NodeReason, ServiceReason } from '../base/reason.ts';
import type { Community } from '../config/config.ts';
import type { ServiceKey } from '../inventory/service-request.ts';

/**
 * For one address and every node: may Kubernetes and the configuration let it speak, and if not, why.
 * What only a node itself knows (interfaces, who is alive, who was elected) is added later, on that node.
 */
export interface AddressVerdict {
  readonly address: IpAddress;
  /** All that share the address, sorted. */
  readonly services: readonly ServiceKey[];
  readonly pool: string | undefined;
  /**
   * Bars every node: no-advertisement, no-endpoints. With `no-endpoints` the layer 2 verdicts of `nodes` are those that would
   * hold if there were endpoints, so that the holder to be is known early and can look for a conflict: who acts on `may`
   * must look here first.
   */
  readonly barred: ServiceReason | undefined;
  /** One entry for each node, sorted by name. */
  readonly nodes: readonly NodeVerdict[];
}

export interface NodeVerdict {
  readonly node: string;
  readonly layer2: Layer2Verdict;
  readonly bgp: BgpVerdict;
}

/**
 * `absent`: no advertisement of this protocol selects the address at all, so there is nothing to explain.
 * A `may-not` for `node-draining` is a wish: another node may, and takes over before this one stops.
 */
export type Layer2Verdict =
  | {
      readonly kind: 'may';
      /**
       * Named by the advertisements that select this node (union, sorted; of a shared address, common to all its Services).
       * Empty: none names any, so they are chosen by subnet on the node.
       */
      readonly interfaces: readonly string[];
      readonly candidate: Candidate;
    }
  | { readonly kind: 'may-not'; readonly reason: NodeReason | ServiceReason }
  | { readonly kind: 'absent' };

export type BgpVerdict =
  | {
      readonly kind: 'may';
      readonly routes: readonly BgpRoute[];
      /** Weighted ECMP with externalTrafficPolicy Local: how many endpoints here get the traffic. Undefined: no weight is told. */
      readonly weight: number | undefined;
    }
  | {
      readonly kind: 'may-not';
      readonly reason: NodeReason | ServiceReason;
      /** With `node-draining`: what it would say otherwise, and withdraws with notice (RFC 8326) if it said so before. */
      readonly retiring?: readonly BgpRoute[] | undefined;
    }
  | { readonly kind: 'absent' };

/** What rank needs to know of a node that may hold an address; the order is election's (election/rank). */
export interface Candidate {
  readonly node: string;
  /** Sum of the weights of matching preferredNodeSelectors; more is better. */
  readonly preference: number;
  /** Leaving nodes rank last. */
  readonly leaving: boolean;
  /** externalTrafficPolicy Local: a *ready* local endpoint, not only a terminating one. Always true under Cluster. */
  readonly ready: boolean;
}

export interface BgpRoute {
  /** The address, or the aggregate that covers it. */
  readonly prefix: Prefix;
  /** Names, sorted. */
  readonly peers: readonly string[];
  /** The highest that is given, where advertisements differ (which config reports as a problem). */
  readonly localPref: number | undefined;
  /** Union over the advertisements that give this prefix to these peers, sorted. */
  readonly communities: readonly Community[];
}
