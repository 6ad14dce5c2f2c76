// All set-up that must work before any npm package exists: plain JavaScript, no imports but Node's own.
//   node setup.mjs build | demo | test
// Installs only what is missing, says what it installs, and ends with exit code 3 and the exact command where it cannot.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('.', import.meta.url));
const purpose = process.argv[2] ?? 'build';

/** What each purpose runs, and the Debian package that brings it. */
const programs = {
  build: { gcc: 'gcc', '/usr/include/stdio.h': 'libc6-dev' },
  demo: { ip: 'iproute2', nft: 'nftables', ping: 'iputils-ping', unshare: 'util-linux' },
  test: { arping: 'iputils-arping', rdisc6: 'ndisc6' },
};
const needed = {
  build: { ...programs.build },
  demo: { ...programs.build, ...programs.demo },
  test: { ...programs.build, ...programs.demo, ...programs.test },
}[purpose];

const say = (text) => process.stdout.write(`${text}\n`);
const fail = (text) => {
  process.stderr.write(`clarion: ${text}\n`);
  process.exit(3);
};
const run = (command, args, options = {}) =>
  spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], ...options });
const timed = (work) => {
  const start = performance.now();
  work();
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
};

if (needed === undefined) fail(`"${purpose}" is nothing to set up for; say build, demo or test`);
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 20))
  fail(`Node ${process.versions.node} is too old: 20.20 or newer is needed`);

installDebianPackages();
installNpmPackages();
await buildAddon();
await bundle();

function installDebianPackages() {
  const path = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  const present = (program) =>
    program.startsWith('/') ? existsSync(program) : path.some((folder) => existsSync(join(folder, program)));
  const missing = [...new Set(Object.entries(needed).flatMap(([program, pkg]) => (present(program) ? [] : [pkg])))];
  if (missing.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (!existsSync('/usr/bin/apt-get'))
    fail(`${missing.join(', ')} must be installed first (this is not a Debian system)`);
  if (process.getuid() !== 0) fail(`these Debian packages are missing. Run: sudo ${command}`);
  say(`Installing Debian packages: ${missing.join(' ')}`);
  const quiet = { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const install = () => run('apt-get', command.split(' ').slice(1), quiet).status === 0;
  // A fresh machine has no package lists, an old one stale ones.
  const took = timed(() => {
    if (!install() && !(run('apt-get', ['update', '-q'], quiet).status === 0 && install()))
      fail(`Debian packages could not be installed; see above. Tried: ${command}`);
  });
  say(`  done in ${took}`);
}

function installNpmPackages() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = join(root, 'node_modules', '.clarion-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  say('Installing npm packages (npm ci)');
  const took = timed(() => {
    const npm = run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (npm.status !== 0) fail('npm ci failed; see above');
  });
  writeFileSync(stamp, lock);
  say(`  done in ${took}`);
}

async function buildAddon() {
  const { buildAddon } = await import('./src/network/native/build.mjs');
  try {
    buildAddon({ root });
  } catch (error) {
    fail(error.message);
  }
}

async function bundle() {
  const { build } = await import('esbuild');
  await build({
    absWorkingDir: root,
    entryPoints: { main: 'src/main.ts', wire: 'src/speaker/wire.ts', 'lab-tool': 'src/lab/tool.ts' },
    outdir: 'dist',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'linked',
    // Some packages are CommonJS and call require() for Node's own modules.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
}
