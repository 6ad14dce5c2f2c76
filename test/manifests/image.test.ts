import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/**
 * The Dockerfile without a container engine: its COPY and RUN instructions are done by hand in an empty folder for each stage.
 * What that cannot show: that the base images have what these instructions need.
 */
const root = fileURLToPath(new URL('../..', import.meta.url));
const text = readFileSync(join(root, 'Dockerfile'), 'utf8');

interface Instruction {
  readonly word: string;
  readonly rest: string;
}

interface Stage {
  readonly name: string;
  readonly instructions: Instruction[];
}

const instructions: readonly Instruction[] = text
  .split('\n')
  .filter((line) => !line.startsWith('#'))
  .join('\n')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => ({ word: line.slice(0, line.indexOf(' ')), rest: line.slice(line.indexOf(' ') + 1).trim() }));

const stages: Stage[] = [];
for (const instruction of instructions) {
  const { word, rest } = instruction;
  const last = stages.at(-1);
  if (word === 'FROM') stages.push({ name: / AS (\S+)$/.exec(rest)?.[1] ?? 'final', instructions: [] });
  else last?.instructions.push(instruction);
}
const stageOf = (name: string): readonly Instruction[] =>
  stages.find((stage) => stage.name === name)?.instructions ?? [];

/** Flags, sources and the destination of a COPY. */
function copyOf({ rest }: Instruction): { from: string | undefined; sources: string[]; to: string } {
  const words = rest.split(/\s+/);
  const paths = words.filter((word) => !word.startsWith('--'));
  const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length);
  return { from, sources: paths.slice(0, -1), to: paths.at(-1) ?? '' };
}

