import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ms } from '../../src/base/clock.ts';
import { startConnections } from '../../src/lab/connections.ts';
import { CLIENT } from '../../src/lab/kubernetes/network.ts';
import { kubernetes, kubernetesSkipNote } from '../support/kubernetes.ts';
import { type Installed, installed } from './installed.ts';
import { webDeployment, webService } from './workloads.ts';

/** Rollouts while a client makes a new TCP connection every 5 ms: of the speakers, of the controller, of what is served. */
const CONFIG = 'pools: [{name: public, addresses: [192.0.2.200-192.0.2.219]}]\n';

describe.skipIf(!kubernetes.available)(`rollouts under traffic${kubernetesSkipNote}`, { timeout: 120_000 }, () => {
  let place: Installed;
  beforeAll(async () => {
    place = await installed('rollout', CONFIG);
    await place.apply(
      webDeployment('web', 3),
      webService('web', { loadBalancerIP: '192.0.2.200' }),
      // The endpoint is out of the slices, and connections go elsewhere, before the program ends.
      webDeployment('local', 2, { terminationGracePeriodSeconds: 10 }),
      webService('local', { externalTrafficPolicy: 'Local', loadBalancerIP: '192.0.2.201' }),
    );
    for (const name of ['web', 'local'])
      await place.kubectl('wait', '--for=condition=clarion.dev/Announced', `service/${name}`, '--timeout=30s');
  }, 90_000);
  afterAll(() => place?.stop());

  const ours = ['-n', 'clarion-system', '--timeout=90s'];

  it('kubectl rollout restart of the speakers, one node at a time: no connection fails', async () => {
    const stream = await startConnections(place.cluster.lab, CLIENT.host, 'http://192.0.2.200/', ms(5));
    await place.kubectl('rollout', 'restart', 'daemonset/clarion-speaker', '-n', 'clarion-system');
    await place.kubectl('rollout', 'status', 'daemonset/clarion-speaker', ...ours);
    const result = await stream.stop();
    expect(result.made).toBeGreaterThan(1000);
    expect(result.failed).toBe(0);
  });

  it('kubectl rollout restart of the controllers: no connection fails, nothing is written', async () => {
    const version = async () =>
      (await place.get<{ metadata: { resourceVersion: string } }>('service', 'web')).metadata.resourceVersion;
    const before = await version();
    const stream = await startConnections(place.cluster.lab, CLIENT.host, 'http://192.0.2.200/', ms(5));
    await place.kubectl('rollout', 'restart', 'deployment/clarion-controller', '-n', 'clarion-system');
    await place.kubectl('rollout', 'status', 'deployment/clarion-controller', ...ours);
    expect((await stream.stop()).failed).toBe(0);
    expect(await version()).toBe(before);
  });

  it('a rollout of the Deployment behind a Service with policy Local: the address follows the last ready endpoint, no new connection fails', async () => {
    const stream = await startConnections(place.cluster.lab, CLIENT.host, 'http://192.0.2.201/', ms(5));
    await place.kubectl('rollout', 'restart', 'deployment/local');
    await place.kubectl('rollout', 'status', 'deployment/local', '--timeout=60s');
    const result = await stream.stop();
    expect(result.made).toBeGreaterThan(200);
    expect(result.failed).toBe(0);
  });
});
