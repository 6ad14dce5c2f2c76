import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clusterStatus } from '../../src/status/cluster-status.ts';
import { escapeHtml, statusBody, statusPage } from '../../src/status/page.ts';
import type { StatusReport } from '../../src/status/report.ts';
import { member, NODES, reportOf, verdict } from './scene.ts';

const seen = (report: StatusReport) => clusterStatus([{ name: report.node, ok: true, report }]);
const bodyOf = (report: StatusReport): string => statusBody(report, seen(report));

/** Tags of the page in order, and the text between them: enough of a parser for what we write. */
function parts(html: string): { readonly tags: string[]; readonly text: string } {
  const tags: string[] = [];
  const text = html.replace(
    /<(\/?[a-z0-9]+)((?:\s+[a-z-]+(?:="[^"<>]*")?)*)\s*>|<!doctype html>/g,
    (_all, name?: string) => {
      if (name !== undefined) tags.push(name);
      return '\u0000';
    },
  );
  return { tags, text };
}

describe('the page', () => {
  test('has tables of what there is, and none of what there is not', () => {
    const body = bodyOf(reportOf({ node: 'node-a', speaker: { members: [member('node-b')] } }));
    for (const text of ['<td>192.0.2.1</td><td>node-a</td><td>1</td>', '<h2>Nodes</h2>', '<td>alive</td>'])
      expect(body).toContain(text);
    for (const title of ['BGP sessions', 'BFD sessions', 'Pools', 'Problems']) expect(body).not.toContain(title);
  });

  test('what is not well comes first, and ten thousand that are well are counted', () => {
    const verdicts = Array.from({ length: 1000 }, (_, i) => verdict(`198.51.${100 + (i >> 8)}.${i & 255}`));
    const body = bodyOf(reportOf({ node: 'node-a', speaker: { verdicts, wire: [] } }));
    expect(body).toContain('and 500 more');
    const some = reportOf({
      node: 'node-a',
      speaker: { verdicts: [verdict('192.0.2.1'), verdict('192.0.2.3', {}, { barred: 'no-endpoints' })] },
    });
    const places = ['192.0.2.3', '192.0.2.1'].map((address) => bodyOf(some).indexOf(`<td>${address}</td>`));
    expect(places[0]).toBeGreaterThan(0);
    expect(places[0]).toBeLessThan(places[1]!);
  });

  test('is well formed: every element that is opened is closed', () => {
    const report = reportOf({ node: 'node-a' });
    const open: string[] = [];
    for (const tag of parts(statusPage(report, seen(report))).tags) {
      if (['meta', 'link'].includes(tag)) continue;
      if (tag.startsWith('/')) expect(open.pop()).toBe(tag.slice(1));
      else open.push(tag);
    }
    expect(open).toEqual([]);
  });

  test.each([
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    '</main><h1>',
    '&lt;b&gt;',
    '\u0000<\u2028x>',
  ])('a hostile name is text: %s', (name) => {
    const hostile: StatusReport = reportOf({ node: name, speaker: { members: [member(name)] } });
    const services = [`shop/${name}`];
    const speaker = hostile.speaker!;
    const report: StatusReport = {
      ...hostile,
      version: name,
      time: name,
      speaker: {
        ...speaker,
        addresses: speaker.addresses.map((one) => ({
          ...one,
          services,
          holder: name,
          reason: name as never,
          mac: name,
        })),
        sessions: [
          { peer: name, remote: name, state: 'idle', since: name, families: [], lastError: name, bfd: name } as never,
        ],
        nodes: [{ node: name, draining: true, leaving: false }],
      },
    };
    const plain = reportOf({ node: 'node-a', speaker: { members: [member('node-a')] } });
    const page = statusPage(report, seen(report));
    const known = new Set([...parts(statusPage(plain, seen(plain))).tags, 'h2', '/h2']);
    expect(parts(page).tags.filter((tag) => !known.has(tag))).toEqual([]);
    expect(parts(page).text).not.toMatch(/[<>]/);
  });

  test('whatever is escaped has no character left that means something, and loses nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const escaped = escapeHtml(text);
        expect(escaped).not.toMatch(/[<>"']/);
        const back = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&amp;': '&' } as const;
        expect(escaped.replace(/&(lt|gt|quot|#39|amp);/g, (entity) => back[entity as keyof typeof back])).toBe(text);
      }),
    );
  });

  test('of every node something is said', () => {
    for (const node of NODES) expect(bodyOf(reportOf({ node: 'node-a' }))).toContain(`<td>${node}</td>`);
  });
});
