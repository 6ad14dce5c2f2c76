import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ms, seconds, systemClock } from '../../../src/base/clock.ts';
import type { LogFields, Logger } from '../../../src/base/logger.ts';
import type { ApiState } from '../../../src/cluster/kubernetes/followed.ts';
import { openApiClient } from '../../../src/cluster/kubernetes/http-client.ts';
import { KubernetesCluster } from '../../../src/cluster/kubernetes/kubernetes.ts';
import { Leases } from '../../../src/cluster/kubernetes/leases.ts';
import { CONTROLLER_LEASE } from '../../../src/cluster/lease.ts';
import type { LeaseRecord } from '../../../src/cluster/ports.ts';
import {
  accessTo,
  type Body,
  FakeApiServer,
  type FakeRequest,
  type Fault,
  metadataOf,
  type OpenWatch,
  statusBody,
} from '../../support/fake-api-server.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { until } from '../../support/until.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

/** Following a scripted API server over real sockets, on virtual time: what each bad thing of a server leads to. */
let server: FakeApiServer;
let clock: VirtualClock;
let log: [string, string, LogFields][];
const clusters: KubernetesCluster[] = [];

beforeEach(async () => {
  server = await FakeApiServer.start();
  clock = new VirtualClock();
  log = [];
});
afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.close();
  // Whatever was under way is gone with the process that it belonged to.
  const left = clock.pending().filter((timer) => !timer.startsWith('api request'));
  if (left.length > 0) throw new Error(`still running: ${left.join(', ')}`);
  await server.stop();
});

const logger = (): Logger => {
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}): void =>
      void log.push([level, message, fields]);
  return { debug: () => {}, info: at('info'), warn: at('warn'), error: at('error') };
};
const options = (role: 'controller' | 'speaker' = 'speaker') => ({
  access: server.access,
  namespace: 'clarion-system',
  role,
  instance: 'pod-1',
  version: '1',
  clock,
  random: seededRandom(7),
  logger: logger(),
});

async function follow(role?: 'controller' | 'speaker'): Promise<KubernetesCluster> {
  const cluster = new KubernetesCluster(options(role));
  clusters.push(cluster);
  await cluster.synced();
  await watching();
  return cluster;
}

const service = (name: string, labels: Readonly<Record<string, string>> = {}): Body => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'shop', name, labels, managedFields: [{ manager: 'kubectl' }] },
  spec: { type: 'LoadBalancer', ports: [{ port: 80, protocol: 'TCP' }] },
});
const names = (cluster: KubernetesCluster): string =>
  cluster
    .list('Service')
    .map(({ name }) => name)
    .join(' ');
const soon = (what: string, holds: () => boolean): Promise<void> => until(what, seconds(5), holds);
const watchOf = (resource = 'services'): OpenWatch | undefined =>
  [...server.watches].find(({ request }) => request.resource === resource);
const watching = (): Promise<void> => soon('Services are watched', () => watchOf() !== undefined);
const isWatch = (request: FakeRequest): boolean => request.url.searchParams.get('watch') === 'true';
const ofServices = (state: ApiState) => state.resources.find(({ resource }) => resource === 'services')!;

/** Time goes on, from timer to timer, with room for what the sockets have to say in between. */
async function pass(time: number, stop: () => boolean = () => false): Promise<void> {
  const end = clock.now() + time;
  while (clock.now() < end && !stop()) {
    const due = clock.pending().map((timer) => Number(timer.slice(timer.lastIndexOf('@') + 1)));
    clock.advance(Math.min(end, ...due.filter((at) => at > clock.now())) - clock.now());
    await settle();
  }
}
async function settle(): Promise<void> {
  for (let quiet = 0, seen = -1; quiet < 3; quiet++) {
    await new Promise<void>((resolve) => void systemClock.startTimer('settle', ms(2), resolve));
    const now = server.requests.length + server.watches.size * 1000;
    if (now !== seen) quiet = 0;
    seen = now;
  }
}
/** Within a minute, on the clock of the reflectors. Gives back how long it took there, in ms. */
async function eventually(what: string, holds: () => boolean, limit = 60_000): Promise<number> {
  const began = clock.now();
  await pass(limit, holds);
  await soon(what, holds);
  return clock.now() - began;
}
const isBack = (): boolean => watchOf() !== undefined;

