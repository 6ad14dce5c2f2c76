import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock } from '../../../src/base/clock.ts';
import { silentLogger } from '../../../src/base/logger.ts';
import {
  type DirectoryCluster,
  type DirectoryOptions,
  openDirectory,
} from '../../../src/cluster/directory/directory.ts';

/** A folder of manifests that is gone after the test, and the clusters that were opened on it. */
export class TestFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'clarion-folder-'));
  readonly #open: DirectoryCluster[] = [];

  at(name: string): string {
    return join(this.path, name);
  }

  write(name: string, text: string | Uint8Array): string {
    mkdirSync(dirname(this.at(name)), { recursive: true });
    writeFileSync(this.at(name), text);
    return this.at(name);
  }

  async open(options: Partial<DirectoryOptions> = {}): Promise<DirectoryCluster> {
    const cluster = await openDirectory({ directory: this.path, clock: systemClock, logger: silentLogger, ...options });
    this.#open.push(cluster);
    return cluster;
  }

  async remove(): Promise<void> {
    for (const cluster of this.#open) await cluster.close();
    rmSync(this.path, { recursive: true, force: true });
  }
}

export const serviceText = (name: string, port = 80, namespace = 'shop'): string => `apiVersion: v1
kind: Service
metadata:
  name: ${name}
  namespace: ${namespace}
spec:
  type: LoadBalancer
  ports:
    - port: ${port}
`;
