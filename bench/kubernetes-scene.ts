import { closeSync, existsSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { machineTime, ms, seconds, systemClock } from '../src/base/clock.ts';
import { environmentError } from '../src/base/errors.ts';
import { keepAliveAgent } from '../src/cluster/kubernetes/agent.ts';
import type { ApiClient } from '../src/cluster/kubernetes/api-client.ts';
import { openApiClient } from '../src/cluster/kubernetes/http-client.ts';
import { type ControlPlane, startControlPlane } from '../src/lab/kubernetes/control-plane.ts';
import { ADMIN_TOKEN } from '../src/lab/kubernetes/credentials.ts';
import { configurationObject } from '../src/lab/kubernetes/objects.ts';
import { findKubernetesPrograms } from '../src/lab/kubernetes/programs.ts';
import { inPod, requestToken, serviceAccountFolder } from '../src/lab/kubernetes/service-account.ts';
import { terminate } from '../src/lab/lab.ts';
import { lanMac } from '../src/lab/plan.ts';
import { type Bench, MAIN, until } from './harness.ts';

/**
 * What bench/kubernetes.ts measures on: a real API server and etcd, one node (the tree's own namespace, where the daemons run under
 * the identity that the manifests give them), and `client` at the other end of a cable, which watches the wire and is the router.
 * Every request of our ServiceAccounts is in the API server's audit log, with the time at which it was answered.
 */
export const NAMESPACE = 'clarion-system';
export const OURS = 'shop';
export const BARE = 'bare';
export const ROUTER = '10.99.255.100';
const NODE = 'node-a';
const NODE_ADDRESS = '10.99.255.11';
const ROLES = ['controller', 'speaker'] as const;
type Role = (typeof ROLES)[number];
const STATUS_PORT: Readonly<Record<Role, number>> = { controller: 7473, speaker: 7472 };

const path = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));
export const BARE_LOOP = path('bench/tools/kubernetes-bare.mjs');

export interface Daemon {
  readonly pid: number;
  /** Of the machine's clock. */
  readonly started: number;
  /** Resolves when /readyz says so, with the time. */
  ready(limit?: number): Promise<number>;
  /** As of now; prom-client's lag of the event loop is since this was asked last. */
  metrics(): Promise<Metrics>;
  log(): string;
  stop(): Promise<void>;
}

/** The sum over all samples of a metric that have the label, given as `name="value"`. */
export type Metrics = (name: string, label?: string) => number;

/** One request in the audit log. */
export interface Audited {
  readonly verb: string;
  readonly userAgent: string;
  readonly requestURI: string;
  readonly objectRef?: { readonly resource: string; readonly subresource?: string; readonly namespace?: string };
  readonly responseStatus?: { readonly code: number };
  readonly stage: string;
  /** When it was answered; for a watch, when it began. */
  readonly stageTimestamp: string;
}

export interface Scene {
  readonly plane: ControlPlane;
  /** As the administrator. */
  readonly api: ApiClient;
  /** Of the controller's ServiceAccount, for the bare loop. */
  readonly token: string;
  request(method: string, path: string, body?: unknown): Promise<unknown>;
  configure(text: string): Promise<void>;
  start(role: Role): Promise<Daemon>;
  /** What our ServiceAccounts asked for since this was called last. */
  audited(): readonly Audited[];
  stop(): Promise<void>;
}

const AUDIT = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: Metadata
  users: ["system:serviceaccount:${NAMESPACE}:clarion-controller", "system:serviceaccount:${NAMESPACE}:clarion-speaker"]
