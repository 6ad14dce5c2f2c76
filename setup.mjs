// All set-up that must work before any npm package exists: plain JavaScript, no imports but Node's own.
//   node setup.mjs build | demo [--kubernetes] | test
// Installs only what is missing, says what it installs, and ends with exit code 3 and the exact command where it cannot.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
/** Real routers to talk to, and what checks alert rules. Where Debian does not give them to us, what needs them is skipped, and says so. */
const routers = {
  build: {},
  demo: { bird: 'bird2' },
  test: { bird: 'bird2', '/usr/lib/frr/bgpd': 'frr', gobgpd: 'gobgpd', '/usr/bin/promtool': 'prometheus' },
}[purpose];
/** Whose services would otherwise run on this machine from now on, and take its port 179. */
const routerServices = ['bird', 'frr', 'gobgpd', 'prometheus'];
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
installRouters();
installNpmPackages();
await buildAddon();
await bundle();
if (purpose === 'test') {
  await buildKubernetes((text) => say(`${text}; the tests that need it are skipped`));
  await buildHelm();
  await buildMetallb();
}
if (purpose === 'demo' && process.argv.includes('--kubernetes')) await buildKubernetes(fail);

/** The packages of those programs that are not there. */
function missingOf(wanted, elsewhere = []) {
  const path = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', ...elsewhere];
  const present = (program) =>
    program.startsWith('/') ? existsSync(program) : path.some((folder) => existsSync(join(folder, program)));
  return [...new Set(Object.entries(wanted).flatMap(([program, pkg]) => (present(program) ? [] : [pkg])))];
}

function installCommand(packages) {
  return `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

function aptInstall(packages) {
  const quiet = { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const install = () => run('apt-get', installCommand(packages).split(' ').slice(1), quiet).status === 0;
  // A fresh machine has no package lists, an old one stale ones.
  return install() || (run('apt-get', ['update', '-q'], quiet).status === 0 && install());
}

function installRouters() {
  const missing = missingOf(routers);
  if (missing.length === 0) return;
  const skipped = `what needs them will be skipped: ${missing.join(', ')}`;
  if (!existsSync('/usr/bin/apt-get')) return say(`No Debian packages here; ${skipped}`);
  if (process.getuid() !== 0) return say(`Not root; ${skipped}. To have them: sudo ${installCommand(missing)}`);
  say(`Installing Debian packages: ${missing.join(' ')}`);
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  // Debian starts a service as soon as it is installed, unless this says no.
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const took = timed(() => {
      if (!aptInstall(missing)) say(`  not possible, see above; ${skipped}`);
    });
    say(`  done in ${took}`);
  } finally {
    if (ours) rmSync(policy);
  }
  const ofMissing = routerServices.filter((name) => missing.some((pkg) => pkg.startsWith(name)));
  // Nor at the next boot.
  if (existsSync('/usr/bin/systemctl')) run('systemctl', ['disable', '--quiet', ...ofMissing], { stdio: 'ignore' });
}

function installDebianPackages() {
  const missing = missingOf(needed);
  if (missing.length === 0) return;
  const command = installCommand(missing);
  if (!existsSync('/usr/bin/apt-get'))
    fail(`${missing.join(', ')} must be installed first (this is not a Debian system)`);
  if (process.getuid() !== 0) fail(`these Debian packages are missing. Run: sudo ${command}`);
  say(`Installing Debian packages: ${missing.join(' ')}`);
  const took = timed(() => {
    if (!aptInstall(missing)) fail(`Debian packages could not be installed; see above. Tried: ${command}`);
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

/** Without it, where it cannot be had, the tests that need it are skipped and the demo has nothing to show. */
async function buildKubernetes(failed) {
  const { findPrograms, buildPrograms } = await import('./src/lab/kubernetes/programs/build.mjs');
  try {
    if (findPrograms().missing.length === 0) return;
  } catch (error) {
    fail(error.message);
  }
  say('Building Kubernetes for tests and the demo: once, about 5 minutes of two cores');
  try {
    const missing = missingOf({ go: 'golang-go', nice: 'coreutils' }, ['/usr/local/go/bin']);
    if (missing.length > 0 && existsSync('/usr/bin/apt-get') && process.getuid() === 0) {
      say(`  Installing Debian packages: ${missing.join(' ')}`);
      aptInstall(missing);
    }
    let folder;
    const took = timed(() => {
      folder = buildPrograms({ say });
    });
    say(`  done in ${took}: ${folder}`);
  } catch (error) {
    failed(`there is no Kubernetes here: ${error.message}`);
  }
}

/** For the tests of the chart only. */
async function buildHelm() {
  const { findHelm, buildHelm: build } = await import('./test/support/helm/build.mjs');
  if (findHelm() !== undefined) return;
  say('Building helm for the tests of the chart: once, about 2 minutes');
  try {
    say(`  done in ${timed(() => build())}`);
  } catch (error) {
    say(`there is no helm here: ${error.message}; the tests that need it are skipped`);
  }
}

/** For the tests that migrate from it. Last: the Go that it needs is there where Kubernetes was built. */
async function buildMetallb() {
  const { findMetallb, buildMetallb: build } = await import('./test/support/metallb/build.mjs');
  if (findMetallb() !== undefined) return;
  say('Building MetalLB for the tests of a migration: once, about 2 minutes of two cores');
  try {
    say(`  done in ${timed(() => build({ say }))}`);
  } catch (error) {
    say(`there is no MetalLB here: ${error.message}; the tests that need it are skipped`);
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
  // With its first line it is a program: package.json's bins, and a link named kubectl-clarion.
  chmodSync(join(root, 'dist', 'main.js'), 0o755);
}