describe('Dockerfile', () => {
  const copies = stages.flatMap(({ instructions: of }) => of.filter(({ word }) => word === 'COPY').map(copyOf));
  const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');

  it.each(copies.filter(({ from }) => from === undefined).flatMap(({ sources }) => sources))(
    'what it copies is there, and .dockerignore lets it through: %s',
    (source) => {
      expect(existsSync(join(root, source))).toBe(true);
      expect(ignored).toContain(`!${source.replace(/\/$/, '')}`);
    },
  );

  it('.dockerignore lets nothing else through', () => {
    expect(ignored).toContain('*');
    const wanted = copies.flatMap(({ from, sources }) => (from === undefined ? sources : []));
    const through = ignored.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    expect(through.toSorted()).toEqual(wanted.map((source) => source.replace(/\/$/, '')).toSorted());
  });

  it('every stage is one that was begun before', () => {
    const names = stages.map(({ name }) => name);
    for (const { from } of copies) if (from !== undefined) expect(names).toContain(from);
    expect(names.at(-1)).toBe('final');
  });

  it('is multi-arch in form: no platform, no architecture is named', () => {
    expect(text.replaceAll(/^#.*$/gm, '')).not.toMatch(/--platform|amd64|arm64|x86/);
  });

  it('does not run as root, and says so by number, which runAsNonRoot needs', () => {
    expect(stageOf('final').find(({ word }) => word === 'USER')?.rest).toMatch(/^[1-9]\d+:[1-9]\d+$/);
  });

  it('has the version of package.json', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(stageOf('final')).toContainEqual({ word: 'ARG', rest: `VERSION=${version}` });
  });
});

describe('what is in the image', () => {
  const folder = mkdtempSync(join(tmpdir(), 'clarion-image-'));
  const image = join(folder, 'final');
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** COPY, and RUN in the folder of the stage. Outside of it nothing is written: absolute paths mean the stage's own. */
  function play(name: string, prepare: (workdir: string) => void): void {
    const stage = join(folder, name);
    let workdir = stage;
    mkdirSync(stage);
    for (const instruction of stageOf(name)) {
      const { word, rest } = instruction;
      if (word === 'WORKDIR') {
        workdir = join(stage, rest);
        mkdirSync(workdir, { recursive: true });
        prepare(workdir);
      }
      if (word === 'COPY') {
        const { from, sources, to } = copyOf(instruction);
        for (const source of sources) {
          const target = to.startsWith('/') ? join(stage, to) : join(workdir, to);
          const into = source.endsWith('/') || !to.endsWith('/') ? target : join(target, basename(source));
          mkdirSync(dirname(into), { recursive: true });
          cpSync(join(from === undefined ? root : join(folder, from), source), into, { recursive: true });
        }
      }
      if (word === 'RUN') {
        const command = rest
          .replace(/^(--\S+\s+)+/, '')
          .replaceAll(/ >?(\/\w\S*)/g, (all, path: string) => all.replace(path, join(stage, path)));
        mkdirSync(join(stage, 'usr/local/bin'), { recursive: true });
        const ran = spawnSync('sh', ['-c', command], { cwd: workdir, encoding: 'utf8' });
        if (ran.status !== 0) throw new Error(`${command}: ${ran.stdout}${ran.stderr}`);
      }
    }
  }

  const clarion = (...words: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [join(image, 'opt/clarion/dist/main.js'), ...words], { cwd: '/', encoding: 'utf8' });

  beforeAll(() => {
    // npm ci has been done here: its packages are those of the same lock file.
    play('build', (workdir) => symlinkSync(join(root, 'node_modules'), join(workdir, 'node_modules')));
    play('final', () => {});
  });

  it('runs from there, where no npm package is', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(existsSync(join(image, 'node_modules'))).toBe(false);
    expect(clarion('--version')).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' });
    for (const role of ['controller', 'speaker'])
      expect(clarion(role, '--help')).toMatchObject({ status: 0, stderr: '' });
    expect(clarion('decode', 'bfd', '20c00318').status).toBe(1);
  });

  it('"clarion" is a command there', () => {
    const script = readFileSync(join(image, 'usr/local/bin/clarion'), 'utf8');
    expect(script.replaceAll(folder, '')).toMatch(/^#!\/bin\/sh\nexec node \S*\/opt\/clarion\/dist\/main\.js "\$@"\n$/);
    expect(statSync(join(image, 'usr/local/bin/clarion')).mode & 0o777).toBe(0o755);
  });

  it('has the addon, built for this Node', () => {
    const load = `process.stdout.write(String(Object.keys(require(${JSON.stringify(join(image, 'opt/clarion/dist/native.node'))})).length))`;
    expect(Number(spawnSync(process.execPath, ['-e', load], { encoding: 'utf8' }).stdout)).toBeGreaterThan(10);
  });

  it('has an SBOM of what is bundled, and nothing of what only builds', () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const { components } = JSON.parse(readFileSync(join(image, 'opt/clarion/sbom.cdx.json'), 'utf8')) as {
      components: { name: string; version: string }[];
    };
    const has = new Map(components.map(({ name, version }) => [name, version]));
    for (const [name, version] of Object.entries(dependencies)) expect(has.get(name)).toBe(version);
    for (const builder of ['vitest', 'esbuild', 'typescript']) expect(has.has(builder)).toBe(false);
  });

  it('is small: bundle, source maps and addon below 10 MB', () => {
    const dist = join(image, 'opt/clarion/dist');
    const sizes = readdirSync(dist).map((name) => ({ name, size: statSync(join(dist, name)).size }));
    const total = (of: RegExp): number =>
      sizes.filter(({ name }) => of.test(name)).reduce((sum, { size }) => sum + size, 0) / 1e6;
    expect(total(/./)).toBeLessThan(10);
    expect(total(/\.node$/)).toBeLessThan(0.1);
    expect(sizes.filter(({ name }) => !/\.(js|js\.map|node)$/.test(name))).toEqual([]);
    process.stdout.write(
      `image: bundle ${total(/\.js$/).toFixed(1)} MB, source maps ${total(/\.map$/).toFixed(1)} MB, addon ${total(/\.node$/).toFixed(2)} MB\n`,
    );
  });
});
