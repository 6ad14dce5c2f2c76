import { type Reason, reasons } from '../base/reason.ts';
import type { ClusterSession } from '../status/cluster-status.ts';
import type { Explanation } from '../status/explain.ts';
import type { ExplainedAddress, ExplainedBgp, ExplainedLayer2 } from '../status/explained-address.ts';
import type { NodeStanding } from '../status/node-standing.ts';
import { formatProblem } from '../terminal/problems.ts';
import { formatTable, type Style } from '../terminal/table.ts';
import { clockTime, shortList } from './words.ts';

/** One Service for people, top to bottom: what it has, who announces it, each node, and what to do. */
export function explainText(explanation: Explanation, style: Style): string {
  const { service, addresses, problems, events, next, silent } = explanation;
  return [
    `${style.strong(service)}  ${kindOf(explanation)}\n`,
    checks(explanation, style),
    ...addresses.map((one) => nodesText(one, addresses.length > 1, style)),
    ...conditionsText(explanation, style),
    ...headedLines('problems', problems.map(formatProblem).join('').split('\n'), style),
    ...headedLines(
      'events',
      events.map((one) => `${clockTime(one.time)}  ${one.reason}: ${one.message}`),
      style,
    ),
    ...headedLines(
      'no answer',
      silent.map(({ name, error }) => `${name}: ${error}`),
      style,
    ),
    next.length === 0 ? '  Nothing to do.\n' : next.map((step) => `  ${style.strong('Next:')} ${step}\n`).join(''),
  ].join('');
}

function kindOf({ outcome, externalTrafficPolicy, endpoints: { total, ready, serving } }: Explanation): string {
  if (outcome === 'not-ours') return 'is none of ours';
  const terminating = serving > ready ? `, ${serving - ready} terminating` : '';
  const counts =
    total === 0 ? 'no endpoints' : `${total} endpoint${total === 1 ? '' : 's'} (${ready} ready${terminating})`;
  return `LoadBalancer, externalTrafficPolicy ${externalTrafficPolicy}, ${counts}`;
}

type Mark = 'good' | 'bad' | 'none';
type Line = readonly [mark: Mark, what: string, text: string];

function checks(explanation: Explanation, style: Style): string {
  const lines = [allocated(explanation), ...explanation.addresses.flatMap(announced)];
  const signs: Readonly<Record<Mark, string>> = { good: style.good('✓'), bad: style.bad('✗'), none: ' ' };
  return formatTable(
    lines.map(([mark, what, text]) => [signs[mark], what, text]),
    '  ',
  );
}

function allocated({ addresses, pool, reason, message, conditions }: Explanation): Line {
  const why = reason === undefined ? (message ?? '') : `${reason}: ${message}`;
  if (addresses.length === 0) return ['bad', 'address', why === '' ? 'none' : `none: ${why}`];
  const since = conditions.find(({ type }) => type === 'clarion.dev/Allocated')?.since;
  const text = `${addresses.map(({ address }) => address).join(' and ')} from pool ${pool ?? '(unknown)'}`;
  const when = since === undefined ? '' : `, since ${clockTime(since)}`;
  return [why === '' ? 'good' : 'bad', 'address', `${text}${when}${why === '' ? '' : `; ${why}`}`];
}

function announced(one: ExplainedAddress): readonly Line[] {
  const { address, sharedWith, layer2, bgp, reason } = one;
  const ways = [
    ...(layer2 === undefined ? [] : [`layer 2 by ${quoted(layer2.advertisements)}`]),
    ...(bgp === undefined ? [] : [`BGP by ${quoted(bgp.advertisements)} to ${shortList(bgp.peers) || 'no peer'}`]),
  ];
  const shared = sharedWith.length === 0 ? '' : `; shared with ${shortList(sharedWith)}`;
  const advertised: Line =
    ways.length === 0
      ? ['bad', 'advertised', `${address}: ${told(reason ?? 'no-advertisement')}`]
      : ['good', 'advertised', `${address}: ${ways.join('; ')}${shared}`];
  return [
    advertised,
    ...(layer2 === undefined ? [] : [layer2Line(layer2)]),
    ...(bgp === undefined ? [] : bgpLines(bgp, one)),
  ];
}

const quoted = (names: readonly string[]): string => shortList(names.map((name) => `"${name}"`)) || 'none';

/** With its meaning: the line is read where nobody has the list of reasons at hand. What bars nodes is said of each of them. */
const told = (reason: Reason): string =>
  Object.hasOwn(reasons, reason) && reasons[reason].scope === 'node'
    ? `no node may (below)`
    : `${reason}: ${meaningOf(reason)}`;
/** A reason that another version told may be unknown here. */
const meaningOf = (reason: Reason): string =>
  Object.hasOwn(reasons, reason) ? reasons[reason].meaning : 'unknown to this version';

