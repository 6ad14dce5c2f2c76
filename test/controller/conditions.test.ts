import { describe, expect, test } from 'vitest';
import type { AddressVerdict, NodeVerdict } from '../../src/announcement/verdict.ts';
import { formatIpAddress, ipAddress } from '../../src/base/ip-address.ts';
import { conditionReason, type Reason, reasons } from '../../src/base/reason.ts';
import type { AddressWord, SpeakerReport } from '../../src/cluster/ports.ts';
import { allocatedCondition, announcedCondition, newsOf } from '../../src/controller/conditions.ts';
import { serviceKey } from '../../src/inventory/service-request.ts';

const address = ipAddress('ipv4', 0xc0000201n);
const decision = {
  service: serviceKey('shop', 'web'),
  addresses: [address],
  pool: 'public',
  reason: undefined,
  message: undefined,
};
const report = (
  node: string,
  state: AddressWord['state'],
  reason?: 'address-conflict' | 'no-interface',
): SpeakerReport => ({
  node,
  at: '2026-01-01T00:00:00Z',
  addresses: new Map([[formatIpAddress(address), [{ state, reason, message: reason && 'somebody answers' }]]]),
});
const verdict = (barred: AddressVerdict['barred'], layer2: NodeVerdict['layer2']): AddressVerdict => ({
  address,
  services: [decision.service],
  pool: 'public',
  barred,
  nodes: [{ node: 'a', layer2, bgp: { kind: 'absent' } }],
});
const may: NodeVerdict['layer2'] = {
  kind: 'may',
  interfaces: [],
  candidate: { node: 'a', preference: 0, leaving: false, ready: true },
};

describe('Allocated', () => {
  test('is True with the addresses and the pool', () => {
    expect(allocatedCondition(decision)).toMatchObject({
      status: 'True',
      reason: 'Assigned',
      message: '192.0.2.1 from pool public',
    });
  });
  test('is False with the reason', () => {
    const refused = { ...decision, addresses: [], reason: 'pool-exhausted' as const, message: 'pool "public" is full' };
    expect(allocatedCondition(refused)).toMatchObject({
      status: 'False',
      reason: 'PoolExhausted',
      message: 'pool "public" is full',
    });
  });
  test('stays True for an address that is kept although something is wrong, and says what', () => {
    const kept = { ...decision, reason: 'address-outside-pools' as const, message: 'kept' };
    expect(allocatedCondition(kept)).toMatchObject({ status: 'True', reason: 'AddressOutsidePools', message: 'kept' });
  });
});

describe('Announced', () => {
  const told = (reports: readonly SpeakerReport[], about: AddressVerdict | undefined) => {
    const text = formatIpAddress(address);
    const news = newsOf(text, reports, undefined);
    return announcedCondition([address], () => about, new Map(news && [[text, news]]));
  };
  test('is True when any speaker announces it, whatever the others say', () => {
    expect(
      told([report('b', 'refused', 'address-conflict'), report('a', 'announced')], verdict(undefined, may)),
    ).toMatchObject({
      status: 'True',
      message: '192.0.2.1',
    });
  });
  test('is False with the words of the speaker that refuses', () => {
    expect(told([report('a', 'refused', 'address-conflict')], verdict(undefined, may))).toMatchObject({
      status: 'False',
      reason: 'AddressConflict',
      message: '192.0.2.1: somebody answers',
    });
  });
  test('is False with what bars every node', () => {
    expect(told([report('a', 'prepared')], verdict('no-endpoints', may))).toMatchObject({
      status: 'False',
      reason: 'NoEndpoints',
    });
    expect(told([], verdict(undefined, { kind: 'may-not', reason: 'node-excluded' }))).toMatchObject({
      reason: 'NodeExcluded',
    });
  });
  test('is not what one node lacks while another one may take it', () => {
    const without = report('a', 'refused', 'no-interface');
    expect(told([without], verdict(undefined, may))).toMatchObject({ status: 'False', reason: 'NoInterface' });
    expect(told([without, report('b', 'probing')], verdict(undefined, may))).toMatchObject({ reason: 'Pending' });
    expect(told([without, report('b', 'prepared')], verdict('no-endpoints', may))).toMatchObject({
      reason: 'NoEndpoints',
    });
    const rival = report('b', 'refused', 'address-conflict');
    expect(told([without, rival], verdict(undefined, may))).toMatchObject({ reason: 'AddressConflict' });
  });
  test('is True, and names the rival, while an address is defended', () => {
    expect(told([report('a', 'announced', 'address-conflict')], verdict(undefined, may))).toMatchObject({
      status: 'True',
      reason: 'AddressConflict',
      message: '192.0.2.1: somebody answers',
    });
  });
  test('is Unknown while nobody has said anything', () => {
    expect(told([], verdict(undefined, may))).toMatchObject({ status: 'Unknown', reason: 'Pending' });
  });
  test('names no node, so that a failover writes nothing', () => {
    const ofA = told([report('node-a', 'announced')], verdict(undefined, may));
    const ofB = told([report('node-b', 'announced')], verdict(undefined, may));
    expect(ofA).toEqual(ofB);
  });
});

test('every reason is one that Kubernetes accepts as the reason of a condition', () => {
  for (const reason of Object.keys(reasons) as Reason[]) expect(conditionReason(reason)).toMatch(/^[A-Z][A-Za-z]*$/);
});
