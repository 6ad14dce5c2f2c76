import { systemClock } from '../base/clock.ts';
import { environmentError, usageError } from '../base/errors.ts';
import type { Sink } from '../base/followers.ts';
import type { Logger } from '../base/logger.ts';
import { systemRandom } from '../base/random.ts';
import { controllerSocketPath, nodeSocketPath, openDirectory } from '../cluster/directory/directory.ts';
import { inClusterIdentity } from '../cluster/kubernetes/in-cluster.ts';
import { KubernetesCluster } from '../cluster/kubernetes/kubernetes.ts';
import type { RunningCluster } from '../cluster/ports.ts';
import type { Check } from '../status/server.ts';
import type { DaemonOptions, Roles } from './daemon.ts';
import { type KeySource, keyFile } from './membership-key.ts';
import { version } from './version.ts';

/** Where a process works: on a folder of manifests, or as a Pod of a cluster. */
export interface Place {
  readonly cluster: RunningCluster;
  /** For the log. */
  readonly where: string;
  readonly keys: KeySource;
  /** Throws where there can be none. Undefined: commands come over TCP, through the API server. */
  readonly socketPath: (() => string) | undefined;
  /** Resolves when there is something to see. */
  readonly synced: Promise<void>;
  readonly ready: Check;
  /** Of a speaker in a cluster: who follows its report. */
  readonly followReport: ((sink: Sink) => boolean) | undefined;
  readonly apiState: KubernetesCluster['apiState'] | undefined;
}

export async function openPlace(roles: Roles, options: DaemonOptions, logger: Logger): Promise<Place> {
  const { directory } = options;
  if (directory !== undefined) return folder(directory, roles, options, logger);
  if (roles.controller && roles.speaker)
    throw usageError('standalone works on a folder of manifests: give --directory DIR');
  return pod(roles, options, logger);
}

async function folder(directory: string, roles: Roles, options: DaemonOptions, logger: Logger): Promise<Place> {
  const { config, node, membershipKeyFile } = options;
  if (options.namespace !== undefined)
    throw usageError('--directory is a folder instead of a cluster; leave out --namespace');
  const cluster = await openDirectory({
    directory,
    ...(config === undefined ? {} : { configFile: config }),
    node,
    clock: systemClock,
    logger,
  });
  return {
    cluster,
    where: directory,
    keys: keyFile(directory, membershipKeyFile, logger),
    socketPath: () => (roles.speaker ? nodeSocketPath : controllerSocketPath)(directory, node),
    synced: Promise.resolve(),
    ready: () => [],
    followReport: undefined,
    apiState: undefined,
  };
}

/** In a Pod; who we are comes from its ServiceAccount. */
function pod(roles: Roles, options: DaemonOptions, logger: Logger): Place {
  const identity = inClusterIdentity({ clock: systemClock });
  if (!identity.ok)
    throw environmentError(`${identity.error}. Outside of a cluster give --directory DIR, a folder of manifests`);
  if (options.config !== undefined)
    throw usageError('--config is for --directory; in a cluster it is the ConfigMap clarion');
  const { access, namespace } = identity.value;
  const cluster = new KubernetesCluster({
    access,
    namespace: options.namespace ?? namespace,
    role: roles.speaker ? 'speaker' : 'controller',
    instance: options.node,
    version,
    clock: systemClock,
    random: systemRandom,
    logger,
  });
  const { membershipKeyFile } = options;
  return {
    cluster,
    where: access.server,
    keys: membershipKeyFile === undefined ? cluster.membershipKey : keyFile('', membershipKeyFile, logger),
    socketPath: undefined,
    synced: cluster.synced().then(() => {}),
    ready: () => {
      const { synced, trouble } = cluster.apiState();
      return synced ? [] : [`the cluster has not been read yet: ${trouble ?? 'lists are on their way'}`];
    },
    followReport: roles.speaker ? (sink) => cluster.feed.follow(sink) : undefined,
    apiState: () => cluster.apiState(),
  };
}
