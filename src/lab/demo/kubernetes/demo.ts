import { machineTime } from '../../../base/clock.ts';
import type { Progress } from '../../../terminal/progress.ts';
import type { KubernetesPrograms } from '../../kubernetes/programs.ts';
import type { Lab } from '../../lab.ts';
import type { Router } from '../../router.ts';
import { Promises } from '../promises.ts';
import { type DemoResult, tellStory } from '../story.ts';
import { KUBERNETES_PROMISES } from './promises.ts';
import { blind, controller } from './scenes/failures.ts';
import { install, metallb, migrate, whyNot } from './scenes/install.ts';
import { app, speakers } from './scenes/rollouts.ts';
import { routed, serve } from './scenes/serve.ts';
import { buildKubernetesWorld, endKubernetesWorld, type KubernetesTale } from './world.ts';

/**
 * The demo in a real Kubernetes: Clarion's own manifests are applied, its daemons run with their ServiceAccounts' tokens and
 * nothing more, and everything that is told was seen from outside: by kubectl, on the wire, in answers.
 */
export interface KubernetesDemoOptions {
  /** Empty, and stopped by whoever made it. */
  readonly lab: Lab;
  readonly progress: Progress;
  readonly programs: KubernetesPrograms;
  /** How this very program is started: node, its options, main.js. */
  readonly program: readonly string[];
  /** At the end all Pods run: it stays up. */
  readonly keep: boolean;
}

export async function runKubernetesDemo({
  lab,
  progress,
  programs,
  program,
  keep,
}: KubernetesDemoOptions): Promise<DemoResult> {
  const started = machineTime();
  progress.scene('A Kubernetes of one machine', `${programs.version}, in network namespaces`);
  const world = await buildKubernetesWorld(lab, programs, program);
  progress.line('kubernetes', 'API server, controllers, kube-proxy on three nodes: ready', machineTime() - started);
  const tale: KubernetesTale = { world, progress, promises: new Promises(KUBERNETES_PROMISES) };
  let router: Router | undefined;
  const steps = [
    ...[metallb, install, whyNot, migrate, serve].map((scene) => () => scene(tale)),
    async () => {
      router = await routed(tale);
    },
    () => speakers(tale, router),
    ...[app, controller, blind].map((scene) => () => scene(tale)),
  ];
  try {
    return await tellStory({ steps, progress, promises: tale.promises, lastWords: () => lastWords(tale) });
  } finally {
    if (!keep) await endKubernetesWorld(world);
  }
}

/** The last lines of every process of ours. */
const lastWords = ({ world }: KubernetesTale): readonly string[] =>
  world.kubelet.pods('clarion-').flatMap((pod) =>
    pod
      .log()
      .trim()
      .split('\n')
      .slice(-4)
      .map((line) => `${pod.name} on ${pod.node}: ${line}`),
  );
