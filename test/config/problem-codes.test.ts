import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { problemCodes } from '../../src/config/problem-codes.ts';

const page = readFileSync(new URL('../../docs/problem-codes.md', import.meta.url), 'utf8');
const [errors = '', warnings = ''] = page.split('## Warnings');
const headings = (text: string): readonly string[] => [...text.matchAll(/^### (\S+)$/gm)].map((match) => match[1]!);
const codesWith = (wanted: string): readonly string[] =>
  Object.entries(problemCodes).flatMap(([code, { severity }]) => (severity === wanted ? [code] : []));

describe('docs/problem-codes.md', () => {
  it('has each code once, in the part of its severity', () => {
    expect(headings(errors).toSorted()).toEqual(codesWith('error').toSorted());
    expect(headings(warnings).toSorted()).toEqual(codesWith('warning').toSorted());
  });

  it.each(Object.entries(problemCodes))('%s: says what it means and what to do', (code, { meaning }) => {
    const section = page.split(`### ${code}\n`)[1]?.split('\n#')[0] ?? '';
    expect(section).toContain(`It means: ${meaning}.`);
    expect(section).toMatch(/Next: \S/);
  });
});

describe('the registry', () => {
  it('has no code that nobody reports', () => {
    const folders = ['../../src/config/', '../../src/commands/', '../../src/controller/'].map(
      (path) => new URL(path, import.meta.url),
    );
    const source = folders
      .flatMap((folder) => readdirSync(folder).map((name) => new URL(name, folder)))
      .filter((file) => file.pathname.endsWith('.ts') && !file.pathname.endsWith('problem-codes.ts'))
      .map((file) => readFileSync(file, 'utf8'))
      .join('');
    expect(Object.keys(problemCodes).filter((code) => !source.includes(`'${code}'`))).toEqual([]);
  });
});