- level: None
`;

export async function openScene(bench: Bench): Promise<Scene> {
  const { lab } = bench;
  const programs = await findKubernetesPrograms();
  if (programs.missing.length > 0)
    throw environmentError(`${programs.missing.join(', ')} are missing: node setup.mjs test`);
  await lab.build({
    hosts: ['client'],
    bridges: [],
    cables: [
      [
        { host: 'client', interface: 'eth0', mac: lanMac(100), addresses: [`${ROUTER}/16`] },
        { interface: 'lan0', mac: lanMac(11), addresses: [`${NODE_ADDRESS}/16`] },
      ],
    ],
    routes: [],
  });
  const auditLog = '/run/audit.log';
  writeFileSync('/run/audit.yaml', AUDIT);
  const plane = await startControlPlane({
    lab,
    programs,
    flags: ['--audit-policy-file=/run/audit.yaml', `--audit-log-path=${auditLog}`],
  });
  const agent = keepAliveAgent('https:', { ca: readFileSync(plane.caFile) });
  const { url: server, port } = plane.apiServer;
  const authorization = `Bearer ${ADMIN_TOKEN}`;
  const api = openApiClient({
    access: { server, credentials: async () => ({ ok: true, value: { authorization, agent } }) },
    clock: systemClock,
    userAgent: 'bench',
  });
  const request: Scene['request'] = async (method, where, body) => {
    const contentType = method === 'PATCH' ? { contentType: 'application/merge-patch+json' } : {};
    const answer = await api.request({
      method: method as 'GET',
      path: where,
      body,
      timeout: ms(60_000),
      ...contentType,
    });
    if (answer.kind !== 'ok') throw environmentError(`${method} ${where}: ${answer.message}`);
    return answer.body;
  };
  await plane.kubectl(['apply', '-k', path('manifests/base')]);
  await populate(plane, request);
  const folders = {
    controller: await serviceAccountFolder(plane, { namespace: NAMESPACE, name: 'clarion-controller' }),
    speaker: await serviceAccountFolder(plane, { namespace: NAMESPACE, name: 'clarion-speaker' }),
  };
  const token = await requestToken(plane, { namespace: NAMESPACE, name: 'clarion-controller' });
  const running = new Set<Daemon>();
  let [instances, auditedTo] = [0, 0];
  return {
    plane,
    api,
    token,
    request,
    async configure(text) {
      await plane.apply(JSON.stringify(configurationObject(text)));
    },
    async start(role) {
      const instance = `${role}-${++instances}`;
      const log = join(plane.folder, 'log', instance);
      const name = role === 'speaker' ? NODE : instance;
      const words = [process.execPath, MAIN, role, '--node', name, '--status-port', `${STATUS_PORT[role]}`];
      const command = inPod({ folder: folders[role] }, { address: '127.0.0.1', port }, words);
      const started = machineTime();
      const child = lab.spawn(undefined, ['sh', '-c', `exec "$@" >>'${log}' 2>&1`, 'sh', ...command]);
      const { pid } = child;
      if (pid === undefined) throw environmentError(`${role} does not start`);
      const base = `http://127.0.0.1:${STATUS_PORT[role]}`;
      const read = (): string => readFileSync(log, 'utf8');
      const daemon: Daemon = {
        pid,
        started,
        async ready(limit = 30_000) {
          const isReady = async (): Promise<number | undefined> => {
            if (child.exitCode !== null) throw environmentError(`${role} ended: ${read().slice(-2000)}`);
            const ok = await fetch(`${base}/readyz`).then(
              (answer) => answer.ok,
              () => false,
            );
            return ok ? machineTime() : undefined;
          };
          return until(`${role} is ready`, limit, isReady, 10);
        },
        async metrics() {
          const lines = (await (await fetch(`${base}/metrics`)).text()).split('\n');
          return (metric, label = '') =>
            lines
              .filter(
                (line) => line.startsWith(metric) && '{ '.includes(line[metric.length] ?? '-') && line.includes(label),
              )
              .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
        },
        log: read,
        async stop() {
          running.delete(daemon);
          await terminate(child, seconds(10));
        },
      };
      running.add(daemon);
      return daemon;
    },
    audited() {
      const { lines, end } = linesFrom(auditLog, auditedTo);
      auditedTo = end;
      return lines.map((line) => JSON.parse(line) as Audited);
    },
    async stop() {
      await Promise.all([...running].map((daemon) => daemon.stop()));
      api.close();
      agent.destroy();
      await plane.kill();
    },
  };
}

