import { type LabCluster, type LabClusterOptions, startLabCluster } from '../../src/lab/kubernetes/cluster.ts';
import {
  type ControlPlane,
  type ControlPlaneOptions,
  startControlPlane,
} from '../../src/lab/kubernetes/control-plane.ts';
import { findKubernetesPrograms, type KubernetesPrograms } from '../../src/lab/kubernetes/programs.ts';
import { Lab } from '../../src/lab/lab.ts';
import { privateTree } from './lab.ts';

/**
 * Whether this test process may have a Kubernetes. Use:
 *
 *     describe.skipIf(!kubernetes.available)(`with a real API server${kubernetesSkipNote}`, () => {
 *       let cluster: TestControlPlane;
 *       beforeAll(async () => { cluster = await testControlPlane('patches'); });
 *       afterAll(() => cluster?.stop());
 *
 * One control plane (3-6 s, 300 MB) for all tests of a file. Run: npx tsx test/run.ts test/kubernetes/NAME.test.ts
 */
const programs: KubernetesPrograms = await findKubernetesPrograms();

export const kubernetes: { readonly available: true } | { readonly available: false; readonly reason: string } =
  programs.missing.length > 0
    ? {
        available: false,
        reason: `no ${programs.missing.join(', ')} of ${programs.version} here: node setup.mjs test builds them`,
      }
    : privateTree.inside
      ? { available: true }
      : { available: false, reason: privateTree.reason };

/** For the title of such a suite, so that a skip says why. */
export const kubernetesSkipNote: string = kubernetes.available ? '' : ` (skipped: ${kubernetes.reason})`;

export interface TestControlPlane {
  readonly plane: ControlPlane;
  stop(): Promise<void>;
}

/** etcd and the API server alone, on loopback of the tree's own namespace, so that the test process reaches them. `name`: unique among test files. */
export async function testControlPlane(
  name: string,
  options: Pick<ControlPlaneOptions, 'flags'> = {},
): Promise<TestControlPlane> {
  const lab = new Lab(name);
  try {
    const plane = await startControlPlane({ lab, programs, ...options });
    return { plane, stop: () => plane.kill().then(() => lab.stop()) };
  } catch (thrown) {
    await lab.stop();
    throw thrown;
  }
}

export interface TestCluster extends LabCluster {
  stop(): Promise<void>;
}

/** The whole lab (src/lab/kubernetes/cluster.ts): three nodes with kube-proxy, a client, a router. 5 s, 500 MB. */
export async function testCluster(
  name: string,
  options: Pick<LabClusterOptions, 'flags' | 'controllers'> = {},
): Promise<TestCluster> {
  const lab = new Lab(name);
  try {
    const cluster = await startLabCluster({ lab, programs, ...options });
    return { ...cluster, stop: () => cluster.kill().then(() => lab.stop()) };
  } catch (thrown) {
    await lab.stop();
    throw thrown;
  }
}

/** A ServiceAccount in clarion-system with these rules everywhere, and a Secret to bind tokens to, as YAML. */
export const readerObjects = (account: string, secret: string, ...rules: readonly string[]): string => `
apiVersion: v1
kind: Namespace
metadata: {name: clarion-system}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: ${account}, namespace: clarion-system}
---
apiVersion: v1
kind: Secret
metadata: {name: ${secret}, namespace: clarion-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules: [${rules.join(', ')}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
subjects: [{kind: ServiceAccount, name: ${account}, namespace: clarion-system}]
`;