/** The connections of all watches, and everybody knows. */
async function cutAll(): Promise<void> {
  await settle();
  for (const watch of server.watches) watch.cut();
  await soon('all watches are cut', () => server.watches.size === 0);
  await settle();
}

describe('reading', () => {
  test('pages of 500, one version, then the changes', async () => {
    for (let i = 0; i < 1234; i++) server.store.put('services', service(`s${String(i).padStart(4, '0')}`));
    const cluster = await follow();
    expect(cluster.list('Service')).toHaveLength(1234);
    expect(server.count('GET', 'services', 'list')).toBe(3);
    let told = 0;
    cluster.onChange(() => told++);
    server.store.put('services', service('another'));
    server.store.remove('services', 'shop', 's0000');
    await soon('it was told', () => cluster.list('Service')[0]?.name === 'another');
    expect(cluster.list('Service')).toHaveLength(1234);
    expect(told).toBeGreaterThan(0);
    expect(cluster.viewAge()).toBe(0);
  });

  test('the same object and the same list, until something in it changes that is looked at', async () => {
    for (const name of ['a', 'b', 'c']) server.store.put('services', service(name));
    const node = {
      metadata: { name: 'n1' },
      status: { conditions: [{ type: 'Ready', status: 'True', message: 'ok' }] },
    };
    server.store.put('nodes', node);
    const cluster = await follow();
    const [a, , c] = cluster.list('Service');
    const nodes = cluster.list('Node');
    server.store.put('nodes', {
      ...node,
      status: { conditions: [{ ...node.status.conditions[0], lastHeartbeatTime: '2026-01-01T00:00:10Z' }] },
    });
    server.store.put('services', service('b', { tier: 'edge' }));
    await soon('the label is seen', () => JSON.stringify(cluster.list('Service')[1]).includes('edge'));
    expect(cluster.list('Service')[0]).toBe(a);
    expect(cluster.list('Service')[2]).toBe(c);
    await soon('the node was heard', () => (cluster.apiState().resources[2]?.events ?? 0) === 1);
    expect(cluster.list('Node')).toBe(nodes);
  });

  test('Secrets are not listed; of ConfigMaps only those by name', async () => {
    const configMap = (name: string): Body => ({
      metadata: { namespace: 'clarion-system', name },
      data: { 'config.yaml': 'pools: []' },
    });
    for (const name of ['clarion', 'config', 'clarion-effective', 'other'])
      server.store.put('configmaps', configMap(name));
    const controller = await follow('controller');
    expect(controller.list('ConfigMap').map(({ name }) => name)).toEqual(['clarion', 'config']);
    expect(controller.list('ConfigMap')).toBe(controller.list('ConfigMap'));
    const speaker = await follow('speaker');
    expect(speaker.list('ConfigMap')).toEqual([]);
    expect(server.count('GET', 'secrets')).toBe(0);
    expect(
      server.requests.filter(
        ({ resource, url }) => resource === 'configmaps' && !url.searchParams.has('fieldSelector'),
      ),
    ).toEqual([]);
  });

  test('an effective configuration that cannot be read: a speaker keeps the one before, a controller has to write it', async () => {
    const publish = (data: Body): Body =>
      server.store.put('configmaps', { metadata: { namespace: 'clarion-system', name: 'clarion-effective' }, data });
    publish({ 'effective.json': '{"generation":1}' });
    const all = [await follow('speaker'), await follow('controller')];
    expect(all.map((cluster) => cluster.effectiveConfig())).toEqual(['{"generation":1}', '{"generation":1}']);
    publish({ 'effective.jsn': '{"generation":2}' });
    await soon('a controller misses it', () => all[1]?.effectiveConfig() === undefined);
    await soon(
      'a speaker has heard of it',
      () => all[0]?.apiState().resources.some(({ events }) => events > 0) === true,
    );
    expect(all[0]?.effectiveConfig()).toBe('{"generation":1}');
  });
});

