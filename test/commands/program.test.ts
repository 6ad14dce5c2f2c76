import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findKubernetesPrograms } from '../../src/lab/kubernetes/programs.ts';

/** As npm installs it, and as a kubectl plugin: links in a folder of the PATH. */
const root = fileURLToPath(new URL('../..', import.meta.url));
const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: Record<string, string> };
const unbuilt = Object.values(bin).some((path) => !existsSync(join(root, path)));
const { kubectl } = (await findKubernetesPrograms()).found;

describe.skipIf(unbuilt)(
  `the program by its names${unbuilt ? ' (skipped: node setup.mjs build makes it)' : ''}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'clarion-bin-'));
    beforeAll(() => {
      for (const [name, path] of Object.entries(bin)) symlinkSync(join(root, path), join(folder, name));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));
    const run = (program: string, ...words: string[]): { status: number | null; stdout: string; stderr: string } =>
      spawnSync(program, words, {
        encoding: 'utf8',
        env: { ...process.env, PATH: `${folder}${delimiter}${process.env['PATH']}` },
      });

    it.each([
      ['clarion', 'clarion'],
      ['kubectl-clarion', 'kubectl clarion'],
    ])('%s calls itself "%s"', (name, title) => {
      expect(run(name, '--help')).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(`^Usage: ${title} \\[options\\]`),
        stderr: '',
      });
    });

    it.skipIf(kubectl === undefined)(
      `kubectl finds it${kubectl === undefined ? ' (skipped: no kubectl here: node setup.mjs test builds it)' : ''}`,
      () => {
        const help = run(kubectl ?? '', 'clarion', '--help');
        expect(help).toMatchObject({ status: 0, stdout: expect.stringMatching(/^Usage: kubectl clarion \[options\]/) });
      },
    );
  },
);
