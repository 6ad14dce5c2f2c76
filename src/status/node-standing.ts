import type { AddressVerdict, BgpVerdict, Layer2Verdict } from '../announcement/verdict.ts';
import { formatIpAddress } from '../base/ip-address.ts';
import type { Reason } from '../base/reason.ts';
import { passedOver } from '../election/rank.ts';
import type { Answer, ClusterStatus } from './cluster-status.ts';
import type { AddressStatus } from './report.ts';

/** What a node does about one address, and if it does not announce it, why not. */
export interface NodeStanding {
  readonly node: string;
  /** Absent: no advertisement of this protocol selects the address. */
  readonly layer2?: { readonly state: 'holds' | 'may' | 'may-not'; readonly reason?: Reason | undefined } | undefined;
  readonly bgp?:
    | {
        readonly state: 'announces' | 'may' | 'may-not';
        readonly reason?: Reason | undefined;
        readonly told?: readonly string[] | undefined;
        readonly untold?: readonly string[] | undefined;
        /** How many endpoints get the traffic, with weighted ECMP. */
        readonly weight?: number | undefined;
      }
    | undefined;
}

/** Who may is as every speaker judges it; who does is what the speakers say, each of itself before others. */
export function nodeStandings(
  verdict: AddressVerdict,
  answers: readonly Answer[],
  status: ClusterStatus,
): readonly NodeStanding[] {
  const address = formatIpAddress(verdict.address);
  const holder = status.addresses.find((one) => one.address === address)?.holder;
  const own = new Map<string, AddressStatus>();
  for (const answer of answers) {
    const said = answer.ok && answer.report.speaker?.addresses.find((one) => one.address === address);
    if (said) own.set(answer.report.node, said);
  }
  return verdict.nodes.map(({ node, layer2, bgp }) => {
    const gone = isGone(node, status);
    return {
      node,
      layer2: layer2Standing(layer2, verdict, { node, holder, said: own.get(node), gone }),
      bgp: bgpStanding(bgp, own.get(node), gone),
    };
  });
}

/** No speaker of that node answers, and none of those that do hears it. Where none answers at all, nobody knows. */
function isGone(node: string, { nodes, members }: ClusterStatus): boolean {
  if (!nodes.some(({ answers }) => answers)) return false;
  if (nodes.some((one) => one.node === node && one.answers)) return false;
  return !members.some((one) => one.node === node && (one.status === 'alive' || one.status === 'suspect'));
}

interface Known {
  readonly node: string;
  readonly holder: string | undefined;
  readonly said: AddressStatus | undefined;
  readonly gone: boolean;
}

function layer2Standing(
  layer2: Layer2Verdict,
  { barred }: AddressVerdict,
  { node, holder, said, gone }: Known,
): NodeStanding['layer2'] {
  if (layer2.kind === 'absent') return undefined;
  if (layer2.kind === 'may-not') return { state: 'may-not', reason: layer2.reason };
  if (barred !== undefined) return { state: 'may-not', reason: barred };
  if (gone) return { state: 'may-not', reason: 'not-a-member' };
  if (said?.state === 'refused' && said.reason !== 'no-session') return { state: 'may-not', reason: said.reason };
  if (holder === node) return { state: 'holds', reason: said?.reason };
  return holder === undefined ? { state: 'may' } : { state: 'may-not', reason: passedOver(layer2.candidate) };
}

function bgpStanding(bgp: BgpVerdict, said: AddressStatus | undefined, gone: boolean): NodeStanding['bgp'] {
  const { told = [], untold = [] } = said?.bgp ?? {};
  // One that withdraws with notice still announces.
  if (told.length > 0) return { state: 'announces', told, untold, weight: bgp.kind === 'may' ? bgp.weight : undefined };
  if (bgp.kind === 'absent') return undefined;
  if (bgp.kind === 'may-not') return { state: 'may-not', reason: bgp.reason };
  if (gone) return { state: 'may-not', reason: 'not-a-member' };
  return said?.bgp === undefined ? { state: 'may' } : { state: 'may-not', reason: 'no-session', told, untold };
}
