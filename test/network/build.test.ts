import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

/** Building the addon, in a folder of its own, by the plain JavaScript that runs before any npm package is installed. */
const BUILD = fileURLToPath(new URL('../../src/network/native/build.mjs', import.meta.url));

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'clarion-build-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function build(options: { readonly compiler?: string; readonly headerFolders?: readonly string[] } = {}): string {
  const passed = JSON.stringify({ root, ...options });
  const script = `import { buildAddon } from ${JSON.stringify(pathToFileURL(BUILD).href)};
    const options = ${passed};
    try { console.log(buildAddon(options)); } catch (error) { console.log(error.message); }`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(child.stderr).toBe('');
  return child.stdout.trim();
}

const fakeCompiler = (script: string): string => {
  const file = join(root, 'cc');
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
};

test('it builds once, and again when the sources or the file are not the same', () => {
  expect(build()).toBe('true');
  const target = join(root, 'dist', 'native.node');
  const first = statSync(target).mtimeMs;
  expect(build()).toBe('false');
  expect(statSync(target).mtimeMs).toBe(first);
  writeFileSync(join(root, 'dist', 'native.stamp'), 'of other sources');
  expect(build()).toBe('true');
  rmSync(target);
  expect(build()).toBe('true');
});

test('a missing compiler: what is missing and the command that installs it', () => {
  expect(build({ compiler: 'no-such-compiler' })).toBe(
    'the C compiler no-such-compiler is missing (ENOENT): sudo apt-get install -y gcc libc6-dev',
  );
  expect(existsSync(join(root, 'dist', 'native.node'))).toBe(false);
});

test.each([
  ['headers', "echo 'addon.c:11:10: fatal error: errno.h: No such file or directory' >&2; exit 1"],
  ['libraries', "echo '/usr/bin/ld: cannot find crti.o: No such file or directory' >&2; exit 1"],
])("the C library's %s missing: the same command", (_, script) => {
  expect(build({ compiler: fakeCompiler(script) })).toMatch(
    /^the C library's headers are missing: sudo apt-get install -y gcc libc6-dev\n/,
  );
});

test("Node's headers missing: where they were looked for, and where they come from", () => {
  expect(build({ headerFolders: ['/nowhere', '/nor/here'] })).toMatch(
    /node_api\.h, uv\.h\) are neither in \/nowhere nor in \/nor\/here: install Node from .* sudo apt-get install/,
  );
});

test('a compiler that fails: its own words, and the addon that was there stays', () => {
  expect(build()).toBe('true');
  writeFileSync(join(root, 'dist', 'native.stamp'), 'of other sources');
  expect(build({ compiler: fakeCompiler('echo "internal error" >&2; exit 4') })).toMatch(
    /could not build the native addon:\ninternal error$/,
  );
  expect(existsSync(join(root, 'dist', 'native.node'))).toBe(true);
});
