import { systemClock } from '../../../src/base/clock.ts';
import { silentLogger } from '../../../src/base/logger.ts';
import { type KubernetesCluster, openKubernetes } from '../../../src/cluster/kubernetes/kubernetes.ts';
import { FakeApiServer, metadataOf } from '../../support/fake-api-server.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { annotationContract, clusterContract, leaseContract } from '../contract.ts';

const RESOURCES: Readonly<Record<string, string>> = { Service: 'services', Node: 'nodes' };

/** test/kubernetes/contract.test.ts does the same against a real API server. */
const start = async () => {
  const fake = await FakeApiServer.start();
  const open = await openedOn(fake);
  return {
    ...open,
    apply: async (body: Readonly<Record<string, unknown>>) => {
      const { namespace, name, annotations } = metadataOf(body);
      const resource = RESOURCES[String(body['kind'])]!;
      const home = namespace === '' ? undefined : (namespace as string);
      const before = fake.store.get(resource, home, String(name));
      const metadata = {
        ...(before === undefined ? {} : metadataOf(before)),
        name,
        ...(home === undefined ? {} : { namespace: home }),
        annotations: {
          ...(before === undefined ? {} : (metadataOf(before)['annotations'] as object)),
          ...(annotations as object),
        },
      };
      fake.store.put(resource, { ...body, metadata, status: before?.['status'] ?? { loadBalancer: {} } });
    },
    remove: async (kind: string, namespace: string, name: string) =>
      void fake.store.remove(RESOURCES[kind]!, namespace === '' ? undefined : namespace, name),
    stop: async () => {
      await open.stop();
      await fake.stop();
    },
  };
};

async function openedOn(fake: FakeApiServer) {
  const clusters: KubernetesCluster[] = [];
  const second = async (): Promise<KubernetesCluster> => {
    const cluster = await openKubernetes({
      access: fake.access,
      namespace: 'clarion-system',
      role: 'controller',
      instance: `pod-${clusters.length}`,
      version: 'test',
      clock: systemClock,
      random: seededRandom(clusters.length),
      logger: silentLogger,
    });
    clusters.push(cluster);
    return cluster;
  };
  const stop = async (): Promise<void> => {
    for (const cluster of clusters) await cluster.close();
  };
  return { cluster: await second(), second, stop };
}

for (const contract of [clusterContract, annotationContract, leaseContract]) contract('an API server in memory', start);
