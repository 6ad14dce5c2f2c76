import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ms, seconds } from '../../src/base/clock.ts';
import { startConnections } from '../../src/lab/connections.ts';
import { CLIENT } from '../../src/lab/kubernetes/network.ts';
import { kubernetes, kubernetesSkipNote } from '../support/kubernetes.ts';
import { until } from '../support/until.ts';
import { wait } from './controllers.ts';
import { holderOf, type Installed, installed } from './installed.ts';
import { webDeployment, webService } from './workloads.ts';

/** What a cluster says of a node, and what becomes of the address that the node holds. A client asks all the while. */
const CONFIG = 'pools: [{name: public, addresses: [192.0.2.200-192.0.2.219]}]\n';
const VIP = '192.0.2.200';

describe.skipIf(!kubernetes.available)(`nodes in a cluster${kubernetesSkipNote}`, { timeout: 60_000 }, () => {
  let place: Installed;
  beforeAll(async () => {
    place = await installed('nodes', CONFIG);
    await place.apply(webDeployment('web', 3), webService('web', { loadBalancerIP: VIP }));
    await place.kubectl('wait', '--for=condition=clarion.dev/Announced', 'service/web', '--timeout=30s');
  }, 90_000);
  afterAll(() => place?.stop());

  const patchNode = (node: string, patch: object, ...words: string[]) =>
    place.kubectl('patch', 'node', node, '-p', JSON.stringify(patch), ...words);

  /** Says something of the holder, expects the address elsewhere without a failed connection, and takes it back. */
  async function expectHandOver(say: (node: string) => Promise<unknown>, unsay: (node: string) => Promise<unknown>) {
    const first = await holderOf(place, VIP);
    expect(first).toBeDefined();
    const stream = await startConnections(place.cluster.lab, CLIENT.host, `http://${VIP}/`, ms(5));
    await say(first!);
    await until(
      'another node holds it',
      seconds(10),
      async () => ![undefined, first].includes(await holderOf(place, VIP)),
    );
    const second = await holderOf(place, VIP);
    await unsay(first!);
    await stream.answered();
    expect((await stream.stop()).failed).toBe(0);
    // A node that is well again takes nothing back.
    expect(await holderOf(place, VIP)).toBe(second);
  }

  it('node.kubernetes.io/exclude-from-external-load-balancers', () =>
    expectHandOver(
      (node) => place.kubectl('label', 'node', node, 'node.kubernetes.io/exclude-from-external-load-balancers='),
      (node) => place.kubectl('label', 'node', node, 'node.kubernetes.io/exclude-from-external-load-balancers-'),
    ));

  it('NetworkUnavailable', () => {
    const condition = (status: string) => ({
      status: { conditions: [{ type: 'NetworkUnavailable', status, reason: 'Test', message: '' }] },
    });
    return expectHandOver(
      (node) => patchNode(node, condition('True'), '--subresource=status'),
      (node) => patchNode(node, condition('False'), '--subresource=status'),
    );
  });

  it('ToBeDeletedByClusterAutoscaler', () =>
    expectHandOver(
      (node) => place.kubectl('taint', 'node', node, 'ToBeDeletedByClusterAutoscaler=1:NoSchedule'),
      (node) => place.kubectl('taint', 'node', node, 'ToBeDeletedByClusterAutoscaler-'),
    ));

  it('graceful node shutdown, as the kubelet says it', () => {
    const ready = (status: string, message: string) => ({
      status: { conditions: [{ type: 'Ready', status, reason: 'KubeletNotReady', message }] },
    });
    return expectHandOver(
      (node) => patchNode(node, ready('False', 'node is shutting down'), '--subresource=status'),
      (node) => patchNode(node, ready('True', ''), '--subresource=status'),
    );
  });

  it('a cordon, and a node that is not ready, move nothing: it may be the control plane that is down', async () => {
    const first = await holderOf(place, VIP);
    await place.kubectl('cordon', first!);
    const condition = (status: string) => ({
      status: { conditions: [{ type: 'Ready', status, reason: 'NodeStatusUnknown', message: '' }] },
    });
    await patchNode(first!, condition('Unknown'), '--subresource=status');
    const stream = await startConnections(place.cluster.lab, CLIENT.host, `http://${VIP}/`, ms(5));
    await stream.answered();
    await wait(1500);
    expect((await stream.stop()).failed).toBe(0);
    expect(await holderOf(place, VIP)).toBe(first);
    await place.kubectl('uncordon', first!);
    await patchNode(first!, condition('True'), '--subresource=status');
  });
});
