import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ms, seconds, systemClock } from '../../src/base/clock.ts';
import { decoded } from '../../src/base/decoded.ts';
import { keepAliveAgent } from '../../src/cluster/kubernetes/agent.ts';
import type { ApiAnswer, ApiClient } from '../../src/cluster/kubernetes/api-client.ts';
import { openApiClient } from '../../src/cluster/kubernetes/http-client.ts';
import { ADMIN_TOKEN } from '../../src/lab/kubernetes/credentials.ts';
import { configurationObject } from '../../src/lab/kubernetes/objects.ts';
import { inPod, serviceAccountFolder } from '../../src/lab/kubernetes/service-account.ts';
import { LoggedProgram } from '../../src/lab/logged-program.ts';
import { type TestControlPlane, testControlPlane } from '../support/kubernetes.ts';

/** An API server without nodes, and controllers of ours as processes under the identity that the manifests give them. */
export const NAMESPACE = 'clarion-system';

export interface ControllersScene {
  readonly plane: TestControlPlane['plane'];
  /** As the administrator. */
  readonly api: ApiClient;
  configure(text: string): Promise<void>;
  /** A controller that runs from now on; its status server is on this port of loopback. */
  startController(name: string, statusPort: number): Promise<LoggedProgram>;
  /** Creates Services of type LoadBalancer, 16 at a time. */
  createServices(names: readonly string[], spec?: object): Promise<void>;
  services(): Promise<readonly ServiceObject[]>;
  leaseHolder(): Promise<string>;
  stop(): Promise<void>;
}

export interface ServiceObject {
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly managedFields?: readonly { readonly manager: string; readonly subresource?: string }[];
  };
  readonly spec: { readonly type: string };
  readonly status: {
    readonly loadBalancer: { readonly ingress?: readonly { readonly ip: string; readonly ipMode?: string }[] };
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason: string;
      readonly message: string;
    }[];
  };
}

const file = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

export async function controllersScene(name: string): Promise<ControllersScene> {
  const control = await testControlPlane(name);
  const { plane } = control;
  const programs: LoggedProgram[] = [];
  await plane.kubectl(['apply', '-k', file('manifests/base')]);
  const api = openApiClient({
    access: {
      server: plane.apiServer.url,
      credentials: async () => decoded({ authorization: `Bearer ${ADMIN_TOKEN}`, agent }),
    },
    clock: systemClock,
    userAgent: 'test',
  });
  const agent = keepAliveAgent('https:', { ca: readFileSync(plane.caFile) });
  const folder = await serviceAccountFolder(plane, { namespace: NAMESPACE, name: 'clarion-controller' });
  const ok = (answer: ApiAnswer): unknown => {
    if (answer.kind !== 'ok') throw new Error(answer.message);
    return answer.body;
  };
  return {
    plane,
    api,
    async configure(text) {
      await plane.apply(JSON.stringify(configurationObject(text)));
    },
    async startController(of, statusPort) {
      const program = new LoggedProgram(plane.lab, undefined, join(plane.folder, 'log', of));
      const words = [
        process.execPath,
        file('dist/main.js'),
        'controller',
        '--node',
        of,
        '--status-port',
        `${statusPort}`,
      ];
      program.start(inPod({ folder }, { address: '127.0.0.1', port: plane.apiServer.port }, words));
      programs.push(program);
      return program;
    },
    async createServices(names, spec = {}) {
      const rest = [...names];
      const worker = async (): Promise<void> => {
        for (let next = rest.shift(); next !== undefined; next = rest.shift())
          ok(
            await api.request({
              method: 'POST',
              path: '/api/v1/namespaces/default/services',
              body: {
                metadata: { name: next },
                spec: { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }], ...spec },
              },
            }),
          );
      };
      await Promise.all(Array.from({ length: 16 }, worker));
    },
    async services() {
      const body = ok(await api.request({ method: 'GET', path: '/api/v1/namespaces/default/services' }));
      return (body as { readonly items: readonly ServiceObject[] }).items;
    },
    async leaseHolder() {
      const path = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/clarion-controller`;
      const answer = await api.request({ method: 'GET', path, timeout: seconds(5) });
      if (answer.kind !== 'ok') return '';
      return (answer.body as { readonly spec: { readonly holderIdentity?: string } }).spec.holderIdentity ?? '';
    },
    async stop() {
      await Promise.all(programs.map((program) => program.kill()));
      api.close();
      agent.destroy();
      await control.stop();
    },
  };
}

export const addressesOf = (service: ServiceObject): readonly string[] =>
  (service.status.loadBalancer.ingress ?? []).map(({ ip }) => ip);

export const wait = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => void systemClock.startTimer('wait', ms(milliseconds), resolve));
