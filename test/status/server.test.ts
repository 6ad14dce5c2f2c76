import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createServer, get, type IncomingHttpHeaders, type RequestOptions, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { type LogFields, silentLogger } from '../../src/base/logger.ts';
import { zeroCounters } from '../../src/layer2/counters.ts';
import { Metrics } from '../../src/status/metrics.ts';
import type { StatusReport } from '../../src/status/report.ts';
import { StatusServer } from '../../src/status/server.ts';
import { reportOf } from './scene.ts';

const status = () => reportOf({ node: 'node-a' });

let folder: string;
let socketPath: string;
let failures: string[];
let server: StatusServer;
const warnings: LogFields[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clarion-status-'));
  socketPath = join(folder, 'node.sock');
  failures = [];
  const metrics = new Metrics();
  metrics.controller(() => undefined);
  metrics.speaker(async () => ({
    verdicts: [],
    wire: [{ layer2: { kind: 'announced' as const, interfaces: ['eth0'] } }, { layer2: undefined }],
    members: [],
    counters: { layer2: { arp: { ...zeroCounters(), received: 7 }, ndp: zeroCounters() }, membership: undefined },
  }));
  server = new StatusServer({
    metrics,
    healthy: () => failures,
    ready: () => [],
    status: (query) => reportOf({ node: 'node-a', ...query }),
    clock: systemClock,
    logger: { ...silentLogger, warn: (_message, fields = {}) => warnings.push(fields) },
  });
  await server.listen(socketPath);
});
afterEach(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const ask = (options: RequestOptions): Promise<{ status: number | undefined; body: string }> =>
  new Promise((resolve, reject) => {
    get(options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode, body }));
    }).on('error', reject);
  });

test('/healthz says what is wrong', async () => {
  expect(await ask({ socketPath, path: '/healthz' })).toEqual({ status: 200, body: 'ok\n' });
  failures = ['the wire thread does not answer'];
  expect(await ask({ socketPath, path: '/healthz' })).toEqual({
    status: 503,
    body: 'the wire thread does not answer\n',
  });
});

test('/readyz and /metrics answer, other paths say what there is', async () => {
  expect(await ask({ socketPath, path: '/readyz' })).toMatchObject({ status: 200 });
  const metrics = await ask({ socketPath, path: '/metrics' });
  expect(metrics.body).toContain('clarion_config_generation 0');
  expect(metrics.body).toContain('clarion_wire_thread_up 1');
  expect(metrics.body).toContain('clarion_layer2_addresses{state="announced"} 1');
  expect(metrics.body).toContain('clarion_layer2_received_total{protocol="arp"} 7');
  expect(metrics.body).toContain('clarion_nodejs_eventloop_lag_seconds');
  expect((await ask({ socketPath, path: '/nothing' })).status).toBe(404);
});

test('a port that is taken is a warning, and everything else goes on', async () => {
  const taken = await new Promise<Server>((resolve) => {
    const other = createServer().listen(0, () => resolve(other));
  });
  const bound = taken.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  await server.listen(port);
  expect(warnings.at(-1)).toMatchObject({ where: port });
  expect(await ask({ socketPath, path: '/healthz' })).toMatchObject({ status: 200 });
  await new Promise((resolve) => taken.close(resolve));
});

test("the file of a socket that a killed process left behind is in nobody's way", async () => {
  const abandoned = join(folder, 'killed.sock');
  const other = new StatusServer({
    metrics: new Metrics(),
    healthy: () => [],
    ready: () => [],
    status,
    clock: systemClock,
    logger: silentLogger,
  });
  await other.listen(join(folder, 'other.sock'));
  // What is closed under another name leaves its file, as a process does that cannot say goodbye.
  renameSync(join(folder, 'other.sock'), abandoned);
  await other.stop();
  const before = warnings.length;
  await server.listen(abandoned);
  expect(await ask({ socketPath: abandoned, path: '/healthz' })).toEqual({ status: 200, body: 'ok\n' });
  expect(warnings.length).toBe(before);
});

test('a socket on which another process listens is left to it', async () => {
  const before = warnings.length;
  const second = new StatusServer({
    metrics: new Metrics(),
    healthy: () => ['the second'],
    ready: () => [],
    status,
    clock: systemClock,
    logger: { ...silentLogger, warn: (_message, fields = {}) => warnings.push(fields) },
  });
  await second.listen(socketPath);
  expect(warnings.slice(before)).toMatchObject([{ where: socketPath }]);
  expect(await ask({ socketPath, path: '/healthz' })).toEqual({ status: 200, body: 'ok\n' });
  await second.stop();
});

test('/status is JSON, narrowed by what is asked for', async () => {
  const addresses = async (path: string): Promise<string[]> => {
    const { status: code, body } = await ask({ socketPath, path });
    expect(code).toBe(200);
    return (JSON.parse(body) as StatusReport).speaker!.addresses.map(({ address }) => address);
  };
  expect(await addresses('/status')).toEqual(['192.0.2.1', '192.0.2.2', '2001:db8::1']);
  expect(await addresses('/status?address=2001:DB8:0::1')).toEqual(['2001:db8::1']);
  expect(await addresses('/status?holder=node-b')).toEqual(['192.0.2.2']);
  expect(await ask({ socketPath, path: '/status?address=nonsense' })).toEqual({
    status: 400,
    body: '"nonsense" is not an IP address\n',
  });
});

test('/ is a page that lets nothing run but its own script; /events tells it what changes', async () => {
  const page = await new Promise<{ readonly headers: IncomingHttpHeaders; readonly body: string }>(
    (resolve, reject) => {
      get({ socketPath, path: '/' }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () => resolve({ headers: response.headers, body }));
      }).on('error', reject);
    },
  );
  expect(page.headers['content-security-policy']).toContain("default-src 'self'");
  expect(page.body).toContain('<td>192.0.2.1</td>');
  for (const [, file] of page.body.matchAll(/(?:src|href)="([^"]+)"/g))
    expect(await ask({ socketPath, path: `/${file}` })).toMatchObject({ status: 200 });
  const first = await new Promise<string>((resolve, reject) => {
    const asked = get({ socketPath, path: '/events' }, (response) => {
      expect(response.headers['content-type']).toBe('text/event-stream');
      response.setEncoding('utf8').once('data', (chunk: string) => {
        resolve(chunk);
        asked.destroy();
      });
    }).on('error', reject);
  });
  expect(first).toMatch(/^event: status\ndata: <p>/);
});

test('/report is for speakers in a cluster', async () => {
  expect(await ask({ socketPath, path: '/report' })).toMatchObject({ status: 404 });
});
