// Builds MetalLB for the tests of a migration and for the bench: plain JavaScript with no imports but Node's own, since setup.mjs
// runs it before any npm package is installed.   node test/support/metallb/build.mjs
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { usableGo } from '../../../src/lab/kubernetes/programs/build.mjs';

const source = dirname(fileURLToPath(import.meta.url));
const MODULE = 'go.universe.tf/metallb';
const goMod = readFileSync(join(source, 'go.mod'), 'utf8');
const [, version] = new RegExp(`${MODULE} (v\\S+)`).exec(goMod);
const [, goNeeded] = /^go (\S+)$/m.exec(goMod);
/** Its definitions, rights and workloads, as its users apply them: native BGP mode. */
const MANIFEST = 'config/manifests/metallb-native.yaml';
const FILES = { controller: 'controller', speaker: 'speaker', manifest: 'metallb-native.yaml' };

/** Where its two programs and its manifest are; undefined where they were not built. */
export function findMetallb(env = process.env) {
  const folder = cacheFolder(env);
  const found = Object.fromEntries(Object.entries(FILES).map(([name, file]) => [name, join(folder, file)]));
  return Object.values(found).every((file) => existsSync(file)) ? { version, ...found } : undefined;
}

function cacheFolder(env) {
  const goSum = createHash('sha256').update(readFileSync(join(source, 'go.sum')));
  const cache = env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'clarion', 'metallb', `${version}-${goSum.digest('hex').slice(0, 12)}`);
}

/**
 * Builds both from the Go module proxy into the cache, in two minutes of two cores at low priority; Go's own caches are left as they
 * were. Throws an Error whose message says what is missing.
 */
export function buildMetallb({ env = process.env, say = () => {} } = {}) {
  const target = cacheFolder(env);
  const work = `${target}.${process.pid}`;
  try {
    const bin = join(work, 'bin');
    mkdirSync(bin, { recursive: true });
    const go = usableGo(goNeeded, env, work, say);
    const ask = (...words) => spawnSync('nice', [go.program, ...words], { cwd: source, env: go.env, encoding: 'utf8' });
    const built = ask('build', '-ldflags', '-s -w', '-o', bin, 'tool');
    if (built.status !== 0) throw new Error(`Go could not build MetalLB ${version}: ${reasonOf(built)}`);
    const listed = ask('list', '-m', '-f', '{{.Dir}}', MODULE);
    if (listed.status !== 0) throw new Error(`Go does not find MetalLB's module: ${reasonOf(listed)}`);
    copyFileSync(join(listed.stdout.trim(), MANIFEST), join(bin, FILES.manifest));
    rmSync(target, { recursive: true, force: true });
    renameSync(bin, target);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const reasonOf = ({ error, stderr }) => error?.message ?? (stderr.trim().split('\n').at(-1) || 'Go is missing');

if (resolve(process.argv[1] ?? '') === fileURLToPath(import.meta.url)) {
  const say = (text) => process.stdout.write(`${text}\n`);
  try {
    if (findMetallb() === undefined) buildMetallb({ say });
    say(dirname(findMetallb().manifest));
  } catch (error) {
    process.stderr.write(`clarion: ${error.message}\n`);
    process.exitCode = 3;
  }
}
