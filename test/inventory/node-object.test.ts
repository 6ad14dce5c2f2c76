import { expect, test } from 'vitest';
import { readNode } from '../../src/inventory/node-object.ts';
import { object } from './manifest.ts';

const plain = {
  name: 'n',
  labels: {},
  addresses: [],
  networkUnavailable: false,
  excluded: false,
  draining: false,
  leaving: false,
};
const ready = (message: string) => ({ type: 'Ready', status: 'False', message });

test.each([
  ['nothing said', {}, {}],
  [
    'NotReady and a cordon are no reasons',
    { spec: { unschedulable: true }, status: { conditions: [ready('kubelet stopped posting node status.')] } },
    {},
  ],
  [
    'NetworkUnavailable',
    { status: { conditions: [{ type: 'NetworkUnavailable', status: 'True' }] } },
    { networkUnavailable: true },
  ],
  ['NetworkUnavailable False', { status: { conditions: [{ type: 'NetworkUnavailable', status: 'False' }] } }, {}],
  ['drained', { metadata: { annotations: { 'clarion.dev/drain': '' } } }, { draining: true }],
  ['drain "false"', { metadata: { annotations: { 'clarion.dev/drain': 'false' } } }, {}],
  [
    'to be deleted',
    { spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] } },
    { leaving: true },
  ],
  ['graceful shutdown', { status: { conditions: [ready('node is shutting down')] } }, { leaving: true }],
  [
    'internal addresses of both families, and no others',
    {
      status: {
        addresses: [
          { type: 'Hostname', address: 'n' },
          { type: 'ExternalIP', address: '192.0.2.1' },
          { type: 'InternalIP', address: '10.0.0.1' },
          { type: 'InternalIP', address: 'fd00::1' },
        ],
      },
    },
    {
      addresses: [
        { family: 'ipv4', value: 0x0a000001n },
        { family: 'ipv6', value: (0xfd00n << 112n) | 1n },
      ],
    },
  ],
])('%s', (_title, body, expected) => {
  expect(readNode(object('Node', 'n', body, ''))).toEqual({ node: { ...plain, ...expected }, problems: [] });
});

test('the exclude label counts whatever its value', () => {
  const labels = { 'node.kubernetes.io/exclude-from-external-load-balancers': 'false' };
  expect(readNode(object('Node', 'n', { metadata: { labels } }, '')).node).toEqual({
    ...plain,
    labels,
    excluded: true,
  });
});

test('an address that is none is a problem of that Node', () => {
  const { node, problems } = readNode(
    object('Node', 'n', { status: { addresses: [{ type: 'InternalIP', address: 'fe80::1%eth0' }] } }, ''),
  );
  expect(node.addresses).toEqual([]);
  expect(problems).toMatchObject([
    {
      object: 'Node n',
      code: 'invalid-field',
      message: expect.stringContaining('status.addresses[0].address cannot be used'),
    },
  ]);
});
