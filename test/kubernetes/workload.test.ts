import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import { startHttpClient } from '../../src/lab/http-client.ts';
import { WORKLOAD_CONTROLLERS } from '../../src/lab/kubernetes/cluster.ts';
import { Kubelet } from '../../src/lab/kubernetes/kubelet.ts';
import { NODES, nodeAddress } from '../../src/lab/kubernetes/network.ts';
import { toolCommand } from '../../src/lab/tool-process.ts';
import { kubernetes, kubernetesSkipNote, type TestCluster, testCluster } from '../support/kubernetes.ts';
import { until } from '../support/until.ts';

/** Workloads in the lab: the real controllers make Pods and EndpointSlices, and Kubelet runs what the Pods say. */
const WORKLOADS = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: agent, namespace: default}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: default}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      hostNetwork: true
      serviceAccountName: agent
      containers:
      - name: agent
        image: shell:1
        args: [-c, 'echo "$NODE $KUBERNETES_SERVICE_HOST $(cat /run/secrets/kubernetes.io/serviceaccount/namespace)"; sleep 1000']
        env:
        - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello, namespace: default}
spec:
  replicas: 3
  selector: {matchLabels: {app: hello}}
  template:
    metadata: {labels: {app: hello}}
    spec:
      containers:
      - name: hello
        image: hello:1
        args: ["8080=hello from $(NODE)"]
        env:
        - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {port: http}, periodSeconds: 1}
        lifecycle: {preStop: {sleep: {seconds: 1}}}
---
apiVersion: v1
kind: Service
metadata: {name: hello, namespace: default}
spec: {selector: {app: hello}, ports: [{port: 80, targetPort: http}]}
`;

describe.skipIf(!kubernetes.available)(`workloads in the lab${kubernetesSkipNote}`, () => {
  let cluster: TestCluster;
  let kubelet: Kubelet;
  const kubectl = (...words: string[]): Promise<string> => cluster.plane.kubectl(words, undefined, seconds(60));
  beforeAll(async () => {
    cluster = await testCluster('work', { controllers: WORKLOAD_CONTROLLERS });
    kubelet = new Kubelet({ cluster, images: { shell: ['sh'], hello: toolCommand('http-server') } });
    await cluster.plane.apply(WORKLOADS);
    await kubectl('rollout', 'status', 'deployment/hello', '--timeout=50s');
    await kubectl('rollout', 'status', 'daemonset/agent', '--timeout=50s');
  });
  afterAll(async () => {
    await kubelet?.stop();
    await cluster?.stop();
  });

  it('a DaemonSet runs once on every node, on its network, as its ServiceAccount', async () => {
    for (const node of NODES) {
      const [agent, ...others] = kubelet.pods('agent-', node);
      expect(others).toEqual([]);
      await until('it has said so', seconds(5), () => agent!.log() === `${node} 10.96.0.1 default\n`);
    }
    const words = ['get', 'pods', '-l', 'app=agent', '-o', 'jsonpath={.items[*].status.podIP}'];
    expect(new Set((await kubectl(...words)).split(' '))).toEqual(new Set(NODES.map(nodeAddress)));
  });

  it('a Deployment is spread over the nodes, and its Pods are endpoints of its Service', async () => {
    expect(NODES.map((node) => kubelet.pods('hello-', node).length)).toEqual([1, 1, 1]);
    const address = await kubectl('get', 'service', 'hello', '-o', 'jsonpath={.spec.clusterIP}');
    const client = await startHttpClient(cluster.lab, 'node-a');
    await until('kube-proxy serves it', seconds(5), async () =>
      (await client.get(`http://${address}/`, 1000)).text.startsWith('hello from node-'),
    );
  });

  it('a program that ends is started again', async () => {
    const [pod] = kubelet.pods('hello-', 'node-b');
    pod!.signal('SIGKILL');
    const restarts = ['get', 'pod', pod!.name, '-o', 'jsonpath={.status.containerStatuses[0].restartCount}'];
    await until('it was counted', seconds(10), async () => (await kubectl(...restarts)) === '1');
    await kubectl('rollout', 'status', 'deployment/hello', '--timeout=20s');
  });

  it('rollout restart replaces every Pod by another', async () => {
    const before = kubelet.pods('hello-').map(({ name }) => name);
    await kubectl('rollout', 'restart', 'deployment/hello');
    await kubectl('rollout', 'status', 'deployment/hello', '--timeout=50s');
    await until('the old ones are gone', seconds(20), () => kubelet.pods('hello-').length === 3);
    expect(kubelet.pods('hello-').filter(({ name }) => before.includes(name))).toEqual([]);
  });
});
