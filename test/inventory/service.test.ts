import { describe, expect, test } from 'vitest';
import { formatIpAddress } from '../../src/base/ip-address.ts';
import { formatMoveRequest } from '../../src/inventory/move-request.ts';
import { readService } from '../../src/inventory/service.ts';
import { object } from './manifest.ts';

type Fields = Readonly<Record<string, unknown>>;
const read = (spec: Fields, annotations: Fields = {}, more: Fields = {}) =>
  readService(
    object('Service', 'web', { metadata: { annotations }, spec: { type: 'LoadBalancer', ...spec }, ...more }),
  );
const wanted = (spec: Fields, annotations: Fields = {}) =>
  read(spec, annotations).service.wantedAddresses.map(formatIpAddress);

test('a whole Service', () => {
  const { service, problems } = readService(
    object('Service', 'web', {
      metadata: {
        labels: { tier: 'edge' },
        creationTimestamp: '2026-01-31T12:00:00Z',
        annotations: { 'metallb.io/allow-shared-ip': 'k', 'clarion.dev/ip-allocated-from-pool': 'public' },
      },
      spec: {
        type: 'LoadBalancer',
        loadBalancerClass: 'clarion.dev/x',
        clusterIP: '10.96.0.10',
        clusterIPs: ['10.96.0.10', 'fd00::10'],
        ipFamilies: ['IPv4', 'IPv6'],
        ipFamilyPolicy: 'PreferDualStack',
        externalTrafficPolicy: 'Local',
        healthCheckNodePort: 30_000,
        selector: { b: '2', a: '1' },
        ports: [{ port: 80 }, { port: 53, protocol: 'UDP' }],
      },
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }, { hostname: 'x' }, { ip: '192.0.2.1' }] } },
    }),
  );
  expect(problems).toEqual([]);
  expect(service).toEqual({
    key: 'shop/web',
    namespace: 'shop',
    name: 'web',
    labels: { tier: 'edge' },
    createdAt: Date.UTC(2026, 0, 31, 12),
    loadBalancer: true,
    loadBalancerClass: 'clarion.dev/x',
    headless: false,
    families: ['ipv4', 'ipv6'],
    ipFamilyPolicy: 'PreferDualStack',
    ports: [
      { protocol: 'TCP', port: 80 },
      { protocol: 'UDP', port: 53 },
    ],
    externalTrafficPolicy: 'Local',
    backendKey: 'a=1,b=2',
    wantedAddresses: [],
    wantedPool: undefined,
    sharingKey: 'k',
    invalid: undefined,
    assigned: [{ family: 'ipv4', value: 0xc0000201n }],
    assignedPool: 'public',
    healthCheckNodePort: 30_000,
    moveTo: undefined,
  });
});