describe('a start while the API server is away', () => {
  test('it is waited for, said once, and nothing is told before all is there', async () => {
    server.fault = () => 'reset';
    const cluster = new KubernetesCluster(options());
    clusters.push(cluster);
    let told = 0;
    cluster.onChange(() => told++);
    await soon('it has failed', () => cluster.apiState().trouble !== undefined);
    await pass(20_000);
    expect(cluster.apiState()).toMatchObject({ synced: false });
    expect(log.map(([level, message]) => `${level} ${message}`)).toEqual([
      'warn waiting for the API server; nothing is done before the cluster was read',
    ]);
    server.store.put('services', service('a'));
    server.fault = ({ resource }) => (resource === 'nodes' ? 'reset' : 'pass');
    await eventually('the Services are read', () => names(cluster) === 'a');
    expect([told, cluster.apiState().synced]).toEqual([0, false]);
    server.fault = () => 'pass';
    await eventually('all is well', () => cluster.apiState().trouble === undefined);
    await cluster.synced();
    await soon('it was told', () => told > 0);
    expect(cluster.apiState()).toMatchObject({ synced: true, viewAge: 0 });
    expect(log.at(-1)?.[1]).toBe('the API server is followed again');
  });
});

describe('an API server in trouble takes nothing back, and is asked with patience', () => {
  const refusal = (code: number, headers: Readonly<Record<string, string>> = {}): Fault => ({
    code,
    headers,
    body: statusBody(code, 'Trouble', 'trouble'),
  });
  test.each<[string, (request: FakeRequest) => Fault, number, lists?: boolean]>([
    ['TCP reset', () => 'reset', 14],
    ['HTTP 500', () => refusal(500), 14],
    ['HTTP 500 on watches only', (request) => (isWatch(request) ? refusal(500) : 'pass'), 26],
    ['HTTP 429 with Retry-After', () => refusal(429, { 'retry-after': '20' }), 7],
    ['HTTP 503', () => refusal(503), 14],
    ['HTTP 410 on watches', (request) => (isWatch(request) ? refusal(410) : 'pass'), 26, true],
    ['a web server', () => ({ code: 200, body: '<html>' }), 14],
    ['an object that is no list', () => ({ code: 200, body: { kind: 'Service' } }), 14],
  ])('%s, for two minutes', async (_what, fault, atMost, lists = false) => {
    server.store.put('services', service('a'));
    const cluster = await follow();
    server.fault = fault;
    const before = server.requests.filter(({ resource }) => resource === 'services').length;
    await cutAll();
    await pass(120_000);
    const asked = server.requests.filter(({ resource }) => resource === 'services').length - before;
    expect(asked).toBeGreaterThan(3);
    expect(asked).toBeLessThanOrEqual(atMost);
    expect(names(cluster)).toBe('a');
    // Lists that are read between watches that are refused do tell what there is.
    expect(cluster.viewAge()).toBeGreaterThan(lists ? 0 : 119_000);
    expect(log.map(([, message]) => message)).toEqual([
      'the API server cannot be followed; what was known stays in force',
    ]);
    server.store.put('services', service('b'));
    server.fault = () => 'pass';
    await eventually('what was missed is there', () => names(cluster) === 'a b');
    await eventually('all is well', () => cluster.apiState().trouble === undefined);
    expect(cluster.viewAge()).toBe(0);
    expect(log.map(([, message]) => message).slice(1)).toEqual(['the API server is followed again']);
  });

  test('Retry-After of a watch is waited for', async () => {
    const cluster = await follow();
    server.fault = (request) => (request.resource === 'services' ? refusal(429, { 'retry-after': '7' }) : 'pass');
    await cutAll();
    await eventually('it was refused', () => ofServices(cluster.apiState()).errors === 2);
    await settle();
    const asked = server.count('GET', 'services');
    await pass(6800);
    expect(server.count('GET', 'services')).toBe(asked);
    await pass(4000);
    expect(server.count('GET', 'services')).toBe(asked + 1);
  });

  test('a watch that ends cleanly at once, always: no loop', async () => {
    await follow();
    const before = server.count('GET', 'services');
    const end = setInterval(() => watchOf()?.end(), 1);
    await pass(120_000);
    clearInterval(end);
    expect(server.count('GET', 'services') - before).toBeLessThan(20);
  });

  test('a watch that ends after minutes goes on where it was, without a list and without a word in the log', async () => {
    const cluster = await follow();
    server.store.put('services', service('a'));
    await soon('a is there', () => names(cluster) === 'a');
    await pass(300_000);
    const lists = server.count('GET', 'services', 'list');
    watchOf()!.end();
    await soon('it was watched again', () => ofServices(cluster.apiState()).watches === 2);
    await watching();
    expect(server.count('GET', 'services', 'list')).toBe(lists);
    expect(watchOf()!.request.url.searchParams.get('resourceVersion')).toBe(String(server.store.version));
    expect(log).toEqual([]);
  });
});

