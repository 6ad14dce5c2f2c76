import { MemoryCluster } from '../support/memory-cluster.ts';
import { clusterContract, reportContract } from './contract.ts';

type Manifest = Parameters<MemoryCluster['put']>[0];

/** What the tests of the composition run on does what the real ones do. */
const start = async () => {
  const cluster = Object.assign(new MemoryCluster(), { caughtUp: async () => {} });
  return {
    cluster,
    // There is no other process in it.
    second: async () => cluster,
    apply: async (body: Readonly<Record<string, unknown>>) => cluster.put(body as unknown as Manifest),
    remove: async (kind: Parameters<MemoryCluster['delete']>[0], namespace: string, name: string) =>
      cluster.delete(kind, namespace, name),
    stop: async () => {},
  };
};
clusterContract('a cluster in memory', start);
reportContract('a cluster in memory', start);
