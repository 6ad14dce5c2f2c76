import type { Command } from 'commander';
import type { Milliseconds } from '../base/clock.ts';
import { environmentError, usageError } from '../base/errors.ts';
import type { Problem } from '../base/problem.ts';
import type { AnnotationWriter, ClusterObject, ObjectLists } from '../cluster/ports.ts';
import type { SecretRef } from '../inventory/secret.ts';
import type { ServiceKey } from '../inventory/service-request.ts';
import { type Answer, type ClusterStatus, clusterStatus } from '../status/cluster-status.ts';
import type { ExplainedEvent } from '../status/explain.ts';
import type { StatusQuery } from '../status/report.ts';

/**
 * How a command reaches what runs: it asks every process that listens, reads the objects that all of them see, and sets annotations on
 * those. On a folder of manifests by sockets and files (reach-directory.ts), in a cluster through the API server, with the
 * rights of who runs the command (reach-kubernetes.ts).
 */
export interface Reach {
  /** Rejects with a ClarionError where there is nothing to ask. */
  ask(query?: StatusQuery): Promise<readonly Answer[]>;
  /** How often it may be asked while a command waits: of no consequence to a process with thousands of addresses. */
  readonly askEvery: Milliseconds;
  readonly annotate: AnnotationWriter['annotate'];
  /**
   * The objects and the configuration in force. With `services`, in a cluster, only what has to do with those: no Secrets, no
   * Namespaces, no other Services. Rejects with a ClarionError where they cannot be read.
   */
  look(services?: readonly ServiceKey[]): Promise<Look>;
  /** Those of these Secrets that are there; `hidden` ("namespace/name"): who runs the command may not look. */
  secrets(refs: readonly SecretRef[]): Promise<FoundSecrets>;
  /** The last events about a Service, oldest first; none where they cannot be had. */
  events(service: ServiceKey): Promise<readonly ExplainedEvent[]>;
  /** The place in messages: a folder, or a server. */
  readonly where: string;
}

export interface Look {
  readonly lists: ObjectLists;
  /** Undefined: no controller has published one. */
  readonly effective: string | undefined;
  /** Of reading. */
  readonly problems: readonly Problem[];
}

export interface FoundSecrets {
  readonly secrets: readonly ClusterObject[];
  readonly hidden: readonly SecretRef[];
}

/** Where the processes are. */
export interface ReachOptions {
  readonly directory?: string | undefined;
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly namespace?: string | undefined;
}

export const addReachOptions = (command: Command): Command =>
  command
    .option('--directory <dir>', 'the folder of manifests that the processes work on; without it, a Kubernetes cluster')
    .option(
      '--kubeconfig <file>',
      'how to reach the cluster (default: $KUBECONFIG, ~/.kube/config, or the Pod that this runs in)',
    )
    .option('--context <name>', 'the context of the kubeconfig to use')
    .option('-n, --namespace <name>', 'where Clarion is installed in the cluster (default: clarion-system)');

/** Rejects with a ClarionError. Kubernetes is loaded only where it is asked for. */
export async function reach(options: ReachOptions): Promise<Reach> {
  const { directory, kubeconfig, context, namespace } = options;
  if (directory === undefined) return (await import('./reach-kubernetes.ts')).reachKubernetes(options);
  if (kubeconfig !== undefined || context !== undefined || namespace !== undefined)
    throw usageError('--directory is a folder instead of a cluster; leave out --kubeconfig, --context and --namespace');
  return (await import('./reach-directory.ts')).reachDirectory(directory);
}

/** Of what runs, put together. Rejects with a ClarionError where nobody answers. */
export async function statusOf(processes: Pick<Reach, 'ask'>, query?: StatusQuery): Promise<ClusterStatus> {
  return clusterStatus(await answersOf(processes, query));
}

export async function answersOf(processes: Pick<Reach, 'ask'>, query?: StatusQuery): Promise<readonly Answer[]> {
  const answers = await processes.ask(query);
  const silent = answers.flatMap((answer) => (answer.ok ? [] : [`${answer.name}: ${answer.error}`]));
  if (silent.length < answers.length) return answers;
  throw environmentError(`nobody answers. ${silent.slice(0, 10).join('. ')}`);
}
