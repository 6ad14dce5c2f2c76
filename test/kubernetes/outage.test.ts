import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ms, seconds } from '../../src/base/clock.ts';
import { startConnections } from '../../src/lab/connections.ts';
import { CLIENT, NODES, type NodeName, nodeAddress } from '../../src/lab/kubernetes/network.ts';
import { kubernetes, kubernetesSkipNote } from '../support/kubernetes.ts';
import { until } from '../support/until.ts';
import { wait } from './controllers.ts';
import { holderOf, type Installed, installed } from './installed.ts';
import { webDeployment, webService } from './workloads.ts';

/**
 * The API server away: announcements go on, and failover, for the speakers agree among themselves. When it is back nothing is
 * written that stands, and nobody lists the cluster at once with everybody else.
 */
const CONFIG = 'pools: [{name: public, addresses: [192.0.2.200-192.0.2.219]}]\n';
const VIP = '192.0.2.200';

describe.skipIf(!kubernetes.available)(`the API server away${kubernetesSkipNote}`, { timeout: 90_000 }, () => {
  let place: Installed;
  beforeAll(async () => {
    place = await installed('outage', CONFIG);
    await place.apply(webDeployment('web', 3), webService('web'));
    await place.kubectl('wait', '--for=condition=clarion.dev/Announced', 'service/web', '--timeout=30s');
  }, 90_000);
  afterAll(() => place?.stop());

  const serviceVersion = async (): Promise<string> =>
    (await place.get<{ metadata: { resourceVersion: string } }>('service', 'web')).metadata.resourceVersion;

  const holder = () => holderOf(place, VIP);

  const ready = async (node: NodeName): Promise<boolean> =>
    (await place.cluster.prober.get(`http://${nodeAddress(node)}:7472/readyz`, ms(1000))).ok;

  it('killed: the holder dies, another node answers, and the speakers are ready all the while', async () => {
    const { apiServer } = place.cluster.plane;
    const before = await serviceVersion();
    const first = await holder();
    expect(first).toBeDefined();
    const stream = await startConnections(place.cluster.lab, CLIENT.host, `http://${VIP}/`, ms(5));
    await apiServer.kill();
    await wait(1000);
    place.kubelet.pods('clarion-speaker', first)[0]!.signal('SIGKILL');
    await place.cluster.lab.run(CLIENT.host, ['ip', 'neigh', 'flush', 'dev', 'eth0']);
    await until('another node holds it', seconds(5), async () => ![undefined, first].includes(await holder()));
    for (const node of NODES.filter((one) => one !== first)) expect(await ready(node)).toBe(true);
    await stream.answered();
    const { gap } = await stream.stop();
    expect(gap).toBeLessThan(1000);
    await apiServer.start();
    await until('the controller says what is so', seconds(20), async () =>
      (await place.kubectl('wait', '--for=condition=clarion.dev/Announced', 'service/web', '--timeout=1s')).includes(
        'met',
      ),
    );
    // Announced before, announced now: no status was lost, and none was written.
    await wait(2000);
    expect(await serviceVersion()).toBe(before);
  });

  it('frozen for longer than the Lease lasts: nothing moves, and when it thaws one controller is active', async () => {
    const { apiServer } = place.cluster.plane;
    await until('three speakers', seconds(20), async () => (await Promise.all(NODES.map(ready))).every(Boolean));
    const first = await holder();
    const before = await serviceVersion();
    apiServer.freeze();
    await wait(18_000);
    expect(await holder()).toBe(first);
    apiServer.thaw();
    await place.apply(webService('new'));
    await until('a new Service is served', seconds(25), async () => {
      const made = await place.get<{ status: { loadBalancer: { ingress?: unknown[] } } }>('service', 'new');
      return made.status.loadBalancer.ingress?.length === 1;
    });
    expect(await serviceVersion()).toBe(before);
    expect(await holder()).toBe(first);
  });
});