describe('annotations', () => {
  const names = ['clarion.dev/', 'metallb.io/', 'metallb.universe.tf/'];

  test.each(['address-pool', 'allow-shared-ip', 'ip-allocated-from-pool'])(
    '%s: ours wins over MetalLB, that over its old name',
    (name) => {
      for (let from = 0; from < names.length; from++) {
        const annotations = Object.fromEntries(names.slice(from).map((prefix) => [`${prefix}${name}`, prefix]));
        const { wantedPool, sharingKey, assignedPool } = read({}, annotations).service;
        expect([wantedPool, sharingKey, assignedPool].filter((value) => value !== undefined)).toEqual([names[from]]);
      }
    },
  );

  test('loadBalancerIPs: a list, blanks allowed, in both families', () => {
    expect(wanted({}, { 'metallb.io/loadBalancerIPs': '192.0.2.1, 2001:db8::1' })).toEqual([
      '192.0.2.1',
      '2001:db8::1',
    ]);
    expect(
      wanted({}, { 'clarion.dev/loadBalancerIPs': '192.0.2.2', 'metallb.universe.tf/loadBalancerIPs': '192.0.2.1' }),
    ).toEqual(['192.0.2.2']);
  });

  test('an empty one of ours hides that of MetalLB: not wanted', () => {
    expect(
      read({}, { 'clarion.dev/allow-shared-ip': '', 'metallb.io/allow-shared-ip': 'k' }).service.sharingKey,
    ).toBeUndefined();
  });

  test('spec.loadBalancerIP is another way to say it; both and different is refused', () => {
    const annotation = { 'metallb.io/loadBalancerIPs': '192.0.2.1' };
    expect(wanted({ loadBalancerIP: '192.0.2.9' })).toEqual(['192.0.2.9']);
    expect(read({ loadBalancerIP: '192.0.2.1' }, annotation).service.invalid).toBeUndefined();
    expect(read({ loadBalancerIP: '192.0.2.9' }, annotation).service.invalid).toBe(
      'spec.loadBalancerIP and annotation metallb.io/loadBalancerIPs ask for different addresses; keep one of the two',
    );
  });

  test('one that cannot be read: a problem with its place, and the reason for allocation; the present address stays', () => {
    const status = { status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } };
    const { service, problems } = read({}, { 'metallb.io/loadBalancerIPs': '192.0.2.300' }, status);
    expect(problems).toEqual([
      {
        severity: 'error',
        file: 'web.yaml',
        line: 3,
        column: 1,
        code: 'invalid-annotation',
        object: 'Service shop/web',
        message: expect.stringContaining('metadata.annotations.metallb.io/loadBalancerIPs cannot be read'),
      },
    ]);
    expect(service.invalid).toBe(problems[0]?.message);
    expect(service.assigned).toHaveLength(1);
  });
});

describe('families, as the API server would have filled them in', () => {
  test.each([
    [
      'those of the cluster IPs',
      { clusterIPs: ['fd00::1', '10.0.0.1'], ipFamilies: ['IPv4'], ipFamilyPolicy: 'PreferDualStack' },
      ['ipv6', 'ipv4'],
      'PreferDualStack',
    ],
    ['of the one cluster IP', { clusterIP: 'fd00::1' }, ['ipv6'], 'SingleStack'],
    [
      'one cluster IP bounds a preference',
      { clusterIP: 'fd00::1', ipFamilyPolicy: 'PreferDualStack' },
      ['ipv6'],
      'PreferDualStack',
    ],
    ['without cluster IPs spec.ipFamilies', { ipFamilies: ['IPv6'] }, ['ipv6'], 'SingleStack'],
    [
      'a dual-stack policy adds the other',
      { ipFamilies: ['IPv6'], ipFamilyPolicy: 'RequireDualStack' },
      ['ipv6', 'ipv4'],
      'RequireDualStack',
    ],
    [
      'two families without a policy are required',
      { ipFamilies: ['IPv4', 'IPv6'] },
      ['ipv4', 'ipv6'],
      'RequireDualStack',
    ],
    ['those asked for', { loadBalancerIP: '2001:db8::1' }, ['ipv6'], 'SingleStack'],
    ['nothing said', {}, ['ipv4'], 'SingleStack'],
    ['nothing but a policy', { ipFamilyPolicy: 'PreferDualStack' }, ['ipv4', 'ipv6'], 'PreferDualStack'],
    ['SingleStack is one', { ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'SingleStack' }, ['ipv6'], 'SingleStack'],
  ] as const)('%s', (_title, spec, families, policy) => {
    const { service } = read(spec);
    expect([service.families, service.ipFamilyPolicy]).toEqual([families, policy]);
  });

  test('of what is held, when nothing else is said', () => {
    const status = { status: { loadBalancer: { ingress: [{ ip: '2001:db8::1' }] } } };
    expect(read({}, {}, status).service.families).toEqual(['ipv6']);
  });
});

