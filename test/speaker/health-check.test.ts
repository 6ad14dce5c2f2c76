import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ms } from '../../src/base/clock.ts';
import { Lab } from '../../src/lab/lab.ts';
import { healthCheck } from '../../src/speaker/health-check.ts';
import { privateTree, skipNote } from '../support/lab.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

function listen(host: string, status: number, port = 0): Promise<number> {
  const server = createServer((_, response) => response.writeHead(status).end());
  servers.push(server);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}

describe('healthCheckNodePort', () => {
  it.each([
    { status: 200, ok: true },
    { status: 503, ok: false },
  ])('$status on loopback: $ok', async ({ status, ok }) => {
    expect(await healthCheck(await listen('127.0.0.1', status), ms(500))).toBe(ok);
  });

  it('nobody listens: no', async () => {
    const port = await listen('127.0.0.1', 200);
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
    expect(await healthCheck(port, ms(500))).toBe(false);
  });
});

describe.skipIf(!privateTree.inside)(`healthCheckNodePort on the addresses of the Node alone${skipNote}`, () => {
  const lab = new Lab('hc');
  beforeAll(() =>
    lab.build({
      hosts: ['other'],
      bridges: [],
      cables: [
        [
          { interface: 'hc0', addresses: ['198.18.77.1/24', '2001:db8:77::1/64'] },
          { host: 'other', interface: 'eth0' },
        ],
      ],
      routes: [],
    }),
  );
  afterAll(() => lab.stop());

  it.each([
    { address: '198.18.77.1', status: 200, ok: true },
    { address: '2001:db8:77::1', status: 200, ok: true },
    { address: '198.18.77.1', status: 503, ok: false },
  ])('$address says $status: $ok', async ({ address, status, ok }) => {
    expect(await healthCheck(await listen(address, status), ms(500))).toBe(ok);
  });
});
