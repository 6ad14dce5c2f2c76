import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { findKubernetesPrograms } from '../../src/lab/kubernetes/programs.ts';
import { findHelm } from '../support/helm/build.mjs';

/** What kustomize and helm make of manifests/, as objects. */
export const manifests = fileURLToPath(new URL('../../manifests', import.meta.url));
export const chart = join(manifests, 'helm/clarion');

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

interface PodSpec {
  readonly containers: readonly {
    readonly image: string;
    readonly args: readonly string[];
    readonly resources: object;
    readonly securityContext: {
      readonly allowPrivilegeEscalation: boolean;
      readonly readOnlyRootFilesystem: boolean;
      readonly capabilities: { readonly drop: readonly string[]; readonly add?: readonly string[] };
    };
  }[];
  readonly volumes?: unknown;
  readonly hostPID?: unknown;
  readonly hostIPC?: unknown;
}

const kubectl: string | undefined = (await findKubernetesPrograms()).found.kubectl;
export const helm: string | undefined = findHelm();
const kubectlSkipNote = kubectl === undefined ? ' (skipped: no kubectl here: node setup.mjs test builds it)' : '';
export const helmSkipNote =
  helm === undefined ? ' (skipped: no helm here: node setup.mjs test builds it)' : kubectlSkipNote;

/** Standard output; throws with what the program said. */
export function run(program: string | undefined, words: readonly string[], input?: string): string {
  const ran = spawnSync(program ?? 'missing', words, {
    encoding: 'utf8',
    maxBuffer: 64e6,
    ...(input === undefined ? {} : { input }),
  });
  if (ran.status !== 0) throw new Error(`${words.join(' ')}: ${ran.error?.message ?? ran.stdout + ran.stderr}`);
  return ran.stdout;
}

const objectsOf = (text: string): KubernetesObject[] =>
  parseAllDocuments(text)
    .map((document): unknown => document.toJS())
    .filter((object): object is KubernetesObject => object !== null);

/** `kubectl kustomize`, of a folder below manifests/. */
export const kustomized = (folder: string): KubernetesObject[] =>
  objectsOf(run(kubectl, ['kustomize', join(manifests, folder)]));

/** `helm template`, with values as --set takes them. */
export const charted = (...values: readonly string[]): KubernetesObject[] =>
  objectsOf(
    run(helm, [
      'template',
      'clarion',
      chart,
      '--namespace',
      'clarion-system',
      ...values.flatMap((one) => ['--set', one]),
    ]),
  );

export const find = (objects: readonly KubernetesObject[], kind: string, name: string): KubernetesObject => {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found;
};

/** What a Deployment or DaemonSet makes Pods of. */
export const podSpecOf = (workload: KubernetesObject): PodSpec =>
  (workload['spec'] as { template: { spec: PodSpec } }).template.spec;
