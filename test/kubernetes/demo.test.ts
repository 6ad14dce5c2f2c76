import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { KUBERNETES_PROMISES } from '../../src/lab/demo/kubernetes/promises.ts';
import type { DemoResult } from '../../src/lab/demo/story.ts';
import { ended } from '../../src/lab/lab.ts';
import { kubernetes, kubernetesSkipNote } from '../support/kubernetes.ts';

const program = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

function demo(env: NodeJS.ProcessEnv = {}): { ended: Promise<number | string>; said: { out: string; err: string } } {
  expect(existsSync(program), 'the bundle is missing: npm run build').toBe(true);
  const child = spawn(process.execPath, [program, 'demo', '--kubernetes', '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.err += text;
  });
  return { ended: ended(child), said };
}

// The bundle as it is (`npm test` builds it first), in a tree of its own inside the tests' tree.
describe.skipIf(!kubernetes.available)(`clarion demo --kubernetes${kubernetesSkipNote}`, () => {
  it('shows every scene and breaks no promise that does not hang on the speed of this machine', async () => {
    const run = demo();
    const code = await run.ended;
    const result = JSON.parse(run.said.out) as DemoResult;
    expect(result.failure).toBeUndefined();
    expect(result.scenes.map(({ number }) => number)).toEqual(Array.from({ length: 11 }, (_, i) => i + 1));
    expect(result.promises.map(({ key }) => key)).toEqual(Object.keys(KUBERNETES_PROMISES));
    expect(result.promises.filter(({ measured }) => measured === null)).toEqual([]);
    expect(result.promises.filter(({ unit, kept }) => unit === 'count' && !kept)).toEqual([]);
    const kept = result.promises.filter((outcome) => outcome.kept).length;
    expect(result).toMatchObject({ kept, of: result.promises.length });
    expect(code).toBe(kept === result.of ? 0 : 1);
  }, 300_000);
});

describe('clarion demo --kubernetes on a machine without its programs', () => {
  it('says which are missing and how to have them, and ends with 3', async () => {
    const nowhere = { KUBEBUILDER_ASSETS: '/nonexistent', XDG_CACHE_HOME: '/nonexistent' };
    const run = demo(nowhere);
    expect(await run.ended).toBe(3);
    expect(run.said.err).toContain(
      'clarion: these programs of Kubernetes are not here: etcd, kube-apiserver, kube-controller-manager, kube-proxy, kubectl. To build them, once, in some minutes: node setup.mjs demo --kubernetes',
    );
  });
});
