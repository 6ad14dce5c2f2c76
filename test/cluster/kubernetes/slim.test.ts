import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { slim } from '../../../src/cluster/kubernetes/slim.ts';
import type { ClusterObject, ObjectKind } from '../../../src/cluster/ports.ts';
import { statusDifference, versionOf } from '../../../src/cluster/status-difference.ts';
import { judgeConfig } from '../../../src/config/judge.ts';
import { inventoryIn } from '../../../src/inventory/take.ts';

/** What is left out is what nobody reads: everything that reads an object finds the same in the whole and in the slim one. */
type Body = Readonly<Record<string, unknown>>;
const whole = (kind: ObjectKind, body: Body): ClusterObject => {
  const { namespace = '', name } = body['metadata'] as { namespace?: string; name: string };
  return { kind, namespace, name, body, origin: slimmed(kind, body).origin };
};
function slimmed(kind: ObjectKind, body: Body): ClusterObject {
  const object = slim(kind, JSON.parse(JSON.stringify(body)) as Body);
  if (object === undefined) throw new Error('it has no name');
  return object;
}
const inventoryOf = (kind: ObjectKind, object: ClusterObject) =>
  inventoryIn({
    ...{ Service: [], EndpointSlice: [], Node: [], Namespace: [], Secret: [], ConfigMap: [] },
    [kind]: [object],
  });

