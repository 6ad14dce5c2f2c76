import { type Reason, reasons } from '../base/reason.ts';
import type { ClusterAddress, ClusterStatus, NodeSummary } from '../status/cluster-status.ts';
import type { SessionStatus } from '../status/sessions.ts';
import { countProblems, formatProblem } from '../terminal/problems.ts';
import { formatTable, type Style } from '../terminal/table.ts';
import { clockTime, shortList } from './words.ts';

/** The status for people: who is there, who holds what, what is wrong, the pools. */
export function statusText(status: ClusterStatus, style: Style): string {
  return [
    nodesText(status, style),
    addressesText(status, style),
    sessionsText(status, style),
    bfdText(status, style),
    troublesText(status, style),
    poolsText(status, style),
    controllerText(status, style),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

const headed = (names: readonly string[], style: Style): readonly string[] => names.map((name) => style.faint(name));

function nodesText(status: ClusterStatus, style: Style): string {
  const rows = status.nodes.map((one) => [
    one.node,
    one.answers ? style.good('answers') : style.bad('silent'),
    membership(one.node, status, style),
    String(one.holds),
    remark(one),
  ]);
  return formatTable([headed(['NODE', 'SPEAKER', 'MEMBER', 'HOLDS', ''], style), ...rows]);
}

/** What the others say; who disagrees is named. */
function membership(node: string, { members }: ClusterStatus, style: Style): string {
  const words = members.filter((member) => member.node === node);
  if (words.length === 0) return '-';
  const paint = (state: string): string => (state === 'alive' ? state : style.bad(state));
  if (words.length === 1) return paint(words[0]!.status);
  return words.map(({ status, seenBy }) => `${paint(status)} (say ${shortList(seenBy)})`).join(', ');
}

function remark({ answers, error, configured, draining, leaving, namesakes }: NodeSummary): string {
  const remarks = [
    ...(answers ? [] : [error ?? 'no answer']),
    ...(configured === false ? ['no configuration yet'] : []),
    ...(draining === true ? ['draining'] : []),
    ...(leaving === true ? ['leaving'] : []),
    ...(namesakes === undefined ? [] : [namesakeText(namesakes)]),
  ];
  return remarks.join(', ');
}

/** The one that came later is silent, so this is the one to end. */
const namesakeText = (at: readonly string[]): string =>
  `two speakers claim this name${at.length === 0 ? '' : `, one at ${shortList(at)}`}: start one with another --node`;

function addressesText({ addresses }: ClusterStatus, style: Style): string {
  if (addresses.length === 0) return 'No Service has an address.\n';
  const rows = addresses.map((one) => [
    one.address,
    one.holder ?? byBgp(one),
    one.term === undefined ? '-' : String(one.term),
    one.since === undefined ? '-' : clockTime(one.since),
    stateText(one, style),
    shortList(one.services),
  ]);
  return formatTable([headed(['ADDRESS', 'HOLDER', 'TERM', 'SINCE', 'STATE', 'SERVICES'], style), ...rows]);
}

/** Every node that may announces it, so there is no holder. */
function byBgp({ bgp = [] }: ClusterAddress): string {
  const nodes = bgp.filter(({ told }) => told.length > 0).map(({ node }) => node);
  return nodes.length === 0 ? '-' : `BGP: ${shortList(nodes)}`;
}

function sessionsText({ sessions }: ClusterStatus, style: Style): string {
  if (sessions.length === 0) return '';
  const rows = sessions.map((one) => [
    one.node,
    one.peer,
    `${one.remote}${one.peerAsn === undefined ? '' : ` AS${one.peerAsn}`}`,
    one.state === 'established' ? style.good(one.state) : style.bad(one.state),
    clockTime(one.since),
    one.families
      .map(({ family, sent, pending }) => `${family} ${sent}${pending > 0 ? ` (+${pending})` : ''}`)
      .join(', '),
    one.holdTime === undefined ? '-' : `${one.holdTime / 1000}/${(one.keepaliveTime ?? 0) / 1000} s`,
    one.bfd ?? '-',
    one.state === 'established' ? (one.problems ?? []).map(problemText).join('; ') : (one.lastError ?? ''),
  ]);
  const names = ['NODE', 'PEER', 'ROUTER', 'BGP', 'SINCE', 'PREFIXES SENT', 'HOLD/KEEPALIVE', 'BFD', ''];
  return formatTable([headed(names, style), ...rows]);
}

const PROBLEM = {
  'no-next-hop': 'this node has no address to give as next hop',
  'attributes-too-large': 'their attributes do not fit one message',
} as const satisfies Record<NonNullable<SessionStatus['problems']>[number]['kind'], string>;

const problemText = ({ kind, family, routes }: NonNullable<SessionStatus['problems']>[number]): string =>
  `${routes} ${family} route${routes === 1 ? '' : 's'} not announced: ${PROBLEM[kind]}`;

function bfdText({ bfd }: ClusterStatus, style: Style): string {
  if (bfd.length === 0) return '';
  const rows = bfd.map((one) => [
    one.node,
    one.remote,
    one.state === 'up' ? style.good(one.state) : style.bad(one.state),
    clockTime(one.since),
    `${one.transmitInterval}/${one.receiveInterval} ms`,
    `${one.detectionTime} ms`,
    String(one.counters.failures),
    one.reason ?? '',
  ]);
  const names = ['NODE', 'BFD WITH', 'STATE', 'SINCE', 'SENDS/RECEIVES EACH', 'DETECTS IN', 'FAILURES', ''];
  return formatTable([headed(names, style), ...rows]);
}

function stateText({ state, reason, handingOver, interfaces, mac, alsoHeldBy }: ClusterAddress, style: Style): string {
  const on = interfaces === undefined ? '' : ` (${interfaces.join(', ')})`;
  const why = reason === undefined ? '' : ` ${reason}`;
  const whose = mac === undefined ? '' : ` with ${mac}`;
  const also = alsoHeldBy === undefined ? '' : `, also named as holder: ${shortList(alsoHeldBy)}`;
  const leaving = handingOver === undefined ? '' : `, handing over: ${handingOver}`;
  const healthy = state === 'announced' && reason === undefined && alsoHeldBy === undefined;
  const text = `${WORDS[state]}${why === '' ? '' : ':'}${why}${whose}${on}${leaving}${also}`;
  return healthy ? text : style.bad(text);
}

const WORDS = {
  announced: 'announced',
  prepared: 'waits',
  probing: 'looks for a conflict',
  refused: 'not announced',
  elsewhere: 'not confirmed by its holder',
  nobody: 'nobody',
} as const satisfies Record<ClusterAddress['state'], string>;

/** Each reason that keeps something from being announced or assigned, once, with what to do. */
function troublesText({ addresses, services = {} }: ClusterStatus, style: Style): string {
  const ofAddresses = [...new Set(addresses.flatMap(({ reason }) => reason ?? []))].sort();
  const ofServices = Object.keys(services).filter((reason) => reason !== 'none');
  return [
    ...ofAddresses.map((reason) => explained(reason, style.strong(reason))),
    ...ofServices
      .sort()
      .map((reason) =>
        explained(reason, `${style.strong(reason)} (${services[reason]} without an address or not as asked)`),
      ),
  ].join('');
}

/** A reason that another version told may be unknown here. */
function explained(reason: string, title: string): string {
  const entry = Object.hasOwn(reasons, reason) ? reasons[reason as Reason] : undefined;
  return entry === undefined ? `${title}\n` : `${title}: ${entry.meaning}. ${entry.nextStep}\n`;
}

function poolsText({ pools = [] }: ClusterStatus, style: Style): string {
  if (pools.length === 0) return '';
  const rows = pools.map(({ name, total, used, available }) => [name, `${total}`, `${used}`, `${available}`]);
  return formatTable([headed(['POOL', 'TOTAL', 'USED', 'AVAILABLE'], style), ...rows]);
}

function controllerText({ controllers, generation, stale = [], problems = [] }: ClusterStatus, style: Style): string {
  const active = controllers.filter(({ state }) => state === 'active').map(({ node }) => node);
  const standby = controllers.filter(({ state }) => state === 'standby').map(({ node }) => node);
  const silent = controllers.filter(({ answers }) => !answers);
  const lines = [
    active.length === 0
      ? style.bad('No controller answers: addresses stay as they are, and nothing new is assigned.')
      : `Controller: active on ${active.join(', ')}, configuration generation ${generation}${standby.length === 0 ? '' : `; standby on ${standby.join(', ')}`}.`,
    ...silent.map(({ node, error }) => style.bad(`Controller on ${node}: ${error}.`)),
    ...(stale.length === 0
      ? []
      : [style.bad(`In force in an older version, since the newest is bad: ${shortList(stale)}.`)]),
  ];
  const files = new Set(problems.map(({ file }) => file)).size;
  const found = problems.length === 0 ? '' : problems.map(formatProblem).join('') + countProblems(problems, files);
  return `${lines.join('\n')}\n${found}`;
}