function layer2Line(layer2: ExplainedLayer2): Line {
  const { state, holder, term, since, reason, interfaces, mac, handingOver, alsoHeldBy } = layer2;
  const on = interfaces === undefined ? '' : ` on ${interfaces.join(', ')}`;
  const from = [
    ...(term === undefined ? [] : [`term ${term}`]),
    ...(since === undefined ? [] : [`since ${clockTime(since)}`]),
    ...(handingOver === undefined ? [] : [`handing over: ${handingOver}`]),
    ...(alsoHeldBy === undefined ? [] : [`also named as holder: ${shortList(alsoHeldBy)}`]),
    ...(mac === undefined ? [] : [`${mac} answers for it too`]),
  ];
  const who = `${holder ?? 'nobody'}${on}${from.length === 0 ? '' : ` (${from.join(', ')})`}`;
  const why = reason === undefined ? '' : `; ${told(reason)}`;
  switch (state) {
    case 'announced':
      return [reason === undefined && alsoHeldBy === undefined ? 'good' : 'bad', 'layer 2', who + why];
    case 'elsewhere':
      return ['bad', 'layer 2', `${who}, which does not answer this command${why}`];
    case 'probing':
      return ['none', 'layer 2', `${who} looks for a conflict first${why}`];
    case 'prepared':
      return ['bad', 'layer 2', `waits${why}`];
    case 'refused':
    case 'nobody':
      return ['bad', 'layer 2', `nobody answers for it${why}`];
  }
}

function bgpLines({ announcedBy, reason, sessions }: ExplainedBgp, { nodes }: ExplainedAddress): readonly Line[] {
  const words = announcedBy.map((name) => {
    const { told: to = [], weight } = nodes.find(({ node }) => node === name)?.bgp ?? {};
    return `${name} to ${shortList(to)}${weight === undefined ? '' : ` (weight ${weight})`}`;
  });
  const first: Line =
    announcedBy.length === 0
      ? ['bad', 'BGP', `no router is told${reason === undefined ? '' : `; ${told(reason)}`}`]
      : ['good', 'BGP', words.slice(0, 5).join('; ') + (words.length > 5 ? ` and ${words.length - 5} more` : '')];
  return [first, ...sessions.map((session): Line => ['none', '', sessionText(session)])];
}

function sessionText({ node, peer, remote, state, since, lastError, bfd }: ClusterSession): string {
  const down = state !== 'established' && lastError !== undefined ? `: ${lastError}` : '';
  return `session ${node} with ${peer} (${remote}): ${state} since ${clockTime(since)}${bfd === undefined ? '' : `, BFD ${bfd}`}${down}`;
}

function nodesText({ address, nodes }: ExplainedAddress, several: boolean, style: Style): string {
  const rows = nodes.flatMap((one) => nodeRows(one, style));
  return `  ${style.faint(several ? `nodes, ${address}` : 'nodes')}\n${formatTable(rows, '    ')}`;
}

function nodeRows({ node, layer2, bgp }: NodeStanding, style: Style): readonly (readonly string[])[] {
  const words = [
    ...(layer2 === undefined ? [] : [{ protocol: 'layer 2', ...layer2 }]),
    ...(bgp === undefined ? [] : [{ protocol: 'BGP', ...bgp }]),
  ];
  if (words.length === 0) return [[node, 'no', 'no-advertisement', meaningOf('no-advertisement')]];
  // One row where both say the same.
  const [first, second] = words;
  if (second !== undefined && first?.state === second.state && first.reason === second.reason)
    return [row(node, { ...first, protocol: 'layer 2 and BGP' }, style)];
  return words.map((word, i) => row(i === 0 ? node : '', word, style));
}

const STATES = { holds: 'holds it', announces: 'announces', may: 'may', 'may-not': 'no' } as const;

function row(
  node: string,
  {
    protocol,
    state,
    reason,
  }: { readonly protocol: string; readonly state: keyof typeof STATES; readonly reason?: Reason | undefined },
  style: Style,
): readonly string[] {
  const active = state === 'holds' || state === 'announces';
  const word = `${protocol}: ${STATES[state]}`;
  return [node, active ? style.good(word) : word, reason ?? '', reason === undefined ? '' : meaningOf(reason)];
}

function conditionsText({ conditions }: Explanation, style: Style): readonly string[] {
  if (conditions.length === 0) return [];
  const rows = conditions.map(({ type, status, reason, since = '' }) => [type, status, reason, clockTime(since)]);
  return [`  ${style.faint('conditions')}\n${formatTable(rows, '    ')}`];
}

function headedLines(title: string, lines: readonly string[], style: Style): readonly string[] {
  const said = lines.filter((line) => line !== '');
  return said.length === 0 ? [] : [`  ${style.faint(title)}\n${said.map((line) => `    ${line}\n`).join('')}`];
}