const managedFields = [{ manager: 'kubectl', operation: 'Update', fieldsV1: { 'f:spec': {} } }];
const SERVICE: Body = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    name: 'web',
    namespace: 'shop',
    uid: 'e5956b67-8298-444c-8acc-81df7fad780b',
    resourceVersion: '1234',
    creationTimestamp: '2026-01-02T03:04:05Z',
    labels: { app: 'web', tier: 'edge' },
    annotations: {
      'clarion.dev/loadBalancerIPs': '192.0.2.7',
      'metallb.io/address-pool': 'public',
      'metallb.universe.tf/allow-shared-ip': 'key',
      'clarion.dev/move-to': 'node-b,term=7',
      'clarion.dev/ip-allocated-from-pool': 'public',
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
    },
    managedFields,
    finalizers: ['x'],
  },
  spec: {
    type: 'LoadBalancer',
    loadBalancerClass: 'clarion.dev/lb',
    loadBalancerIP: '192.0.2.7',
    clusterIP: '10.96.0.7',
    clusterIPs: ['10.96.0.7', 'fd00:10:96::7'],
    ipFamilies: ['IPv4', 'IPv6'],
    ipFamilyPolicy: 'PreferDualStack',
    ports: [{ name: 'dns', port: 53, protocol: 'UDP', targetPort: 5353, nodePort: 30_053 }],
    externalTrafficPolicy: 'Local',
    internalTrafficPolicy: 'Cluster',
    healthCheckNodePort: 31_234,
    selector: { app: 'web' },
    sessionAffinity: 'None',
  },
  status: {
    loadBalancer: { ingress: [{ ip: '192.0.2.7', ipMode: 'VIP', ports: [{ port: 53, protocol: 'UDP' }] }] },
    conditions: [
      {
        type: 'example.org/Other',
        status: 'True',
        reason: 'X',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
      {
        type: 'clarion.dev/Allocated',
        status: 'True',
        reason: 'Assigned',
        message: 'm',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
  },
};
const NODE: Body = {
  metadata: {
    name: 'n1',
    labels: { 'node.kubernetes.io/exclude-from-external-load-balancers': '', zone: 'a' },
    annotations: { 'clarion.dev/drain': 'true', other: 'x' },
    managedFields,
  },
  spec: {
    taints: [{ key: 'ToBeDeletedByClusterAutoscaler', value: '1', effect: 'NoSchedule' }],
    podCIDR: '10.244.1.0/24',
  },
  status: {
    addresses: [
      { type: 'InternalIP', address: '192.0.2.11' },
      { type: 'Hostname', address: 'n1' },
    ],
    conditions: [
      { type: 'NetworkUnavailable', status: 'True', message: 'no route' },
      { type: 'Ready', status: 'False', message: 'node is shutting down', lastHeartbeatTime: '2026-01-01T00:00:00Z' },
    ],
    images: [{ names: ['a'], sizeBytes: 1 }],
  },
};
const SLICE: Body = {
  metadata: {
    name: 'web-1',
    namespace: 'shop',
    labels: { 'kubernetes.io/service-name': 'web', other: 'x' },
    managedFields,
  },
  addressType: 'IPv4',
  ports: [{ port: 8080 }],
  endpoints: [
    {
      addresses: ['10.244.1.2'],
      conditions: { ready: true },
      nodeName: 'n1',
      targetRef: { kind: 'Pod', namespace: 'shop', name: 'p', uid: 'u1' },
      zone: 'a',
    },
    {
      addresses: ['10.244.2.2'],
      conditions: { ready: false, serving: true, terminating: true },
      nodeName: 'n2',
      targetRef: { kind: 'Pod', namespace: 'shop', name: 'q' },
    },
    { addresses: ['10.244.3.2', '10.244.3.3'] },
    { addresses: ['10.244.3.2'], conditions: { ready: null } },
  ],
};
const NAMESPACE: Body = {
  metadata: { name: 'shop', labels: { team: 'a' }, managedFields },
  spec: { finalizers: ['kubernetes'] },
};
const KINDS = { Service: SERVICE, Node: NODE, EndpointSlice: SLICE, Namespace: NAMESPACE } as const;

describe.each(Object.entries(KINDS) as [keyof typeof KINDS, Body][])('%s', (kind, body) => {
  test('inventory reads the same in the whole and in what is kept', () => {
    expect(inventoryOf(kind, slimmed(kind, body))).toEqual(inventoryOf(kind, whole(kind, body)));
  });

  test('whatever one field of it is, down to the problems', () => {
    const paths = pathsOf(body);
    const garbage = fc.oneof(
      fc.constantFrom<unknown>(null, 7, -1, true, 'text', '', [], {}, [7], [null], { a: 1 }, ['text'], 'x'.repeat(300)),
      fc.jsonValue({ maxDepth: 2 }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...paths), garbage, (path, value) => {
        const changed = replaced(body, path, value);
        // The name and the namespace of an object from an API server are what it was asked for by.
        if (path[0] === 'metadata' && (path.length === 1 || path[1] === 'name' || path[1] === 'namespace')) return;
        expect(inventoryOf(kind, slimmed(kind, changed))).toEqual(inventoryOf(kind, whole(kind, changed)));
      }),
      { numRuns: 300 },
    );
  });
});

function pathsOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  const inner = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const own = path.length === 0 ? [] : [path];
  return [...own, ...inner.flatMap(([key, one]) => pathsOf(one, [...path, key]))];
}
function replaced(body: Body, path: readonly string[], value: unknown): Body {
  const copy = structuredClone(body) as Record<string, unknown>;
  const last = path.at(-1)!;
  let at = copy;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
  at[last] = value;
  return copy;
}

test('whoever writes the status sees the same difference', () => {
  const conditions = [{ type: 'clarion.dev/Allocated', status: 'True', reason: 'Assigned', message: 'm' }] as const;
  for (const ingress of [['192.0.2.7'], ['192.0.2.8'], []])
    for (const pool of ['public', 'other', undefined]) {
      const wanted = { ingress, pool, conditions };
      expect(statusDifference(slimmed('Service', SERVICE), wanted)).toEqual(
        statusDifference(whole('Service', SERVICE), wanted),
      );
    }
  expect(versionOf(slimmed('Service', SERVICE))).toBe('1234');
});

