import { countProblems, formatProblem } from '../terminal/problems.ts';
import { formatTable, type Style } from '../terminal/table.ts';
import type { PlanChanges, ServiceChange, ServiceState } from './plan-changes.ts';

/** More are counted: a pool that everything has may concern thousands. */
const SHOWN = 200;

/** The changes for people: what is taken (-) and what comes (+), Service by Service, then the pools. */
export function planChangesText(changes: PlanChanges, style: Style): string {
  const { services, problems, stale } = changes;
  return [
    services
      .slice(0, SHOWN)
      .map((one) => serviceText(one, style))
      .join(''),
    services.length > SHOWN ? `... and ${services.length - SHOWN} more Services\n` : '',
    poolsText(changes, style),
    stale.length === 0 ? '' : `Bad in the new configuration, so the old one stays in force: ${stale.join(', ')}.\n`,
    problems.length === 0
      ? ''
      : problems.map(formatProblem).join('') + countProblems(problems, new Set(problems.map(({ file }) => file)).size),
    `${summary(changes)}\n`,
  ]
    .filter((part) => part !== '')
    .join('\n');
}

function serviceText({ namespace, name, before, after }: ServiceChange, style: Style): string {
  const was = linesOf(before);
  const is = linesOf(after);
  const gone = was.filter((line) => !is.includes(line)).map((line) => `  ${style.bad(`- ${line}`)}\n`);
  const come = is.filter((line) => !was.includes(line)).map((line) => `  ${style.good(`+ ${line}`)}\n`);
  const why = after.reason === undefined || after.reason === before.reason ? '' : `    ${after.message ?? ''}\n`;
  return `${style.strong(`${namespace}/${name}`)}\n${gone.join('')}${come.join('')}${why}`;
}

function linesOf({ addresses, pool, reason, layer2, bgp }: ServiceState): readonly string[] {
  return [
    ...addresses.map((address) => `${address} from pool ${pool ?? '(none)'}`),
    ...(reason === undefined ? [] : [reason]),
    ...layer2.map(({ address, nodes }) => `${address} by layer 2, may be held by ${nodes.join(', ')}`),
    ...bgp.map((line) => `BGP ${line}`),
  ];
}

function poolsText({ pools }: PlanChanges, style: Style): string {
  if (pools.length === 0) return '';
  const counts = (of: PlanChanges['pools'][number]['before']): string =>
    of === undefined ? '-' : `${of.used} of ${of.total}`;
  const rows = pools.map(({ name, before, after }) => [name, counts(before), counts(after)]);
  return formatTable([['POOL', 'USED NOW', 'USED THEN'].map((head) => style.faint(head)), ...rows]);
}

function summary({ services, unchanged }: PlanChanges): string {
  const lose = services.filter(({ before, after }) =>
    before.addresses.some((one) => !after.addresses.includes(one)),
  ).length;
  const get = services.filter(({ before, after }) =>
    after.addresses.some((one) => !before.addresses.includes(one)),
  ).length;
  const silent = services.filter(({ before, after }) => isAnnounced(before) && !isAnnounced(after)).length;
  const parts = [
    `${services.length} Service${services.length === 1 ? '' : 's'} would change`,
    ...(lose > 0 ? [`${lose} would lose an address`] : []),
    ...(get > 0 ? [`${get} would get one`] : []),
    ...(silent > 0 ? [`${silent} would be announced by nobody any more`] : []),
    `${unchanged} would not`,
  ];
  return `${parts.join(', ')}. Nothing was changed.`;
}

const isAnnounced = ({ layer2, bgp }: ServiceState): boolean => layer2.length + bgp.length > 0;
