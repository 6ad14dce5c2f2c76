import { describe, expect, test } from 'vitest';
import type { AddressVerdict } from '../../src/announcement/verdict.ts';
import { parseMacAddress } from '../../src/base/mac-address.ts';
import type { ControllerFacts } from '../../src/status/controller-metrics.ts';
import type { AddressStatus, HolderFacts } from '../../src/status/report.ts';
import { held, ip, member, reportOf, verdict } from './scene.ts';

const mac = parseMacAddress('02:00:00:00:00:99');
if (!mac.ok) throw new Error(mac.error);

type Layer2 = HolderFacts['layer2'];
function statusOf(judged: AddressVerdict, holder: string | undefined, layer2: Layer2): AddressStatus {
  const wire = [{ ...held('192.0.2.1', holder, holder === undefined ? undefined : 7), layer2 }];
  const { speaker } = reportOf({ node: 'node-a', speaker: { verdicts: [judged], wire } });
  return speaker!.addresses[0]!;
}

describe('an address, as its holder says it', () => {
  const rows: readonly (readonly [string, Layer2, Partial<AddressStatus>])[] = [
    ['announced', { kind: 'announced', interfaces: ['eth0'] }, { state: 'announced', interfaces: ['eth0'] }],
    ['looking for a conflict', { kind: 'probing' }, { state: 'probing' }],
    ['without an interface', { kind: 'no-interface' }, { state: 'refused', reason: 'no-interface' }],
    [
      'in conflict, silent',
      { kind: 'conflict', mac: mac.value, interface: 'eth0', defending: false },
      { state: 'refused', reason: 'address-conflict', interfaces: ['eth0'], mac: '02:00:00:00:00:99' },
    ],
    [
      'in conflict, defended',
      { kind: 'conflict', mac: mac.value, interface: 'eth0', defending: true },
      { state: 'announced', reason: 'address-conflict', interfaces: ['eth0'], mac: '02:00:00:00:00:99' },
    ],
  ];
  test.each(rows)('%s', (_title, layer2, wanted) => {
    expect(statusOf(verdict('192.0.2.1'), 'node-a', layer2)).toEqual({
      address: '192.0.2.1',
      services: ['shop/web-1'],
      pool: 'public',
      holder: 'node-a',
      term: 7,
      since: '2026-01-31T12:00:00.000Z',
      ...wanted,
    });
  });

  test('waiting for endpoints', () => {
    const judged = verdict('192.0.2.1', {}, { barred: 'no-endpoints' });
    const status = statusOf(judged, undefined, { kind: 'prepared' });
    expect(status).toMatchObject({ state: 'prepared', reason: 'no-endpoints' });
    expect(status.holder).toBeUndefined();
  });
});

describe('an address that this node does not hold', () => {
  test('another one does', () => {
    expect(statusOf(verdict('192.0.2.1'), 'node-b', undefined)).toMatchObject({ holder: 'node-b', state: 'elsewhere' });
  });

  test('nobody does: why, where one thing bars all nodes', () => {
    const barred = verdict('192.0.2.1', {}, { barred: 'no-advertisement' });
    expect(statusOf(barred, undefined, undefined)).toMatchObject({ state: 'nobody', reason: 'no-advertisement' });
    const all = { 'node-a': 'node-excluded', 'node-b': 'node-excluded', 'node-c': 'node-excluded' } as const;
    expect(statusOf(verdict('192.0.2.1', all), undefined, undefined)).toMatchObject({ reason: 'node-excluded' });
    expect(statusOf(verdict('192.0.2.1', { 'node-a': 'node-excluded' }), undefined, undefined).reason).toBeUndefined();
  });

  test('the wire thread has not spoken of it yet', () => {
    const { speaker } = reportOf({ node: 'node-a', speaker: { wire: [] } });
    expect(speaker?.addresses.map(({ state }) => state)).toEqual(['nobody', 'nobody', 'nobody']);
  });
});

test('one address that is asked for comes with the word on every node', () => {
  const verdicts = [verdict('192.0.2.1', { 'node-b': 'node-not-selected' }), verdict('192.0.2.2')];
  const { speaker } = reportOf({ node: 'node-a', address: ip('192.0.2.1'), speaker: { verdicts } });
  expect(speaker?.addresses).toMatchObject([
    {
      address: '192.0.2.1',
      nodes: [{ node: 'node-a' }, { node: 'node-b', reason: 'node-not-selected' }, { node: 'node-c' }],
    },
  ]);
});

test('members: their addresses as one writes them', () => {
  const { speaker } = reportOf({ node: 'node-a', speaker: { members: [member('node-b', 'suspect')] } });
  expect(speaker?.members).toEqual([
    { node: 'node-b', instance: '11111111', status: 'suspect', addresses: ['192.0.2.11:7946', '[2001:db8::11]:7946'] },
  ]);
  expect(reportOf({ node: 'node-a' }).speaker?.members).toBeUndefined();
});

describe('the controller', () => {
  const usage = (total: bigint) => ({ total, used: 1n, available: total - 1n });
  const facts: ControllerFacts = {
    effective: undefined,
    usage: [{ name: 'six', ...usage(2n ** 64n), ipv4: usage(1n), ipv6: usage(2n ** 64n) }],
    decisions: [],
    problems: [],
    pendingWrites: 0,
  };

  test('counts are exact, as text where a number could not be', () => {
    expect(reportOf({ node: 'node-a', controller: facts }).controller).toMatchObject({
      state: 'active',
      generation: 0,
      pools: [{ name: 'six', total: '18446744073709551616', used: 1, available: '18446744073709551615' }],
    });
  });

  test('on standby, and none at all', () => {
    expect(reportOf({ node: 'node-a', controller: 'standby' }).controller).toEqual({ state: 'standby' });
    expect('controller' in reportOf({ node: 'node-a' })).toBe(false);
  });
});