describe('410, what happened is forgotten', () => {
  async function forgotten(): Promise<KubernetesCluster> {
    server.store.put('services', service('a'));
    server.store.put('services', service('b'));
    const cluster = await follow();
    return cluster;
  }

  test('in the stream, which stays open after it', async () => {
    const cluster = await forgotten();
    watchOf()!.send('ERROR', statusBody(410, 'Expired', 'too old resource version'));
    await soon('the watch was given up', () => watchOf() === undefined);
    expect(await eventually('it is watched again', isBack)).toBeLessThanOrEqual(2000);
    expect(ofServices(cluster.apiState())).toMatchObject({ lists: 2, watches: 2 });
  });

  test('after a time without connection: the list is compared with what was known', async () => {
    const cluster = await forgotten();
    const [a, b] = cluster.list('Service');
    const up = server.fault;
    server.fault = () => 'reset';
    await cutAll();
    server.store.remove('services', 'shop', 'a');
    server.store.put('services', service('c'));
    server.store.compact();
    server.fault = up;
    await eventually('a is gone and c is there', () => names(cluster) === 'b c');
    expect(cluster.list('Service')[0]).toBe(b);
    expect(a).toBeDefined();
    expect(ofServices(cluster.apiState()).lists).toBe(2);
  });

  test('on the second page: the list begins anew', async () => {
    for (let i = 0; i < 700; i++) server.store.put('services', service(`s${i}`));
    let expired = 0;
    server.fault = ({ url, resource }) =>
      resource === 'services' && url.searchParams.has('continue') && expired++ === 0
        ? { code: 410, body: statusBody(410, 'Expired', 'too old', { metadata: { continue: 'rest' } }) }
        : 'pass';
    const cluster = new KubernetesCluster(options());
    clusters.push(cluster);
    await soon('it has failed', () => ofServices(cluster.apiState()).errors === 1);
    await eventually('everything is read', () => cluster.apiState().synced);
    expect(cluster.list('Service')).toHaveLength(700);
    const tokens = server.requests
      .filter((request) => request.resource === 'services' && !isWatch(request))
      .map(({ url }) => url.searchParams.has('continue'));
    expect(tokens).toEqual([false, true, false, true]);
  });

  test('a restored backup: said, and then what the server has is what there is', async () => {
    const cluster = await forgotten();
    await cutAll();
    server.store.version = 50;
    server.store.remove('services', 'shop', 'a');
    server.store.compact();
    await eventually('a is gone', () => names(cluster) === 'b');
    expect(log.filter(([level]) => level === 'warn').map(([, message]) => message)).toContain(
      'the API server is at an older version than it was; was a backup restored? all is read anew',
    );
  });
});

