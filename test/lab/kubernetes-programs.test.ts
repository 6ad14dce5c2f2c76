import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KubernetesPrograms } from '../../src/lab/kubernetes/programs.ts';

/** The script that finds and builds Kubernetes' programs, with a `go` that makes files instead of programs. */
const BUILD = fileURLToPath(new URL('../../src/lab/kubernetes/programs/build.mjs', import.meta.url));
const BUILT = ['kube-apiserver', 'kube-controller-manager', 'kube-proxy', 'kubectl', 'server'];
const MAKES = `if [ "$1" = build ]; then while [ "$1" != -o ]; do shift; done; for name in ${BUILT.join(' ')}; do echo $name >"$2/$name"; done; fi`;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'clarion-programs-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function script(file: string, text: string, mode = 0o755): void {
  mkdirSync(join(root, file, '..'), { recursive: true });
  writeFileSync(join(root, file), `#!/bin/sh\n${text}\n`);
  chmodSync(join(root, file), mode);
}

/** What the function of the script returns, or what it throws; `path` is all that is to be found of programs. */
function call(what: 'findPrograms(env)' | 'buildPrograms({ env })', env: NodeJS.ProcessEnv = {}): string {
  const all = { XDG_CACHE_HOME: join(root, 'cache'), PATH: `${join(root, 'path')}:/usr/bin:/bin`, ...env };
  const text = `import { findPrograms, buildPrograms } from ${JSON.stringify(pathToFileURL(BUILD).href)};
    const env = ${JSON.stringify(all)};
    try { console.log(JSON.stringify(${what})); } catch (error) { console.log(error.message); }`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', text], { encoding: 'utf8' }).stdout.trim();
}

const missing = (env?: NodeJS.ProcessEnv): readonly string[] =>
  (JSON.parse(call('findPrograms(env)', env)) as { readonly missing: readonly string[] }).missing;
const inCache = (): readonly string[] => {
  const folder = join(root, 'cache', 'clarion', 'kubernetes');
  return existsSync(folder) ? readdirSync(folder) : [];
};

describe("Kubernetes' programs", () => {
  it('are built into the cache once, whole, and nothing else is left', () => {
    script('path/go', `[ "$1" != version ] || echo go version go1.26.8 linux/amd64; ${MAKES}`);
    expect(missing()).toHaveLength(5);
    const folder = JSON.parse(call('buildPrograms({ env })')) as string;
    expect(readdirSync(folder).sort()).toEqual([
      'etcd',
      'kube-apiserver',
      'kube-controller-manager',
      'kube-proxy',
      'kubectl',
    ]);
    expect(inCache()).toHaveLength(1);
    expect(missing()).toEqual([]);
  });

  it('a build that fails leaves nothing that could be found', () => {
    script(
      'path/go',
      `[ "$1" != version ] || echo go version go1.26.8; ${MAKES}; [ "$1" != build ] || exit 1; [ $# -lt 3 ]`,
    );
    expect(call('buildPrograms({ env })')).toMatch(/^Go could not build Kubernetes v1\./);
    expect(inCache()).toEqual([]);
  });

  it('what a killed build has left is removed by the next', () => {
    script('path/go', `[ "$1" != version ] || echo go version go1.26.8; ${MAKES}`);
    const folder = JSON.parse(call('buildPrograms({ env })')) as string;
    // No process has a number above the kernel's own bound (2^22).
    mkdirSync(`${folder}.99999999/bin`, { recursive: true });
    call('buildPrograms({ env })');
    expect(inCache()).toHaveLength(1);
  });

  it('an old Go fetches one that is new enough, as a module, whose files are not yet executable', () => {
    script('toolchain/bin/go', MAKES, 0o644);
    script('toolchain/pkg/tool/linux_amd64/compile', '', 0o644);
    script('toolchain/pkg/tool/linux_arm64/compile', '', 0o644);
    const dir = JSON.stringify({ Dir: join(root, 'toolchain') });
    script(
      'path/go',
      `case "$1" in version) echo go version go1.19.8 linux/amd64 ;; mod) echo '${dir}' ;; *) exit 9 ;; esac`,
    );
    expect(existsSync(JSON.parse(call('buildPrograms({ env })')) as string)).toBe(true);
  });

  it('of another version its API server and what must not be newer; the rest is of the usual one', () => {
    script('path/go', `[ "$1" != version ] || echo go version go1.26.8 linux/amd64; ${MAKES}`);
    for (const name of ['etcd', 'kube-apiserver', 'kubectl']) script(`assets/${name}`, '');
    const other = { CLARION_KUBERNETES: '1.33', KUBEBUILDER_ASSETS: join(root, 'assets') };
    expect(missing(other)).toEqual(['kube-apiserver', 'kube-controller-manager', 'kube-proxy']);
    call('buildPrograms({ env })', other);
    const { version, found } = JSON.parse(call('findPrograms(env)', other)) as KubernetesPrograms;
    expect(version).toMatch(/^v1\.33\./);
    expect(found['kube-apiserver']).toContain(version);
    expect(found['etcd']).toBe(join(root, 'assets', 'etcd'));
    // The usual one was not whole either.
    expect(inCache()).toHaveLength(2);
    expect(missing()).toEqual([]);
  });

  it('a version that is not there is said with those that are', () => {
    expect(call('findPrograms(env)', { CLARION_KUBERNETES: '1.3' })).toMatch(
      /^CLARION_KUBERNETES is 1\.3: there is v1\.\d+\.\d+ and v1\.33\.\d+$/,
    );
  });

  it('of the folder that KUBEBUILDER_ASSETS names what is there is taken, and the rest from the cache', () => {
    for (const name of ['etcd', 'kube-apiserver', 'kubectl']) script(`assets/${name}`, '');
    expect(missing({ KUBEBUILDER_ASSETS: join(root, 'assets') })).toEqual(['kube-controller-manager', 'kube-proxy']);
  });
});
