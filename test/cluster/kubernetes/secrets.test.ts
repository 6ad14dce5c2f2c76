import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seconds, systemClock } from '../../../src/base/clock.ts';
import { openApiClient } from '../../../src/cluster/kubernetes/http-client.ts';
import { membershipSecret } from '../../../src/cluster/kubernetes/membership-secret.ts';
import { Secrets } from '../../../src/cluster/kubernetes/secrets.ts';
import { secretValue } from '../../../src/inventory/secret.ts';
import { FakeApiServer, metadataOf, statusBody } from '../../support/fake-api-server.ts';
import { until } from '../../support/until.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const NS = 'clarion-system';
const base64 = (text: string): string => Buffer.from(text).toString('base64');
let fake: FakeApiServer;
let clock: VirtualClock;
let told: number;
let secrets: Secrets;
beforeEach(async () => {
  fake = await FakeApiServer.start();
  clock = new VirtualClock();
  told = 0;
  const client = openApiClient({ access: fake.access, clock: systemClock, userAgent: 'test' });
  secrets = new Secrets({ client, clock, namespace: NS, changed: () => void told++ });
});
afterEach(async () => {
  secrets.close();
  if (clock.pending().length > 0) throw new Error(`still runs: ${clock.pending().join(', ')}`);
  await fake.stop();
});

const put = (name: string, password: string, namespace = NS) =>
  fake.store.put('secrets', { metadata: { namespace, name }, data: { password: base64(password) } });
const want = (...names: readonly string[]): void => secrets.want(names.map((name) => ({ namespace: undefined, name })));
const password = (name: string) => secretValue(secrets.list(), { namespace: undefined, name }, 'password');
const read = (count: number): Promise<void> =>
  until(`${count} reads`, seconds(5), () => fake.count('GET', 'secrets') >= count && clock.pending().length > 0);

describe('Secrets', () => {
  it('are read by name at once, told once, and nothing else is asked for', async () => {
    put('router', 'one');
    put('other', 'two');
    want('router', 'router');
    await until('told', seconds(5), () => told === 1);
    expect(password('router')).toEqual({ ok: true, value: 'one' });
    expect(fake.requests.map(({ url }) => url.pathname)).toEqual([`/api/v1/namespaces/${NS}/secrets/router`]);
    const list = secrets.list();
    want('router');
    expect(secrets.list()).toBe(list);
    expect(fake.count('GET', 'secrets')).toBe(1);
  });

  it('are looked at every minute; the same object while nothing changed', async () => {
    put('router', 'one');
    want('router');
    await until('told', seconds(5), () => told === 1);
    const [before] = secrets.list();
    clock.advance(60_000);
    await read(2);
    expect(secrets.list()[0]).toBe(before);
    put('router', 'two');
    clock.advance(60_000);
    await until('told', seconds(5), () => told === 2);
    expect(password('router')).toEqual({ ok: true, value: 'two' });
  });

  it('that are wanted no more are forgotten', async () => {
    put('router', 'one');
    want('router');
    await until('told', seconds(5), () => told === 1);
    want();
    expect(secrets.list()).toEqual([]);
    expect(clock.pending()).toEqual([]);
  });

  it.each([
    [404, 'NotFound', 'secrets "router" not found', /^Secret clarion-system\/router is not there/],
    [
      403,
      'Forbidden',
      'User "x" cannot get resource "secrets"',
      /may not be read: a right is missing: the Role in namespace clarion-system needs .*"secrets".*"get"/,
    ],
    [500, 'InternalError', 'etcd', /cannot be read: HTTP 500: etcd/],
  ] as const)(
    'that cannot be read (%i) are a problem, and what was read stays in use',
    async (code, reason, message, words) => {
      put('router', 'one');
      want('router');
      await until('told', seconds(5), () => told === 1);
      fake.fault = () => ({ code, body: statusBody(code, reason, message) });
      clock.advance(60_000);
      await until('told', seconds(5), () => told === 2);
      expect(secrets.problems()).toMatchObject([{ severity: 'warning', object: 'Secret clarion-system/router' }]);
      expect(secrets.problems()[0]?.message).toMatch(words);
      expect(secrets.problems()[0]?.message).toContain('What was read before stays in use.');
      expect(password('router')).toEqual({ ok: true, value: 'one' });
      clock.advance(60_000);
      await read(3);
      expect(told).toBe(2);
      fake.fault = () => 'pass';
      clock.advance(60_000);
      await until('told', seconds(5), () => told === 3);
      expect(secrets.problems()).toEqual([]);
    },
  );

  it('that are not there yet are found within a minute', async () => {
    want('router');
    await until('told', seconds(5), () => told === 1);
    expect(secrets.list()).toEqual([]);
    put('router', 'late');
    clock.advance(60_000);
    await until('told', seconds(5), () => told === 2);
    expect(password('router')).toEqual({ ok: true, value: 'late' });
    expect(secrets.problems()).toEqual([]);
  });

  it('while the server is away are asked for every few seconds', async () => {
    put('router', 'one');
    fake.fault = () => 'reset';
    want('router');
    await until('told', seconds(5), () => told === 1);
    fake.fault = () => 'pass';
    clock.advance(5000);
    await until('told', seconds(5), () => told === 2);
    expect(password('router')).toEqual({ ok: true, value: 'one' });
  });

  it('of another namespace: the words say where to put them', async () => {
    secrets.want([{ namespace: 'metallb-system', name: 'router' }]);
    await until('told', seconds(5), () => told === 1);
    expect(secrets.problems()[0]?.message).toContain(
      'Clarion reads Secrets of its own namespace, clarion-system: put it there',
    );
  });
});

describe("the membership key's Secret", () => {
  const source = () =>
    membershipSecret(openApiClient({ access: fake.access, clock: systemClock, userAgent: 'test' }), NS);

  it('is made by the first, and every other one uses that', async () => {
    const [a, b] = [source(), source()];
    expect(await a.read()).toBeUndefined();
    expect(await Promise.all([a.create('one\n'), b.create('two\n')])).toSatisfy(
      ([first, second]: readonly string[]) => first === second,
    );
    expect(await b.read()).toBe(await a.read());
    const stored = fake.store.get('secrets', NS, 'clarion-membership')!;
    expect(metadataOf(stored)['labels']).toEqual({ 'app.kubernetes.io/name': 'clarion' });
    expect(stored['type']).toBe('Opaque');
  });

  it('without the key in it, or without the right, says what to do', async () => {
    fake.store.put('secrets', { metadata: { namespace: NS, name: 'clarion-membership' }, data: {} });
    await expect(source().read()).rejects.toThrow('has no key "membership-key"; delete the Secret');
    fake.fault = ({ method }) => ({
      code: 403,
      body: statusBody(403, 'Forbidden', `User "x" cannot ${method === 'GET' ? 'get' : 'create'} resource "secrets"`),
    });
    await expect(source().read()).rejects.toThrow('cannot be read: a right is missing');
    await expect(source().create('x')).rejects.toThrow('verbs: ["create"]');
  });
});
