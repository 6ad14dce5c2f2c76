import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ms, seconds } from '../../src/base/clock.ts';
import { type HttpClient, startHttpClient } from '../../src/lab/http-client.ts';
import {
  CLIENT,
  NODES,
  type NodeName,
  nodeAddress,
  nodeAddress6,
  REMOTE,
  ROUTER,
} from '../../src/lab/kubernetes/network.ts';
import { type EndpointSketch, endpointSlices, firstPlace } from '../../src/lab/kubernetes/objects.ts';
import type { Lab } from '../../src/lab/lab.ts';
import { startTool } from '../../src/lab/tool-process.ts';
import { kubernetes, kubernetesSkipNote, type TestCluster, testCluster } from '../support/kubernetes.ts';
import { until } from '../support/until.ts';

/**
 * The data path that Clarion leads packets into: the real kube-proxy and its rules. Here the kernel alone holds the addresses
 * (proxy ARP and NDP), so that what is seen is kube-proxy's doing and none of ours.
 */
describe.skipIf(!kubernetes.available)(`the lab's cluster with kube-proxy${kubernetesSkipNote}`, () => {
  let cluster: TestCluster;
  let lab: Lab;
  let client: HttpClient;
  let remote: HttpClient;
  beforeAll(async () => {
    cluster = await testCluster('kube');
    ({ lab } = cluster);
    [client, remote] = await Promise.all([
      startHttpClient(lab, CLIENT.host),
      startHttpClient(lab, REMOTE.host),
      ...NODES.map((node) => startTool(lab, firstPlace(node).host, ['http-server', `8080=hello from ${node}`])),
    ]);
  });
  afterAll(() => cluster?.stop());

  async function serve(
    name: string,
    policy: 'Cluster' | 'Local',
    number: number,
    endpoints: readonly EndpointSketch[],
  ) {
    await cluster.plane.apply(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace: 'default' },
        spec: {
          type: 'LoadBalancer',
          loadBalancerClass: 'example.com/by-hand',
          externalTrafficPolicy: policy,
          ipFamilyPolicy: 'RequireDualStack',
          ports: [{ name: 'http', port: 80, targetPort: 8080 }],
        },
      }),
    );
    await cluster.plane.apply(
      endpointSlices(name, endpoints)
        .map((slice) => JSON.stringify(slice))
        .join('\n---\n'),
    );
    const ingress = [`192.0.2.${number}`, `2001:db8:2::${number}`].map((ip) => ({ ip, ipMode: 'VIP' }));
    const patch = JSON.stringify({ status: { loadBalancer: { ingress } } });
    await cluster.plane.kubectl(['patch', 'service', name, '--subresource=status', '--type=merge', '--patch', patch]);
  }

  /** The kernel of the node answers for it, though it has it on no interface. */
  async function hold(number: number, node: NodeName) {
    await lab.sysctl(node, { 'net.ipv6.conf.eth0.proxy_ndp': 1, 'net.ipv4.neigh.eth0.proxy_delay': 0 });
    for (const address of [`192.0.2.${number}`, `2001:db8:2::${number}`]) {
      await lab.run(node, ['ip', 'route', 'replace', address, 'dev', firstPlace(node).host]);
      await lab.run(node, ['ip', 'neigh', 'replace', 'proxy', address, 'dev', 'eth0']);
    }
  }

  const answers = (from: HttpClient, url: string): Promise<void> =>
    until(`${url} answers`, seconds(10), async () => (await from.get(url, 500)).ok);

  it('policy Cluster: any Pod answers, and sees the node as its client', async () => {
    await serve(
      'web',
      'Cluster',
      200,
      NODES.map((node) => ({ node })),
    );
    await hold(200, 'node-a');
    await answers(client, 'http://192.0.2.200/');
    const told = await Promise.all(Array.from({ length: 30 }, () => client.get('http://192.0.2.200/')));
    const pods = new Set(told.map(({ text }) => /hello from (\S+),/.exec(text)?.[1]));
    expect(pods).toEqual(new Set(NODES));
    // Its own Pod sees the node's address in the Pods' network.
    expect(told.find(({ text }) => text.includes('node-b'))?.text).toBe(
      `hello from node-b, you are ${nodeAddress('node-a')}`,
    );
    const six = await client.get('http://[2001:db8:2::200]/');
    expect(six.text).toMatch(new RegExp(`you are (${nodeAddress6('node-a')}|fd00:10:244:1:1::1)$`));
  });

  it('policy Local: the Pod of that node answers, and sees the real client: on the network and through the router', async () => {
    await serve('web-local', 'Local', 201, [{ node: 'node-b' }]);
    await hold(201, 'node-b');
    await answers(client, 'http://192.0.2.201/');
    const ask = async (from: HttpClient, url: string) => (await from.get(url)).text;
    expect(await ask(client, 'http://192.0.2.201/')).toBe(`hello from node-b, you are ${CLIENT.address}`);
    expect(await ask(client, 'http://[2001:db8:2::201]/')).toBe(`hello from node-b, you are ${CLIENT.address6}`);
    expect(await ask(remote, 'http://192.0.2.201/')).toBe(`hello from node-b, you are ${REMOTE.address}`);
    expect(await ask(remote, 'http://[2001:db8:2::201]/')).toBe(`hello from node-b, you are ${REMOTE.address6}`);
  });

  it('policy Local: a node without an endpoint drops what comes, and its health check says so', async () => {
    await hold(201, 'node-c');
    await lab.run(CLIENT.host, ['ip', 'neigh', 'replace', '192.0.2.201', 'lladdr', '02:00:00:00:00:13', 'dev', 'eth0']);
    expect(await client.get('http://192.0.2.201/', 500)).toMatchObject({ ok: false, text: 'no answer within 500 ms' });
    await lab.run(CLIENT.host, ['ip', 'neigh', 'del', '192.0.2.201', 'dev', 'eth0']);
    const words = ['get', 'service', 'web-local', '--output', 'jsonpath={.spec.healthCheckNodePort}'];
    const port = await cluster.plane.kubectl(words);
    const healthy = async (node: NodeName) => (await client.get(`http://${nodeAddress(node)}:${port}/`)).ok;
    expect(await Promise.all(NODES.map(healthy))).toEqual([false, true, false]);
  });

  it('policy Local: endpoints that terminate and still serve are served, those that serve no more are not', async () => {
    const slices = (endpoint: Omit<EndpointSketch, 'node'>): Promise<void> =>
      cluster.plane.apply(
        endpointSlices('web-local', [{ node: 'node-b', ...endpoint }])
          .map((one) => JSON.stringify(one))
          .join('\n---\n'),
      );
    await lab.run('node-c', ['ip', 'neigh', 'del', 'proxy', '192.0.2.201', 'dev', 'eth0']);
    await slices({ ready: false, serving: true, terminating: true });
    await answers(client, 'http://192.0.2.201/');
    await slices({ ready: false, serving: false, terminating: true });
    await until('it is served no more', seconds(5), async () => !(await client.get('http://192.0.2.201/', 200)).ok);
  });

  it('a routed address, over two nodes at once: every flow finds its way, and the client is seen', async () => {
    await serve('routed', 'Local', 202, [{ node: 'node-a' }, { node: 'node-b' }]);
    const patch = JSON.stringify({ status: { loadBalancer: { ingress: [{ ip: '203.0.113.1', ipMode: 'VIP' }] } } });
    await cluster.plane.kubectl(['patch', 'service', 'routed', '--subresource=status', '--type=merge', '-p', patch]);
    const hops = ['node-a', 'node-b'].flatMap((node) => ['nexthop', 'via', nodeAddress(node as NodeName)]);
    await lab.run(ROUTER.host, ['ip', 'route', 'add', '203.0.113.1', ...hops]);
    await answers(remote, 'http://203.0.113.1/');
    const told = await Promise.all(Array.from({ length: 30 }, () => remote.get('http://203.0.113.1/')));
    expect(new Set(told.map(({ text }) => text))).toEqual(
      new Set(['node-a', 'node-b'].map((node) => `hello from ${node}, you are ${REMOTE.address}`)),
    );
  });

  it('the API server killed: what kube-proxy serves goes on', async () => {
    await cluster.plane.apiServer.kill();
    expect(await client.get('http://192.0.2.200/', ms(1000))).toMatchObject({ ok: true });
    await cluster.plane.apiServer.start();
  });
});
