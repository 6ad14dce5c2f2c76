import type { Problem } from '../base/problem.ts';
import { type Reason, reasons } from '../base/reason.ts';
import { countProblems, formatProblem } from '../terminal/problems.ts';
import { formatTable, type Style } from '../terminal/table.ts';
import type { Plan, PlannedAnnouncement, PoolPlan, ServicePlan } from './plan.ts';

/** The plan for people: Services with their addresses and who would announce them, what is wrong with some, the pools. */
export function planText(plan: Plan, style: Style): string {
  return [
    servicesText(plan.services, style),
    troublesText(plan.services, style),
    nodesText(plan.services, style),
    poolsText(plan.pools, style),
    problemsText(plan.problems),
    `${summary(plan)}\n`,
  ]
    .filter((part) => part !== '')
    .join('\n');
}

const headed = (names: readonly string[], style: Style): string[] => names.map((name) => style.faint(name));

function servicesText(services: readonly ServicePlan[], style: Style): string {
  if (services.length === 0) return '';
  const rows = services.flatMap((service): string[][] => {
    const { namespace, name, pool = '', reason = '' } = service;
    if (service.addresses.length === 0) return [[`${namespace}/${name}`, style.bad('none'), pool, reason]];
    return service.addresses.flatMap((address, i) => {
      const ways = waysOf(service.announcements.filter((one) => one.address === address));
      const [first = style.bad(silenceOf(service, address)), ...more] = ways;
      const head = i === 0 ? [`${namespace}/${name}`, address, pool, first] : ['', address, '', first];
      return [head, ...more.map((way) => ['', '', '', way])];
    });
  });
  return formatTable([headed(['SERVICE', 'ADDRESS', 'POOL', 'ANNOUNCED BY'], style), ...rows]);
}

/** "layer 2: node-a (eth0)", "BGP 203.0.113.0/24: node-a, node-b to tor-1, tor-2" */
function waysOf(announcements: readonly PlannedAnnouncement[]): string[] {
  const ways = new Map<string, { readonly what: string; readonly nodes: string[]; readonly to: string }>();
  for (const one of announcements) {
    const layer2 = one.protocol === 'layer2';
    const what = layer2 ? 'layer 2' : `BGP ${one.prefix}`;
    const to = layer2 ? '' : ` to ${shortList(one.peers)}`;
    const on = layer2 && one.interfaces !== undefined ? ` (${one.interfaces.join(', ')})` : '';
    const way = ways.get(what + to) ?? { what, nodes: [], to };
    way.nodes.push(one.node + on);
    ways.set(what + to, way);
  }
  return Array.from(ways.values(), ({ what, nodes, to }) => `${what}: ${shortList(nodes)}${to}`);
}

function silenceOf({ refusals }: ServicePlan, address: string): string {
  const reasons = new Set(refusals.filter((one) => one.address === address).map(({ reason }) => reason));
  return `nobody: ${[...reasons].join(', ')}`;
}

/** These are the node's, whatever the Service, so they are told once. */
const NODE_WIDE: ReadonlySet<Reason> = new Set([
  'node-network-unavailable',
  'node-excluded',
  'node-draining',
  'node-leaving',
]);

/** What keeps a Service from what it asks for, and the nodes that cannot serve this one. */
function troublesText(services: readonly ServicePlan[], style: Style): string {
  return services
    .map(({ namespace, name, reason, message, refusals }) => {
      const lines = reason === undefined ? [] : [`${style.strong(reason)}: ${message}`];
      const nodes = new Map<Reason, Set<string>>();
      for (const refusal of refusals)
        if (refusal.reason !== 'not-elected' && refusal.reason !== reason && !NODE_WIDE.has(refusal.reason))
          nodes.set(refusal.reason, (nodes.get(refusal.reason) ?? new Set()).add(refusal.node));
      for (const [why, names] of nodes) lines.push(`${style.strong(why)}: ${shortList([...names])}`);
      return lines.length === 0 ? '' : `${namespace}/${name}\n${lines.map((line) => `  ${line}\n`).join('')}`;
    })
    .join('');
}

function nodesText(services: readonly ServicePlan[], style: Style): string {
  const barred = new Map<string, string[]>();
  for (const { node, reason } of services.flatMap(({ refusals }) => refusals))
    if (NODE_WIDE.has(reason)) barred.set(`${node} ${reason}`, [node, style.strong(reason), reasons[reason].meaning]);
  return formatTable([...barred.values()].sort((a, b) => (a[0]! < b[0]! ? -1 : 1)));
}

function shortList(names: readonly string[]): string {
  if (names.length <= 5) return names.join(', ');
  return `${names.slice(0, 4).join(', ')} and ${names.length - 4} more`;
}

function poolsText(pools: readonly PoolPlan[], style: Style): string {
  if (pools.length === 0) return '';
  const rows = pools.map(({ name, total, used, available }) => [name, `${total}`, `${used}`, `${available}`]);
  return formatTable([headed(['POOL', 'TOTAL', 'USED', 'AVAILABLE'], style), ...rows]);
}

function problemsText(problems: readonly Problem[]): string {
  if (problems.length === 0) return '';
  const files = new Set(problems.map(({ file }) => file)).size;
  return problems.map(formatProblem).join('') + countProblems(problems, files);
}

function summary({ services }: Plan): string {
  const without = services.filter(({ addresses }) => addresses.length === 0).length;
  const silent = services.filter((one) => one.addresses.length > 0 && one.announcements.length === 0).length;
  const parts = [
    `${services.length} Service${services.length === 1 ? '' : 's'}`,
    ...(without === 0 ? [] : [`${without} without an address`]),
    ...(silent === 0 ? [] : [`${silent} announced by nobody`]),
  ];
  return `${parts.join(', ')}. Nothing was changed.`;
}
