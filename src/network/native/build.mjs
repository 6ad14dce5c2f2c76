// Builds the native addon: plain JavaScript with no imports but Node's own, since it runs before any npm package is installed.
//   node src/network/native/build.mjs
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = dirname(fileURLToPath(import.meta.url));
const FLAGS = ['-O2', '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-fvisibility=hidden'];
const COMPILER_PACKAGES = 'sudo apt-get install -y gcc libc6-dev';

/**
 * Compiles the C files of this folder into <root>/dist/native.node, unless that is there already, built from the same sources
 * for this major version of Node. Returns whether it compiled. Throws an Error whose message says what is missing and the
 * command that installs it.
 */
export function buildAddon({ root, compiler = 'gcc', headerFolders = nodeHeaderFolders() }) {
  const target = join(root, 'dist', 'native.node');
  const stamp = join(root, 'dist', 'native.stamp');
  const wanted = fingerprint();
  if (existsSync(target) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return false;

  const wantedHeaders = ['node_api.h', 'uv.h'];
  const headers = headerFolders.find((folder) => wantedHeaders.every((name) => existsSync(join(folder, name))));
  if (headers === undefined)
    throw new Error(
      `Node's headers (${wantedHeaders.join(', ')}) are neither in ${headerFolders.join(' nor in ')}: ` +
        'install Node from nodejs.org or NodeSource, which bring them, or: sudo apt-get install -y libnode-dev',
    );
  mkdirSync(dirname(target), { recursive: true });
  // Under a name of its own, then renamed: another process may be loading the old one, or building too.
  const fresh = `${target}.${process.pid}`;
  const gcc = spawnSync(compiler, [...FLAGS, `-I${headers}`, '-o', fresh, ...files('.c')], {
    cwd: source,
    encoding: 'utf8',
  });
  if (gcc.error !== undefined || gcc.status !== 0) rmSync(fresh, { force: true });
  if (gcc.error !== undefined)
    throw new Error(`the C compiler ${compiler} is missing (${gcc.error.code}): ${COMPILER_PACKAGES}`);
  if (gcc.status !== 0) throw new Error(explain(compiler, gcc));
  renameSync(fresh, target);
  writeFileSync(stamp, wanted);
  return true;
}

const files = (...endings) =>
  readdirSync(source)
    .filter((name) => endings.some((ending) => name.endsWith(ending)))
    .sort();

function fingerprint() {
  const hash = createHash('sha256').update([process.versions.node.split('.')[0], process.arch, ...FLAGS].join(' '));
  for (const name of files('.c', '.h')) hash.update(name).update(readFileSync(join(source, name)));
  return hash.digest('hex');
}

/** Beside the Node that runs; Debian's package of Node keeps them in /usr/include. */
const nodeHeaderFolders = () => [...new Set([resolve(process.execPath, '../../include/node'), '/usr/include/node'])];

function explain(compiler, { stderr, signal }) {
  if (/(cannot find (-lc|crt\w*\.o|-lgcc)|fatal error: \S+: No such file)/.test(stderr))
    return `the C library's headers are missing: ${COMPILER_PACKAGES}\n${stderr.trim()}`;
  return `${compiler} could not build the native addon${signal === null ? '' : ` (${signal})`}:\n${stderr.trim()}`;
}

if (resolve(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  try {
    const root = resolve(source, '../../..');
    process.stdout.write(buildAddon({ root }) ? 'built dist/native.node\n' : 'dist/native.node is current\n');
  } catch (error) {
    process.stderr.write(`clarion: ${error.message}\n`);
    process.exitCode = 3;
  }
}
