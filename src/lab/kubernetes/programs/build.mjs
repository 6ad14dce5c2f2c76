// Builds Kubernetes for tests and the demo: plain JavaScript with no imports but Node's own, since setup.mjs runs it before
// any npm package is installed.   node src/lab/kubernetes/programs/build.mjs
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = dirname(fileURLToPath(import.meta.url));
const PROGRAMS = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-proxy', 'kubectl'];
const USUAL = releaseIn(source, PROGRAMS);
/** For CLARION_KUBERNETES=MAJOR.MINOR: of each only what must not be newer than its API server; the rest is the usual one's. */
const OTHERS = [releaseIn(join(source, '1.33'), ['kube-apiserver', 'kube-controller-manager', 'kube-proxy'])];

function releaseIn(folder, programs) {
  const goMod = readFileSync(join(folder, 'go.mod'), 'utf8');
  const [, version] = /^(?:require)?\s*k8s\.io\/kubernetes (v\S+)$/m.exec(goMod);
  const [, goNeeded] = /^go (\S+)$/m.exec(goMod);
  return { folder, programs, version, goNeeded };
}

function chosenRelease({ CLARION_KUBERNETES: minor }) {
  if (!minor) return USUAL;
  const releases = [USUAL, ...OTHERS];
  const chosen = releases.find(({ version }) => version.startsWith(`v${minor}.`));
  if (chosen !== undefined) return chosen;
  throw new Error(`CLARION_KUBERNETES is ${minor}: there is ${releases.map(({ version }) => version).join(' and ')}`);
}

/**
 * Where each program is, and which are nowhere: in the folder of KUBEBUILDER_ASSETS (the convention of Kubernetes' own
 * test tools; their archives have no kube-proxy), else in the cache. What CLARION_KUBERNETES asks for is in the cache only.
 */
export function findPrograms(env = process.env) {
  const release = chosenRelease(env);
  const usual = [env.KUBEBUILDER_ASSETS, cacheFolder(env, USUAL)].filter((folder) => folder !== undefined);
  const chosen = release === USUAL ? usual : [cacheFolder(env, release)];
  const found = {};
  for (const program of PROGRAMS) {
    const folders = release.programs.includes(program) ? chosen : usual;
    const folder = folders.find((candidate) => existsSync(join(candidate, program)));
    if (folder !== undefined) found[program] = join(folder, program);
  }
  return { version: release.version, found, missing: PROGRAMS.filter((program) => found[program] === undefined) };
}

/** Of this version and these dependencies only, so that it is found whole and right, or not at all. */
function cacheFolder(env, { folder, version }) {
  const goSum = createHash('sha256').update(readFileSync(join(folder, 'go.sum')));
  const cache = env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'clarion', 'kubernetes', `${version}-${goSum.digest('hex').slice(0, 12)}`);
}

/**
 * Builds what is missing from the Go module proxy into the cache and returns the folder of what was chosen. It takes minutes of
 * all cores at low priority, and 4 GB that are given back: Go's own caches are left as they were.
 * Throws an Error whose message says what is missing.
 */
export function buildPrograms({ env = process.env, say = () => {} } = {}) {
  const chosen = chosenRelease(env);
  const usualMissing = findPrograms({ ...env, CLARION_KUBERNETES: '' }).missing;
  if (chosen === USUAL || usualMissing.length > 0) build(USUAL, env, say);
  if (chosen !== USUAL) build(chosen, env, say);
  return cacheFolder(env, chosen);
}

