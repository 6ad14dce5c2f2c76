import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/**
 * The walls of the house. A stage imports the values of earlier stages, never of later ones; effects live in named files;
 * nobody imports a command; there is no import cycle. A wall may be moved: here, with the reason in the commit.
 */
const root = fileURLToPath(new URL('../src', import.meta.url));
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

/** The data path, in order. */
const STAGES = [
  'config',
  'inventory',
  'allocation',
  'announcement',
  'membership',
  'election',
  'layer2',
  'bgp',
  'bfd',
  'status',
];
/** Protocols that never import each other; the speaker joins them. */
const PROTOCOLS = ['membership', 'layer2', 'bgp', 'bfd'];
/** Leaves: vocabulary and ports. */
const LEAVES = ['base/', 'network/ports.ts', 'cluster/ports.ts'];
/** What may compose everything below it. */
const COMPOSERS = ['controller', 'speaker', 'lab', 'commands', 'main.ts'];

/** Files that may do I/O, and read time or randomness through the injected ports. Everything else is pure. */
const EFFECTS = [
  /(^|\/)driver\.ts$/,
  /^cluster\/(?!ports\.ts|object-lists\.ts|config-map\.ts)/,
  /^network\/(?!ports\.ts)/,
  /^status\/(server|metrics)\.ts$/,
  /^base\/(clock|random|logger|reconcile-loop)\.ts$/,
  /^(speaker|lab|terminal|commands)\//,
  /^controller\//,
  /^main\.ts$/,
];
const isEffectful = (file: string): boolean => EFFECTS.some((pattern) => pattern.test(file));
/** Node's modules that do nothing but compute. */
const PURE_MODULES = ['node:crypto'];

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

const sources = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));

function importsOf(file: string): Import[] {
  const text = sources.get(file)!;
  const found: Import[] = [];
  for (const [, type, specifier] of text.matchAll(/^(?:import|export) (type )?[^'";]*from '([^']+)'/gm))
    found.push({ specifier: specifier!, typeOnly: type !== undefined });
  for (const [, specifier] of text.matchAll(/\bimport\('([^']+)'\)/g))
    found.push({ specifier: specifier!, typeOnly: false });
  for (const [, specifier] of text.matchAll(/^import '([^']+)'/gm))
    found.push({ specifier: specifier!, typeOnly: false });
  return found;
}

const targetOf = (file: string, specifier: string): string => posix.normalize(posix.join(dirname(file), specifier));
const folderOf = (file: string): string => (file.includes('/') ? file.slice(0, file.indexOf('/')) : file);
const isLeaf = (file: string): boolean => LEAVES.some((leaf) => file.startsWith(leaf));

/** Why `file` must not import `target`; undefined when it may. */
function forbidden(file: string, target: string): string | undefined {
  const from = folderOf(file);
  const to = folderOf(target);
  if (target === '../package.json') return from === 'commands' ? undefined : 'only a command reads package.json';
  if (to === 'commands' && from !== 'commands' && from !== 'main.ts') return 'nobody imports a command';
  if (from === 'base') return to === 'base' ? undefined : 'base imports nothing of ours';
  if (from === to || COMPOSERS.includes(from)) return undefined;
  if (isLeaf(target)) {
    if (target === 'network/ports.ts' && !isEffectful(file) && from !== 'layer2')
      return 'only drivers know the network';
    return undefined;
  }
  if (from === 'network' || from === 'cluster' || from === 'terminal')
    return `${from} knows base and its own files only`;
  if (!STAGES.includes(to)) return `${to} is for the composers`;
  if (PROTOCOLS.includes(from) && PROTOCOLS.includes(to)) return 'protocols never import each other';
  return STAGES.indexOf(to) < STAGES.indexOf(from) ? undefined : `${to} comes after ${from}`;
}

test('there are files to check, and every folder is known', () => {
  expect(files.length).toBeGreaterThan(50);
  const known = new Set([...STAGES, ...COMPOSERS, 'base', 'network', 'cluster', 'terminal']);
  expect([...new Set(files.map(folderOf))].filter((folder) => !known.has(folder))).toEqual([]);
});

describe.each(files)('%s', (file) => {
  test('imports only what its place allows', () => {
    const wrong = importsOf(file)
      .filter(({ specifier }) => specifier.startsWith('.'))
      .flatMap(({ specifier }) => {
        const target = targetOf(file, specifier);
        const why = forbidden(file, target);
        return why === undefined ? [] : [`${target}: ${why}`];
      });
    expect(wrong).toEqual([]);
  });

  test('has effects only where effects may be', () => {
    const text = sources.get(file)!;
    if (file !== 'base/clock.ts')
      expect(text).not.toMatch(/\b(setTimeout|setInterval|setImmediate|Date\.now|performance\.now|new Date\(\))\b/);
    if (file !== 'base/random.ts') expect(text).not.toMatch(/\b(Math\.random|randomBytes|randomUUID)\b/);
    if (isEffectful(file)) return;
    const modules = importsOf(file).filter(
      ({ specifier, typeOnly }) => !typeOnly && specifier.startsWith('node:') && !PURE_MODULES.includes(specifier),
    );
    expect(modules).toEqual([]);
    expect(text).not.toMatch(/\b(process\.|console\.|queueMicrotask)/);
  });

  test('is of a size that one can read', () => {
    const lines = sources.get(file)!.split('\n').length;
    expect(lines, 'split it at 400 lines').toBeLessThanOrEqual(400);
  });
});

test('no import cycle (types, which are gone at run time, may refer to each other)', () => {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      return;
    }
    if (done.has(file) || !sources.has(file)) return;
    for (const { specifier, typeOnly } of importsOf(file))
      if (specifier.startsWith('.') && !typeOnly) visit(targetOf(file, specifier), [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(cycles).toEqual([]);
});

test('no file is called index, utils, helpers or common', () => {
  expect(files.filter((file) => /(^|\/)(index|utils?|helpers?|common|misc|manager)\.ts$/.test(file))).toEqual([]);
});
