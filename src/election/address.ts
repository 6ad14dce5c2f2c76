import type { Candidate } from '../announcement/verdict.ts';
import type { IpAddress } from '../base/ip-address.ts';
import type { NodeReason, ServiceReason } from '../base/reason.ts';

/** What Kubernetes and the configuration say of one address, as this node sees them. */
export interface ElectionAddress {
  readonly address: IpAddress;
  /** False: there is nothing to serve yet, so nobody claims; who would be first looks for a conflict (`prepare`). */
  readonly serving: boolean;
  /** Of this node, named by the configuration; empty: chosen by subnet. */
  readonly interfaces: readonly string[];
  /** Every node that may hold it, this one perhaps among them. */
  readonly candidates: readonly ElectionCandidate[];
  /** Where this node is no candidate: why. Undefined counts as hard. */
  readonly parting?: Parting;
  /** Asked for by `clarion move`; over once the term of the address is greater. */
  readonly move?: { readonly to: string; readonly term: number };
  /** externalTrafficPolicy Local: before this node takes it over, `check` whether its own health check says so too. */
  readonly verify?: boolean;
}

export interface ElectionCandidate extends Candidate {
  /** Named for that node; empty: by subnet. */
  readonly interfaces: readonly string[];
}

/** `hard`: cannot serve, so give up at once. `soft`: should not, so serve until another one does. */
export type Parting = 'hard' | 'soft';

const HARD: ReadonlySet<NodeReason | ServiceReason> = new Set<NodeReason | ServiceReason>([
  'no-local-endpoints',
  'no-endpoints',
  'node-network-unavailable',
]);

/** How a holder that is refused for this reason gives up the address. */
export const partingOf = (reason: NodeReason | ServiceReason): Parting => (HARD.has(reason) ? 'hard' : 'soft');
