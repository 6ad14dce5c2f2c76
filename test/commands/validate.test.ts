import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { register } from '../../src/commands/validate.ts';
import { configMap, node } from '../support/manifests.ts';

const folder = mkdtempSync(join(tmpdir(), 'clarion-validate-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

async function run(
  ...args: string[]
): Promise<{ readonly out: string; readonly exitCode: number | string | null | undefined }> {
  let out = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const program = new Command().exitOverride();
  register(program);
  await program.parseAsync(['validate', ...args], { from: 'user' });
  return { out, exitCode: process.exitCode };
}

const good = write('good.yaml', 'pools:\n- {name: a, addresses: [10.0.0.0/24]}\n');
const bad = write('bad.yaml', 'pools:\n- {name: a, adresses: [10.0.0.0/24]}\n- {name: b, addresses: [10.0.0.0/33]}\n');
const legacy = write('legacy.yaml', 'address-pools:\n- {name: a, protocol: layer2, addresses: [10.0.0.0/24]}\n');

describe('clarion validate', () => {
  it('says that all is well', async () => {
    expect(await run(good)).toEqual({ out: 'No problems in 1 file.\n', exitCode: 0 });
  });

  it('shows each problem with its place, what follows, and a summary', async () => {
    expect(await run(bad)).toEqual({
      out:
        `${bad}:2:13: unknown-key: "adresses" is not a field of a pool. Did you mean "addresses"?\n` +
        '  Pool "a" is not used until this is mended; every other element is.\n' +
        `${bad}:3:25: bad-address: "/33" is not a prefix length: 0 to 32 is possible here\n` +
        '  Pool "b" is not used until this is mended; every other element is.\n' +
        '2 problems in 1 file.\n',
      exitCode: 1,
    });
  });

  it('leaves 0 with warnings', async () => {
    const { out, exitCode } = await run(legacy);
    expect(exitCode).toBe(0);
    expect(out).toContain(`${legacy}:1:1: warning: legacy-dialect: `);
    expect(out).toMatch(/1 warning in 1 file\.\n$/);
  });

  it('judges files one by one', async () => {
    const { out, exitCode } = await run(good, bad, legacy);
    expect(exitCode).toBe(1);
    expect(out).toMatch(/2 problems and 1 warning in 3 files\.\n$/);
  });

  it('prints JSON', async () => {
    const { out, exitCode } = await run(bad, '-o', 'json');
    expect(exitCode).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      problems: [
        { severity: 'error', file: bad, line: 2, column: 13, code: 'unknown-key' },
        { severity: 'error', file: bad, line: 3, column: 25, code: 'bad-address' },
      ],
    });
    expect(JSON.parse((await run(good, '-o', 'json')).out)).toEqual({ problems: [] });
  });

  it('judges the rest when a file cannot be read, and ends with 3', async () => {
    const { out, exitCode } = await run(join(folder, 'nowhere.yaml'), folder, bad);
    expect(exitCode).toBe(3);
    expect(out.match(/unreadable-file/g)).toHaveLength(2);
    expect(out).toContain(`${bad}:2:13`);
  });

  it.each([
    ['nothing in it', ''],
    ['other objects only', 'apiVersion: v1\nkind: Service\n'],
  ])('refuses a file with %s', async (_what, text) => {
    const { out, exitCode } = await run(write('none.yaml', text));
    expect(exitCode).toBe(1);
    expect(out).toContain('none.yaml:1:1: no-configuration: ');
  });

  it('names the object that the problem is in', async () => {
    const file = write(
      'map.yaml',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: lb}\ndata:\n  config.yaml: |\n    pools: 5\n',
    );
    expect((await run(file)).out).toContain(
      `${file}:6:12: wrong-type: "pools" is not a list; begin each entry with "- " under it (ConfigMap lb/c)`,
    );
  });

  it('reads 10,000 lines', async () => {
    const lines = Array.from(
      { length: 2500 },
      (_, i) =>
        `    - name: pool-${i}\n      labels: {tier: edge}\n      addresses:\n      - 10.${i >> 8}.${i & 255}.0/24`,
    );
    const file = write(
      'large.yaml',
      `apiVersion: v1\nkind: ConfigMap\ndata:\n  config.yaml: |\n    pools:\n${lines.join('\n')}\n`,
    );
    expect(await run(file)).toEqual({ out: 'No problems in 1 file.\n', exitCode: 0 });
  });
});

describe('clarion validate --cluster', () => {
  const objects = join(folder, 'cluster');
  mkdirSync(objects);
  const text = 'pools:\n- {name: a, addresses: [10.0.0.0/24]}\n';
  const put = (name: string, ...all: readonly object[]): void =>
    writeFileSync(join(objects, name), all.map((one) => JSON.stringify(one)).join('\n---\n'));
  put('nodes.json', node('a'));
  put('config.json', configMap(`${text}l2Advertisements: [{name: edge, nodeSelectors: [{matchLabels: {rack: x}}]}]\n`));

  it('judges a file against what a folder or cluster holds', async () => {
    const edited = write('edited.yaml', `${text}l2Advertisements:\n- {nodeSelectors: [{matchLabels: {rack: y}}]}\n`);
    const { out, exitCode } = await run(edited, '--directory', objects);
    expect(out).toContain(
      `${edited}:4:3: warning: no-node-matches: no node has the labels that L2 advertisement "l2-1"`,
    );
    expect(exitCode).toBe(0);
  });

  it('without a file, the configuration that is there', async () => {
    const { out } = await run('--directory', objects);
    expect(out).toContain('no node has the labels that L2 advertisement "edge" selects');
    expect(out).toContain('1 warning in 1 file.');
  });

  it('without anything, it says what to give', async () => {
    await expect(run()).rejects.toMatchObject({ exitCode: 2 });
  });
});
