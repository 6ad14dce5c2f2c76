import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { annotate } from '../../../src/cluster/kubernetes/annotations.ts';
import { openApiClient } from '../../../src/cluster/kubernetes/http-client.ts';
import { FakeApiServer, metadataOf, statusBody } from '../../support/fake-api-server.ts';

let fake: FakeApiServer;
beforeEach(async () => {
  fake = await FakeApiServer.start();
});
afterEach(() => fake.stop());
const set = (kind: 'Node' | 'Service', namespace: string, name: string, value: string | undefined) =>
  annotate(openApiClient({ access: fake.access, clock: systemClock, userAgent: 'test' }), kind, namespace, name, {
    'clarion.dev/drain': value,
  });

it('sets annotations and takes them away, and touches nothing else', async () => {
  fake.store.put('nodes', {
    metadata: { name: 'node-a', annotations: { team: 'x' } },
    spec: { podCIDR: '10.0.0.0/24' },
  });
  expect(await set('Node', '', 'node-a', 'true')).toEqual({ kind: 'done' });
  const drained = fake.store.get('nodes', undefined, 'node-a')!;
  expect(metadataOf(drained)['annotations']).toEqual({ team: 'x', 'clarion.dev/drain': 'true' });
  expect(drained['spec']).toEqual({ podCIDR: '10.0.0.0/24' });
  expect(await set('Node', '', 'node-a', undefined)).toEqual({ kind: 'done' });
  expect(metadataOf(fake.store.get('nodes', undefined, 'node-a')!)['annotations']).toEqual({ team: 'x' });
});

it('changes nothing where all is as it should be', async () => {
  fake.store.put('services', { metadata: { namespace: 'shop', name: 'web' } });
  await set('Service', 'shop', 'web', 'x');
  const { version } = fake.store;
  expect(await set('Service', 'shop', 'web', 'x')).toEqual({ kind: 'done' });
  expect(fake.store.version).toBe(version);
});

it('says what is not there, and which right is missing', async () => {
  expect(await set('Node', '', 'node-z', 'true')).toEqual({
    kind: 'refused',
    message: 'there is no Node node-z in this cluster; kubectl get nodes shows them',
  });
  expect(await set('Service', 'shop', 'nobody', 'x')).toMatchObject({ kind: 'refused' });
  fake.fault = () => ({
    code: 403,
    body: statusBody(403, 'Forbidden', 'User "alice" cannot patch resource "services"'),
  });
  expect(await set('Service', 'shop', 'web', 'x')).toMatchObject({
    kind: 'refused',
    message: expect.stringMatching(
      /^you may not annotate Service shop\/web: .*kubectl auth can-i patch services -n shop/,
    ),
  });
  fake.fault = () => 'reset';
  expect(await set('Node', '', 'node-a', 'x')).toMatchObject({ kind: 'retry' });
});
