import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seconds } from '../../src/base/clock.ts';
import { requestToken } from '../../src/lab/kubernetes/service-account.ts';
import { ended } from '../../src/lab/lab.ts';
import type { ClusterStatus } from '../../src/status/cluster-status.ts';
import type { Explanation } from '../../src/status/explain.ts';
import { PROGRAM } from '../e2e/scene.ts';
import { kubernetes, kubernetesSkipNote } from '../support/kubernetes.ts';
import { until } from '../support/until.ts';
import { type Installed, installed } from './installed.ts';

/** What an operator types, through the API server of a cluster where Clarion is installed. */
const POOLS = 'pools: [{name: public, addresses: [192.0.2.200-192.0.2.219]}]\n';

interface Ran {
  readonly exit: number | string;
  readonly text: string;
}

describe.skipIf(!kubernetes.available)(`commands of an operator in a cluster${kubernetesSkipNote}`, () => {
  let place: Installed;
  beforeAll(async () => {
    place = await installed('operators', POOLS);
    const labels = { 'kubernetes.io/service-name': 'web' };
    await place.apply(
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web', namespace: 'default' },
        spec: { type: 'LoadBalancer', ports: [{ port: 80, targetPort: 8080 }] },
      },
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'web-1', namespace: 'default', labels },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['10.244.99.1'], conditions: { ready: true } }],
        ports: [{ port: 8080 }],
      },
    );
    await place.kubectl('wait', '--for=condition=clarion.dev/Announced', 'service/web', '--timeout=30s');
  }, 120_000);
  afterAll(() => place?.stop());

  async function clarion(...words: readonly string[]): Promise<Ran> {
    return clarionAs(place.cluster.plane.apiServer.kubeconfig, ...words);
  }
  async function clarionAs(kubeconfig: string, ...words: readonly string[]): Promise<Ran> {
    const command = [process.execPath, PROGRAM, ...words, '--kubeconfig', kubeconfig];
    const child = place.cluster.lab.spawn(place.cluster.plane.host, command, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
    return { exit: await ended(child), text };
  }
  const json = async <T>(...words: readonly string[]): Promise<T> =>
    JSON.parse((await clarion(...words, '-o', 'json')).text) as T;
  const holder = async (): Promise<string> => (await json<ClusterStatus>('status')).addresses[0]?.holder ?? 'nobody';

  it('status: every node, the controllers, the address', async () => {
    await until('every speaker has something to say of its members', seconds(20), async () => {
      const { members } = await json<ClusterStatus>('status');
      return new Set(members.map(({ node }) => node)).size === 3;
    });
    const { exit, text } = await clarion('status');
    expect(exit).toBe(0);
    expect(text).toMatch(/192\.0\.2\.200 +\S+ +\d+ +\S+ \S+ +announced/);
    expect(text).toMatch(/Controller: active on \S+, configuration generation \d+; standby on/);
  });

  it('explain: the holder, every node, conditions and events, in words and as JSON', async () => {
    const found = await json<Explanation>('explain', 'default/web');
    expect(found).toMatchObject({
      outcome: 'announced',
      pool: 'public',
      addresses: [{ address: '192.0.2.200', layer2: { state: 'announced', advertisements: ['default'] } }],
      next: [],
      silent: [],
    });
    expect(found.addresses[0]!.nodes).toHaveLength(3);
    expect(found.conditions.map(({ type }) => type).toSorted()).toEqual([
      'clarion.dev/Allocated',
      'clarion.dev/Announced',
    ]);
    expect(found.events.map(({ reason }) => reason)).toContain('AddressAssigned');
    const { exit, text } = await clarion('explain', 'default/web');
    expect([exit, text]).toEqual([0, expect.stringContaining('Nothing to do.')]);
    expect(await clarion('explain', 'default/none')).toMatchObject({ exit: 1 });
  });

  it('move, drain and undrain are annotations, and wait until it is so', async () => {
    const from = await holder();
    const { nodes } = await json<ClusterStatus>('status');
    const to = nodes.map(({ node }) => node).find((node) => node !== from)!;
    expect(await clarion('move', '192.0.2.200', '--to', to)).toMatchObject({ exit: 0 });
    expect(await holder()).toBe(to);
    expect(await clarion('drain', to)).toMatchObject({ exit: 0 });
    expect(await holder()).not.toBe(to);
    const node = await place.get<{ metadata: { annotations: Record<string, string> } }>('node', to);
    expect(node.metadata.annotations['clarion.dev/drain']).toBe('true');
    expect(await clarion('undrain', to)).toMatchObject({ exit: 0 });
    expect(await clarion('drain', 'nobody')).toMatchObject({ exit: 1 });
  });

  it('plan: what an edited configuration would change; nothing, for the same', async () => {
    const file = join(place.cluster.plane.folder, 'edited.yaml');
    writeFileSync(file, POOLS);
    expect(await json('plan', '--config', file)).toMatchObject({ services: [], pools: [], unchanged: 1 });
    writeFileSync(file, `${POOLS}l2Advertisements: [{nodeSelectors: [{matchLabels: {rack: x}}]}]\n`);
    const { text } = await clarion('plan', '--config', file);
    expect(text).toContain('1 would be announced by nobody any more');
  });

  it('validate --cluster: the ConfigMap that is there, and an edited one', async () => {
    expect(await clarion('validate', '--cluster')).toEqual({ exit: 0, text: 'No problems in 1 file.\n' });
    const file = join(place.cluster.plane.folder, 'other.yaml');
    writeFileSync(
      file,
      'pools: [{name: other, addresses: [198.51.100.0/24]}]\nl2Advertisements: [{name: edge, interfaces: [nope0]}]\npeers: [{name: tor, myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.1, passwordSecret: {name: nope}}]\n',
    );
    const { text } = await clarion('validate', file, '--cluster');
    for (const word of ['pool-in-use', 'unknown-interface', 'secret-missing', '3 warnings'])
      expect(text).toContain(word);
  });

  it('what is missing is said: the right, the namespace, the server', async () => {
    const token = await requestToken(place.cluster.plane, { namespace: 'clarion-system', name: 'clarion-speaker' });
    const weak = place.cluster.plane.kubeconfigFor('weak', token);
    const refused = await clarionAs(weak, 'status');
    expect(refused).toMatchObject({
      exit: 3,
      text: expect.stringMatching(
        /the right to list pods in namespace clarion-system is missing \(kubectl auth can-i list pods -n clarion-system\)/,
      ) as string,
    });
    expect(await clarion('status', '--namespace', 'default')).toMatchObject({
      exit: 3,
      text: expect.stringContaining('there is no Pod of Clarion') as string,
    });
    expect(await clarion('status', '--context', 'nope')).toMatchObject({
      exit: 3,
      text: expect.stringContaining('there is no context "nope"') as string,
    });
  });
});
