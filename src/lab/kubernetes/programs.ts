import { fileURLToPath } from 'node:url';
import { messageOf, usageError } from '../../base/errors.ts';

/**
 * Where the programs of Kubernetes are on this machine. The answer comes from the script that builds them, which also runs
 * before there is TypeScript; it is read at run time and not bundled, since it looks for its go.sum beside itself.
 */
export type KubernetesProgram = 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kube-proxy' | 'kubectl';

export interface KubernetesPrograms {
  /** What a build of our own would be: "v1.34.4". */
  readonly version: string;
  readonly found: Readonly<Partial<Record<KubernetesProgram, string>>>;
  readonly missing: readonly KubernetesProgram[];
}

/** Those of the version that the environment names (CLARION_KUBERNETES). Throws (exit 2) where there is no such. */
export async function findKubernetesPrograms(): Promise<KubernetesPrograms> {
  const bundled = import.meta.url.endsWith('.js');
  const script = new URL(
    bundled ? '../src/lab/kubernetes/programs/build.mjs' : './programs/build.mjs',
    import.meta.url,
  );
  const { findPrograms } = (await import(fileURLToPath(script))) as { findPrograms: () => KubernetesPrograms };
  try {
    return findPrograms();
  } catch (thrown) {
    throw usageError(messageOf(thrown));
  }
}