describe('nonsense is a problem of that Service only', () => {
  test.each([
    [
      'ports of no type',
      { ports: [{ port: '80' }, 7, { port: 0 }, { port: 70_000 }, { port: 80, protocol: 'ICMP' }] },
      'spec.ports[1] must be an object',
    ],
    ['ports that are no list', { ports: {} }, 'spec.ports must be a list, not an object'],
    [
      'a policy nobody knows',
      { ipFamilyPolicy: 'Both' },
      'must be one of SingleStack, PreferDualStack, RequireDualStack, not "Both"',
    ],
    ['a family nobody knows', { ipFamilies: ['IPv5'] }, 'may hold IPv4 and IPv6, not "IPv5"'],
    ['a cluster IP that is none', { clusterIPs: ['x'] }, 'spec.clusterIPs cannot be read: "x" is not an IP address'],
    [
      'a traffic policy of another type',
      { externalTrafficPolicy: 5 },
      'spec.externalTrafficPolicy must be a string, not 5',
    ],
    ['a class of another type', { loadBalancerClass: ['x'] }, 'spec.loadBalancerClass must be a string, not a list'],
  ])('%s', (_title, spec, words) => {
    const { service, problems } = read(spec);
    expect(problems.map(({ message }) => message).join('\n')).toContain(words);
    expect(service.invalid).toBe(problems[0]?.message);
  });

  test('labels and status that cannot be read do not stop allocation', () => {
    const { service, problems } = readService(
      object('Service', 'web', {
        metadata: { labels: { a: 1, b: 'x' }, creationTimestamp: 'yesterday' },
        spec: { type: 'LoadBalancer' },
        status: { loadBalancer: { ingress: [{ ip: 'x' }, 5] } },
      }),
    );
    expect(problems).toHaveLength(4);
    expect(service).toMatchObject({ labels: { b: 'x' }, createdAt: undefined, assigned: [], invalid: undefined });
  });

  test('a type that cannot be read does not cost the Service its address', () => {
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } };
    const damaged = (spec: unknown) => readService(object('Service', 'web', { spec, status })).service;
    expect(damaged({ type: 5 })).toMatchObject({ loadBalancer: true, invalid: 'spec.type must be a string, not 5' });
    expect(damaged('text').loadBalancer).toBe(true);
    expect(damaged({}).loadBalancer).toBe(false);
  });

  test('headless, by either field', () => {
    expect(read({ clusterIP: 'None' }).service).toMatchObject({ headless: true, invalid: undefined });
    expect(read({ clusterIPs: ['None'] }).service.headless).toBe(true);
  });

  test('a million bad entries are twenty problems', () => {
    expect(read({ ports: Array.from({ length: 10_000 }, () => 0) }).problems).toHaveLength(20);
  });

  test('keys of the language are keys like any other', () => {
    const labels = JSON.parse('{"__proto__": "x", "constructor": "y"}') as Fields;
    const { service } = readService(object('Service', 'web', { metadata: { labels } }));
    expect(Object.entries(service.labels)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });
});

describe('clarion.dev/move-to', () => {
  const moved = (text: unknown) => read({}, { 'clarion.dev/move-to': text });

  test.each([
    ['node-b,term=7', { node: 'node-b', term: 7, address: undefined }],
    [' rack-1.node-b,term=0 ', { node: 'rack-1.node-b', term: 0, address: undefined }],
    [
      'node-b,term=7,address=2001:db8::1',
      { node: 'node-b', term: 7, address: expect.objectContaining({ family: 'ipv6' }) },
    ],
  ])('%s', (text, wanted) => {
    const { service, problems } = moved(text);
    expect(problems).toEqual([]);
    expect(service.moveTo).toEqual(wanted);
    expect(service.moveTo && formatMoveRequest(service.moveTo)).toBe(text.trim());
  });

  test.each([
    'node-b',
    'node-b,term=',
    'node-b,term=-1',
    ',term=1',
    'node-b,term=1,address=',
    'a b,term=1',
    'n,term=1,address=1.2.3',
  ])('%s is a problem, ignored, and touches nothing else', (text) => {
    const { service, problems } = moved(text);
    expect(service.moveTo).toBeUndefined();
    expect(service.invalid).toBeUndefined();
    expect(problems).toMatchObject([{ code: 'invalid-annotation', message: expect.stringContaining('is ignored') }]);
  });

  test('an empty one is none', () => {
    expect(moved('').problems).toEqual([]);
    expect(moved('').service.moveTo).toBeUndefined();
  });
});
