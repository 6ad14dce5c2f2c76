import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import { type HttpClient, startHttpClient } from '../../src/lab/http-client.ts';
import { CLIENT, NODES, nodeAddress, REMOTE } from '../../src/lab/kubernetes/network.ts';
import { type EndpointSketch, endpointSlices } from '../../src/lab/kubernetes/objects.ts';
import { kubernetes, kubernetesSkipNote } from '../support/kubernetes.ts';
import { until } from '../support/until.ts';
import { type ServiceObject, wait } from './controllers.ts';
import { type Installed, installed } from './installed.ts';
import { webDeployment, webService } from './workloads.ts';

/** Every kind of Service that Kubernetes knows, and what becomes of it: one test each says what happens. */
const CONFIG = `
pools:
- {name: public, addresses: [192.0.2.200-192.0.2.239, 2001:db8:2::1000/120]}
`;

describe.skipIf(!kubernetes.available)(`kinds of Services${kubernetesSkipNote}`, { timeout: 60_000 }, () => {
  let place: Installed;
  let client: HttpClient;
  beforeAll(async () => {
    place = await installed('kinds', CONFIG);
    client = await startHttpClient(place.cluster.lab, CLIENT.host);
    await place.apply(webDeployment('web', 2));
    await place.kubectl('rollout', 'status', 'deployment/web', '--timeout=30s');
  }, 90_000);
  afterAll(() => place?.stop());

  const stateOf = async (name: string) => {
    const { status, metadata } = await place.get<ServiceObject>('service', name);
    const conditions = (status.conditions ?? []).map((one) => [one.type.split('/')[1], one.reason] as const);
    const addresses = (status.loadBalancer.ingress ?? []).map(({ ip }) => ip);
    return { addresses, ...Object.fromEntries(conditions), annotations: metadata.annotations ?? {} } as {
      readonly addresses: readonly string[];
      readonly Allocated?: string;
      readonly Announced?: string;
      readonly annotations: Readonly<Record<string, string>>;
    };
  };
  const expectState = (name: string, what: object) =>
    until(
      `${name} is ${JSON.stringify(what)}`,
      seconds(15),
      async () => {
        const state = (await stateOf(name)) as Readonly<Record<string, unknown>>;
        return Object.entries(what).every(([key, value]) => JSON.stringify(state[key]) === JSON.stringify(value));
      },
      () => stateOf(name),
    );
  const patch = (name: string, spec: object) =>
    place.kubectl('patch', 'service', name, '--type=merge', '-p', JSON.stringify({ spec }));
  const ask = async (ip: string): Promise<string> => (await client.get(`http://${ip}/`, 1000)).text;
  const expectAnswer = (ip: string) =>
    until(`${ip} answers`, seconds(10), async () => (await client.get(`http://${ip}/`, 500)).ok);
  const silent = (ip: string) =>
    until(`${ip} is silent`, seconds(10), async () => !(await client.get(`http://${ip}/`, 500)).ok);
  /** Of Pods of the Deployment `web`, in front of which no controller stands. */
  const slices = (service: string, endpoints: readonly EndpointSketch[]) =>
    place.apply(...endpointSlices(service, endpoints));

  it('externalTrafficPolicy Local: held where an endpoint is, the client is seen, the health check agrees', async () => {
    await place.apply(
      webDeployment('one', 1),
      webService('one', { selector: { app: 'one' }, externalTrafficPolicy: 'Local', loadBalancerIP: '192.0.2.200' }),
    );
    await expectState('one', { addresses: ['192.0.2.200'], Announced: 'Announced' });
    await expectAnswer('192.0.2.200');
    const told = await ask('192.0.2.200');
    expect(told).toContain(`you are ${CLIENT.address}`);
    const { spec } = await place.get<{ spec: { healthCheckNodePort: number } }>('service', 'one');
    const healthy = await Promise.all(
      NODES.map(async (node) => (await client.get(`http://${nodeAddress(node)}:${spec.healthCheckNodePort}/`)).ok),
    );
    const holder = NODES[healthy.indexOf(true)];
    expect(healthy.filter(Boolean).length).toBe(1);
    expect(told).toContain(`on ${holder}`);
  });

  it('internalTrafficPolicy Local is about traffic from inside, and changes nothing outside', async () => {
    await place.apply(
      webService('inside', { selector: { app: 'web' }, internalTrafficPolicy: 'Local', loadBalancerIP: '192.0.2.201' }),
    );
    await expectState('inside', { Announced: 'Announced' });
    await expectAnswer('192.0.2.201');
  });

  it('publishNotReadyAddresses: Pods that are not ready count as endpoints, as they do for kube-proxy', async () => {
    const never = {
      containers: [{ name: 'never', image: 'hello', args: ['8080=early'], readinessProbe: { httpGet: { port: 9 } } }],
    };
    await place.apply(webDeployment('never', 1, never));
    await place.apply(webService('never', { loadBalancerIP: '192.0.2.202' }));
    await expectState('never', { addresses: ['192.0.2.202'], Announced: 'NoEndpoints' });
    await patch('never', { publishNotReadyAddresses: true });
    await expectState('never', { Announced: 'Announced' });
    await expectAnswer('192.0.2.202');
  });

  it('allocateLoadBalancerNodePorts false: no node port is needed', async () => {
    await place.apply(
      webService('portless', {
        selector: { app: 'web' },
        allocateLoadBalancerNodePorts: false,
        loadBalancerIP: '192.0.2.203',
      }),
    );
    await expectState('portless', { Announced: 'Announced' });
    await expectAnswer('192.0.2.203');
    const { spec } = await place.get<{ spec: { ports: readonly { nodePort?: number }[] } }>('service', 'portless');
    expect(spec.ports[0]?.nodePort).toBeUndefined();
  });

  it('loadBalancerSourceRanges: the address is announced, and kube-proxy drops who is outside', async () => {
    await place.apply(
      webService('ranges', {
        selector: { app: 'web' },
        loadBalancerSourceRanges: [`${REMOTE.address}/32`],
        loadBalancerIP: '192.0.2.204',
      }),
    );
    await expectState('ranges', { Announced: 'Announced' });
    await silent('192.0.2.204');
    await patch('ranges', { loadBalancerSourceRanges: [`${CLIENT.address}/32`] });
    await expectAnswer('192.0.2.204');
  });

  it('sessionAffinity ClientIP: one client, one Pod', async () => {
    await place.apply(
      webService('sticky', { selector: { app: 'web' }, sessionAffinity: 'ClientIP', loadBalancerIP: '192.0.2.205' }),
    );
    await expectAnswer('192.0.2.205');
    const told = await Promise.all(Array.from({ length: 20 }, () => ask('192.0.2.205')));
    expect(new Set(told.map((text) => /hello from (\S+)/.exec(text)?.[1])).size).toBe(1);
  });

  it('headless and of type LoadBalancer: the API server does not take it', async () => {
    await expect(place.apply(webService('headless', { clusterIP: 'None' }))).rejects.toThrow(/None/);
  });

  it('without a selector: the EndpointSlices that somebody writes are what counts', async () => {
    await place.apply(webService('bare', { selector: undefined, loadBalancerIP: '192.0.2.206' }));
    await expectState('bare', { addresses: ['192.0.2.206'], Announced: 'NoEndpoints' });
    await slices('bare', [{ node: 'node-b' }]);
    await expectState('bare', { Announced: 'Announced' });
  });

  it('terminating but serving is served; not serving any more is not announced', async () => {
    await slices('bare', [{ node: 'node-b', ready: false, serving: true, terminating: true }]);
    await wait(500);
    expect((await stateOf('bare')).Announced).toBe('Announced');
    await slices('bare', [{ node: 'node-b', ready: false, serving: false, terminating: true }]);
    await expectState('bare', { Announced: 'NoEndpoints', addresses: ['192.0.2.206'] });
  });

  it('many endpoints in several slices: all of them are looked at', async () => {
    await place.apply(
      webService('crowd', { selector: undefined, externalTrafficPolicy: 'Local', loadBalancerIP: '192.0.2.207' }),
    );
    const slice = (number: number, ready: boolean) => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `crowd-${number}`, namespace: 'default', labels: { 'kubernetes.io/service-name': 'crowd' } },
      addressType: 'IPv4',
      ports: [{ port: 8080 }],
      endpoints: Array.from({ length: 100 }, (_, i) => ({
        addresses: [`10.244.${number + 100}.${i + 1}`],
        nodeName: 'node-c',
        conditions: { ready: ready && i === 99 },
      })),
    });
    await place.apply(slice(1, false), slice(2, false), slice(3, false));
    await expectState('crowd', { Announced: 'NoEndpoints' });
    await place.apply(slice(3, true));
    await expectState('crowd', { Announced: 'Announced' });
  });

  it('SingleStack to PreferDualStack: the second family comes beside the first, and goes again', async () => {
    await place.apply(webService('dual', { selector: { app: 'web' }, loadBalancerIP: '192.0.2.208' }));
    await expectState('dual', { addresses: ['192.0.2.208'], Announced: 'Announced' });
    await patch('dual', { ipFamilyPolicy: 'PreferDualStack', loadBalancerIP: null });
    await until(
      'it has both',
      seconds(15),
      async () => (await stateOf('dual')).addresses.length === 2,
      () => stateOf('dual'),
    );
    const { addresses } = await stateOf('dual');
    expect(addresses[0]).toBe('192.0.2.208');
    await expectState('dual', { Announced: 'Announced' });
    await expectAnswer(`[${addresses[1]}]`);
    await patch('dual', { ipFamilyPolicy: 'SingleStack' });
    await expectState('dual', { addresses: ['192.0.2.208'] });
  });

  it('to ExternalName and back: the address, our annotation and both conditions go, and it gets an address anew', async () => {
    await patch('dual', {
      type: 'ExternalName',
      externalName: 'example.com',
      clusterIP: null,
      clusterIPs: null,
      selector: null,
    });
    await expectState('dual', { addresses: [], Allocated: undefined, Announced: undefined, annotations: {} });
    await silent('192.0.2.208');
    await patch('dual', { type: 'LoadBalancer', externalName: null, selector: { app: 'web' } });
    await expectState('dual', { Allocated: 'Assigned', Announced: 'Announced' });
  });
});