test('what is kept is small, and of what is kept nothing is shown that nobody reads', () => {
  const kept = JSON.stringify(slimmed('Service', SERVICE).body);
  expect(kept).not.toMatch(/managedFields|last-applied|nodePort|targetPort|example\.org|sessionAffinity/);
  expect(JSON.stringify(slimmed('Node', NODE).body)).not.toMatch(/Heartbeat|images|podCIDR/);
  expect(JSON.stringify(slimmed('EndpointSlice', SLICE).body)).not.toMatch(/10\.244\.1\.2|8080|zone/);
});

test.each([[{}], [{ metadata: {} }], [{ metadata: { name: 7 } }], [{ metadata: [] }], [{ metadata: { name: '' } }]])(
  'no object: %j',
  (raw) => expect(slim('Service', raw)).toBeUndefined(),
);

describe('a ConfigMap', () => {
  const configMap = (data: Body) =>
    slimmed('ConfigMap', { metadata: { namespace: 'clarion-system', name: 'clarion' }, data });
  const judged = (data: Body) => {
    const { file, line, text } = configMap(data).origin;
    return judgeConfig({ file, line, text: text! });
  };
  const CONFIG = 'pools:\n- name: public\n  addresses: [192.0.2.0/24]\n  adresses: []\n';

  test('problems have the lines that kubectl get -o yaml shows, and the name of the object for a file', () => {
    const [problem] = judged({ 'config.yaml': CONFIG }).problems;
    expect(problem).toMatchObject({
      file: 'ConfigMap clarion-system/clarion',
      object: 'ConfigMap clarion-system/clarion',
      line: 7,
      column: 7,
    });
    const text = configMap({ 'config.yaml': CONFIG }).origin.text!;
    expect(text.split('\n')[6]).toBe('      adresses: []');
  });

  test.each([
    ['as it is', CONFIG, 7],
    ['without a line break at its end', CONFIG.trimEnd(), 7],
    ['with many', `${CONFIG}\n\n`, 7],
    ['that begins with an empty line', `\n${CONFIG}`, 8],
    ['that begins with blanks', CONFIG.replaceAll(/^/gm, '  '), 7],
    ['with blanks at the ends of lines', CONFIG.replaceAll('\n', '  \n'), 7],
  ])('a text %s', (_what, config, line) => {
    const { problems } = judged({ another: 'a\nb', 'config.yaml': config });
    // "another" has three lines, and comes first.
    expect(problems.map((problem) => problem.line)).toEqual([line + 3]);
  });

  test.each([
    ['in one line', 'pools: [{name: public, addresses: [192.0.2.0/24]}]'],
    ['with CR LF', 'pools:\r\n- name: public\r\n  addresses: [192.0.2.0/24]\r\n'],
    ['empty', ''],
    ['of blanks', ' \n '],
    ['with a document mark', 'pools:\n---\nx: y\n'],
    ['with a comment in other letters', '# größer 😀\npools: []\n'],
    ['with a byte order mark', '\ufeffpools: []\n'],
    ['with a control character', 'pools: []\n# \u0007\n'],
  ])('a text %s says in it what it says by itself', (_what, text) => {
    expect(judged({ 'config.yaml': text }).config).toEqual(judgeConfig({ file: 'x', text }).config);
  });

  test('any text is the same text in it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', ' ', '\n', '\t', '"', ':', '#', '-', '|', "'", 'ü', '\\', '{', '\u00ad')),
        (parts) => {
          const text = `pools: []\n${parts.map((part) => `# ${part}\n`).join('')}`;
          const said = ({ problems }: ReturnType<typeof judged>) => problems.map(({ code }) => code);
          expect(said(judged({ 'config.yaml': text }))).toEqual(said(judgeConfig({ file: 'x', text })));
        },
      ),
      { numRuns: 50 },
    );
  });

  test('two configurations in one ConfigMap, and a key that was meant, are seen as in a file', () => {
    expect(judged({ config: 'a', 'config.yaml': 'b' }).problems.map(({ code }) => code)).toEqual([
      'two-configurations',
    ]);
    expect(judged({ 'config.yml': 'pools: []' }).problems.map(({ code }) => code)).toEqual(['no-configuration']);
  });
});