describe('a connection that is dead and looks alive', () => {
  test('without bookmarks it is given up above the longest watch', async () => {
    const cluster = await follow();
    await pass(509_000);
    expect(ofServices(cluster.apiState())).toMatchObject({ watches: 1, current: true });
    await pass(3000, () => !ofServices(cluster.apiState()).current);
    expect(ofServices(cluster.apiState()).trouble).toMatch(/not a word within 510 s/);
    expect(cluster.viewAge()).toBeGreaterThan(509_000);
    await eventually('it is watched again', () => ofServices(cluster.apiState()).current);
    expect(ofServices(cluster.apiState()).watches).toBe(2);
  }, 20_000);

  test('where bookmarks came, two that are missing tell it', async () => {
    const cluster = await follow();
    for (let i = 0; i < 5; i++) {
      server.bookmark();
      await settle();
      await pass(60_000);
    }
    expect(ofServices(cluster.apiState())).toMatchObject({ watches: 1, errors: 0 });
    await pass(91_000, () => ofServices(cluster.apiState()).errors > 0);
    expect(ofServices(cluster.apiState()).trouble).toMatch(/no bookmark within 150 s/);
  }, 20_000);

  test('a server that takes the connection and never answers is given up after 30 s', async () => {
    const cluster = await follow();
    server.fault = () => 'hang';
    await cutAll();
    await soon('it was noticed', () => ofServices(cluster.apiState()).errors === 1);
    await pass(40_000, () => ofServices(cluster.apiState()).errors > 1);
    expect(ofServices(cluster.apiState()).trouble).toMatch(/no answer within 30 s/);
  });
});

describe('what is no event of a watch', () => {
  test.each([
    ['no JSON', '{"type":\n'],
    ['no event', '{"kind":"Service"}\n'],
    ['an unknown type', '{"type":"RENAMED","object":{"metadata":{"resourceVersion":"5"}}}\n'],
    ['no version', '{"type":"MODIFIED","object":{"metadata":{"name":"a"}}}\n'],
    ['an object that is a list', '{"type":"MODIFIED","object":[]}\n'],
  ])('%s: the watch begins anew', async (_what, text) => {
    server.store.put('services', service('a'));
    const cluster = await follow();
    watchOf()!.raw(text);
    await soon('it was given up', () => ofServices(cluster.apiState()).errors === 1);
    expect(ofServices(cluster.apiState()).trouble).toMatch(/says what is no event/);
    await eventually('it is watched again', () => ofServices(cluster.apiState()).current);
    expect(names(cluster)).toBe('a');
  });

  test('an object without a name is passed over', async () => {
    server.store.put('services', service('a'));
    const cluster = await follow();
    watchOf()!.raw('{"type":"ADDED","object":{"metadata":{"resourceVersion":"999"}}}\n\n');
    await soon('it was heard', () => ofServices(cluster.apiState()).events === 1);
    expect([names(cluster), ofServices(cluster.apiState()).errors]).toEqual(['a', 0]);
  });
});

