// Builds helm for the tests of the chart: plain JavaScript with no imports but Node's own, since setup.mjs runs it before any
// npm package is installed.   node test/support/helm/build.mjs
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = dirname(fileURLToPath(import.meta.url));
const goMod = readFileSync(join(source, 'go.mod'), 'utf8');
const [, version] = /(?:^|\s)helm\.sh\/helm\/v3 (v\S+)/m.exec(goMod);
/** A helm that knows no cluster takes this Kubernetes for granted; its own default is one of long ago. */
const [, kubernetesMinor] = /^\s*k8s\.io\/client-go v0\.(\d+)\./m.exec(goMod);

/** The one that was built from these dependencies, else the one on the PATH; undefined where there is none. */
export function findHelm(env = process.env) {
  const folders = [cacheFolder(env), ...(env.PATH ?? '').split(delimiter)];
  return folders.map((folder) => join(folder, 'helm')).find((file) => existsSync(file));
}

function cacheFolder(env) {
  const goSum = createHash('sha256').update(readFileSync(join(source, 'go.sum')));
  const cache = env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'clarion', 'helm', `${version}-${goSum.digest('hex').slice(0, 12)}`);
}

/**
 * Builds it from the Go module proxy into the cache, in two minutes of one core at low priority; Go's own caches are left as they
 * were. Throws an Error whose message says what is missing.
 */
export function buildHelm({ env = process.env } = {}) {
  const target = cacheFolder(env);
  const work = `${target}.${process.pid}`;
  const goEnv = {
    ...env,
    CGO_ENABLED: '0',
    GOCACHE: join(work, 'cache'),
    GOMODCACHE: join(work, 'modules'),
    GOFLAGS: '-buildvcs=false -trimpath -modcacherw',
    GOWORK: 'off',
    PATH: [env.PATH ?? '/usr/bin:/bin', '/usr/local/go/bin'].join(delimiter),
  };
  const packages = ['chartutil', 'lint/rules'].map((name) => `helm.sh/helm/v3/pkg/${name}`);
  const names = packages.flatMap((name) => [
    `-X ${name}.k8sVersionMajor=1`,
    `-X ${name}.k8sVersionMinor=${kubernetesMinor}`,
  ]);
  try {
    mkdirSync(work, { recursive: true });
    const words = ['go', 'build', '-ldflags', ['-s', '-w', ...names].join(' '), '-o', join(work, 'helm'), 'tool'];
    const built = spawnSync('nice', words, { cwd: source, env: goEnv, encoding: 'utf8' });
    if (built.status !== 0) throw new Error(`Go could not build helm ${version}: ${reasonOf(built)}`);
    mkdirSync(target, { recursive: true });
    renameSync(join(work, 'helm'), join(target, 'helm'));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const reasonOf = ({ error, stderr }) => error?.message ?? (stderr.trim().split('\n').at(-1) || 'Go is missing');

if (resolve(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  try {
    if (findHelm() === undefined) buildHelm();
    process.stdout.write(`${findHelm()}\n`);
  } catch (error) {
    process.stderr.write(`clarion: ${error.message}\n`);
    process.exitCode = 3;
  }
}
