import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import { type HttpClient, startHttpClient } from '../../src/lab/http-client.ts';
import { CLIENT } from '../../src/lab/kubernetes/network.ts';
import { kubernetes, kubernetesSkipNote } from '../support/kubernetes.ts';
import { until } from '../support/until.ts';
import { type Installed, installed } from './installed.ts';

/** What everybody wants first: install, make a Service, reach it. */
const CONFIG = 'pools: [{name: public, addresses: [192.0.2.200-192.0.2.219]}]\n';

describe.skipIf(!kubernetes.available)(`a Service in a cluster${kubernetesSkipNote}`, () => {
  let place: Installed;
  let client: HttpClient;
  beforeAll(async () => {
    place = await installed('service', CONFIG);
    client = await startHttpClient(place.cluster.lab, CLIENT.host);
  });
  afterAll(() => place?.stop());

  it('gets an address, both conditions, and answers', async () => {
    await place.apply(
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web', namespace: 'default' },
        spec: {
          replicas: 3,
          selector: { matchLabels: { app: 'web' } },
          template: {
            metadata: { labels: { app: 'web' } },
            spec: {
              containers: [
                { name: 'web', image: 'hello', args: ['8080=hello'], readinessProbe: { httpGet: { port: 8080 } } },
              ],
            },
          },
        },
      },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web', namespace: 'default' },
        spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
      },
    );
    await place.kubectl('wait', '--for=condition=clarion.dev/Allocated', 'service/web', '--timeout=10s');
    await place.kubectl('wait', '--for=condition=clarion.dev/Announced', 'service/web', '--timeout=20s');
    const web = await place.get<{ status: { loadBalancer: unknown } }>('service', 'web');
    expect(web.status.loadBalancer).toMatchObject({ ingress: [{ ip: '192.0.2.200', ipMode: 'VIP' }] });
    await until('it answers', seconds(10), async () => (await client.get('http://192.0.2.200/', 500)).ok);
    const told = await place.kubectl('describe', 'service', 'web');
    for (const word of [
      'LoadBalancer Ingress:     192.0.2.200 (VIP)',
      'AddressAssigned',
      '192.0.2.200 from pool public',
    ])
      expect(told).toContain(word);
  });
});
