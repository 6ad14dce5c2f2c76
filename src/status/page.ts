import type { ClusterAddress, ClusterStatus } from './cluster-status.ts';
import type { StatusReport } from './report.ts';

/**
 * The status of one process as a page: tables that read without JavaScript; a script of a few lines replaces them whenever
 * something changes. Everything that comes from objects, routers or other nodes is escaped, and the Content-Security-Policy lets nothing run
 * but that script.
 */
export const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const;

export const PAGE_SCRIPT = `const main = document.querySelector('main');
const state = document.querySelector('footer span');
const source = new EventSource('events');
source.addEventListener('status', (event) => {
  main.innerHTML = event.data;
  state.textContent = 'live';
});
source.onerror = () => {
  state.textContent = 'no connection: this is how it was';
};
`;

export const PAGE_STYLE = `body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #222; background: #fff; }
table { border-collapse: collapse; margin: 0.5rem 0 1.5rem; }
th, td { text-align: left; padding: 0.15rem 1.2rem 0.15rem 0; vertical-align: top; }
th { font-weight: 600; border-bottom: 1px solid #999; }
.bad { color: #b00020; font-weight: 600; }
footer { color: #555; border-top: 1px solid #ccc; padding-top: 0.5rem; }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818; } .bad { color: #ff7b8a; } footer { color: #aaa; } }
`;

/** More would be no page any more: what is not well comes first. */
const ROWS = 500;

export function statusPage(report: StatusReport, status: ClusterStatus): string {
  const { node, version } = report;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Clarion on ${escapeHtml(node)}</title>
<link rel="stylesheet" href="page.css"><script src="page.js" defer></script></head>
<body><h1>Clarion on ${escapeHtml(node)}</h1>
<main>${statusBody(report, status)}</main>
<footer><span>as of loading</span>. Version ${escapeHtml(version)}. How things look from this process; <code>clarion status</code> asks all of them. <a href="metrics">metrics</a> <a href="status">JSON</a></footer>
</body></html>
`;
}

/** The part that changes. */
export function statusBody({ time }: StatusReport, status: ClusterStatus): string {
  const { nodes, addresses, members, sessions, bfd, pools = [], problems = [], controllers, generation } = status;
  const active = controllers.some(({ state }) => state === 'active');
  const shown = [...addresses.filter((one) => !isWell(one)), ...addresses.filter(isWell)].slice(0, ROWS);
  const rest = addresses.length - shown.length;
  return [
    `<p>${escapeHtml(time)}${active ? `, controller: active, configuration generation ${generation}` : controllers.length > 0 ? ', controller: standby' : ''}</p>`,
    table(
      'Problems',
      ['Where', 'What'],
      problems.map((one) => [
        `${one.file}:${one.line}:${one.column}${one.object === undefined ? '' : ` ${one.object}`}`,
        bad(`${one.code}: ${one.message}`, one.severity === 'error'),
      ]),
    ),
    table(
      'Addresses',
      ['Address', 'Holder', 'Term', 'Since', 'State', 'Services'],
      shown.map((one) => [
        one.address,
        one.holder ?? (one.bgp?.some(({ told }) => told.length > 0) === true ? 'BGP' : '-'),
        String(one.term ?? '-'),
        one.since ?? '-',
        bad(stateOf(one), !isWell(one)),
        one.services.join(', '),
      ]),
    ),
    rest > 0 ? `<p>and ${rest} more that are well</p>` : '',
    table(
      'Nodes',
      ['Node', 'Speaker', 'As the others see it', 'Holds', ''],
      nodes.map((one) => [
        one.node,
        one.answers ? 'this one' : '-',
        members
          .filter((member) => member.node === one.node)
          .map(({ status: word }) => word)
          .join(', ') || '-',
        String(one.holds),
        [
          ...(one.draining === true ? ['draining'] : []),
          ...(one.leaving === true ? ['leaving'] : []),
          ...(one.namesakes === undefined ? [] : [`two speakers claim this name: ${one.namesakes.join(', ')}`]),
        ].join(', '),
      ]),
    ),
    table(
      'BGP sessions',
      ['Peer', 'Router', 'State', 'Since', 'Prefixes', 'BFD', 'Last error'],
      sessions.map((one) => [
        one.peer,
        one.remote,
        bad(one.state, one.state !== 'established'),
        one.since,
        one.families
          .map(({ family, sent, pending }) => `${family} ${sent}${pending > 0 ? ` (+${pending})` : ''}`)
          .join(', '),
        one.bfd ?? '-',
        one.lastError ?? '',
      ]),
    ),
    table(
      'BFD sessions',
      ['With', 'State', 'Since', 'Detects in', 'Failures'],
      bfd.map((one) => [
        one.remote,
        bad(one.state, one.state !== 'up'),
        one.since,
        `${one.detectionTime} ms`,
        String(one.counters.failures),
      ]),
    ),
    table(
      'Pools',
      ['Pool', 'Addresses', 'Used', 'Available'],
      pools.map((one) => [one.name, String(one.total), String(one.used), String(one.available)]),
    ),
  ].join('\n');
}

const isWell = ({ state, reason, alsoHeldBy, holder, bgp }: ClusterAddress): boolean =>
  reason === undefined &&
  alsoHeldBy === undefined &&
  (state === 'announced' ||
    (state === 'elsewhere' && holder !== undefined) ||
    bgp?.some(({ told }) => told.length > 0) === true);

function stateOf({ state, reason, mac, handingOver, alsoHeldBy }: ClusterAddress): string {
  const more = [
    ...(reason === undefined ? [] : [reason]),
    ...(mac === undefined ? [] : [`with ${mac}`]),
    ...(handingOver === undefined ? [] : [`handing over: ${handingOver}`]),
    ...(alsoHeldBy === undefined ? [] : [`also named: ${alsoHeldBy.join(', ')}`]),
  ];
  return `${state}${more.length === 0 ? '' : `: ${more.join(', ')}`}`;
}

interface Marked {
  readonly text: string;
  readonly bad: boolean;
}
const bad = (text: string, isBad: boolean): Marked => ({ text, bad: isBad });

/** Nothing where there is nothing to show. */
function table(title: string, head: readonly string[], rows: readonly (readonly (string | Marked)[])[]): string {
  if (rows.length === 0) return '';
  const cell = (value: string | Marked): string =>
    typeof value === 'string' || !value.bad
      ? `<td>${escapeHtml(typeof value === 'string' ? value : value.text)}</td>`
      : `<td class="bad">${escapeHtml(value.text)}</td>`;
  const names = head.map((name) => `<th>${escapeHtml(name)}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n');
  return `<h2>${escapeHtml(title)}</h2>\n<table><thead><tr>${names}</tr></thead><tbody>\n${body}\n</tbody></table>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For text and for attributes in quotes. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
