import { execFileSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seconds, systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { systemRandom } from '../../src/base/random.ts';
import { TrackedMap } from '../../src/base/tracked-map.ts';
import { wordsIn } from '../../src/cluster/address-words.ts';
import { openApiClient } from '../../src/cluster/kubernetes/http-client.ts';
import { kubeconfigAccess } from '../../src/cluster/kubernetes/kubeconfig.ts';
import { ReportFeed } from '../../src/cluster/kubernetes/report-feed.ts';
import { ReportPull } from '../../src/cluster/kubernetes/report-pull.ts';
import type { AddressWord, SpeakerReport } from '../../src/cluster/ports.ts';
import { kubernetes, kubernetesSkipNote, type TestControlPlane, testControlPlane } from '../support/kubernetes.ts';
import { until } from '../support/until.ts';

/** A speaker's report through the pod proxy of a real API server. */
const POD_ADDRESS = '198.18.0.7';
const announced = (...addresses: readonly string[]): Map<string, readonly AddressWord[]> =>
  wordsIn(addresses.map((address) => ({ address, state: 'announced' })));
const report = (addresses: SpeakerReport['addresses']): SpeakerReport => ({
  node: 'node-a',
  at: new Date().toISOString(),
  addresses,
});

describe.skipIf(!kubernetes.available)(`reports through a real API server${kubernetesSkipNote}`, () => {
  let control: TestControlPlane;
  let server: Server;
  let pull: ReportPull;
  const feed = new ReportFeed(systemClock);
  let heard: (() => void) | undefined;

  beforeAll(async () => {
    // The API server refuses to ask loopback, so the Pod has an address of its own in the tree's namespace.
    execFileSync('ip', ['address', 'replace', `${POD_ADDRESS}/32`, 'dev', 'lo']);
    control = await testControlPlane('reports');
    const { plane } = control;
    server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      feed.follow(response);
    });
    const port = await new Promise<number>((resolve) => {
      server.listen({ host: POD_ADDRESS, port: 0 }, () => {
        const bound = server.address();
        resolve(typeof bound === 'object' && bound !== null ? bound.port : 0);
      });
    });
    await plane.apply(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'speaker', namespace: 'default' },
        spec: { nodeName: 'node-a', containers: [{ name: 'speaker', image: 'none' }] },
      }),
    );
    const status = { phase: 'Running', podIP: POD_ADDRESS, podIPs: [{ ip: POD_ADDRESS }] };
    await plane.kubectl([
      'patch',
      'pod',
      'speaker',
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify({ status }),
    ]);
    const access = kubeconfigAccess({ clock: systemClock, file: plane.apiServer.kubeconfig });
    if (access?.ok !== true) throw new Error('the kubeconfig of the lab cannot be read');
    pull = new ReportPull({
      client: openApiClient({ access: access.value, clock: systemClock, userAgent: 'test' }),
      pods: {
        list: () => [{ name: 'speaker', uid: '1', running: true, port }],
        onChange: () => () => {},
      },
      namespace: 'default',
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      changed: () => heard?.(),
    });
  }, 60_000);
  afterAll(async () => {
    pull?.stop();
    feed.stop();
    server?.closeAllConnections();
    server?.close();
    await control?.stop();
  });

  it('the whole report first; every change within milliseconds, with ten thousand addresses too', async () => {
    const many = Array.from({ length: 10_000 }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
    const words = new TrackedMap(announced(...many));
    await feed.publish(report(words));
    await until('everything is heard', seconds(10), async () => pull.reports()[0]?.addresses.size === 10_000);
    expect(pull.heardAll()).toBe(true);
    const took: number[] = [];
    for (let i = 0; i < 100; i++) {
      const said = new Promise<void>((resolve) => {
        heard = resolve;
      });
      const before = performance.now();
      words.delete(i === 0 ? many[0]! : `192.0.2.${i - 1}`);
      for (const [address, word] of announced(`192.0.2.${i}`)) words.set(address, word);
      void feed.publish(report(words));
      await said;
      took.push(performance.now() - before);
    }
    took.sort((a, b) => a - b);
    process.stdout.write(
      `report of 10,000 addresses, one changed, through the API server's pod proxy: p50 ${took[50]!.toFixed(1)} ms, p99 ${took[98]!.toFixed(1)} ms\n`,
    );
    expect(pull.reports()[0]!.addresses).toEqual(words);
    // Not a figure: a proxy that keeps what it has for a while would take a multiple of this.
    expect(took[50]!).toBeLessThan(150);
  });

  it('a speaker that ends is heard again when it is back, and what it said stays meanwhile', async () => {
    server.closeAllConnections();
    expect(pull.reports()).toHaveLength(1);
    await feed.publish(report(announced('192.0.2.1')));
    await until('it is heard again', seconds(10), async () => pull.reports()[0]?.addresses.size === 1);
    expect(pull.counts()).toEqual({ pods: 1, streams: 1 });
  });
});