describe('caught up', () => {
  test('what another one wrote before is shown when it resolves, however slow our watch is', async () => {
    server.store.put('services', service('a'));
    const cluster = await follow('controller');
    // The watch says nothing any more, and nobody can tell.
    server.store.follow = () => () => {};
    for (const watch of server.watches) watch.send = () => {};
    server.store.put('services', service('b'));
    expect(names(cluster)).toBe('a');
    await cluster.caughtUp();
    expect(names(cluster)).toBe('a b');
  });

  const record = (holder: string): LeaseRecord => ({
    holder,
    durationSeconds: 15,
    acquired: '2026-01-01T00:00:00.000000Z',
    renewed: '2026-01-01T00:00:00.000000Z',
    transitions: 0,
  });
  const lists = (): number => server.count('GET', 'services', 'list');
  /** Before this controller begins to read, `holder` has the Lease (undefined: there is none). */
  const leaseOf = async (holder: string | undefined): Promise<void> => {
    const client = openApiClient({ access: server.access, clock: systemClock, userAgent: 'test' });
    if (holder !== undefined)
      await new Leases(client, 'clarion-system').write(CONTROLLER_LEASE, record(holder), undefined);
    client.close();
  };
  const take = async (cluster: KubernetesCluster): Promise<void> => {
    const found = await cluster.read(CONTROLLER_LEASE);
    expect(await cluster.write(CONTROLLER_LEASE, record('me'), found?.version)).toBe('written');
    await cluster.caughtUp();
  };

  test.each([
    ['given back', ''],
    ['not there', undefined],
  ])(
    'nothing is listed again where the Lease was %s before the first list and nobody had it since',
    async (_what, holder) => {
      await leaseOf(holder);
      const cluster = await follow('controller');
      await take(cluster);
      expect(lists()).toBe(1);
      // One that lost it and has it again does not know who had it in between.
      await take(cluster);
      expect(lists()).toBe(2);
    },
  );

  test('all is listed again where somebody had the Lease at the first list, or has had it since', async () => {
    await leaseOf('other');
    const first = await follow('controller');
    const held = await first.read(CONTROLLER_LEASE);
    await first.write(CONTROLLER_LEASE, record(''), held?.version);
    const second = await follow('controller');
    const free = await first.read(CONTROLLER_LEASE);
    await first.write(CONTROLLER_LEASE, record('first'), free?.version);
    const before = lists();
    await first.caughtUp();
    expect(lists()).toBe(before + 1);
    await take(second);
    expect(lists()).toBe(before + 2);
  });

  test('all is listed again where the Lease could not be read in time', async () => {
    server.fault = (request) => (request.resource === 'leases' ? 'hang' : 'pass');
    const cluster = new KubernetesCluster(options('controller'));
    clusters.push(cluster);
    await pass(500);
    server.fault = () => 'pass';
    await eventually('it is there all the same', () => watchOf() !== undefined);
    await take(cluster);
    expect(lists()).toBe(2);
  });

  test('not while the API server is away', async () => {
    const cluster = await follow('controller');
    server.fault = () => 'reset';
    await cutAll();
    let caughtUp = false;
    void cluster.caughtUp().then(() => {
      caughtUp = true;
    });
    await pass(30_000);
    expect(caughtUp).toBe(false);
    server.store.put('services', service('a'));
    server.fault = () => 'pass';
    await eventually('it has caught up', () => caughtUp);
    expect(names(cluster)).toBe('a');
  });
});

test('another API server at the same address, at another point of the same store', async () => {
  server.store.put('services', service('a'));
  const cluster = await follow();
  const { port, store } = server;
  await server.stop();
  await pass(5000);
  expect(names(cluster)).toBe('a');
  server = await FakeApiServer.start(port);
  for (const one of store.list('services')) server.store.put('services', { ...one, metadata: { ...metadataOf(one) } });
  server.store.version = store.version + 10;
  server.store.put('services', service('b'));
  server.store.compact();
  await eventually('b is there', () => names(cluster) === 'a b');
});

test('many speakers: the lists after 410 are not in one moment', async () => {
  const speakers: KubernetesCluster[] = [];
  for (let i = 0; i < 20; i++) {
    const cluster = new KubernetesCluster({ ...options(), access: accessTo(server.url), random: seededRandom(i) });
    speakers.push(cluster);
    clusters.push(cluster);
  }
  await Promise.all(speakers.map((speaker) => speaker.synced()));
  await soon('all watch', () => server.count('GET', 'services', 'watch') === 20);
  for (const watch of [...server.watches].filter(({ request }) => request.resource === 'services'))
    watch.send('ERROR', statusBody(410, 'Expired', 'too old'));
  const lists = (): number => server.count('GET', 'services', 'list') - 20;
  const seen: number[] = [];
  await soon('all have heard', () => speakers.every((speaker) => ofServices(speaker.apiState()).errors === 1));
  for (let tenth = 0; tenth < 22; tenth++) {
    await pass(ms(100));
    seen.push(lists());
  }
  await soon('all have listed', () => lists() === 20);
  const most = Math.max(...seen.map((count, i) => count - (seen[i - 1] ?? 0)));
  expect(most).toBeLessThanOrEqual(6);
});
