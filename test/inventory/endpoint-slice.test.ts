import { describe, expect, test } from 'vitest';
import { mergeEndpoints, readEndpointSlice } from '../../src/inventory/endpoint-slice.ts';
import { object } from './manifest.ts';

type Fields = Readonly<Record<string, unknown>>;
const slice = (endpoints: readonly unknown[], more: Fields = {}) =>
  readEndpointSlice(
    object('EndpointSlice', 'web-1', {
      metadata: { labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      endpoints,
      ...more,
    }),
  );
const one = (conditions: Fields | undefined) =>
  slice([{ addresses: ['10.0.0.1'], nodeName: 'n', conditions }]).endpoints[0];
const merged = (...slices: (readonly unknown[])[]) => mergeEndpoints(slices.map((endpoints) => slice(endpoints)));

describe('conditions (discovery.k8s.io/v1 EndpointConditions)', () => {
  test.each([
    ['none', undefined, true, true, false],
    ['ready', { ready: true }, true, true, false],
    ['ready is nil', { ready: null }, true, true, false],
    ['not ready', { ready: false }, false, false, false],
    ['serving while terminating', { ready: false, serving: true, terminating: true }, false, true, true],
    ['terminating and no longer serving', { ready: false, serving: false, terminating: true }, false, false, true],
    [
      'serving, neither ready nor terminating',
      { ready: false, serving: true, terminating: false },
      false,
      false,
      false,
    ],
    ['ready of another type', { ready: 'yes' }, false, false, false],
  ])('%s', (_title, conditions, ready, serving, terminating) => {
    expect(one(conditions)).toMatchObject({ node: 'n', ready, serving, terminating });
  });
});

describe('merging', () => {
  const pod = (uid: string | undefined, name: string, address: string, more: Fields = {}) => ({
    addresses: [address],
    nodeName: 'n',
    targetRef: { kind: 'Pod', namespace: 'shop', name, ...(uid === undefined ? {} : { uid }) },
    ...more,
  });

  test('one Pod in the slices of both families counts once, by uid or by name', () => {
    expect(merged([pod('1', 'a', '10.0.0.1')], [pod('1', 'a', 'fd00::1')])).toHaveLength(1);
    expect(merged([pod(undefined, 'a', '10.0.0.1')], [pod(undefined, 'a', 'fd00::1')])).toHaveLength(1);
    expect(merged([pod('1', 'a', '10.0.0.1'), pod('2', 'b', '10.0.0.2')])).toHaveLength(2);
  });

  test('without a Pod the address tells', () => {
    expect(
      merged([{ addresses: ['10.0.0.1'] }, { addresses: ['10.0.0.2'] }], [{ addresses: ['10.0.0.1'] }]),
    ).toHaveLength(2);
  });

  test('two slices that disagree: it serves when one says so', () => {
    const stale = pod('1', 'a', '10.0.0.1', { conditions: { ready: false, terminating: true }, nodeName: undefined });
    expect(merged([stale], [pod('1', 'a', '10.0.0.1')])).toEqual([
      { node: 'n', ready: true, serving: true, terminating: false },
    ]);
  });
});

describe('which Service', () => {
  test('by label and namespace', () => {
    expect(slice([]).service).toBe('shop/web');
    expect(readEndpointSlice(object('EndpointSlice', 'x', {})).service).toBeUndefined();
  });

  test('slices of type FQDN have no endpoints', () => {
    expect(slice([{ addresses: ['example.org'] }], { addressType: 'FQDN' }).endpoints).toEqual([]);
  });

  test('nonsense is left out and reported, the rest counts', () => {
    const { endpoints, problems } = slice([5, { addresses: 'x' }, { addresses: [] }, { addresses: ['10.0.0.1'] }]);
    expect(endpoints).toHaveLength(1);
    expect(problems.map(({ object: name, message }) => `${name}: ${message}`)).toEqual([
      'EndpointSlice shop/web-1: endpoints[0] must be an object, not 5',
      'EndpointSlice shop/web-1: endpoints[1].addresses must be a list, not "x"',
      'EndpointSlice shop/web-1: endpoints[1].addresses must have an address, or targetRef must name a Pod; this endpoint is left out',
      'EndpointSlice shop/web-1: endpoints[2].addresses must have an address, or targetRef must name a Pod; this endpoint is left out',
    ]);
  });
});
