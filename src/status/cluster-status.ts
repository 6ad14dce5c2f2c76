import type { PoolUsageJson } from '../allocation/usage-json.ts';
import type { Decoded } from '../base/decoded.ts';
import { compareIpAddress, type IpAddress, parseIpAddress } from '../base/ip-address.ts';
import type { Problem } from '../base/problem.ts';
import type { AddressStatus, MemberReport, StatusReport, Told } from './report.ts';
import type { BfdStatus, SessionStatus } from './sessions.ts';

/**
 * The answers of all processes put together. About an address the holder itself is believed, since it knows best whether it
 * answers; where nobody says "I hold it", those that name a holder. What differs from node to node is kept: it is what one
 * looks for when something is wrong.
 */
export interface ClusterStatus {
  readonly nodes: readonly NodeSummary[];
  readonly controllers: readonly ControllerSummary[];
  /** Of the active controller; absent where none answers. */
  readonly generation?: number | undefined;
  readonly stale?: readonly string[] | undefined;
  readonly problems?: readonly Problem[] | undefined;
  readonly pools?: readonly PoolUsageJson[] | undefined;
  readonly services?: Readonly<Record<string, number>> | undefined;
  /** Sorted as the nodes do: IPv4 first, then by value. */
  readonly addresses: readonly ClusterAddress[];
  /** What the speakers say of each other, not of themselves; those that say the same are one entry. */
  readonly members: readonly ClusterMember[];
  /** Of all nodes, sorted by node and peer. */
  readonly sessions: readonly ClusterSession[];
  readonly bfd: readonly ClusterBfdSession[];
}

export interface ClusterSession extends SessionStatus {
  readonly node: string;
}

interface ClusterBfdSession extends BfdStatus {
  readonly node: string;
}

export interface NodeSummary {
  readonly node: string;
  readonly answers: boolean;
  /** Why it does not answer. */
  readonly error?: string | undefined;
  readonly version?: string | undefined;
  readonly configured?: boolean | undefined;
  /** As long as one of the speakers sees it so. */
  readonly draining?: boolean | undefined;
  readonly leaving?: boolean | undefined;
  /** Another process claims the name, too: where it is, as far as somebody knows. */
  readonly namesakes?: readonly string[] | undefined;
  /** How many addresses it holds, by its own word; by that of the others where it does not answer. */
  readonly holds: number;
}

interface ControllerSummary {
  readonly node: string;
  readonly answers: boolean;
  readonly error?: string | undefined;
  readonly state?: 'active' | 'standby' | undefined;
}

export interface ClusterAddress extends Omit<AddressStatus, 'bgp'> {
  /** Which routers know it, from which node; absent where no node is to tell any. */
  readonly bgp?: readonly ({ readonly node: string } & Told)[] | undefined;
  /** Other nodes than `holder` that someone names as its holder: views differ, for a moment or because of a partition. */
  readonly alsoHeldBy?: readonly string[] | undefined;
}

interface ClusterMember extends MemberReport {
  /** Whose word it is. */
  readonly seenBy: readonly string[];
}

/** What came of asking one socket; `name` is that of the node, for one that does not answer. */
export type Answer = { readonly name: string } & (
  | { readonly ok: true; readonly report: StatusReport }
  | { readonly ok: false; readonly error: string }
);

const CONTROLLER = ' (controller)';

export function clusterStatus(answers: readonly Answer[]): ClusterStatus {
  const reports = answers.flatMap((answer) => (answer.ok ? [answer.report] : []));
  const addresses = joinAddresses(reports);
  const active = reports.map(({ controller }) => controller).find((one) => one?.state === 'active');
  return {
    nodes: nodesOf(answers, addresses),
    controllers: answers.flatMap(controllerSummary),
    ...(active?.state === 'active'
      ? {
          generation: active.generation,
          stale: active.stale,
          problems: active.problems,
          pools: active.pools,
          services: active.services,
        }
      : {}),
    addresses,
    members: joinMembers(reports),
    sessions: reports.flatMap(({ node, speaker }) => (speaker?.sessions ?? []).map((one) => ({ node, ...one }))),
    bfd: reports.flatMap(({ node, speaker }) => (speaker?.bfd ?? []).map((one) => ({ node, ...one }))),
  };
}

