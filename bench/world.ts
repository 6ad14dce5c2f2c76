import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lanMac } from '../src/lab/plan.ts';
import type { Bench } from './harness.ts';

/**
 * What the benchmarks measure on: `client` and `node-a`, joined by one veth pair, and folders of manifests for node-a.
 * The addresses that Services get are in the subnet of both.
 */
export const NODE = 'node-a';
export const NODE_MAC = lanMac(11);
export const NODE4 = '10.99.255.11';
export const NODE6 = '2001:db8:2::11';
/** The first address of the pool, which the first Service gets. */
export const FIRST4 = '10.99.0.0';
export const FIRST6 = '2001:db8:2::1:0';

export async function buildPair(bench: Bench): Promise<void> {
  await bench.lab.build({
    hosts: ['client', NODE],
    bridges: [],
    cables: [
      [
        { host: 'client', interface: 'eth0', mac: lanMac(100), addresses: ['10.99.255.100/16', '2001:db8:2::100/64'] },
        { host: NODE, interface: 'eth0', mac: NODE_MAC, addresses: [`${NODE4}/16`, `${NODE6}/64`] },
      ],
    ],
    routes: [],
  });
}

/** Rounds of gratuitous frames at a claim; one round lets a benchmark wait until the announcing is over. */
export const configMap = (rounds: number): string => `apiVersion: v1
kind: ConfigMap
metadata: {name: clarion, namespace: clarion-system}
data:
  config.yaml: |
    pools:
    - name: bench
      addresses: [10.99.0.0-10.99.127.255, "2001:db8:2::1:0-2001:db8:2::1:ffff"]
    layer2:
      gratuitous: {rounds: ${rounds}, refresh: 0s}
`;

const nameOf = (number: number): string => `s${String(number).padStart(6, '0')}`;

/** In block style, as kubectl writes it. */
export const service = (number: number, families: readonly string[] = ['IPv4']): string => `apiVersion: v1
kind: Service
metadata:
  creationTimestamp: "${new Date(1_700_000_000_000 + number * 1000).toISOString()}"
  labels:
    app: ${nameOf(number)}
  name: ${nameOf(number)}
  namespace: bench
spec:
  externalTrafficPolicy: Cluster
  ipFamilies:
${families.map((family) => `  - ${family}\n`).join('')}  ipFamilyPolicy: ${families.length === 1 ? 'SingleStack' : 'RequireDualStack'}
  ports:
  - name: http
    port: 80
    protocol: TCP
    targetPort: 8080
  selector:
    app: ${nameOf(number)}
  type: LoadBalancer
`;

export const endpointSlice = (number: number, ready: boolean): string => `addressType: IPv4
apiVersion: discovery.k8s.io/v1
endpoints:
- addresses:
  - 10.244.0.2
  conditions:
    ready: ${ready}
    serving: ${ready}
    terminating: false
  nodeName: ${NODE}
kind: EndpointSlice
metadata:
  labels:
    kubernetes.io/service-name: ${nameOf(number)}
  name: ${nameOf(number)}-1
  namespace: bench
ports:
- name: http
  port: 8080
  protocol: TCP
`;

export const serviceFile = (number: number): string => `service-${nameOf(number)}.yaml`;
export const endpointFile = (number: number): string => `endpoints-${nameOf(number)}.yaml`;

const node = `apiVersion: v1
kind: Node
metadata: {name: ${NODE}}
`;

interface FolderOptions {
  readonly name: string;
  readonly services: number;
  /** Whether the Services have something to serve, and so are announced. */
  readonly ready: boolean;
  readonly families?: readonly string[];
  readonly rounds?: number;
}

/** A file for each object. On the tree's own tmpfs, so it vanishes with the tree. Returns its path. */
export function writeFolder({ name, services, ready, families, rounds = 1 }: FolderOptions): string {
  const folder = `/run/bench/${name}`;
  mkdirSync(folder, { recursive: true });
  const write = (file: string, text: string): void => writeFileSync(join(folder, file), text);
  write('config.yaml', configMap(rounds));
  write('node.yaml', node);
  for (let number = 0; number < services; number++) {
    write(serviceFile(number), service(number, families));
    write(endpointFile(number), endpointSlice(number, ready));
  }
  return folder;
}
