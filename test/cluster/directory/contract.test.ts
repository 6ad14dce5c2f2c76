import { rmSync } from 'node:fs';
import { clusterContract } from '../contract.ts';
import { TestFolder } from './folder.ts';

clusterContract('a folder of manifests', async () => {
  const folder = new TestFolder();
  const file = (kind: string, namespace: string, name: string): string => `${kind}-${namespace}-${name}.json`;
  return {
    cluster: await folder.open(),
    second: () => folder.open(),
    apply: async (body) => {
      const { namespace, name } = body['metadata'] as { namespace: string; name: string };
      folder.write(file(String(body['kind']), namespace, name), JSON.stringify(body));
    },
    remove: async (kind, namespace, name) => rmSync(folder.at(file(kind, namespace, name))),
    stop: () => folder.remove(),
  };
});
