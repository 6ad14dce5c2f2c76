import type { AddressVerdict } from '../announcement/verdict.ts';
import { formatIpAddress } from '../base/ip-address.ts';
import type { Reason } from '../base/reason.ts';
import type { ServiceKey } from '../inventory/service-request.ts';
import type { Answer, ClusterAddress, ClusterSession, ClusterStatus } from './cluster-status.ts';
import type { Advertised } from './explain-config.ts';
import { type NodeStanding, nodeStandings } from './node-standing.ts';

/** One address of a Service in `clarion explain`: who may announce it, as every speaker judges it, and who does, as they say. */
export interface ExplainedAddress {
  readonly address: string;
  /** Other Services that have it too. */
  readonly sharedWith: readonly string[];
  /** Absent: no advertisement of this protocol selects it. */
  readonly layer2?: ExplainedLayer2 | undefined;
  readonly bgp?: ExplainedBgp | undefined;
  /** What keeps it from being announced at all. */
  readonly reason?: Reason | undefined;
  /** Sorted by name. */
  readonly nodes: readonly NodeStanding[];
}

export interface ExplainedLayer2
  extends Pick<ClusterAddress, 'holder' | 'term' | 'since' | 'interfaces' | 'mac' | 'handingOver' | 'alsoHeldBy'> {
  readonly advertisements: readonly string[];
  /** `elsewhere`: those that answer name a holder, and it does not answer. */
  readonly state: ClusterAddress['state'];
  readonly reason?: Reason | undefined;
}

export interface ExplainedBgp {
  readonly advertisements: readonly string[];
  /** Of all nodes. */
  readonly peers: readonly string[];
  /** Nodes that have told a router. */
  readonly announcedBy: readonly string[];
  readonly reason?: Reason | undefined;
  readonly sessions: readonly ClusterSession[];
}

export function explainAddress(
  verdict: AddressVerdict,
  service: ServiceKey,
  advertised: Advertised,
  answers: readonly Answer[],
  status: ClusterStatus,
): ExplainedAddress {
  const address = formatIpAddress(verdict.address);
  const said = status.addresses.find((one) => one.address === address);
  const nodes = nodeStandings(verdict, answers, status);
  const layer2 = nodes.some((one) => one.layer2 !== undefined) ? layer2Of(said, nodes, verdict, advertised) : undefined;
  const bgp = nodes.some((one) => one.bgp !== undefined) ? bgpOf(nodes, verdict, advertised, status) : undefined;
  return {
    address,
    sharedWith: verdict.services.filter((key) => key !== service),
    layer2,
    bgp,
    reason: isAnnounced({ layer2, bgp }) ? undefined : (verdict.barred ?? layer2?.reason ?? bgp?.reason),
    nodes,
  };
}

function layer2Of(
  said: ClusterAddress | undefined,
  nodes: readonly NodeStanding[],
  { barred }: AddressVerdict,
  { layer2 }: Advertised,
): ExplainedLayer2 {
  const { holder, term, since, interfaces, mac, handingOver, alsoHeldBy } = said ?? {};
  const told = said?.state ?? 'nobody';
  // A speaker that tells of BGP alone says announced, too.
  const state = told === 'announced' && holder === undefined ? 'nobody' : told;
  const first = state === 'nobody' ? barrierOf(nodes.map((node) => node.layer2)) : undefined;
  const reason = barred ?? said?.reason ?? first;
  return { advertisements: layer2, state, reason, holder, term, since, interfaces, mac, handingOver, alsoHeldBy };
}

function bgpOf(
  nodes: readonly NodeStanding[],
  verdict: AddressVerdict,
  { bgp }: Advertised,
  status: ClusterStatus,
): ExplainedBgp {
  const announcedBy = nodes.filter((node) => node.bgp?.state === 'announces').map(({ node }) => node);
  const first = barrierOf(nodes.map((node) => node.bgp));
  const routes = verdict.nodes.flatMap(({ node, bgp: may }) =>
    (may.kind === 'may' ? may.routes : may.kind === 'may-not' ? (may.retiring ?? []) : []).map((route) => ({
      node,
      route,
    })),
  );
  const isToTell = new Set(routes.flatMap(({ node, route }) => route.peers.map((peer) => `${node}/${peer}`)));
  return {
    advertisements: bgp,
    peers: [...new Set(routes.flatMap(({ route }) => route.peers))].sort(),
    announcedBy,
    reason: announcedBy.length > 0 ? undefined : first,
    sessions: status.sessions.filter(({ node, peer }) => isToTell.has(`${node}/${peer}`)),
  };
}

/** Why no node does it: the first one's reason; undefined where a node may and only has not done it yet. */
function barrierOf(standings: readonly (NodeStanding['layer2'] | NodeStanding['bgp'])[]): Reason | undefined {
  if (standings.some((one) => one?.state === 'may')) return undefined;
  return standings.map((one) => one?.reason).find((reason) => reason !== undefined);
}

export const isAnnounced = ({ layer2, bgp }: Pick<ExplainedAddress, 'layer2' | 'bgp'>): boolean =>
  layer2?.state === 'announced' || (bgp?.announcedBy.length ?? 0) > 0;
