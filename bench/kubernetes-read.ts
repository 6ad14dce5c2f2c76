import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { ms, seconds, systemClock } from '../src/base/clock.ts';
import { environmentError } from '../src/base/errors.ts';
import { keepAliveAgent } from '../src/cluster/kubernetes/agent.ts';
import type { ApiClient } from '../src/cluster/kubernetes/api-client.ts';
import { openApiClient } from '../src/cluster/kubernetes/http-client.ts';
import { startControlPlane } from '../src/lab/kubernetes/control-plane.ts';
import { ADMIN_TOKEN } from '../src/lab/kubernetes/credentials.ts';
import { findKubernetesPrograms } from '../src/lab/kubernetes/programs.ts';
import { inSeconds, megabytes, milliseconds, runBench } from './harness.ts';

/**
 * What it takes to read a cluster of 10,000 Services and as many EndpointSlices of three endpoints from a real API server: time until
 * every list was read and the inventory was taken, memory of the process, and how long its event loop stood still.
 * Making the objects takes longest (20,000 writes). Run: npx tsx bench/kubernetes-read.ts [SERVICES]
 */
const count = Number(process.argv[2] ?? 10_000);
const AT_ONCE = 24;
const NODES = 100;

await runBench(
  import.meta.url,
  `reading ${count} Services and EndpointSlices from a real API server`,
  async (bench) => {
    const programs = await findKubernetesPrograms();
    if (programs.missing.length > 0)
      throw environmentError(`${programs.missing.join(', ')} are missing: node setup.mjs test`);
    const plane = await startControlPlane({ lab: bench.lab, programs });
    try {
      const agent = keepAliveAgent('https:', { ca: readFileSync(plane.caFile) });
      const { url: server } = plane.apiServer;
      const authorization = `Bearer ${ADMIN_TOKEN}`;
      const access = { server, credentials: async () => ({ ok: true, value: { authorization, agent } }) as const };
      const client = openApiClient({ access, clock: systemClock, userAgent: 'bench' });
      await fill(client);
      client.close();
      const program = fileURLToPath(new URL('../dist/bench/kubernetes-reader.mjs', import.meta.url));
      await build({
        entryPoints: [fileURLToPath(new URL('kubernetes-reader.ts', import.meta.url))],
        outfile: program,
        bundle: true,
        platform: 'node',
        format: 'esm',
        banner: { js: "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url);" },
      });
      const reader = spawn(process.execPath, [program, server, plane.caFile, ADMIN_TOKEN], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const said = createInterface(reader.stdout)[Symbol.asyncIterator]();
      const next = async (): Promise<Facts> => JSON.parse(String((await said.next()).value)) as Facts;
      const first = await next();
      await new Promise<void>((resolve) => void systemClock.startTimer('quiet', seconds(5), resolve));
      reader.stdin.write('\n');
      const later = await next();
      reader.stdin.end();
      bench.demand('Services read', String(first.services), String(count), first.services >= count);
      bench.judge('everything read', first.read / 1000, 3, inSeconds);
      bench.judge('resident memory, 5 s later', later.rss, 200, megabytes);
      bench.judge('event loop stall while reading, p99', first.stallP99, 50, milliseconds);
      bench.table([
        ['for orientation', ''],
        ['inventory taken after', milliseconds(first.taken)],
        ['longest stall while reading', milliseconds(first.stallMax)],
        ['processor time for all of it', milliseconds(first.cpu)],
        ['heap in use', megabytes(later.heap)],
      ]);
    } finally {
      await plane.kill();
    }
  },
  seconds(280),
);

interface Facts {
  readonly read: number;
  readonly taken: number;
  readonly services: number;
  readonly rss: number;
  readonly heap: number;
  readonly stallP99: number;
  readonly stallMax: number;
  readonly cpu: number;
}

async function fill(client: ApiClient): Promise<void> {
  const create = async (path: string, body: unknown): Promise<void> => {
    const answer = await client.request({ method: 'POST', path, body, timeout: ms(60_000) });
    if (answer.kind !== 'ok') throw environmentError(`${path}: ${answer.message}`);
  };
  await create('/api/v1/namespaces', { metadata: { name: 'shop' } });
  let number = 0;
  const work = async (): Promise<void> => {
    while (number < count) {
      const i = number++;
      const name = `service-${String(i).padStart(5, '0')}`;
      await create('/api/v1/namespaces/shop/services', service(name, i));
      await create('/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices', slice(name, i));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

function service(name: string, i: number): unknown {
  return {
    metadata: {
      name,
      labels: {
        app: name,
        team: `team-${i % 40}`,
        'app.kubernetes.io/managed-by': 'Helm',
        'app.kubernetes.io/instance': name,
      },
      annotations: { 'meta.helm.sh/release-name': name, 'meta.helm.sh/release-namespace': 'shop' },
    },
    spec: {
      type: 'LoadBalancer',
      allocateLoadBalancerNodePorts: false,
      ports: [
        { name: 'http', port: 80, targetPort: 8080 },
        { name: 'https', port: 443, targetPort: 8443 },
      ],
      selector: { app: name },
    },
  };
}

function slice(name: string, i: number): unknown {
  return {
    metadata: {
      name: `${name}-abcde`,
      labels: {
        'kubernetes.io/service-name': name,
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: [0, 1, 2].map((pod) => ({
      addresses: [`10.244.${pod}.${(i % 250) + 1}`],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `worker-node-${(i + pod) % NODES}.example.org`,
      targetRef: {
        kind: 'Pod',
        namespace: 'shop',
        name: `${name}-7d9f8b6c5d-${pod}abcd`,
        uid: `00000000-0000-4000-8000-${String(i * 3 + pod).padStart(12, '0')}`,
      },
    })),
  };
}