async function populate(plane: ControlPlane, request: Scene['request']): Promise<void> {
  for (const name of [OURS, BARE]) await request('POST', '/api/v1/namespaces', { metadata: { name } });
  const node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: NODE },
    status: {
      addresses: [{ type: 'InternalIP', address: NODE_ADDRESS }],
      conditions: [{ type: 'Ready', status: 'True', reason: 'Bench', message: '' }],
    },
  };
  await plane.kubectl(['create', '-f', '-'], JSON.stringify(node));
  // As the kubelet says it, so that the controller finds the speaker by the API server's pod proxy.
  const pod = `/api/v1/namespaces/${NAMESPACE}/pods`;
  await request('POST', pod, {
    metadata: {
      name: 'clarion-speaker-1',
      labels: { 'app.kubernetes.io/name': 'clarion', 'app.kubernetes.io/component': 'speaker' },
    },
    spec: {
      nodeName: NODE,
      containers: [
        { name: 'speaker', image: 'clarion', ports: [{ name: 'status', containerPort: STATUS_PORT.speaker }] },
      ],
    },
  });
  await request('PATCH', `${pod}/clarion-speaker-1/status`, {
    status: { phase: 'Running', podIP: NODE_ADDRESS, podIPs: [{ ip: NODE_ADDRESS }] },
  });
}

export const nameOf = (number: number): string => `s${String(number).padStart(5, '0')}`;

const HELM = (name: string): object => ({
  labels: { app: name, 'app.kubernetes.io/managed-by': 'Helm', 'app.kubernetes.io/instance': name },
  annotations: { 'meta.helm.sh/release-name': name, 'meta.helm.sh/release-namespace': OURS },
});

/** Of a class that nobody else serves, where it is for the bare loop. */
export const service = (name: string, bare = false): object => ({
  metadata: { name, ...HELM(name) },
  spec: {
    type: 'LoadBalancer',
    allocateLoadBalancerNodePorts: false,
    ...(bare ? { loadBalancerClass: 'example.org/bare' } : {}),
    ports: [{ name: 'http', port: 80, targetPort: 8080 }],
    selector: { app: name },
  },
});

export const slice = (name: string, ready: boolean): object => ({
  metadata: { name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: endpoints(ready),
});

export const endpoints = (ready: boolean): readonly object[] =>
  ['10.244.0.2', '10.244.0.3', '10.244.0.4'].map((address) => ({
    addresses: [address],
    conditions: { ready, serving: ready, terminating: false },
    nodeName: NODE,
  }));

export const SERVICES = (namespace: string): string => `/api/v1/namespaces/${namespace}/services`;
export const SLICES = `/apis/discovery.k8s.io/v1/namespaces/${OURS}/endpointslices`;

/** So many numbers, so many at a time. */
export async function forEach(
  from: number,
  to: number,
  atOnce: number,
  work: (number: number) => Promise<unknown>,
): Promise<void> {
  let next = from;
  const worker = async (): Promise<void> => {
    while (next < to) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** Whole lines from this octet on. */
function linesFrom(file: string, begin: number): { readonly lines: readonly string[]; readonly end: number } {
  if (!existsSync(file)) return { lines: [], end: begin };
  const open = openSync(file, 'r');
  const parts: Buffer[] = [];
  let at = begin;
  for (;;) {
    const part = Buffer.alloc(1 << 20);
    const read = readSync(open, part, 0, part.length, at);
    if (read === 0) break;
    parts.push(part.subarray(0, read));
    at += read;
  }
  closeSync(open);
  const all = Buffer.concat(parts);
  const length = all.lastIndexOf(10) + 1;
  const lines = all.subarray(0, length).toString().split('\n').slice(0, -1);
  return { lines, end: begin + length };
}
