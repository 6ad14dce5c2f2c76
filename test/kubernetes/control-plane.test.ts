import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  inPod,
  mintToken,
  requestToken,
  rotateToken,
  serviceAccountFolder,
} from '../../src/lab/kubernetes/service-account.ts';
import {
  kubernetes,
  kubernetesSkipNote,
  readerObjects,
  type TestControlPlane,
  testControlPlane,
} from '../support/kubernetes.ts';

const SPEAKER = { namespace: 'clarion-system', name: 'speaker' };
const OBJECTS = readerObjects('speaker', 'life', '{apiGroups: [""], resources: [services], verbs: [list]}');

describe.skipIf(!kubernetes.available)(`the lab's control plane${kubernetesSkipNote}`, () => {
  let cluster: TestControlPlane;
  let token: string;
  beforeAll(async () => {
    cluster = await testControlPlane('plane');
    await cluster.plane.apply(OBJECTS);
    token = await requestToken(cluster.plane, SPEAKER);
  });
  afterAll(() => cluster?.stop());

  /** The code of an answer to a GET, or what became of it. */
  const ask = (
    path: string,
    bearer: string,
    { url } = cluster.plane.apiServer,
    limit = 2000,
  ): Promise<number | string> =>
    new Promise((resolve) => {
      const ca = readFileSync(cluster.plane.caFile);
      const headers = { authorization: `Bearer ${bearer}` };
      const signal = AbortSignal.timeout(limit);
      request(`${url}${path}`, { ca, headers, signal, agent: false }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      })
        .once('error', (error) => resolve(signal.aborted ? 'no answer' : ((error as NodeJS.ErrnoException).code ?? '')))
        .end();
    });

  it('the API server is of the version that the environment asks for', async () => {
    const { gitVersion } = JSON.parse(await cluster.plane.kubectl(['get', '--raw', '/version'])) as {
      readonly gitVersion: string;
    };
    expect(gitVersion).toMatch(`v${process.env['CLARION_KUBERNETES'] ?? '1'}.`);
  });

  it('RBAC is in force: a ServiceAccount may what its role says, and nothing else', async () => {
    expect(await ask('/api/v1/services', token)).toBe(200);
    expect(await ask('/api/v1/nodes', token)).toBe(403);
    expect(await ask('/api/v1/services', 'nonsense')).toBe(401);
  });

  it('a token ends with the object that it is bound to, or by its time', async () => {
    const bound = await requestToken(cluster.plane, SPEAKER, { kind: 'Secret', name: 'life' });
    // Not used before: the server would remember a good verdict for 10 s.
    await cluster.plane.kubectl(['delete', 'secret', 'life', '--namespace', 'clarion-system']);
    expect(await ask('/api/v1/services', bound)).toBe(401);
    expect(await ask('/api/v1/services', await mintToken(cluster.plane, SPEAKER, -55))).toBe(200);
    expect(await ask('/api/v1/services', await mintToken(cluster.plane, SPEAKER, -70))).toBe(401);
  });

  it('a process finds the files of its ServiceAccount where a Pod does, and alone does so', async () => {
    const { plane } = cluster;
    const folder = await serviceAccountFolder(plane, SPEAKER, 'first');
    rotateToken(folder, 'second');
    const look = `cat /var/run/secrets/kubernetes.io/serviceaccount/token; echo " $KUBERNETES_SERVICE_HOST $(cat /proc/sys/kernel/hostname)"`;
    const command = inPod({ folder, hostname: 'speaker-1' }, { address: '127.0.0.1', port: plane.apiServer.port }, [
      'sh',
      '-c',
      look,
    ]);
    expect(await plane.lab.run(undefined, command)).toBe('second 127.0.0.1 speaker-1\n');
    expect(await plane.lab.run(undefined, ['sh', '-c', 'ls /run/secrets/kubernetes.io/serviceaccount'])).toBe('');
  });

  it('frozen it takes connections and says nothing; a second server on the same etcd answers', async () => {
    const second = await cluster.plane.addApiServer(['--watch-cache=false']);
    cluster.plane.apiServer.freeze();
    expect(await ask('/api/v1/services', token, undefined, 500)).toBe('no answer');
    expect(await ask('/api/v1/services', token, second)).toBe(200);
    cluster.plane.apiServer.thaw();
    expect(await ask('/api/v1/services', token)).toBe(200);
    await second.kill();
  });

  it('killed it refuses connections; started again it has its data and the old tokens', async () => {
    await cluster.plane.apiServer.kill();
    expect(await ask('/api/v1/services', token)).toBe('ECONNREFUSED');
    await cluster.plane.apiServer.start();
    expect(await ask('/api/v1/services', token)).toBe(200);
    expect(await cluster.plane.kubectl(['get', 'serviceaccount', '-n', 'clarion-system', '-o', 'name'])).toBe(
      'serviceaccount/speaker\n',
    );
  });
});
