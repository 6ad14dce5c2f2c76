import { rmSync } from 'node:fs';
import { annotationContract, clusterContract, leaseContract, reportContract } from '../contract.ts';
import { TestFolder } from './folder.ts';

const start = async () => {
  const folder = new TestFolder();
  const file = (kind: string, namespace: string, name: string): string => `${kind}-${namespace}-${name}.json`;
  return {
    cluster: await folder.open(),
    second: () => folder.open(),
    apply: async (body: Readonly<Record<string, unknown>>) => {
      const { namespace, name } = body['metadata'] as { namespace: string; name: string };
      folder.write(file(String(body['kind']), namespace, name), JSON.stringify(body));
    },
    remove: async (kind: string, namespace: string, name: string) => rmSync(folder.at(file(kind, namespace, name))),
    stop: () => folder.remove(),
  };
};

for (const contract of [clusterContract, annotationContract, leaseContract, reportContract])
  contract('a folder of manifests', start);
