import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { judgeFile } from '../../src/config/judge.ts';
import { publishedSchema } from '../../src/config/published-schema.ts';

const folder = new URL('../../config/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, folder), 'utf8');
const examples = readdirSync(folder).filter((name) => name.endsWith('.yaml'));

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

/** Every field below, as "pools.reserved.service". */
function fieldsOf(schema: Schema, path: string): readonly string[] {
  const inner = [schema.items, ...(schema.anyOf ?? [])].flatMap((part) =>
    part === undefined ? [] : fieldsOf(part, path),
  );
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, part]) => {
    const field = path === '' ? name : `${path}.${name}`;
    return [field, ...fieldsOf(part, field)];
  });
  return [...inner, ...own];
}

describe('the published schema', () => {
  it('is current (else: npm run schema)', () => {
    expect(read('clarion.schema.json')).toBe(publishedSchema());
  });
});

describe('the examples', () => {
  it('are there', () => {
    expect(examples.length).toBeGreaterThanOrEqual(7);
  });

  it.each(examples)('%s has no problem', (name) => {
    const judgements = judgeFile({ file: name, text: read(name) });
    expect(judgements).toHaveLength(1);
    expect(judgements[0]?.config.pools.length).toBeGreaterThan(0);
    const notice = name === 'legacy.yaml' ? ['legacy-dialect'] : [];
    expect(judgements[0]?.problems.map(({ code }) => code)).toEqual(notice);
  });

  it('everything.yaml shows every field there is', () => {
    const text = read('everything.yaml');
    // Excluded by another one that is shown, or without effect: mentioned in a comment, or not at all.
    const left = new Set(['peers.disableMP', 'peers.dualStackAddressFamily']);
    const missing = fieldsOf(JSON.parse(read('clarion.schema.json')) as Schema, '').filter(
      (field) => !left.has(field) && !new RegExp(`\\b${field.split('.').at(-1)}\\b`).test(text),
    );
    expect(missing).toEqual([]);
  });

  it('everything.yaml shows the defaults of the settings', () => {
    const { data } = parse(read('everything.yaml')) as { data: Record<string, string> };
    const { layer2, membership, election, bgp } = parse(data['config.yaml'] ?? '') as Record<string, unknown>;
    const written = JSON.stringify({ pools: [], layer2, membership, election, bgp });
    const [judgement] = judgeFile({ file: 'written', text: written });
    const [bare] = judgeFile({ file: 'bare', text: 'pools: []' });
    expect(judgement?.config).toStrictEqual(bare?.config);
  });
});