function build(release, env, say) {
  const { folder, programs, version, goNeeded } = release;
  const target = cacheFolder(env, release);
  const work = `${target}.${process.pid}`;
  removeAbandoned(target);
  try {
    mkdirSync(join(work, 'bin'), { recursive: true });
    const go = usableGo(goNeeded, env, work, say);
    say(`  ${go.version} builds Kubernetes ${version}: ${programs.join(', ')}`);
    const k = 'k8s.io/component-base/version';
    const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(version);
    const names = `-X ${k}.gitVersion=${version} -X ${k}.gitMajor=${major} -X ${k}.gitMinor=${minor}`;
    const built = spawnSync(
      'nice',
      [go.program, 'build', '-ldflags', `-s -w ${names}`, '-o', join(work, 'bin'), 'tool'],
      { cwd: folder, env: go.env, stdio: ['ignore', 'ignore', 'inherit'] },
    );
    if (built.status !== 0) throw new Error(`Go could not build Kubernetes ${version}; see above`);
    // etcd's package has another name than its program.
    if (programs.includes('etcd')) renameSync(join(work, 'bin', 'server'), join(work, 'bin', 'etcd'));
    // Another process may have been as quick.
    if (programs.some((program) => !existsSync(join(target, program)))) {
      rmSync(target, { recursive: true, force: true });
      renameSync(join(work, 'bin'), target);
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** What builds have left that were killed. */
function removeAbandoned(target) {
  if (!existsSync(dirname(target))) return;
  for (const name of readdirSync(dirname(target))) {
    const pid = name.startsWith(`${basename(target)}.`) ? Number(name.slice(basename(target).length + 1)) : undefined;
    if (pid !== undefined && !existsSync(`/proc/${pid}`))
      rmSync(join(dirname(target), name), { recursive: true, force: true });
  }
}

/** The `go` of this machine where it is new enough; else one that it fetches, as a module, from the module proxy. Caches are in `work`. */
export function usableGo(goNeeded, env, work, say) {
  const goEnv = {
    ...env,
    CGO_ENABLED: '0',
    GOCACHE: join(work, 'cache'),
    GOMODCACHE: join(work, 'modules'),
    GOFLAGS: '-buildvcs=false -trimpath -modcacherw',
    GOWORK: 'off',
    GOTOOLCHAIN: 'local',
    GOROOT: '',
    PATH: [env.PATH ?? '/usr/bin:/bin', '/usr/local/go/bin'].join(delimiter),
  };
  const ask = (program, ...words) => spawnSync(program, words, { cwd: work, env: goEnv, encoding: 'utf8' });
  const installed = ask('go', 'version');
  if (installed.status !== 0) throw new Error('Go is missing (Debian: apt-get install golang-go)');
  const own = /go\d\S*/.exec(installed.stdout)?.[0] ?? '';
  if (isAtLeast(own.slice(2), goNeeded)) return { program: 'go', version: own, env: goEnv };

  const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch] ?? process.arch;
  say(`  ${own} is too old; it fetches go${goNeeded}`);
  // No module of ours around: an old Go does not understand our go.mod.
  const fetched = ask('go', 'mod', 'download', '-json', `golang.org/toolchain@v0.0.1-go${goNeeded}.linux-${arch}`);
  if (fetched.status !== 0)
    throw new Error(`Go ${goNeeded} cannot be fetched: ${(fetched.stdout + fetched.stderr).trim()}`);
  const toolchain = JSON.parse(fetched.stdout).Dir;
  // Fetched as a module, its files are not executable.
  for (const folder of ['bin', `pkg/tool/linux_${arch}`])
    for (const name of readdirSync(join(toolchain, folder))) chmodSync(join(toolchain, folder, name), 0o755);
  return { program: join(toolchain, 'bin', 'go'), version: `go${goNeeded}`, env: goEnv };
}

function isAtLeast(version, wanted) {
  const numbers = (text) => text.split('.').map((part) => Number.parseInt(part, 10) || 0);
  const [have, want] = [numbers(version), numbers(wanted)];
  const at = want.findIndex((number, index) => number !== (have[index] ?? 0));
  return at === -1 || (have[at] ?? 0) > want[at];
}

if (resolve(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  const say = (text) => process.stdout.write(`${text}\n`);
  try {
    say(findPrograms().missing.length === 0 ? 'they are there' : buildPrograms({ say }));
  } catch (error) {
    process.stderr.write(`clarion: ${error.message}\n`);
    process.exitCode = 3;
  }
}