function nodesOf(answers: readonly Answer[], addresses: readonly ClusterAddress[]): NodeSummary[] {
  const holds = new Map<string, number>();
  for (const { holder } of addresses) if (holder !== undefined) holds.set(holder, (holds.get(holder) ?? 0) + 1);
  const views = answers.flatMap((answer) => (answer.ok ? (answer.report.speaker?.nodes ?? []) : []));
  const summaries = new Map<string, NodeSummary>();
  const speakers = answers.flatMap((answer) => (answer.ok && answer.report.speaker ? [answer.report] : []));
  const namesakesOf = (node: string): readonly string[] | undefined => {
    const told = speakers.flatMap(({ speaker }) => speaker?.namesakes ?? []).filter((one) => one.node === node);
    const taken = speakers.some((one) => one.node === node && one.speaker?.nameTaken === true);
    return told.length > 0 || taken ? [...new Set(told.flatMap(({ addresses: at }) => at))].sort() : undefined;
  };
  const put = (
    node: string,
    more: Omit<NodeSummary, 'node' | 'holds' | 'draining' | 'leaving' | 'namesakes'>,
  ): void => {
    const seen = views.filter((one) => one.node === node);
    const draining = seen.length === 0 ? undefined : seen.some((one) => one.draining);
    const leaving = seen.length === 0 ? undefined : seen.some((one) => one.leaving);
    summaries.set(node, {
      node,
      ...more,
      draining,
      leaving,
      namesakes: namesakesOf(node),
      holds: holds.get(node) ?? 0,
    });
  };
  for (const { node } of views) put(node, { answers: false, error: 'no socket: no speaker was started there' });
  for (const answer of answers)
    if (!answer.ok && !answer.name.endsWith(CONTROLLER)) put(answer.name, { answers: false, error: answer.error });
  for (const answer of answers)
    if (answer.ok && answer.report.speaker !== undefined) {
      const { node, version, speaker } = answer.report;
      put(node, { answers: true, version, configured: speaker.configured });
    }
  return [...summaries.values()].sort((a, b) => (a.node < b.node ? -1 : 1));
}

function controllerSummary(answer: Answer): ControllerSummary[] {
  if (answer.ok) {
    const { node, controller } = answer.report;
    return controller === undefined ? [] : [{ node, answers: true, state: controller.state }];
  }
  if (!answer.name.endsWith(CONTROLLER)) return [];
  return [{ node: answer.name.slice(0, -CONTROLLER.length), answers: false, error: answer.error }];
}

interface Word {
  readonly by: string;
  readonly status: AddressStatus;
}

function joinAddresses(reports: readonly StatusReport[]): ClusterAddress[] {
  const words = new Map<string, Word[]>();
  for (const { node, speaker } of reports)
    for (const status of speaker?.addresses ?? []) {
      const word = { by: node, status };
      const known = words.get(status.address);
      if (known === undefined) words.set(status.address, [word]);
      else known.push(word);
    }
  return [...words.values()]
    .map((of) => ({ of, place: parseIpAddress(of[0]!.status.address) }))
    .sort(byPlace)
    .map(({ of }) => joinAddress(of));
}

/** What is no address comes from another version than ours, and last. */
function byPlace(
  { place: a }: { readonly place: Decoded<IpAddress, string> },
  { place: b }: { readonly place: Decoded<IpAddress, string> },
): number {
  return a.ok && b.ok ? compareIpAddress(a.value, b.value) : Number(b.ok) - Number(a.ok);
}

function joinAddress(words: readonly Word[]): ClusterAddress {
  const ordered = words.toSorted((a, b) => worth(b) - worth(a) || (b.status.term ?? 0) - (a.status.term ?? 0));
  const bgp = words.flatMap(({ by, status }) => (status.bgp === undefined ? [] : [{ node: by, ...status.bgp }]));
  const best: ClusterAddress = { ...ordered[0]!.status, bgp: bgp.length === 0 ? undefined : bgp };
  const others = new Set(words.flatMap(({ status }) => status.holder ?? []));
  others.delete(best.holder ?? '');
  return others.size === 0 ? best : { ...best, alsoHeldBy: [...others].sort() };
}

/** The word of a holder about itself before hearsay; then who prepares to be one; who lacks an interface; last who knows of nobody. */
function worth({ by, status: { holder, state, reason } }: Word): number {
  if (holder !== undefined) return holder === by ? 5 : 4;
  if (state === 'nobody') return 0;
  if (reason === 'no-interface') return 1;
  // By BGP it is announced where any node does.
  return state === 'announced' ? 3 : 2;
}

function joinMembers(reports: readonly StatusReport[]): ClusterMember[] {
  const joined = new Map<string, MemberReport & { readonly seenBy: string[] }>();
  for (const { node, speaker } of reports)
    for (const member of speaker?.members ?? []) {
      if (member.node === node) continue;
      const key = `${member.node} ${member.instance} ${member.status}`;
      const known = joined.get(key);
      if (known === undefined) joined.set(key, { ...member, seenBy: [node] });
      else known.seenBy.push(node);
    }
  return [...joined].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, member]) => member);
}
